//! A long outage with many resources: one probe a step, no storm of statuses, and all is well soon after.

use authentik_simulator::fault::Action;
use authentik_simulator::journal::Entry;
use serde_json::json;

use crate::harness::{FLOW, World, flow};

/// Resources; the promise is about a thousand, and what it costs must not depend on how many there are.
const RESOURCES: usize = 60;
/// Probes that are waited for: with delays that double, they take some ten seconds or more.
const PROBES: usize = 4;

fn name(number: usize) -> String {
    format!("flow-{number}")
}

fn probe(entry: &Entry) -> bool {
    entry.path == "/api/v3/admin/version/"
}

#[tokio::test]
async fn an_outage_costs_one_probe_a_step_however_many_resources_wait() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    for number in 0..RESOURCES {
        world.create(FLOW, &name(number), flow(json!({}))).await;
    }
    for number in 0..RESOURCES {
        world.ready(FLOW, &name(number)).await;
    }
    let steady: Vec<_> = world.list(FLOW).await.iter().map(|it| it.version().to_owned()).collect();

    authentik.break_all(Action::BadGateway);
    let then = authentik.now();
    authentik.until(then, "the outage is to be noticed", |entries| entries.iter().any(probe)).await;
    // Half of them have something to be written from now on.
    let changed = RESOURCES / 2;
    let recording = world.record(FLOW).await;
    let noticed = authentik.now();
    for number in 0..changed {
        world.change(FLOW, &name(number), json!({"title": "Changed"})).await;
    }
    for number in 0..changed {
        world.reason(FLOW, &name(number), "Unreachable").await;
    }
    let enough = |entries: &[Entry]| entries.iter().filter(|entry| probe(entry)).count() >= PROBES;
    let during = authentik.until(noticed, "authentik is to be probed again and again", enough).await;
    let others: Vec<_> = during.iter().filter(|entry| !probe(entry)).collect();
    assert!(others.is_empty(), "nothing but probes: {others:?}");
    let times: Vec<u64> = during.iter().map(|entry| entry.time_ms).collect();
    let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= 1_000), "one probe a step: {gaps:?}");

    for number in 0..changed {
        let statuses = recording.statuses(&name(number)).await;
        let reasons: Vec<_> = statuses.iter().map(|it| it.reason()).collect();
        assert_eq!(reasons, ["InSync", "Unreachable"], "one status for the whole outage: {}", name(number));
    }
    let still = world.list(FLOW).await;
    let untouched = still.iter().filter(|it| steady.iter().any(|version| version == it.version())).count();
    assert_eq!(untouched, RESOURCES - changed, "who has nothing to be written stays as it is");

    authentik.clear_faults();
    for number in 0..RESOURCES {
        let ready = world.ready(FLOW, &name(number)).await;
        assert_eq!(ready.reason(), "InSync");
    }
}
