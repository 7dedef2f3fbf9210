//! Resources are applied in any order, and refer to each other and to what authentik has.

use authentik_simulator::fault::{Action, Fault};
use serde_json::json;

use crate::harness::{BINDING, FLOW, STAGE, World, bind, binding, flow, stage, write};

#[tokio::test]
async fn a_binding_waits_for_its_flow_and_its_stage() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let then = authentik.now();
    world.create(BINDING, "staff-10", bind("staff", "mfa", 10)).await;
    let waiting = world.reason(BINDING, "staff-10", "ReferenceNotFound").await;
    assert!(waiting.message().contains("staff"), "{}", waiting.message());
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.ready(STAGE, "mfa").await;
    let waiting = world.reason(BINDING, "staff-10", "ReferenceNotFound").await;
    assert!(
        waiting.message().contains("Flow") && waiting.message().contains("staff"),
        "{}",
        waiting.message()
    );
    assert_eq!(waiting.pk(), "");

    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(BINDING, "staff-10").await;
    let target = world.ready(FLOW, "staff").await.pk().to_owned();
    let bound = world.ready(STAGE, "mfa").await.pk().to_owned();
    let posts: Vec<_> =
        authentik.writes(then).into_iter().filter(|it| it.path() == "/flows/bindings/").collect();
    let [post] = posts.as_slice() else { panic!("one creation: {posts:?}") };
    assert_eq!(
        (&post.body()["target"], &post.body()["stage"], &post.body()["order"]),
        (&target.into(), &bound.into(), &json!(10))
    );
    assert_eq!(authentik.writes(then).len(), 3);
}

#[tokio::test]
async fn names_slugs_and_uuids_refer_to_what_authentik_has() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let target = authentik.flow("default-authentication-flow").await["pk"].clone();
    let login = authentik.stage("default-authentication-login").await;
    world.create(BINDING, "by-name", binding(json!({"order": 501}))).await;
    world.create(BINDING, "by-uuid", binding(json!({"order": 502, "target": target, "stage": login}))).await;
    for (name, order) in [("by-name", 501), ("by-uuid", 502)] {
        let path = format!("/flows/bindings/{}/", world.ready(BINDING, name).await.pk());
        let made = authentik.get(&path).await;
        assert_eq!(
            (&made["target"], &made["stage"], &made["order"]),
            (&target, &json!(login), &json!(order))
        );
    }

    let setup = authentik.stage("default-authenticator-static-setup").await;
    world.create(STAGE, "other", stage(json!({}))).await;
    let stages = json!({"configurationStages": ["default-authenticator-totp-setup", setup],
        "configurationStageRefs": [{"kind": "AuthenticatorValidateStage", "name": "other"}]});
    world.create(STAGE, "mfa", stage(stages)).await;
    let made = world.ready(STAGE, "mfa").await.pk().to_owned();
    let mut expected = vec![
        authentik.stage("default-authenticator-totp-setup").await,
        setup,
        world.ready(STAGE, "other").await.pk().to_owned(),
    ];
    expected.sort();
    let made = authentik.get(&format!("/stages/authenticator/validate/{made}/")).await;
    let mut configured: Vec<String> =
        serde_json::from_value(made["configuration_stages"].clone()).expect("a list of identifiers");
    configured.sort();
    assert_eq!(configured, expected, "both lists are one set");
}

#[tokio::test]
async fn what_appears_in_authentik_later_is_found() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let spec = json!({"target": "later", "stage": "later stage", "order": 0});
    world.create(BINDING, "later", spec).await;
    let waiting = world.reason(BINDING, "later", "ReferenceNotFound").await;
    assert!(waiting.message().contains("later"), "{}", waiting.message());
    let later = json!({"name": "Later", "slug": "later", "title": "Later", "designation": "recovery"});
    let target = authentik.post("/flows/instances/", later).await;
    let bound = authentik.post("/stages/dummy/", json!({"name": "later stage"})).await;
    let then = authentik.now();
    world.ready(BINDING, "later").await;
    let post = json!({"target": target, "stage": bound, "order": 0});
    assert_eq!(authentik.writes(then), [write("POST", "/flows/bindings/", post)]);
}

#[tokio::test]
async fn what_goes_in_authentik_and_comes_back_is_followed() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let theirs = json!({"name": "Theirs", "slug": "theirs", "title": "Theirs", "designation": "recovery"});
    authentik.post("/flows/instances/", theirs.clone()).await;
    let spec = json!({"target": "theirs", "stage": "default-authentication-login", "order": 0});
    world.create(BINDING, "theirs-0", spec).await;
    let before = world.ready(BINDING, "theirs-0").await.pk().to_owned();
    authentik.delete("/flows/instances/theirs/").await;
    let waiting = world.reason(BINDING, "theirs-0", "ReferenceNotFound").await;
    assert!(waiting.message().contains("theirs"), "{}", waiting.message());
    let target = authentik.post("/flows/instances/", theirs).await;
    let after = world.ready(BINDING, "theirs-0").await;
    assert_ne!(after.pk(), before);
    assert_eq!(authentik.bindings(&target).await.len(), 1);
}

#[tokio::test]
async fn a_reference_without_an_identifier_yet_is_waited_for() {
    let world = World::new().await;
    let authentik = &world.authentik;
    // The flow is refused, and stays without an identifier.
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"background": "/absolute"}))).await;
    world.reason(FLOW, "staff", "Invalid").await;
    world.create(BINDING, "staff-0", binding(json!({"target": null, "targetRef": {"name": "staff"}}))).await;
    let waiting = world.reason(BINDING, "staff-0", "ReferenceNotReady").await;
    assert!(waiting.message().contains("staff"), "{}", waiting.message());
    assert!(authentik.matching(0, "POST", "/flows/bindings/").is_empty(), "nothing half known is sent");
    world.change(FLOW, "staff", json!({"background": "picture.jpg"})).await;
    world.ready(BINDING, "staff-0").await;
}

#[tokio::test]
async fn nothing_is_sent_before_all_is_known() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let then = authentik.now();
    let missing = json!({"configurationStages": ["default-authenticator-totp-setup", "missing"],
        "notConfiguredAction": "configure"});
    world.create(STAGE, "mfa", stage(missing)).await;
    world.create(BINDING, "half", binding(json!({"stage": "missing"}))).await;
    for (kind, name) in [(STAGE, "mfa"), (BINDING, "half")] {
        let waiting = world.reason(kind, name, "ReferenceNotFound").await;
        assert!(waiting.message().contains("missing"), "{}", waiting.message());
    }
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);

    // A change of what exists waits as well, as a whole.
    world.change(STAGE, "mfa", json!({"configurationStages": ["default-authenticator-totp-setup"]})).await;
    world.ready(STAGE, "mfa").await;
    let then = authentik.now();
    let change = json!({"configurationStages": ["missing"], "lastAuthThreshold": "hours=3"});
    world.change(STAGE, "mfa", change).await;
    world.reason(STAGE, "mfa", "ReferenceNotFound").await;
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
}

#[tokio::test]
async fn a_resource_that_is_being_deleted_is_no_reference() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    let hold = Fault::new(Action::MaskedError).method("DELETE").path("/api/v3/flows/instances/**");
    let hold = authentik.break_with(hold);
    world.delete(FLOW, "staff").await;
    let then = authentik.now();
    world.create(BINDING, "late", binding(json!({"target": null, "targetRef": {"name": "staff"}}))).await;
    let waiting =
        world.wait(BINDING, "late", "is to wait", |it| it.reason().starts_with("ReferenceNot")).await;
    assert!(waiting.message().contains("staff"), "{}", waiting.message());
    assert!(authentik.matching(then, "POST", "/flows/bindings/").is_empty());
    authentik.clear_fault(hold);
    world.gone(FLOW, "staff").await;
    world.reason(BINDING, "late", "ReferenceNotFound").await;
}

#[tokio::test]
async fn stages_that_refer_to_each_other_in_a_circle_are_invalid() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let refer = |to: &str| {
        stage(json!({"configurationStageRefs": [{"kind": "AuthenticatorValidateStage", "name": to}]}))
    };
    for (name, to) in [("ring-a", "ring-b"), ("ring-b", "ring-c"), ("ring-c", "ring-a")] {
        world.create(STAGE, name, refer(to)).await;
    }
    for name in ["ring-a", "ring-b", "ring-c"] {
        let invalid = world.reason(STAGE, name, "Invalid").await;
        let message = invalid.message();
        assert!(["ring-a", "ring-b", "ring-c"].iter().all(|it| message.contains(it)), "{message}");
    }
    assert_eq!(authentik.writes(0), []);
    world.change(STAGE, "ring-c", json!({"configurationStageRefs": null})).await;
    for name in ["ring-a", "ring-b", "ring-c"] {
        world.ready(STAGE, name).await;
    }
}
