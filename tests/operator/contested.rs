//! When somebody else insists on something else: the operator says so and gives way to time, without giving up.

use serde_json::json;

use crate::harness::{FLOW, World, eventually, flow};

/// Changes the title by hand so often, each time after it was put right. When it was put right, in milliseconds since 1970.
async fn insist(world: &World, times: usize) -> Vec<u64> {
    let authentik = &world.authentik;
    let mut corrected = Vec::new();
    for _ in 0..times {
        let then = authentik.now();
        authentik.patch("/flows/instances/staff/", json!({"title": "By hand"})).await;
        let corrects = |it: &[authentik_simulator::journal::Entry]| {
            it.iter().any(|it| it.method == "PATCH" && it.status == Some(200))
        };
        authentik.until(then, "it is put right", corrects).await;
        corrected
            .extend(authentik.matching(then, "PATCH", "/flows/instances/staff/").iter().map(|it| it.time_ms));
    }
    corrected
}

#[tokio::test]
async fn who_insists_is_told_of_and_corrected_less_and_less_often() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    let mut corrected = insist(&world, 3).await;
    let contested = world.reason(FLOW, "staff", "Contested").await;
    let message = contested.message();
    assert!(message.contains("title") && message.contains('3'), "{message}");
    world.event(FLOW, "staff", "Contested", &["title"]).await;

    corrected.extend(insist(&world, 3).await);
    let gaps: Vec<u64> = corrected.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps[4] > gaps[2] && gaps[4] > 2 * gaps[0], "each takes longer: {gaps:?}");

    // Another field is mere drift, and is put right at once.
    let then = authentik.now();
    authentik.patch("/flows/instances/staff/", json!({"name": "By hand"})).await;
    let named = async || (authentik.flow("staff").await["name"] == "Staff login").then_some(());
    eventually(named, async || "the name is to be put right".to_owned()).await;
    assert_eq!(authentik.writes(then).len(), 1);
    assert_eq!(world.read(FLOW, "staff").await.reason(), "Contested");
}

#[tokio::test]
async fn peace_is_noticed() {
    let world = World::new().await;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    insist(&world, 3).await;
    world.reason(FLOW, "staff", "Contested").await;
    world.ready(FLOW, "staff").await;
    // And counting begins anew.
    insist(&world, 1).await;
    world.ready(FLOW, "staff").await;
}

#[tokio::test]
async fn a_changed_mind_is_followed_at_once() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    insist(&world, 5).await;
    authentik.patch("/flows/instances/staff/", json!({"title": "By hand"})).await;
    world.reason(FLOW, "staff", "Contested").await;
    world.change(FLOW, "staff", json!({"title": "Hello"})).await;
    let titled = async || (authentik.flow("staff").await["title"] == "Hello").then_some(());
    eventually(titled, async || "what is newly declared is to be there".to_owned()).await;
}
