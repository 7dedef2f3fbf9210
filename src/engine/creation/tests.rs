use std::time::Duration;

use authentik_simulator::fault::{Action, Fault, Moment};
use authentik_simulator::journal::Entry;
use serde_json::json;

use crate::engine::compare::hash;
use crate::engine::fixtures::{Draft, FLOW, Scene, fields};

#[tokio::test]
async fn what_was_made_is_written_down_as_its_own_before_it_is_changed() {
    let scene = Scene::running().await;
    let declared = json!({"slug": "a", "name": "a", "title": "a", "designation": "recovery"});
    let made = scene.made(FLOW, declared.clone()).await;
    let names = ["slug", "name", "title", "designation"].map(str::to_owned);
    let creating = json!({"key": {"slug": "a"}, "fields": names, "id": "id",
        "bodyHash": hash(FLOW, &fields(declared.clone()), &names)});
    let id = scene.put(Draft::flow("a").spec("title", "newer").status(json!({"creating": creating})));
    scene.authentik.inject(Fault::new(Action::Hang(Moment::After)).method("PATCH")).expect("a fault");
    let changed = |entries: &[Entry]| entries.iter().any(|entry| entry.method == "PATCH");
    tokio::select! {
        _ = scene.reconcile(&id) => panic!("it waits for the answer"),
        sent = scene.authentik.requests().wait_for(changed, Duration::from_secs(30)) => drop(sent.expect("a change")),
    }
    // Whatever happens to the operator now.
    let status = scene.status(&id);
    assert_eq!((status.pk, status.creating), (Some(made.pk), None));
}
