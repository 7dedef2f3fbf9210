//! What authentik has already: taken over only as the resource and the operator's ceiling allow.

use serde_json::{Value, json};

use crate::harness::{BINDING, FLOW, Kind, STAGE, World, binding, flow, stage, write};

/// A flow by hand that `flow({})` named staff declares, but for these fields.
async fn by_hand(world: &World, slug: &str, over: Value) -> String {
    let same =
        json!({"name": "Staff login", "slug": slug, "title": "Welcome", "designation": "authentication"});
    world.authentik.post("/flows/instances/", crate::harness::over(same, over)).await
}

/// That the resource is refused, nothing is sent, and nothing is recorded as its own.
async fn refused(world: &World, kind: Kind, name: &str) -> String {
    let then = world.authentik.now();
    let refused = world.reason(kind, name, "AlreadyExists").await;
    assert_eq!((refused.pk(), refused.origin()), ("", ""));
    world.event(kind, name, "AlreadyExists", &[]).await;
    world.authentik.read_anew().await;
    assert_eq!(world.authentik.writes(then), []);
    refused.message().to_owned()
}

#[tokio::test]
async fn what_matches_is_adopted_without_a_write() {
    let world = World::new().await;
    let authentik = &world.authentik;
    // Beyond what is declared it may be as it will.
    let pk = by_hand(&world, "staff", json!({"layout": "content_left"})).await;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let adopted = world.ready(FLOW, "staff").await;
    assert_eq!((adopted.pk(), adopted.origin()), (pk.as_str(), "Adopted"));
    assert_eq!(adopted.status()["slug"], "staff");
    let event = world.event(FLOW, "staff", "Adopted", &[]).await;
    assert_eq!(event.kind, "Normal");

    let login = authentik.stage("default-authentication-login").await;
    let target = authentik.flow("default-authentication-flow").await["pk"].clone();
    let bound = authentik.bindings(target.as_str().expect("a UUID")).await;
    let bound = bound.iter().find(|it| it["stage"] == login).expect("the default binding");
    world.create(BINDING, "login", binding(json!({"order": bound["order"]}))).await;
    let adopted = world.ready(BINDING, "login").await;
    assert_eq!((Value::from(adopted.pk()), adopted.origin()), (bound["pk"].clone(), "Adopted"));

    world.create(STAGE, "default-authentication-mfa-validation", stage(json!({}))).await;
    assert_eq!(world.ready(STAGE, "default-authentication-mfa-validation").await.origin(), "Adopted");
    authentik.read_anew().await;
    assert_eq!(authentik.writes(0), []);
}

#[tokio::test]
async fn what_differs_is_refused_and_the_difference_listed() {
    let world = World::new().await;
    let authentik = &world.authentik;
    by_hand(&world, "staff", json!({"title": "Older", "layout": "content_left"})).await;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"layout": "stacked"}))).await;
    let message = refused(&world, FLOW, "staff").await;
    assert!(message.contains("title") && message.contains("layout"), "{message}");
    let mut drift = world.read(FLOW, "staff").await.drift();
    drift.sort();
    let owned = |field: &str, declared: &str, actual: &str| {
        (field.to_owned(), declared.to_owned(), actual.to_owned())
    };
    assert_eq!(drift, [owned("layout", "stacked", "content_left"), owned("title", "Welcome", "Older")]);
    // Once it is as declared, it is taken over.
    authentik.patch("/flows/instances/staff/", json!({"title": "Welcome", "layout": "stacked"})).await;
    let adopted = world.ready(FLOW, "staff").await;
    assert_eq!((adopted.origin(), adopted.drift().len()), ("Adopted", 0));
}

#[tokio::test]
async fn force_takes_over_and_changes_what_differs() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let pk = by_hand(&world, "staff", json!({"title": "Older"})).await;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"adoption": "Force"}))).await;
    let adopted = world.ready(FLOW, "staff").await;
    assert_eq!((adopted.pk(), adopted.origin()), (pk.as_str(), "Adopted"));
    assert_eq!(authentik.writes(0), [write("PATCH", "/flows/instances/staff/", json!({"title": "Welcome"}))]);
    world.event(FLOW, "staff", "Adopted", &["title"]).await;
}

#[tokio::test]
async fn never_refuses_even_what_matches() {
    let world = World::new().await;
    let authentik = &world.authentik;
    by_hand(&world, "staff", json!({})).await;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"adoption": "Never"}))).await;
    refused(&world, FLOW, "staff").await;
    // It makes what is not there.
    world.create(FLOW, "other", flow(json!({"adoption": "Never"}))).await;
    assert_eq!(world.ready(FLOW, "other").await.origin(), "Created");
    // And when the other is out of the way, that one as well.
    authentik.delete("/flows/instances/staff/").await;
    assert_eq!(world.ready(FLOW, "staff").await.origin(), "Created");
}

#[tokio::test]
async fn a_stage_of_another_kind_with_that_name_is_not_taken_over() {
    let world = World::new().await;
    let _operator = world.operator().start().await;
    let spec = stage(json!({"name": "default-authentication-login", "adoption": "Force"}));
    world.create(STAGE, "login", spec).await;
    let message = refused(&world, STAGE, "login").await;
    assert!(message.contains("default-authentication-login"), "{message}");
    assert!(world.authentik.matching(0, "POST", "/stages/**").is_empty());
}

#[tokio::test]
async fn a_ceiling_of_matching_keeps_force_from_changing() {
    let world = World::new().await;
    by_hand(&world, "differs", json!({"title": "Older"})).await;
    by_hand(&world, "matches", json!({})).await;
    let _operator = world.operator().flag("--adopt", "matching").start().await;
    for name in ["differs", "matches"] {
        world.create(FLOW, name, flow(json!({"adoption": "Force"}))).await;
    }
    assert_eq!(world.ready(FLOW, "matches").await.origin(), "Adopted");
    let message = refused(&world, FLOW, "differs").await;
    assert!(message.contains("title"), "{message}");
}

#[tokio::test]
async fn a_ceiling_of_none_keeps_everything_from_being_adopted() {
    let world = World::new().await;
    by_hand(&world, "forced", json!({})).await;
    by_hand(&world, "matching", json!({})).await;
    // As an environment variable, for once.
    let _operator = world.operator().variable("AUTHENTIK_OPERATOR_ADOPT", "none").start().await;
    world.create(FLOW, "forced", flow(json!({"adoption": "Force"}))).await;
    world.create(FLOW, "matching", flow(json!({}))).await;
    for name in ["forced", "matching"] {
        let message = refused(&world, FLOW, name).await;
        assert!(message.contains("adopt"), "{message}");
    }
    world.create(FLOW, "new", flow(json!({}))).await;
    assert_eq!(world.ready(FLOW, "new").await.origin(), "Created");
}

#[tokio::test]
async fn protected_flows_and_their_bindings_are_never_touched() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().flag("--protect-slug", "default-*,initial-?etup").start().await;
    let forced = json!({"slug": "default-authentication-flow", "adoption": "Force"});
    world.create(FLOW, "login", flow(forced)).await;
    world.create(FLOW, "setup", flow(json!({"slug": "initial-setup", "adoption": "Force"}))).await;
    world.create(FLOW, "default-new", flow(json!({}))).await;
    world.create(BINDING, "added", binding(json!({}))).await;
    world
        .create(BINDING, "to-resource", binding(json!({"target": null, "targetRef": {"name": "login"}})))
        .await;
    let refused = [(FLOW, "login"), (FLOW, "setup"), (FLOW, "default-new"), (BINDING, "added")];
    for (kind, name) in refused {
        let refused = world.wait(kind, name, "is to be refused", |it| it.is("Stalled") == "True").await;
        assert!(refused.message().contains("protect"), "{}", refused.message());
    }
    // A flow that is not protected cannot become one.
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    world.change(FLOW, "staff", json!({"slug": "default-staff"})).await;
    world.wait(FLOW, "staff", "is to be refused", |it| it.is_current() && it.is("Stalled") == "True").await;
    authentik.read_anew().await;
    let body =
        json!({"name": "Staff login", "slug": "staff", "title": "Welcome", "designation": "authentication"});
    assert_eq!(authentik.writes(0), [write("POST", "/flows/instances/", body)]);
    assert_ne!(world.read(BINDING, "to-resource").await.is("Ready"), "True");
}
