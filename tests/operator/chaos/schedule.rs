//! What happens in a run: all of it follows from the seed.

use std::fmt;

use authentik_simulator::fault::{Action, Answer, Fault, Latency, Point, Spoilt};
use authentik_simulator::journal::{Entry, Outcome};
use fastrand::Rng;

use super::object::{BINDINGS, GROUP, Object};
use crate::harness::{BINDING, FLOW, STAGE};

/// How likely each kind of fault strikes a request. There are ten.
const PROBABILITY: f64 = 0.005;

/// The most requests of an operator before the one at which it is killed.
const REQUESTS: usize = 50;

/// After so many more an operator that was to be killed while it writes is killed anyway.
const WITHOUT_WRITE: usize = 50;

/// Longer than the operator waits for an answer here.
pub(super) const SLOW: Latency = Latency { fixed_ms: 1_500, per_row_ms: 0 };

/// How large a run is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) seed: u64,
    pub(super) kills: usize,
    pub(super) objects: usize,
}

impl Settings {
    /// As the environment says, else small enough to be part of every run of the tests.
    pub(super) fn from_environment() -> Self {
        let number = |name: &str, default: u64| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")),
            Err(_) => default,
        };
        let count = |name: &str, default: u64| usize::try_from(number(name, default)).expect("a count");
        Self {
            seed: number("CHAOS_SEED", 1),
            kills: count("CHAOS_KILLS", 10),
            objects: count("CHAOS_OBJECTS", 20),
        }
    }
}

/// What a user does with one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Create(Object),
    Change(Object),
    Delete(Object),
}

/// When an operator is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kill {
    /// After so many of its requests, at the next one.
    pub(super) after: usize,
    /// Or, instead of at the next one, at the next that writes.
    pub(super) writing: bool,
    /// Once that request has its answer, which has not arrived at the operator yet, instead of when it is sent.
    pub(super) answered: bool,
}

impl Kill {
    fn new(rng: &mut Rng) -> Self {
        // Writing is rare, and where being killed hurts.
        Self { after: rng.usize(..REQUESTS), writing: rng.u8(..3) > 0, answered: rng.bool() }
    }

    /// Whether its moment has come for an operator that has sent these requests.
    pub(super) fn is_due(&self, sent: &[Entry]) -> bool {
        let mut next = sent.iter().skip(self.after);
        let last = self.after + WITHOUT_WRITE;
        let at = match self.writing {
            true => next.find(|entry| entry.method != "GET").or_else(|| sent.get(last)),
            false => next.next(),
        };
        at.is_some_and(|entry| !self.answered || entry.outcome != Outcome::Pending)
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.writing { "the next one that writes" } else { "the next one" };
        let when = if self.answered { "has its answer" } else { "arrives" };
        write!(f, "killed after {} requests when {what} {when}", self.after)
    }
}

/// One operator, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Life {
    /// What users do meanwhile.
    pub(super) steps: Vec<Step>,
    pub(super) kill: Kill,
}

/// A run in two parts, in both of which operators are killed and faults strike.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule {
    /// Resources are made, changed and deleted.
    pub(super) building: Part,
    /// Those that are left are deleted.
    pub(super) razing: Part,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) faults: Vec<(&'static str, Fault)>,
    pub(super) lives: Vec<Life>,
}

impl Schedule {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut rng = Rng::with_seed(settings.seed);
        let groups = settings.objects.div_ceil(GROUP);
        let (steps, mut left) = building(&mut rng, groups);
        rng.shuffle(&mut left);
        let razing = left.into_iter().map(Step::Delete).collect();
        assert!(settings.kills >= 2, "each part of a run has a kill");
        let last = settings.kills.div_ceil(4);
        Self {
            building: Part::new(&mut rng, steps, settings.kills - last),
            razing: Part::new(&mut rng, razing, last),
        }
    }
}

impl Part {
    /// These steps, spread over so many lives.
    fn new(rng: &mut Rng, steps: Vec<Step>, kills: usize) -> Self {
        let faults = faults(rng);
        let of_life = |number: usize| {
            let bound = |number: usize| number * steps.len() / kills;
            Life { steps: steps[bound(number)..bound(number + 1)].to_vec(), kill: Kill::new(rng) }
        };
        Self { faults, lives: (0..kills).map(of_life).collect() }
    }
}

/// Groups of a flow, a stage and their bindings come one after the other, each in a random order, so that references
/// come before what they refer to; meanwhile others are changed, and some go. Also returns what is left.
fn building(rng: &mut Rng, groups: usize) -> (Vec<Step>, Vec<Object>) {
    let mut steps = Vec::new();
    let mut left: Vec<Object> = Vec::new();
    for group in 0..groups {
        let mut members = Object::group(group);
        rng.shuffle(&mut members);
        left.extend(&members);
        steps.extend(members.into_iter().map(Step::Create));
        for _ in 0..GROUP {
            steps.extend(rng.choice(&left).copied().map(Step::Change));
        }
        let mut going = Vec::new();
        if rng.u8(..3) == 0 {
            let group = rng.usize(..=group);
            going.extend(left.iter().copied().filter(|it| it.group_number() == group));
        }
        if rng.u8(..3) == 0 {
            going.extend(left.iter().copied().find(|it| it.kind == BINDING && !going.contains(it)));
        }
        rng.shuffle(&mut going);
        left.retain(|it| !going.contains(it));
        steps.extend(going.into_iter().map(Step::Delete));
    }
    (steps, left)
}

/// Everything that strikes, each kind at random requests.
fn faults(rng: &mut Rng) -> Vec<(&'static str, Fault)> {
    let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
    let html = |status| Answer::status(status).header("content-type", "text/html").body(page);
    let actions: [(&str, Action); 10] = [
        ("cut before the change", Action::Cut(Point::Before)),
        ("cut after the change", Action::Cut(Point::After)),
        ("cut in the midst of the answer", Action::Cut(Point::Body)),
        ("500", Answer::status(500).into()),
        ("502 with HTML", html(502).into()),
        ("504 after the change", html(504).applied().into()),
        ("405 without a body", Action::MaskedError),
        ("429 with Retry-After", Answer::status(429).header("retry-after", "1").into()),
        ("200 with a page of HTML", Action::Body(Spoilt::Html)),
        ("slower than the timeout", Action::Latency(SLOW)),
    ];
    actions.map(|(name, action)| (name, Fault::new(action).random(PROBABILITY, rng.u64(..)))).into()
}

#[test]
fn a_schedule_follows_from_its_seed() {
    let settings = Settings { seed: 7, kills: 200, objects: 300 };
    let schedule = Schedule::new(&settings);
    assert_eq!(schedule, Schedule::new(&settings));
    assert_ne!(schedule, Schedule::new(&Settings { seed: 8, ..settings }));

    let parts = [&schedule.building, &schedule.razing];
    let lives = || parts.iter().flat_map(|part| &part.lives);
    assert_eq!(lives().count(), settings.kills);
    let steps: Vec<Step> = lives().flat_map(|life| life.steps.clone()).collect();
    for object in (0..settings.objects / GROUP).flat_map(Object::group) {
        let at = |step| steps.iter().position(|it| *it == step);
        let (created, deleted) = (at(Step::Create(object)), at(Step::Delete(object)));
        assert!(created.is_some() && created < deleted, "{object:?} comes and goes");
        assert!(steps.iter().skip(deleted.expect("an end")).all(|it| *it != Step::Change(object)));
    }
    let changes = steps.iter().filter(|it| matches!(it, Step::Change(_))).count();
    assert!(changes >= settings.objects);
    assert_eq!(steps.len(), changes + 2 * settings.objects);
    let kinds = [FLOW, STAGE, BINDING].map(|kind| {
        steps.iter().filter(|it| matches!(it, Step::Create(object) if object.kind == kind)).count()
    });
    assert_eq!(kinds, [60, 60, 60 * BINDINGS]);
}
