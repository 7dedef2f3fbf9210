//! How a resource is kept: observed, paused, looked at now.

use serde_json::{Value, json};

use crate::harness::{BINDING, FLOW, Resource, STAGE, World, binding, flow, stage, write};

const PAUSED: &str = "authentik-operator.dev/paused";
const RECONCILE_AT: &str = "authentik-operator.dev/reconcile-at";

/// Whether it observes, and what it sees is as declared.
fn observes(resource: &Resource, ready: &str) -> bool {
    resource.is_current() && resource.reason() == "Observed" && resource.is("Ready") == ready
}

#[tokio::test]
async fn observing_lists_drift_and_writes_nothing() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let existing = json!({"name": "Staff login", "slug": "staff", "title": "Older", "designation": "authentication",
        "compatibility_mode": true});
    let pk = authentik.post("/flows/instances/", existing).await;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"mode": "Observe", "compatibilityMode": false}))).await;
    let drifted = world.wait(FLOW, "staff", "is to see drift", |it| observes(it, "False")).await;
    let mut drift = drifted.drift();
    drift.sort();
    let owned = |field: &str, declared: &str, actual: &str| {
        (field.to_owned(), declared.to_owned(), actual.to_owned())
    };
    assert_eq!(drift, [owned("compatibilityMode", "false", "true"), owned("title", "Welcome", "Older")]);
    assert!(drifted.message().contains("title"), "{}", drifted.message());

    authentik
        .patch("/flows/instances/staff/", json!({"title": "Welcome", "compatibility_mode": false}))
        .await;
    let same = world.wait(FLOW, "staff", "is to see none", |it| observes(it, "True")).await;
    assert_eq!(same.drift(), []);
    authentik.patch("/flows/instances/staff/", json!({"title": "By hand"})).await;
    world.wait(FLOW, "staff", "is to see it again", |it| observes(it, "False")).await;

    world.delete(FLOW, "staff").await;
    world.gone(FLOW, "staff").await;
    assert_eq!(authentik.writes(0), []);
    assert_eq!(authentik.flow("staff").await["pk"], pk);
}

#[tokio::test]
async fn observing_what_is_not_there_does_not_make_it() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"mode": "Observe"}))).await;
    world.create(STAGE, "mfa", stage(json!({"mode": "Observe"}))).await;
    world.create(BINDING, "login", binding(json!({"mode": "Observe"}))).await;
    for (kind, name) in [(FLOW, "staff"), (STAGE, "mfa"), (BINDING, "login")] {
        world.wait(kind, name, "is to miss it", |it| observes(it, "False")).await;
    }
    authentik.read_anew().await;
    for (kind, name) in [(FLOW, "staff"), (STAGE, "mfa"), (BINDING, "login")] {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    assert_eq!(authentik.writes(0), []);
}

#[tokio::test]
async fn what_may_not_be_adopted_may_be_observed() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().flag("--adopt", "none").start().await;
    let slug = "default-authentication-flow";
    let theirs = authentik.flow(slug).await;
    let same = json!({"slug": slug, "name": theirs["name"], "title": theirs["title"], "mode": "Observe"});
    world.create(FLOW, "same", flow(same)).await;
    world.wait(FLOW, "same", "is to be observed", |it| observes(it, "True")).await;
    let other = json!({"slug": "default-invalidation-flow", "mode": "Observe", "adoption": "Never"});
    world.create(FLOW, "other", flow(other)).await;
    let other = world.wait(FLOW, "other", "is to see drift", |it| observes(it, "False")).await;
    assert!(other.drift().iter().any(|(field, ..)| field == "title"), "{:?}", other.drift());
    assert_eq!(authentik.writes(0), []);
}

#[tokio::test]
async fn an_observed_flow_can_be_referred_to() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let slug = "default-authentication-flow";
    world.create(FLOW, "login", flow(json!({"slug": slug, "mode": "Observe"}))).await;
    world.create(BINDING, "added", binding(json!({"target": null, "targetRef": {"name": "login"}}))).await;
    let path = format!("/flows/bindings/{}/", world.ready(BINDING, "added").await.pk());
    assert_eq!(authentik.get(&path).await["target"], authentik.flow(slug).await["pk"]);
}

#[tokio::test]
async fn what_was_observed_is_enforced_again() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    world.change(FLOW, "staff", json!({"mode": "Observe"})).await;
    world.wait(FLOW, "staff", "is to be observed", |it| observes(it, "True")).await;
    let then = authentik.now();
    authentik.patch("/flows/instances/staff/", json!({"title": "By hand"})).await;
    world.wait(FLOW, "staff", "is to see drift", |it| observes(it, "False")).await;
    world.change(FLOW, "staff", json!({"title": "Hello"})).await;
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    world.change(FLOW, "staff", json!({"mode": null})).await;
    let enforced = world.ready(FLOW, "staff").await;
    assert_eq!((enforced.origin(), enforced.drift()), ("Created", vec![]));
    assert_eq!(authentik.flow("staff").await["title"], "Hello");
}

#[tokio::test]
async fn a_paused_resource_is_only_observed() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    world.annotate(FLOW, "staff", PAUSED, Some("true")).await;
    world.wait(FLOW, "staff", "is to be observed", |it| observes(it, "True")).await;
    let then = authentik.now();
    authentik.patch("/flows/instances/staff/", json!({"title": "By hand"})).await;
    let drifted = world.wait(FLOW, "staff", "is to see drift", |it| observes(it, "False")).await;
    assert_eq!(drifted.drift()[0].0, "title");
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    world.annotate(FLOW, "staff", PAUSED, None).await;
    world.ready(FLOW, "staff").await;
    assert_eq!(authentik.flow("staff").await["title"], "Welcome");

    // Only "true" pauses.
    world.annotate(FLOW, "staff", PAUSED, Some("false")).await;
    let then = authentik.now();
    authentik.patch("/flows/instances/staff/", json!({"title": "By hand"})).await;
    let repaired = write("PATCH", "/flows/instances/staff/", json!({"title": "Welcome"}));
    authentik.until(then, "it is repaired", |it| it.iter().any(|it| it.method == "PATCH")).await;
    assert_eq!(authentik.writes(then), [repaired]);
}

#[tokio::test]
async fn a_paused_resource_that_is_deleted_lets_go() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"deletionPolicy": "Delete"}))).await;
    world.ready(FLOW, "staff").await;
    world.annotate(FLOW, "staff", PAUSED, Some("true")).await;
    world.wait(FLOW, "staff", "is to be observed", |it| observes(it, "True")).await;
    let then = authentik.now();
    world.delete(FLOW, "staff").await;
    world.gone(FLOW, "staff").await;
    assert_eq!(authentik.writes(then), []);
    assert!(authentik.has_flow("staff").await);
}

#[tokio::test]
async fn a_look_that_is_asked_for_is_taken_at_once_and_confirmed() {
    let world = World::new().await;
    let authentik = &world.authentik;
    // Nothing is refreshed by itself while the test runs.
    let _operator = world.operator().flag("--refresh-at-most", "15m").start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.create(BINDING, "login", binding(json!({"policyEngineMode": "all"}))).await;
    world.ready(STAGE, "mfa").await;
    let bound = format!("/flows/bindings/{}/", world.ready(BINDING, "login").await.pk());
    assert_eq!(world.ready(FLOW, "staff").await.status()["lastHandledReconcileAt"], Value::Null);

    authentik.patch("/flows/instances/staff/", json!({"title": "By hand"})).await;
    authentik.patch(&bound, json!({"policy_engine_mode": "any"})).await;
    for (kind, name) in [(FLOW, "staff"), (STAGE, "mfa"), (BINDING, "login")] {
        let then = authentik.now();
        world.annotate(kind, name, RECONCILE_AT, Some("2026-01-01T00:00:00Z")).await;
        let handled =
            |it: &Resource| it.is_ready() && it.status()["lastHandledReconcileAt"] == "2026-01-01T00:00:00Z";
        world.wait(kind, name, "is to be looked at", handled).await;
        let looked = authentik.since(then).iter().any(|entry| entry.method == "GET");
        assert!(looked, "{name}: the copy is not what was asked for");
    }
    assert_eq!(authentik.flow("staff").await["title"], "Welcome");
    assert_eq!(authentik.get(&bound).await["policy_engine_mode"], "all");

    // Each new value is a new question.
    authentik.patch("/flows/instances/staff/", json!({"title": "By hand"})).await;
    world.annotate(FLOW, "staff", RECONCILE_AT, Some("again")).await;
    let handled = |it: &Resource| it.is_ready() && it.status()["lastHandledReconcileAt"] == "again";
    world.wait(FLOW, "staff", "is to be looked at", handled).await;
    assert_eq!(authentik.flow("staff").await["title"], "Welcome");
}
