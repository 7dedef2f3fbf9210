//! Every change that is made in authentik is told on its resource, and names the fields.

use serde_json::json;

use crate::harness::{BINDING, FLOW, STAGE, World, binding, flow, stage};

#[tokio::test]
async fn a_life_is_told_from_its_creation_to_its_end() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let pk = world.ready(FLOW, "staff").await.pk().to_owned();
    world.change(FLOW, "staff", json!({"title": "Hello"})).await;
    world.ready(FLOW, "staff").await;
    authentik.patch("/flows/instances/staff/", json!({"name": "By hand"})).await;
    world.event(FLOW, "staff", "DriftCorrected", &["name"]).await;
    authentik.delete("/flows/instances/staff/").await;
    world.wait(FLOW, "staff", "is another", |it| it.is_ready() && it.pk() != pk).await;
    world.event(FLOW, "staff", "Recreated", &[]).await;
    world.delete(FLOW, "staff").await;
    world.gone(FLOW, "staff").await;
    world.event(FLOW, "staff", "Deleted", &[]).await;

    let events = world.events(FLOW, "staff").await;
    let told: Vec<_> = events.iter().map(|it| (it.kind.as_str(), it.reason.as_str())).collect();
    let expected = [
        ("Normal", "Created"),
        ("Normal", "Updated"),
        ("Normal", "DriftCorrected"),
        ("Warning", "Recreated"),
        ("Normal", "Deleted"),
    ];
    assert_eq!(told, expected, "{events:?}");
    assert!(events[0].note.contains("staff"), "{events:?}");
    assert!(events[1].note.contains("title") && !events[1].note.contains("name"), "{events:?}");
}

#[tokio::test]
async fn two_changes_at_once_are_two_events_with_their_own_texts() {
    let world = World::new().await;
    let _operator = world.operator().start().await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.create(BINDING, "login", binding(json!({}))).await;
    world.ready(STAGE, "mfa").await;
    world.ready(BINDING, "login").await;
    world.change(STAGE, "mfa", json!({"lastAuthThreshold": "hours=1"})).await;
    world.ready(STAGE, "mfa").await;
    world.change(STAGE, "mfa", json!({"deviceClasses": ["totp"]})).await;
    world.ready(STAGE, "mfa").await;
    world.change(BINDING, "login", json!({"order": 501})).await;
    world.ready(BINDING, "login").await;
    world.change(BINDING, "login", json!({"order": 502})).await;
    world.ready(BINDING, "login").await;
    world.event(STAGE, "mfa", "Updated", &["lastAuthThreshold"]).await;
    world.event(STAGE, "mfa", "Updated", &["deviceClasses"]).await;
    for (kind, name) in [(STAGE, "mfa"), (BINDING, "login")] {
        let look = async || {
            let updated =
                world.events(kind, name).await.into_iter().filter(|it| it.reason == "Updated").count();
            (updated == 2).then_some(())
        };
        crate::harness::eventually(look, async || format!("{name} is to have two events")).await;
    }
}

#[tokio::test]
async fn a_refusal_is_told_once_however_often_lists_are_read() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"background": "/absolute"}))).await;
    world.reason(FLOW, "staff", "Invalid").await;
    let event = world.event(FLOW, "staff", "Invalid", &["Absolute paths are not allowed"]).await;
    assert_eq!(event.kind, "Warning");
    world.annotate(FLOW, "staff", "example.com/note", Some("hello")).await;
    authentik.read_anew().await;
    authentik.read_anew().await;
    operator.stop().await;
    let events = world.events(FLOW, "staff").await;
    assert_eq!(events.len(), 1, "{events:?}");
}
