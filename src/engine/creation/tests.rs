use std::time::Duration;

use authentik_simulator::fault::{Action, Fault, Moment};
use authentik_simulator::journal::Entry;
use serde_json::{Value, json};

use crate::engine::compare::hash;
use crate::engine::fixtures::{Draft, FLOW, Scene, fields};
use crate::kinds::Origin;

/// What the flow `a` declares.
fn declared() -> Value {
    json!({"slug": "a", "name": "a", "title": "a", "designation": "recovery"})
}

/// The flow `a`, whose creation was cut short.
fn cut_short() -> Draft {
    let names = ["slug", "name", "title", "designation"].map(str::to_owned);
    let creating = json!({"key": {"slug": "a"}, "fields": names, "id": "id",
        "bodyHash": hash(FLOW, &fields(declared()), &names)});
    Draft::flow("a").status(json!({"creating": creating}))
}

#[tokio::test]
async fn after_a_crash_what_was_intended_is_its_own_and_nothing_else_is() {
    for (title, owned, recovered) in [("a", false, true), ("another", false, false), ("a", true, false)] {
        let scene = Scene::running().await;
        let mut body = declared();
        body["title"] = title.into();
        let made = scene.made(FLOW, body).await;
        if owned {
            scene.put(Draft::flow("other").spec("slug", "a").owning(&made.pk));
        }
        let mut pass = scene.pass(&scene.put(cut_short()));
        scene.engine.recover(&mut pass).await.expect("authentik answers");
        let own = recovered.then_some((made.pk, Origin::Created));
        assert_eq!(pass.facts.pk.zip(pass.facts.origin), own, "{title} {owned}");
        assert_eq!(pass.facts.creating, None);
    }
}

#[tokio::test]
async fn an_intention_stands_until_something_with_its_key_is_there() {
    let scene = Scene::running().await;
    let mut pass = scene.pass(&scene.put(cut_short()));
    scene.engine.recover(&mut pass).await.expect("authentik answers");
    assert!(pass.facts.creating.is_some() && pass.facts.pk.is_none());
}

#[tokio::test]
async fn the_intention_is_written_before_anything_is_sent() {
    let scene = Scene::running().await;
    let id = scene.put(Draft::flow("a").meta("generation", 3));
    // Whatever the first write says: nothing was sent by then.
    let requests = scene.authentik.requests().clone();
    scene.api.before_the_next_patch(move |_| {
        let sent = requests.all().iter().filter(|entry| entry.method != "GET").count();
        assert_eq!(sent, 0);
    });
    scene.reconcile(&id).await;
    let status = scene.status(&id);
    assert_eq!(
        (status.origin, status.creating, status.observed_generation),
        (Some(Origin::Created), None, Some(3))
    );
}

#[tokio::test]
async fn what_was_made_is_written_down_as_its_own_before_it_is_changed() {
    let scene = Scene::running().await;
    let made = scene.made(FLOW, declared()).await;
    let id = scene.put(cut_short().spec("title", "newer"));
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
