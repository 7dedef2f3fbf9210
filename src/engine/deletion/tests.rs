use std::collections::BTreeMap;

use authentik_simulator::fault::{Action, Answer, Fault};
use serde_json::{Value, json};

use super::{NAMED, named};
use crate::authentik::Object;
use crate::engine::compare::hash;
use crate::engine::fixtures::{BINDING, Draft, FLOW, STAGE, Scene, fields};
use crate::engine::resource::{FINALIZER, Id};
use crate::engine::status::{READY, condition, reason};
use crate::kinds::FORCE_DELETE;

/// A flow with this slug, and a binding of a stage to it.
async fn bound(scene: &Scene, slug: &str) -> (Object, Object) {
    let body = json!({"slug": slug, "name": slug, "title": slug, "designation": "recovery"});
    let flow = scene.made(FLOW, body).await;
    let stage = scene.made(STAGE, json!({"name": format!("stage of {slug}")})).await;
    let binding = scene.made(BINDING, json!({"target": flow.pk, "stage": stage.pk, "order": 0})).await;
    scene.authentik.requests().clear();
    (flow, binding)
}

/// What comes of the deletion: the reason that is given, or that the resource is gone.
async fn parted(scene: &Scene, id: &Id) -> String {
    scene.authentik.requests().clear();
    scene.reconcile(id).await;
    match scene.is_there(id) {
        true => reason(&scene.status(id)).unwrap_or("nothing").to_owned(),
        false => "gone".to_owned(),
    }
}

fn message(scene: &Scene, id: &Id) -> String {
    condition(&scene.status(id), READY).map(|ready| ready.message.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_protected_flows_binding_is_not_deleted_even_before_the_flows_are_read() {
    let mut scene = Scene::protecting("default-*").await;
    let (_, binding) = bound(&scene, "default-login").await;
    scene.connect().await;
    let id = scene.put(Draft::binding("b").owning(&binding.pk).deleting());
    scene.reconcile(&id).await;
    assert!(scene.writes().is_empty());
    scene.woken();
    scene.read_lists().await;
    assert_eq!(scene.woken(), std::slice::from_ref(&id));
    scene.reconcile(&id).await;
    assert_eq!(reason(&scene.status(&id)), Some("Forbidden"));
    assert!(scene.writes().is_empty());
}

#[tokio::test]
async fn a_flow_that_took_the_slug_in_between_is_not_deleted_in_its_place() {
    let scene = Scene::running().await;
    let (flow, _) = bound(&scene, "login").await;
    let (other, _) = bound(&scene, "other").await;
    let id = scene.put(Draft::flow("a").spec("slug", "login").owning(&flow.pk).deleting());
    // Its users were looked for, and then both were renamed.
    for (from, to) in [("login", "former"), ("other", "login")] {
        let renamed = scene.somebody.patch::<Object>("flows/instances", from, &json!({"slug": to})).await;
        renamed.expect("renamed");
    }
    scene.engine.delete(&scene.pass(&id), &flow).await.expect("deleted");
    let left: Vec<Object> = scene.somebody.list("flows/instances", &[], "slug").await.expect("a list");
    assert_eq!(left.iter().map(|flow| flow.pk.as_str()).collect::<Vec<_>>(), [other.pk.as_str()]);
}

#[tokio::test]
async fn a_stage_waits_for_its_bindings_unless_they_go_too() {
    let binding = || Draft::binding("b");
    for (what, of_binding, expected) in [
        ("nobody's", None, "InUse"),
        ("stays", Some(binding()), "InUse"),
        (
            "is deleted, and stays in authentik",
            Some(binding().spec("deletionPolicy", "Retain").deleting()),
            "InUse",
        ),
        ("is deleted, but paused", Some(binding().paused().deleting()), "InUse"),
        ("goes too", Some(binding().deleting()), "gone"),
    ] {
        let scene = Scene::running().await;
        let (_, bound) = bound(&scene, "login").await;
        if let Some(draft) = of_binding {
            scene.put(draft.owning(&bound.pk));
        }
        let stage = bound.text("stage").expect("a stage");
        let id = scene.put(Draft::stage("s").owning(stage).deleting());
        assert_eq!(parted(&scene, &id).await, expected, "a binding that {what}");
        let deleted = format!("DELETE /api/v3/stages/authenticator/validate/{stage}/");
        assert_eq!(scene.writes(), Vec::from_iter((expected == "gone").then_some(deleted)), "{what}");
    }
}

#[tokio::test]
async fn who_waits_for_a_user_to_go_is_woken_by_that() {
    let mut scene = Scene::running().await;
    let (_, bound) = bound(&scene, "login").await;
    scene.put(Draft::binding("b").owning(&bound.pk));
    let id = scene.put(Draft::stage("s").owning(bound.text("stage").expect("a stage")).deleting());
    assert_eq!(parted(&scene, &id).await, "InUse");
    assert!(message(&scene, &id).contains("flowstagebinding"), "{}", message(&scene, &id));
    scene.woken();
    scene.put(Draft::binding("b").version(2).owning(&bound.pk).deleting());
    assert_eq!(scene.woken(), std::slice::from_ref(&id));
    assert_eq!(parted(&scene, &id).await, "gone");
}

#[tokio::test]
async fn a_stage_waits_for_stages_that_it_configures() {
    let scene = Scene::running().await;
    let configured = scene.made(STAGE, json!({"name": "configuring"})).await;
    scene.made(STAGE, json!({"name": "user", "configuration_stages": [configured.pk]})).await;
    let id = scene.put(Draft::stage("s").owning(&configured.pk).deleting());
    assert_eq!(parted(&scene, &id).await, "InUse");
    assert!(message(&scene, &id).contains("the authenticator validation stage “user”"));
}

/// Somebody recovers accounts by this flow.
async fn identification(scene: &Scene, flow: &Object) {
    let body = json!({"name": "who", "user_fields": ["username"], "recovery_flow": flow.pk});
    let made: Result<Value, _> = scene.somebody.create("stages/identification", &body).await;
    made.expect("made");
}

#[tokio::test]
async fn a_flow_goes_with_its_bindings_and_not_while_others_use_it() {
    for used in [false, true] {
        let scene = Scene::running().await;
        let (flow, _) = bound(&scene, "login").await;
        if used {
            identification(&scene, &flow).await;
        }
        let id = scene.put(Draft::flow("login").owning(&flow.pk).deleting());
        assert_eq!(parted(&scene, &id).await, if used { "InUse" } else { "gone" });
        assert_eq!(message(&scene, &id).contains("the identification stage “who”"), used);
    }
}

#[tokio::test]
async fn nothing_is_deleted_whose_users_cannot_be_seen() {
    let scene = Scene::running().await;
    let (flow, _) = bound(&scene, "login").await;
    let detail = json!({"detail": "You do not have permission to perform this action."});
    let refused = Answer { status: 403, json: Some(detail), ..Answer::default() };
    let fault = Fault::new(Action::Answer(refused)).path("/api/v3/stages/identification/");
    scene.authentik.inject(fault).expect("a fault");
    let id = scene.put(Draft::flow("login").owning(&flow.pk).deleting());
    assert_eq!(parted(&scene, &id).await, "InUse");
    assert!(message(&scene, &id).contains("authentik_stages_identification.view_identificationstage"));
    assert!(scene.writes().is_empty());
}

#[tokio::test]
async fn force_deletes_what_is_used_when_it_is_asked_for_after_the_deletion() {
    for (written, expected) in [("2026-01-31T23:59:59Z", "InUse"), ("2026-02-01T00:00:01Z", "gone")] {
        let scene = Scene::running().await;
        let (flow, _) = bound(&scene, "login").await;
        identification(&scene, &flow).await;
        let annotations = json!({"f:metadata": {"f:annotations": {format!("f:{FORCE_DELETE}"): {}}}});
        let draft = Draft::flow("login")
            .owning(&flow.pk)
            .meta("annotations", json!({FORCE_DELETE: "true"}))
            .meta("managedFields", json!([{"manager": "kubectl", "time": written, "fieldsV1": annotations}]))
            .deleting();
        let id = scene.put(draft);
        assert_eq!(parted(&scene, &id).await, expected);
    }
}

#[tokio::test]
async fn what_another_resource_declares_or_owns_is_handed_over() {
    for (heir, expected) in [
        (Draft::flow("heir").spec("slug", "login"), 0),
        (Draft::flow("heir").spec("slug", "login").deleting(), 1),
        (Draft::flow("heir").spec("slug", "login").paused(), 1),
        (Draft::flow("heir"), 1),
    ] {
        for owning in [false, true] {
            let scene = Scene::running().await;
            let (flow, _) = bound(&scene, "login").await;
            let heir = if owning { heir.clone().owning(&flow.pk) } else { heir.clone() };
            let leaving = heir.clone().read().deleting;
            scene.put(heir);
            let id = scene.put(Draft::flow("login").owning(&flow.pk).deleting());
            assert_eq!(parted(&scene, &id).await, "gone");
            let deletions = if owning && !leaving { 0 } else { expected };
            assert_eq!(scene.writes().len(), deletions, "{owning}");
        }
    }
}

#[tokio::test]
async fn a_binding_is_handed_over_to_one_that_waits_for_its_flow_to_be_handed_over() {
    let heir = || Draft::binding("heir").spec("stage", "stage of login");
    let of_resource = || heir().spec("target", Value::Null).spec("targetRef", json!({"name": "moved"}));
    for (what, heir, deletions) in [
        ("was not looked at yet", heir().spec("target", "login"), 0),
        ("waits for its flow", of_resource(), 0),
        ("is bound at another place", of_resource().spec("order", 7), 1),
        ("refers to nothing", heir().spec("target", "missing"), 1),
        ("is on its way out", of_resource().deleting(), 1),
        ("only observes", of_resource().paused(), 1),
    ] {
        let scene = Scene::running().await;
        let (_, bound) = bound(&scene, "login").await;
        scene.read_lists().await;
        scene.put(Draft::flow("moved").spec("slug", "login"));
        scene.put(heir);
        let id = scene.put(Draft::binding("b").owning(&bound.pk).deleting());
        assert_eq!(parted(&scene, &id).await, "gone");
        assert_eq!(scene.writes().len(), deletions, "the heir {what}");
    }
}

#[tokio::test]
async fn a_binding_is_not_deleted_before_it_can_be_told_that_nobody_is_to_have_it() {
    let mut scene = Scene::new().await;
    let (_, bound) = bound(&scene, "login").await;
    scene.connect().await;
    scene.put(Draft::binding("heir").spec("target", "login").spec("stage", "stage of login"));
    let id = scene.put(Draft::binding("b").owning(&bound.pk).deleting());
    scene.engine.collection("flows/instances").refresh().await.expect("a list");
    scene.reconcile(&id).await;
    assert!(scene.writes().is_empty() && scene.is_there(&id), "no stages are known yet");
    scene.woken();
    scene.read_lists().await;
    assert!(scene.woken().contains(&id));
    assert_eq!(parted(&scene, &id).await, "gone");
    assert!(scene.writes().is_empty());
}

#[tokio::test]
async fn letting_go_asks_nobody_and_leaves_other_finalizers() {
    let scene = Scene::new().await;
    for draft in [
        Draft::flow("adopted").status(json!({"pk": "u-1", "origin": "Adopted"})),
        Draft::flow("retained").spec("deletionPolicy", "Retain").owning("u-2"),
        Draft::flow("paused").paused().owning("u-3"),
        Draft::flow("nothing"),
    ] {
        let id = scene.put(draft.deleting());
        assert_eq!(parted(&scene, &id).await, "gone", "{id}");
        assert!(scene.engine.index.get(&id).is_none());
    }
    let id = scene.put(Draft::flow("held").meta("finalizers", json!([FINALIZER, "other"])).deleting());
    scene.reconcile(&id).await;
    let held = scene.engine.index.get(&id).expect("it is still there");
    assert_eq!(held.finalizers, ["other"]);
    assert!(scene.authentik.requests().all().is_empty());
    assert_eq!(scene.api.events(3).await, ["Retained", "Retained", "Retained"]);
}

#[tokio::test]
async fn a_creation_that_was_cut_short_is_deleted_with_its_resource() {
    for title in ["a", "changed by hand"] {
        let scene = Scene::running().await;
        let body = json!({"slug": "a", "name": "a", "title": "a", "designation": "recovery"});
        let made = scene.made(FLOW, body.clone()).await.pk;
        let names = ["slug", "name", "title", "designation"].map(str::to_owned);
        let creating = json!({"key": {"slug": "a"}, "fields": names, "id": "id",
            "bodyHash": hash(FLOW, &fields(body), &names)});
        let by_hand = scene.somebody.patch::<Object>("flows/instances", "a", &json!({"title": title})).await;
        by_hand.expect("changed");
        let id = scene.put(Draft::flow("a").status(json!({"creating": creating})).deleting());
        assert_eq!(parted(&scene, &id).await, "gone");
        let left = scene.somebody.get::<Object>("flows/instances", "a").await.map(|flow| flow.pk);
        assert_eq!(left.ok(), (title != "a").then_some(made));
    }
}

#[test]
fn a_few_users_are_named_and_the_others_counted() {
    let users =
        |count: usize| (0..count).map(|n| (n.to_string(), format!("user {n}"))).collect::<BTreeMap<_, _>>();
    assert_eq!(named(&users(2)), "user 0; user 1");
    assert!(named(&users(NAMED)).ends_with("user 7"));
    assert!(named(&users(NAMED + 2)).ends_with("user 7; and 2 more"));
}
