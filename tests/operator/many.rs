//! Many resources at once cost what they must, and no more.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;

use crate::harness::{BINDING, FLOW, Kind, STAGE, World, bind, flow, stage};

const FLOWS: usize = 20;
const STAGES: usize = 10;
const BINDINGS: usize = 60;

/// A random order that is the same each time: the numbers below `count`, by a hash of them.
fn shuffled(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|number| (*number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995);
    order
}

#[tokio::test]
async fn all_are_made_with_one_request_each_in_whatever_order() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    authentik.read_anew().await;
    let recordings = [world.record(FLOW).await, world.record(BINDING).await, world.record(STAGE).await];
    let then = authentik.now();
    let mut resources = Vec::new();
    for number in 0..FLOWS {
        resources.push((FLOW, format!("flow-{number}"), flow(json!({}))));
    }
    for number in 0..STAGES {
        resources.push((STAGE, format!("stage-{number}"), stage(json!({}))));
    }
    for number in 0..BINDINGS {
        let (flow, stage) = (format!("flow-{}", number % FLOWS), format!("stage-{}", number % STAGES));
        resources.push((BINDING, format!("binding-{number}"), bind(&flow, &stage, number as i32)));
    }
    let began = Instant::now();
    for number in shuffled(resources.len()) {
        let (kind, name, spec) = &resources[number];
        world.create(*kind, name, spec.clone()).await;
    }
    for (kind, name, _) in &resources {
        world.ready(*kind, name).await;
    }
    eprintln!("{} resources in {:?}", resources.len(), began.elapsed());
    authentik.read_anew().await;

    let writes = authentik.writes(then);
    let posts = |path: &str| writes.iter().filter(|it| it.method() == "POST" && it.path() == path).count();
    assert_eq!(posts("/flows/instances/"), FLOWS);
    assert_eq!(posts("/stages/authenticator/validate/"), STAGES);
    assert_eq!(posts("/flows/bindings/"), BINDINGS);
    assert_eq!(writes.len(), FLOWS + STAGES + BINDINGS, "no other write: {writes:?}");
    let narrow = |entry: &authentik_simulator::journal::Entry| entry.method == "GET";
    let readings = authentik.since(then).into_iter().filter(narrow).count();
    eprintln!("{readings} readings");

    operator.stop().await;
    let recording =
        |kind: Kind| &recordings[[FLOW, BINDING, STAGE].iter().position(|it| *it == kind).expect("a kind")];
    let mut written: BTreeMap<usize, Vec<(String, Vec<String>)>> = BTreeMap::new();
    for (kind, name, _) in &resources {
        let statuses = recording(*kind).statuses(name).await;
        let reasons: Vec<_> = statuses.iter().map(|it| it.reason().to_owned()).collect();
        written.entry(statuses.len()).or_default().push((name.clone(), reasons));
    }
    for (count, resources) in &written {
        eprintln!("{count} status writes: {} resources, such as {:?}", resources.len(), resources[0]);
    }
    assert!(written.keys().all(|count| *count <= 3), "at most three statuses of each are written");

    // And all of it goes again.
    let operator = world.operator().start().await;
    for number in shuffled(resources.len()) {
        let (kind, name, _) = &resources[number];
        world.delete(*kind, name).await;
    }
    for (kind, name, _) in &resources {
        world.gone(*kind, name).await;
    }
    assert!(
        authentik
            .list("/flows/instances/?search=flow-")
            .await
            .iter()
            .all(|it| it["slug"].as_str().is_some_and(|slug| !slug.starts_with("flow-")))
    );
    assert!(authentik.list("/stages/authenticator/validate/?search=stage-").await.is_empty());
    drop(operator);
}
