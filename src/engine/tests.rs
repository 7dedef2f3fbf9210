use std::time::Duration;

use authentik_simulator::fault::{Action, Fault};
use serde_json::{Value, json};

use super::fixtures::{Draft, FLOW, Scene};
use super::resource::Id;
use super::status::{READY, Verdict, condition};
use crate::kinds::{Reason, Status};

fn ready(status: &Status) -> (&str, Option<i64>) {
    let ready = condition(status, READY).expect("each status has it");
    (ready.reason.as_str(), ready.observed_generation)
}

#[tokio::test]
async fn what_was_declared_meanwhile_is_not_said_to_be_true() {
    let scene = Scene::running().await;
    let id = scene.put(Draft::flow("a"));
    // Somebody applies something newer while the first intention is written down.
    scene.api.before_the_next_patch(|flow| {
        flow["spec"]["title"] = json!("newer");
        flow["metadata"]["generation"] = json!(2);
    });
    scene.reconcile(&id).await;
    let status = scene.status(&id);
    assert_eq!((ready(&status), status.observed_generation), (("InSync", Some(1)), Some(1)));
    assert_eq!(scene.writes(), ["POST /api/v3/flows/instances/"]);

    scene.watch(&id);
    scene.reconcile(&id).await;
    let status = scene.status(&id);
    assert_eq!((ready(&status), status.observed_generation), (("InSync", Some(2)), Some(2)));
    assert_eq!(scene.writes(), ["POST /api/v3/flows/instances/", "PATCH /api/v3/flows/instances/a/"]);
}

/// A flow that was made, and is in sync.
async fn in_sync(scene: &Scene) -> Id {
    let id = scene.put(Draft::flow("a"));
    scene.reconcile(&id).await;
    assert_eq!(ready(&scene.status(&id)), ("InSync", Some(1)));
    id
}

/// A newer flow, with another title.
fn newer(status: &Status) -> Draft {
    Draft::flow("a").version(100).meta("generation", 2).spec("title", "newer").status(json!(status))
}

#[tokio::test]
async fn a_change_of_the_spec_is_told_as_such_however_late_it_is_sent() {
    let scene = Scene::running().await;
    let id = in_sync(&scene).await;
    scene.authentik.inject(Fault::new(Action::BadGateway).method("PATCH").once()).expect("a fault");
    scene.put(newer(&scene.status(&id)));
    scene.reconcile(&id).await;
    assert_eq!(ready(&scene.status(&id)), ("Unreachable", Some(2)));
    scene.engine.retries.forget(&id);
    scene.reconcile(&id).await;
    assert_eq!(ready(&scene.status(&id)), ("InSync", Some(2)));

    let by_hand = json!({"title": "by hand"});
    let changed: Result<Value, _> = scene.somebody.patch(FLOW.endpoint.collection, "a", &by_hand).await;
    changed.expect("changed");
    scene.read_lists().await;
    scene.reconcile(&id).await;
    assert_eq!(scene.api.events(3).await, ["Created", "Updated", "DriftCorrected"]);
}

#[tokio::test]
async fn what_was_not_stored_is_not_told_as_a_change() {
    let scene = Scene::running().await;
    let id = in_sync(&scene).await;
    let lost = Action::Unstored(vec!["title".to_owned()]);
    scene.authentik.inject(Fault::new(lost).method("PATCH")).expect("a fault");
    scene.put(newer(&scene.status(&id)));
    scene.reconcile(&id).await;
    assert_eq!(ready(&scene.status(&id)), ("NotApplied", Some(2)));
    assert_eq!(scene.api.events(2).await, ["Created", "NotApplied"]);
}

#[tokio::test]
async fn at_a_start_without_authentik_only_what_has_something_to_be_written_is_unreachable() {
    let mut scene = Scene::new().await;
    scene.authentik.inject(Fault::new(Action::BadGateway)).expect("a fault");
    scene.probe();
    scene.engine.connection.usable().await.expect_err("an outage");
    let said = |name, reason| {
        let pass = scene.pass(&scene.put(Draft::flow(name)));
        Draft::flow(name).version(2).status(json!(pass.status(&Verdict::new(reason, "because"))))
    };
    for (name, draft, expected) in [
        ("in-sync", said("in-sync", Reason::InSync), "InSync"),
        ("stalled", said("stalled", Reason::AlreadyExists), "AlreadyExists"),
        ("newer", said("newer", Reason::InSync).meta("generation", 2), "Unreachable"),
        ("waiting", said("waiting", Reason::ReferenceNotFound), "Unreachable"),
        ("new", Draft::flow("new"), "Unreachable"),
    ] {
        let id = scene.put(draft);
        scene.reconcile(&id).await;
        assert_eq!(ready(&scene.status(&id)).0, expected, "{name}");
    }
}

#[tokio::test]
async fn who_declares_what_others_insist_on_is_at_peace_with_them() {
    let scene = Scene::running().await;
    let id = in_sync(&scene).await;
    for _ in 0..5 {
        scene.engine.contests.corrected(&id, &["title".to_owned()]);
    }
    scene.reconcile(&id).await;
    assert_eq!(ready(&scene.status(&id)), ("Contested", Some(1)));
    let theirs: Result<Value, _> =
        scene.somebody.patch(FLOW.endpoint.collection, "a", &json!({"title": "newer"})).await;
    theirs.expect("changed");
    scene.read_lists().await;
    scene.put(newer(&scene.status(&id)));
    scene.reconcile(&id).await;
    assert_eq!(ready(&scene.status(&id)), ("InSync", Some(2)));
}

#[tokio::test]
async fn what_failed_is_not_sent_again_before_its_time_unless_the_spec_is_newer() {
    let scene = Scene::running().await;
    let id = in_sync(&scene).await;
    scene.authentik.inject(Fault::new(Action::MaskedError).method("PATCH")).expect("a fault");
    let newer = newer(&scene.status(&id));
    scene.put(newer.clone());
    for _ in 0..3 {
        assert!(scene.reconcile(&id).await.expect("a delay") <= Duration::from_secs(2));
    }
    assert_eq!(ready(&scene.status(&id)), ("Unreachable", Some(2)));
    assert_eq!(scene.writes().len(), 2);
    scene.put(newer.version(200).meta("generation", 3).status(json!(scene.status(&id))));
    scene.reconcile(&id).await;
    assert_eq!(scene.writes().len(), 3);
}
