use serde_json::json;

use super::fixtures::{Draft, Scene};
use super::status::{READY, condition};
use crate::kinds::Status;

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
