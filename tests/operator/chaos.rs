//! The operator is killed again and again, wherever it is, while resources come, change and go, and authentik and the
//! network fail: authentik ends as declared, no object is ever made twice, and nothing waits for a human.
//!
//! Which fault strikes the n-th request of all and at which of its requests each operator is killed follows from a seed. Which
//! request is the n-th does not: the operator works at many resources at once. `cargo xtask chaos` makes a long run.

mod object;
mod schedule;
mod state;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use authentik_simulator::journal::Entry;

use self::schedule::{Life, Part, Schedule, Settings, Step};
use self::state::State;
use crate::harness::{Operator, World, eventually_within};

/// How long it may take until the operator has sent so many requests, whatever happens to them; and, once nothing fails
/// any more, until all is as declared.
const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test]
async fn authentik_ends_as_declared_whatever_fails_and_whenever_the_operator_is_killed() {
    let settings = Settings::from_environment();
    let schedule = Schedule::new(&settings);
    let Settings { seed, kills, objects } = settings;
    let again = format!("cargo xtask chaos --seed {seed} --kills {kills} --objects {objects}");
    eprintln!("chaos: the same schedule again: {again}");
    let began = Instant::now();
    let world = World::new().await;
    let mut run = Run { state: State::new(&world).await, world: &world, survived: BTreeMap::new() };

    run.part("building", &schedule.building).await;
    let operator = run.operator();
    run.settled("all that is declared is to be Ready").await;
    operator.stop().await;
    run.state.is_as_declared(&world).await;
    let kept = run.state.len();

    run.part("razing", &schedule.razing).await;
    let operator = run.operator();
    run.settled("all is to be gone").await;
    operator.stop().await;
    run.state.is_as_declared(&world).await;
    run.state.made_once(&world).await;

    let requests = world.authentik.now();
    eprintln!("chaos: seed {seed}: {kills} kills, {requests} requests, {} s", began.elapsed().as_secs());
    eprintln!("chaos: {}, {kept} kept until the end of the building", run.state.made());
    let faults: u64 = run.survived.values().sum();
    eprintln!("chaos: {faults} faults survived: {:?}", run.survived);
    assert!(faults > 0, "something failed");
}

/// A run: what is declared by now, and what has struck.
struct Run<'a> {
    world: &'a World,
    state: State,
    /// Faults, by kind.
    survived: BTreeMap<&'static str, u64>,
}

impl Run<'_> {
    fn operator(&self) -> Operator {
        // Short, so that the next request is never far.
        self.world.operator().flag("--request-timeout", "1s").flag("--refresh-at-most", "300ms").spawn()
    }

    /// Lives through one part of the schedule.
    async fn part(&mut self, name: &str, part: &Part) {
        let authentik = &self.world.authentik;
        let faults = part.faults.iter().map(|(kind, fault)| (authentik.break_with(fault.clone()), *kind));
        let faults: BTreeMap<u64, &'static str> = faults.collect();
        for (index, life) in part.lives.iter().enumerate() {
            let (number, steps) = (index + 1, life.steps.len());
            eprintln!("chaos: {name} {number} of {}: {steps} steps, {}", part.lives.len(), life.kill);
            self.live(life).await;
            self.state.nothing_is_wrong(self.world).await;
        }
        for fault in authentik.faults() {
            *self.survived.entry(faults[&fault.id]).or_default() += fault.fired;
        }
        authentik.clear_faults();
    }

    /// Starts an operator and kills it; meanwhile users do what they do.
    async fn live(&mut self, life: &Life) {
        let then = self.world.authentik.now();
        let operator = self.operator();
        let (world, state) = (self.world, &mut self.state);
        let killed = async {
            let due = |entries: &[Entry]| {
                life.kill.is_due(&entries[entries.partition_point(|entry| entry.number <= then)..])
            };
            if let Err(error) = world.authentik.requests().wait_for(due, PATIENCE).await {
                panic!("the operator is to send requests: {error}");
            }
            operator.crash().await;
        };
        let lived = async {
            for step in &life.steps {
                state.take(world, *step).await;
            }
        };
        tokio::join!(killed, lived);
    }

    /// Waits until every resource that is declared is Ready, and no other is left.
    async fn settled(&self, what: &str) {
        let look = async || self.state.unsettled(self.world).await.is_empty().then_some(());
        let explain = async || format!("{what}: {}", self.state.unsettled(self.world).await.join("\n"));
        eventually_within(PATIENCE, look, explain).await;
    }
}
