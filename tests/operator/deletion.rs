//! What becomes of the object in authentik when its resource is deleted; and that nothing is destroyed by surprise.

use k8s_openapi::api::core::v1;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::harness::{BINDING, FLOW, Kind, STAGE, World, bind, binding, flow, stage, write};

const FORCE_DELETE: &str = "authentik-operator.dev/force-delete";
const RECONCILE_AT: &str = "authentik-operator.dev/reconcile-at";

/// A provider that uses the flow with this identifier; tells its path.
async fn provider(world: &World, flow: &str) -> String {
    let invalidation = world.authentik.flow("default-provider-invalidation-flow").await["pk"].clone();
    let provider = json!({"name": "app of somebody", "authorization_flow": flow, "invalidation_flow": invalidation,
        "redirect_uris": []});
    format!("/providers/oauth2/{}/", world.authentik.post("/providers/oauth2/", provider).await)
}

#[tokio::test]
async fn what_was_created_is_deleted_and_what_was_adopted_stays() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let mine = json!({"name": "Staff login", "slug": "adopted", "title": "Welcome", "designation": "authentication"});
    authentik.post("/flows/instances/", mine).await;
    let _operator = world.operator().start().await;
    for (name, origin) in [("created", "Created"), ("adopted", "Adopted")] {
        world.create(FLOW, name, flow(json!({}))).await;
        assert_eq!(world.ready(FLOW, name).await.origin(), origin);
    }
    let then = authentik.now();
    world.delete(FLOW, "created").await;
    world.delete(FLOW, "adopted").await;
    world.gone(FLOW, "created").await;
    world.gone(FLOW, "adopted").await;
    assert_eq!(authentik.writes(then), [write("DELETE", "/flows/instances/created/", Value::Null)]);
    world.event(FLOW, "created", "Deleted", &[]).await;
    world.event(FLOW, "adopted", "Retained", &[]).await;
    assert!(!authentik.has_flow("created").await && authentik.has_flow("adopted").await);
}

#[tokio::test]
async fn a_deletion_policy_overrides_where_it_came_from() {
    let world = World::new().await;
    let authentik = &world.authentik;
    authentik.post("/stages/authenticator/validate/", json!({"name": "adopted"})).await;
    let _operator = world.operator().start().await;
    world.create(STAGE, "created", stage(json!({"deletionPolicy": "Retain"}))).await;
    world.create(STAGE, "adopted", stage(json!({"deletionPolicy": "Delete"}))).await;
    assert_eq!(world.ready(STAGE, "created").await.origin(), "Created");
    let adopted = world.ready(STAGE, "adopted").await;
    assert_eq!(adopted.origin(), "Adopted");
    let then = authentik.now();
    for name in ["created", "adopted"] {
        world.delete(STAGE, name).await;
        world.gone(STAGE, name).await;
    }
    let path = format!("/stages/authenticator/validate/{}/", adopted.pk());
    assert_eq!(authentik.writes(then), [write("DELETE", &path, Value::Null)]);
    assert_eq!(authentik.validate_stages("created").await.len(), 1);
}

#[tokio::test]
async fn what_belongs_together_goes_in_any_order() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let all =
        [(FLOW, "staff"), (STAGE, "mfa"), (STAGE, "setup"), (BINDING, "staff-10"), (BINDING, "staff-20")];
    for start in 0..all.len() {
        world.create(FLOW, "staff", flow(json!({}))).await;
        world.create(STAGE, "setup", stage(json!({}))).await;
        let refs =
            json!({"configurationStageRefs": [{"kind": "AuthenticatorValidateStage", "name": "setup"}]});
        world.create(STAGE, "mfa", stage(refs)).await;
        world.create(BINDING, "staff-10", bind("staff", "mfa", 10)).await;
        world.create(BINDING, "staff-20", bind("staff", "setup", 20)).await;
        for (kind, name) in all {
            world.ready(kind, name).await;
        }
        for offset in 0..all.len() {
            let (kind, name) = all[(start + offset) % all.len()];
            world.delete(kind, name).await;
        }
        for (kind, name) in all {
            world.gone(kind, name).await;
        }
        assert!(!authentik.has_flow("staff").await);
        assert!(authentik.validate_stages("mfa").await.is_empty());
        assert!(authentik.validate_stages("setup").await.is_empty());
    }
}

#[tokio::test]
async fn a_flow_goes_with_its_bindings_and_policies_though_not_with_their_stages() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let pk = world.ready(FLOW, "staff").await.pk().to_owned();
    // Part of the flow, though nobody's resource.
    let login = authentik.stage("default-authentication-login").await;
    authentik.post("/flows/bindings/", json!({"target": pk, "stage": login, "order": 0})).await;
    let policy = authentik.list("/policies/all/").await[0]["pk"].clone();
    authentik.post("/policies/bindings/", json!({"target": pk, "policy": policy, "order": 0})).await;
    let then = authentik.now();
    world.delete(FLOW, "staff").await;
    world.gone(FLOW, "staff").await;
    assert_eq!(authentik.writes(then), [write("DELETE", "/flows/instances/staff/", Value::Null)]);
    assert_eq!(authentik.stage("default-authentication-login").await, login);
    let asked = authentik.matching(then, "GET", "/flows/instances/staff/used_by/");
    assert!(!asked.is_empty(), "authentik was asked who uses it");
}

#[tokio::test]
async fn a_flow_that_a_provider_uses_stays_until_it_does_not() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let pk = world.ready(FLOW, "staff").await.pk().to_owned();
    let provider = provider(&world, &pk).await;
    let then = authentik.now();
    world.delete(FLOW, "staff").await;
    let used = world.reason(FLOW, "staff", "InUse").await;
    assert!(used.message().contains("app of somebody"), "{}", used.message());
    world.event(FLOW, "staff", "InUse", &["app of somebody"]).await;
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    assert!(authentik.has_flow("staff").await);
    authentik.delete(&provider).await;
    world.annotate(FLOW, "staff", RECONCILE_AT, Some("now")).await;
    world.gone(FLOW, "staff").await;
    assert!(!authentik.has_flow("staff").await);
}

#[tokio::test]
async fn force_deletes_what_others_use_when_it_was_said_after_the_deletion() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let pk = world.ready(FLOW, "staff").await.pk().to_owned();
    let provider = provider(&world, &pk).await;
    world.delete(FLOW, "staff").await;
    world.reason(FLOW, "staff", "InUse").await;
    world.annotate(FLOW, "staff", FORCE_DELETE, Some("true")).await;
    world.gone(FLOW, "staff").await;
    assert!(!authentik.has_flow("staff").await);
    assert!(authentik.find(&provider).await.is_none(), "that is what force means in authentik");
}

#[tokio::test]
async fn a_stage_that_somebody_bound_by_hand_stays() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    let pk = world.ready(STAGE, "mfa").await.pk().to_owned();
    let target = authentik.flow("default-authentication-flow").await["pk"].clone();
    let bound =
        authentik.post("/flows/bindings/", json!({"target": target, "stage": pk, "order": 700})).await;
    let then = authentik.now();
    world.delete(STAGE, "mfa").await;
    let used = world.reason(STAGE, "mfa", "InUse").await;
    assert!(used.message().contains("inding"), "{}", used.message());
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    authentik.delete(&format!("/flows/bindings/{bound}/")).await;
    world.annotate(STAGE, "mfa", RECONCILE_AT, Some("now")).await;
    world.gone(STAGE, "mfa").await;
    assert!(authentik.validate_stages("mfa").await.is_empty());
}

#[tokio::test]
async fn a_stage_that_a_live_resource_binds_stays_until_that_goes() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.create(BINDING, "staff-10", bind("staff", "mfa", 10)).await;
    world.ready(BINDING, "staff-10").await;
    let then = authentik.now();
    world.delete(STAGE, "mfa").await;
    let used = world.reason(STAGE, "mfa", "InUse").await;
    assert!(used.message().contains("#10"), "{}", used.message());
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    world.delete(BINDING, "staff-10").await;
    world.gone(BINDING, "staff-10").await;
    world.gone(STAGE, "mfa").await;
    let deleted: Vec<_> = authentik.writes(then);
    assert!(deleted.iter().all(|it| it.method() == "DELETE") && !deleted.is_empty(), "{deleted:?}");
    world.ready(FLOW, "staff").await;
}

#[tokio::test]
async fn a_stage_that_another_configures_with_stays() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(STAGE, "setup", stage(json!({}))).await;
    let pk = world.ready(STAGE, "setup").await.pk().to_owned();
    let user =
        json!({"name": "user of setup", "not_configured_action": "configure", "configuration_stages": [pk]});
    let user = authentik.post("/stages/authenticator/validate/", user).await;
    let then = authentik.now();
    world.delete(STAGE, "setup").await;
    // authentik's own used_by does not tell of it.
    let used = world.reason(STAGE, "setup", "InUse").await;
    assert!(used.message().contains("user of setup"), "{}", used.message());
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    authentik.delete(&format!("/stages/authenticator/validate/{user}/")).await;
    world.annotate(STAGE, "setup", RECONCILE_AT, Some("now")).await;
    world.gone(STAGE, "setup").await;
}

#[tokio::test]
async fn what_authentik_no_longer_has_is_deleted_already() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    for (kind, spec) in [(FLOW, flow(json!({}))), (STAGE, stage(json!({}))), (BINDING, binding(json!({})))] {
        world.create(kind, "staff", spec).await;
        world.ready(kind, "staff").await;
    }
    operator.stop().await;
    authentik.delete("/flows/instances/staff/").await;
    for (kind, path) in [(STAGE, "/stages/authenticator/validate/"), (BINDING, "/flows/bindings/")] {
        authentik.delete(&format!("{path}{}/", world.read(kind, "staff").await.pk())).await;
    }
    for kind in Kind::ALL {
        world.delete(kind, "staff").await;
    }
    let _operator = world.operator().start().await;
    for kind in Kind::ALL {
        world.gone(kind, "staff").await;
    }
}

#[tokio::test]
async fn what_was_never_made_is_deleted_at_once() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "invalid", flow(json!({"background": "/absolute"}))).await;
    world.reason(FLOW, "invalid", "Invalid").await;
    world.create(BINDING, "waiting", bind("missing", "missing", 0)).await;
    world.reason(BINDING, "waiting", "ReferenceNotFound").await;
    let then = authentik.now();
    for (kind, name) in [(FLOW, "invalid"), (BINDING, "waiting")] {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    assert_eq!(authentik.writes(then), []);
}

/// Asks for the deletion of the test's namespace.
async fn delete_namespace(world: &World) -> Api<v1::Namespace> {
    let namespaces: Api<v1::Namespace> = Api::all(world.client());
    namespaces.delete(&world.name, &DeleteParams::default()).await.expect("the deletion is accepted");
    namespaces
}

#[tokio::test]
async fn a_namespace_with_all_of_them_ends() {
    let world = World::new().await;
    if !world.plane().has_controllers_for("the deletion of a namespace") {
        return;
    }
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.create(BINDING, "staff-10", bind("staff", "mfa", 10)).await;
    world.ready(BINDING, "staff-10").await;
    let namespaces = delete_namespace(&world).await;
    let ended = async || namespaces.get_opt(&world.name).await.expect("an answer").is_none().then_some(());
    crate::harness::eventually(ended, async || "the namespace is to end".to_owned()).await;
    assert!(!authentik.has_flow("staff").await);
    assert!(authentik.validate_stages("mfa").await.is_empty());
}

#[tokio::test]
async fn a_namespace_with_a_flow_that_is_in_use_says_so_and_ends_once_it_is_not() {
    let world = World::new().await;
    if !world.plane().has_controllers_for("the deletion of a namespace") {
        return;
    }
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let pk = world.ready(FLOW, "staff").await.pk().to_owned();
    let provider = provider(&world, &pk).await;
    let namespaces = delete_namespace(&world).await;
    // Events are refused there by now, and that does not matter.
    let used = world.reason(FLOW, "staff", "InUse").await;
    assert!(used.message().contains("app of somebody"), "{}", used.message());
    assert!(authentik.has_flow("staff").await);
    authentik.delete(&provider).await;
    world.annotate(FLOW, "staff", RECONCILE_AT, Some("now")).await;
    let ended = async || namespaces.get_opt(&world.name).await.expect("an answer").is_none().then_some(());
    crate::harness::eventually(ended, async || "the namespace is to end".to_owned()).await;
    assert!(!authentik.has_flow("staff").await);
}
