//! Several operators and one Lease: one of them works, another follows when it cannot, and never do two write.

mod edits;
mod replica;

use std::time::{Duration, Instant};

use authentik_simulator::journal::Entry;
use controlplane::Part;
use kube::api::{Patch, PatchParams};
use rustix::process::Signal;
use serde_json::json;

use self::edits::Edits;
use self::replica::{LEASE, Lasting, Replica, leases, unlock};
use crate::harness::{Authentik, FLOW, World, eventually, flow};

/// How often a leader is lost in each test, unless `LEADER_ROUNDS` says otherwise.
const ROUNDS: usize = 3;

fn rounds() -> usize {
    std::env::var("LEADER_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"))
}

/// Requests that change something, since then, of the one of these operators.
fn writes(authentik: &Authentik, then: u64, replica: &Replica) -> Vec<Entry> {
    let changes = |entry: &Entry| entry.method != "GET" && replica.sent(entry);
    authentik.since(then).into_iter().filter(changes).collect()
}

/// Waits until it has written something since then; tells the number of the first such request.
async fn has_written(authentik: &Authentik, then: u64, replica: &Replica) -> u64 {
    let first = async || writes(authentik, then, replica).first().map(|entry| entry.number);
    eventually(first, async || format!("it is to write:\n{}", replica.operator.log())).await
}

/// Loses leaders in the midst of their work: `lose` brings about that a leader cannot go on, and `end` sees it end, when another
/// one leads. Tells how long nobody led.
async fn succession(
    lasting: Lasting,
    lose: impl AsyncFn(&mut Replica),
    end: impl AsyncFn(&mut Replica),
) -> Vec<Duration> {
    let world = World::new().await;
    unlock(&world).await;
    let authentik = &world.authentik;
    let mut edits = Edits::begin(&world).await;
    let mut leader = Replica::start(&world, lasting).await;
    leader.leads().await;
    let mut gaps = Vec::new();
    for round in 0..rounds() {
        let standby = Replica::start(&world, lasting).await;
        standby.stands_by().await;
        let then = authentik.now();
        has_written(authentik, then, &leader).await;
        let lost = Instant::now();
        lose(&mut leader).await;
        standby.leads().await;
        gaps.push(lost.elapsed());
        let first = has_written(authentik, then, &standby).await;
        end(&mut leader).await;
        // Time for what would be wrong.
        let now = authentik.now();
        has_written(authentik, now, &standby).await;
        let late = writes(authentik, first, &leader);
        assert!(late.is_empty(), "round {round}: the old leader wrote after the new one: {late:?}");
        leader = standby;
    }
    edits.end().await;
    edits.are_applied(&world).await;
    eprintln!("{} leaders lost; seconds until the next led: {gaps:.1?}", gaps.len());
    leader.operator.stop().await;
    gaps
}

#[tokio::test]
async fn a_killed_leader_is_followed_when_its_lease_has_lapsed() {
    let kill = async |leader: &mut Replica| {
        leader.operator.signal(Signal::KILL);
        leader.operator.end().await;
    };
    succession(Lasting::Seconds, kill, async |_| {}).await;
}

#[tokio::test]
async fn a_stopped_leader_that_goes_on_writes_nothing_and_ends() {
    let stop = async |leader: &mut Replica| leader.operator.signal(Signal::STOP);
    let go_on = async |leader: &mut Replica| {
        leader.operator.signal(Signal::CONT);
        leader.ends_for_the_lease().await;
    };
    succession(Lasting::Seconds, stop, go_on).await;
}

#[tokio::test]
async fn a_leader_that_is_asked_to_end_gives_the_lease_back() {
    let terminate = async |leader: &mut Replica| {
        leader.operator.signal(Signal::TERM);
        assert_eq!(leader.operator.end().await.code(), Some(0), "{}", leader.operator.log());
    };
    // Nobody could wait for it to lapse.
    let gaps = succession(Lasting::Minutes, terminate, async |_| {}).await;
    assert!(gaps.iter().all(|gap| *gap < Duration::from_secs(20)), "{gaps:?}");
}

#[tokio::test]
async fn a_leader_that_cannot_reach_the_api_server_stops_writing_and_ends() {
    let cut = async |leader: &mut Replica| leader.cluster.cut();
    succession(Lasting::Seconds, cut, async |leader: &mut Replica| leader.ends_for_the_lease().await).await;
}

#[tokio::test]
async fn who_stands_by_is_ready_and_asks_authentik_nothing() {
    let world = World::new().await;
    unlock(&world).await;
    let leader = Replica::start(&world, Lasting::Minutes).await;
    leader.leads().await;
    let leads =
        async || (leader.operator.get("/readyz").await == (200, "ok: leader\n".to_owned())).then_some(());
    eventually(leads, async || leader.operator.log()).await;
    assert!(leader.operator.get("/metrics").await.1.contains("\nauthentik_operator_leader 1\n"));

    let standby = Replica::start(&world, Lasting::Minutes).await;
    standby.stands_by().await;
    assert_eq!(standby.operator.get("/livez").await.0, 200);
    assert!(standby.operator.get("/metrics").await.1.contains("\nauthentik_operator_leader 0\n"));
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    let asked: Vec<Entry> =
        world.authentik.since(0).into_iter().filter(|entry| standby.sent(entry)).collect();
    assert!(asked.is_empty(), "{asked:?}");

    // One that ends while it stands by leaves the Lease to its holder.
    standby.operator.stop().await;
    world.change(FLOW, "staff", json!({"title": "Hello"})).await;
    world.ready(FLOW, "staff").await;
    leader.operator.stop().await;
}

#[tokio::test]
async fn a_lease_that_is_somebody_elses_by_now_ends_the_leader_at_once() {
    let world = World::new().await;
    unlock(&world).await;
    let mut leader = Replica::start(&world, Lasting::Minutes).await;
    leader.leads().await;
    // In the midst of its own renewals.
    let patch = Patch::Merge(json!({"spec": {"holderIdentity": "somebody"}}));
    let taken = leases(&world).await.patch(LEASE, &PatchParams::default(), &patch).await;
    taken.expect("it is taken");
    leader.ends_for_the_lease().await;
    assert!(leader.operator.log().contains("somebody has it"), "{}", leader.operator.log());
}

#[tokio::test]
async fn without_the_right_to_the_lease_it_is_not_ready_and_says_why() {
    let world = World::new().await;
    let name = format!("{}/leader", world.name);
    let operator = world.operator().flag("--lease", &name).start().await;
    let line = operator.says("the Lease cannot be read or taken").await;
    assert!(line.contains("forbidden") && line.contains(&name), "{line}");
    assert_eq!(operator.get("/readyz").await, (503, "waiting for the Lease\n".to_owned()));
    assert_eq!(operator.get("/livez").await.0, 200);
    operator.stop().await;
}

#[tokio::test]
async fn a_standby_waits_through_an_outage_of_the_api_server() {
    let world = World::new().await;
    if !world.plane().has(Part::ApiServer) {
        eprintln!("skipped: an API server that stands still needs a control plane of our own");
        return;
    }
    unlock(&world).await;
    let leader = Replica::start(&world, Lasting::Minutes).await;
    leader.leads().await;
    let standby = Replica::start(&world, Lasting::Minutes).await;
    standby.stands_by().await;
    standby.cluster.cut();
    leader.operator.stop().await;
    let said = standby.operator.says("the Lease cannot be read or taken").await;
    assert!(said.contains("WARN"), "{said}");
}
