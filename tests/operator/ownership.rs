//! An object in authentik belongs to one resource.

use std::time::Duration;

use serde_json::json;

use crate::harness::{BINDING, FLOW, STAGE, World, binding, flow, stage, write};

/// Until creations bear another time: the API server tells seconds apart.
async fn another_second() {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}

#[tokio::test]
async fn the_older_of_two_owns_and_the_other_names_it() {
    let world = World::new().await;
    let authentik = &world.authentik;
    // Older, though later by name; and nobody has it in the status yet.
    world.create(FLOW, "z-older", flow(json!({"slug": "staff"}))).await;
    another_second().await;
    world.create(FLOW, "a-younger", flow(json!({"slug": "staff", "title": "Hello"}))).await;
    let _operator = world.operator().start().await;
    assert_eq!(world.ready(FLOW, "z-older").await.origin(), "Created");
    let conflict = world.reason(FLOW, "a-younger", "Conflict").await;
    assert!(conflict.message().contains("z-older"), "{}", conflict.message());
    assert_eq!(conflict.pk(), "");
    world.event(FLOW, "a-younger", "Conflict", &["z-older"]).await;
    authentik.read_anew().await;
    assert_eq!(authentik.writes(0).len(), 1, "the creation of the older one");
    assert_eq!(authentik.flow("staff").await["title"], "Welcome");
}

#[tokio::test]
async fn the_older_of_two_bindings_owns_whichever_is_looked_at_first() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let pairs = 0..6;
    for number in pairs.clone() {
        world.create(BINDING, &format!("z-older-{number}"), binding(json!({"order": 500 + number}))).await;
    }
    another_second().await;
    for number in pairs.clone() {
        world.create(BINDING, &format!("a-younger-{number}"), binding(json!({"order": 500 + number}))).await;
    }
    let _operator = world.operator().start().await;
    for number in pairs {
        let conflict = world.reason(BINDING, &format!("a-younger-{number}"), "Conflict").await;
        assert!(conflict.message().contains(&format!("z-older-{number}")), "{}", conflict.message());
        world.ready(BINDING, &format!("z-older-{number}")).await;
    }
    assert_eq!(authentik.writes(0).len(), 6, "one creation for each pair");
}

#[tokio::test]
async fn who_has_it_owns_it_in_whatever_namespace() {
    let mut world = World::new().await;
    let other = world.add_namespace().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    for (kind, spec) in [(FLOW, flow(json!({}))), (STAGE, stage(json!({}))), (BINDING, binding(json!({})))] {
        world.create(kind, "staff", spec.clone()).await;
        world.ready(kind, "staff").await;
        other.create(kind, "staff", spec).await;
        let conflict = other.reason(kind, "staff", "Conflict").await;
        assert!(conflict.message().contains(&world.name), "{}", conflict.message());
        assert!(conflict.message().contains("staff"), "{}", conflict.message());
    }
    // Nor after a restart, whoever is read first.
    operator.stop().await;
    let then = authentik.now();
    let _operator = world.operator().start().await;
    authentik.read_anew().await;
    for kind in [FLOW, STAGE, BINDING] {
        world.ready(kind, "staff").await;
        other.reason(kind, "staff", "Conflict").await;
    }
    assert_eq!(authentik.writes(then), []);
}

#[tokio::test]
async fn what_a_live_resource_declares_as_well_is_handed_over_not_deleted() {
    let mut world = World::new().await;
    let other = world.add_namespace().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let pk = world.ready(FLOW, "staff").await.pk().to_owned();
    other.create(FLOW, "staff", flow(json!({}))).await;
    other.reason(FLOW, "staff", "Conflict").await;
    let then = authentik.now();
    world.delete(FLOW, "staff").await;
    world.gone(FLOW, "staff").await;
    assert_eq!(other.ready(FLOW, "staff").await.pk(), pk);
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    assert!(authentik.has_flow("staff").await);
}

#[tokio::test]
async fn who_loses_a_conflict_deletes_nothing() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(STAGE, "first", stage(json!({"name": "mfa"}))).await;
    world.ready(STAGE, "first").await;
    world.create(STAGE, "second", stage(json!({"name": "mfa", "deletionPolicy": "Delete"}))).await;
    world.reason(STAGE, "second", "Conflict").await;
    let then = authentik.now();
    world.delete(STAGE, "second").await;
    world.gone(STAGE, "second").await;
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    world.ready(STAGE, "first").await;
}

#[tokio::test]
async fn the_other_one_gets_what_is_given_up() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "first", flow(json!({"slug": "staff"}))).await;
    let pk = world.ready(FLOW, "first").await.pk().to_owned();
    world.create(FLOW, "second", flow(json!({"slug": "staff"}))).await;
    world.reason(FLOW, "second", "Conflict").await;
    let then = authentik.now();
    world.change(FLOW, "first", json!({"slug": "people"})).await;
    world.ready(FLOW, "first").await;
    let second = world.ready(FLOW, "second").await;
    assert_eq!(second.origin(), "Created");
    assert_ne!(second.pk(), pk);
    assert_eq!(authentik.flow("people").await["pk"], pk);
    let rename = write("PATCH", "/flows/instances/staff/", json!({"slug": "people"}));
    assert_eq!(authentik.writes(then)[0], rename);
}
