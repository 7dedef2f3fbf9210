//! The copy of a list: what a reading finds, what a write during it does, and lists that lie.

use std::sync::Arc;
use std::time::Duration;

use authentik_operator::authentik::{Changes, Client, Key, Mirror, Object};
use authentik_simulator::Simulator;
use authentik_simulator::fault::{Action, Answer, Fault, Latency};
use serde_json::{Value, json};

use crate::{PATIENCE, TOKEN};

const FLOWS: &str = "flows/instances";
const FLOWS_PATH: &str = "/api/v3/flows/instances/";

struct Setting {
    simulator: Simulator,
    client: Client,
    mirror: Arc<Mirror>,
}

/// An authentik without flows, and a mirror of them that was read once.
async fn setting() -> Setting {
    let simulator = Simulator::builder().empty().token(TOKEN).start().await.expect("a simulator");
    let client = crate::client(&simulator.url());
    let mirror = Arc::new(Mirror::new(client.clone(), FLOWS, "slug", &["slug"], ["title"]));
    assert!(!mirror.is_read());
    assert_eq!(mirror.refresh(|_| true).await.expect("a list"), Changes::default());
    assert!(mirror.is_read());
    Setting { simulator, client, mirror }
}

/// A new flow, with what the mirror keeps of it.
async fn made(client: &Client, slug: &str) -> Object {
    let body = json!({"name": slug, "slug": slug, "title": "t", "designation": "recovery"});
    kept(client.create(FLOWS, &body).await.expect("made"))
}

fn kept(flow: Object) -> Object {
    flow.only(&["slug", "title"])
}

/// Holds lists back until the returned time has passed.
fn slow_lists(simulator: &Simulator) {
    let latency = Latency { fixed_ms: 400, ..Latency::default() };
    simulator.inject(Fault::new(Action::Latency(latency)).method("GET").path(FLOWS_PATH)).expect("a fault");
}

#[tokio::test]
async fn a_reading_tells_what_others_changed() {
    let Setting { simulator: _running, client, mirror } = setting().await;
    let (a, b) = (made(&client, "a").await, made(&client, "b").await);
    let changes = mirror.refresh(|_| true).await.expect("a list");
    let mut appeared = changes.appeared.clone();
    appeared.sort_by(|one, other| one.text("slug").cmp(&other.text("slug")));
    assert_eq!(appeared, [a.clone(), b.clone()]);
    assert_eq!((changes.changed.len(), changes.missing.len()), (0, 0));
    assert_eq!(mirror.get(&a.pk), Some(a.clone()));
    assert_eq!(mirror.find(|flow| flow.text("slug") == Some("b")), std::slice::from_ref(&b));
    assert_eq!(mirror.by_key(&Key::named("slug", "b")), Some(b.clone()));

    let by_hand: Object = client.patch(FLOWS, "a", &json!({"slug": "c"})).await.expect("changed");
    client.delete(FLOWS, "b").await.expect("deleted");
    let changes = mirror.refresh(|_| true).await.expect("a list");
    let renamed = kept(by_hand);
    let expected = Changes {
        changed: vec![(a.clone(), renamed.clone())],
        missing: vec![b.clone()],
        ..Changes::default()
    };
    assert_eq!(changes, expected);
    assert_eq!(mirror.get(&a.pk), Some(renamed.clone()));
    assert_eq!(mirror.by_key(&Key::named("slug", "c")), Some(renamed));
    assert_eq!((mirror.get(&b.pk), mirror.by_key(&Key::named("slug", "a"))), (None, None));
    assert_eq!(mirror.refresh(|_| true).await.expect("a list"), Changes::default());
}

#[tokio::test]
async fn a_field_that_is_not_kept_is_no_change() {
    let Setting { simulator: _running, client, mirror } = setting().await;
    made(&client, "a").await;
    mirror.refresh(|_| true).await.expect("a list");
    client.patch::<Value>(FLOWS, "a", &json!({"layout": "content_left"})).await.expect("changed");
    assert_eq!(mirror.refresh(|_| true).await.expect("a list"), Changes::default());
}

#[tokio::test]
async fn own_writes_are_seen_at_once_and_are_no_news() {
    let Setting { simulator: _running, client, mirror } = setting().await;
    let a = made(&client, "a").await;
    mirror.put(a.clone());
    assert_eq!(mirror.get(&a.pk), Some(a.clone()));
    assert_eq!(mirror.refresh(|_| true).await.expect("a list"), Changes::default());
    client.delete(FLOWS, "a").await.expect("deleted");
    mirror.remove(&a.pk);
    assert_eq!(mirror.refresh(|_| true).await.expect("a list"), Changes::default());
}

#[tokio::test]
async fn what_is_written_while_the_list_is_on_its_way_wins() {
    let Setting { simulator, client, mirror } = setting().await;
    let (changed, deleted) = (made(&client, "changed").await, made(&client, "deleted").await);
    mirror.refresh(|_| true).await.expect("a list");
    slow_lists(&simulator);
    let seen = simulator.requests().all().len();
    let reading = tokio::spawn({
        let mirror = Arc::clone(&mirror);
        async move { mirror.refresh(|_| true).await }
    });
    // The list is made up as of now, and held back.
    let listed = |requests: &[_]| requests.len() > seen;
    simulator.requests().wait_for(listed, PATIENCE).await.expect("the list is asked for");
    let after: Object = client.patch(FLOWS, "changed", &json!({"title": "after"})).await.expect("changed");
    let (after, before) = mirror.put(after);
    assert_eq!(before.as_ref(), Some(&changed));
    client.delete(FLOWS, "deleted").await.expect("deleted");
    mirror.remove(&deleted.pk);
    let created = made(&client, "created").await;
    mirror.put(created.clone());

    let changes = reading.await.expect("no panic").expect("a list");
    assert_eq!(changes, Changes::default(), "own writes are no news");
    assert_eq!(mirror.get(&changed.pk), Some(after));
    assert_eq!(mirror.get(&deleted.pk), None);
    assert_eq!(mirror.get(&created.pk), Some(created));
}

#[tokio::test]
async fn a_list_that_fails_or_is_given_up_leaves_the_copy_as_it_was() {
    let Setting { simulator, client, mirror } = setting().await;
    let a = made(&client, "a").await;
    mirror.refresh(|_| true).await.expect("a list");
    let fault = Fault::new(Action::Answer(Answer::status(500))).method("GET").path(FLOWS_PATH).once();
    simulator.inject(fault).expect("a fault");
    mirror.refresh(|_| true).await.expect_err("no list");
    assert_eq!(mirror.get(&a.pk), Some(a.clone()));

    slow_lists(&simulator);
    let soon = Duration::from_millis(50);
    tokio::time::timeout(soon, mirror.refresh(|_| true)).await.expect_err("given up");
    simulator.clear_faults();
    assert_eq!(mirror.refresh(|_| true).await.expect("a list"), Changes::default());
    assert_eq!(mirror.get(&a.pk), Some(a));
}

/// An answer that says that there are no flows.
fn empty_list() -> Answer {
    let pagination = json!({"next": 0, "previous": 0, "count": 0, "current": 1, "total_pages": 1});
    Answer::status(200).json(json!({"pagination": pagination, "results": [], "autocomplete": {}}))
}

#[tokio::test]
async fn many_that_vanish_at_once_are_looked_for_a_second_time() {
    let Setting { simulator, client, mirror } = setting().await;
    for number in 0..8 {
        made(&client, &format!("flow-{number}")).await;
    }
    mirror.refresh(|_| true).await.expect("a list");
    let lie = Fault::new(Action::Answer(empty_list())).method("GET").path(FLOWS_PATH);

    simulator.inject(lie.clone().once()).expect("a fault");
    let changes = mirror.refresh(|_| true).await.expect("two lists");
    assert_eq!(changes, Changes { vanished: 8, ..Changes::default() });
    assert_eq!(mirror.find(|_| true).len(), 8);

    simulator.inject(lie.clone().times(2)).expect("a fault");
    let changes = mirror.refresh(|_| true).await.expect("two lists that agree");
    assert_eq!((changes.vanished, changes.missing.len()), (8, 8));
}

#[tokio::test]
async fn few_that_vanish_or_that_nobody_looks_after_are_believed() {
    for (flows, managed) in [(5, 5), (8, 5), (8, 0)] {
        let Setting { simulator, client, mirror } = setting().await;
        let mut looked_after = Vec::new();
        for number in 0..flows {
            looked_after.push(made(&client, &format!("flow-{number}")).await.pk);
        }
        looked_after.truncate(managed);
        mirror.refresh(|_| true).await.expect("a list");
        let lie = Fault::new(Action::Answer(empty_list())).method("GET").path(FLOWS_PATH).once();
        simulator.inject(lie).expect("a fault");
        let changes =
            mirror.refresh(|pk| looked_after.iter().any(|known| known == pk)).await.expect("a list");
        assert_eq!((changes.vanished, changes.missing.len()), (0, flows), "{managed} of {flows}");
    }
}
