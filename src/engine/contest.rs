//! When somebody else changes back what the operator changes back: slowing down rather than fighting.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::resource::Id;

/// So often is a field corrected without more ado: an upgrade of authentik applies its blueprints once, and that is mere drift.
const PATIENCE: u32 = 3;
/// The longest delay between two corrections.
const LONGEST: Duration = Duration::from_secs(3600);
/// What held for so long is over, where nothing is contested yet.
const OVER: Duration = Duration::from_secs(600);
/// What held for so many delays is over.
const PEACE: u32 = 3;

/// Corrections of drift, by resource.
pub(crate) struct Contests {
    /// The first delay: about the time in which a change is noticed.
    first: Duration,
    open: Mutex<HashMap<Id, Contest>>,
}

struct Contest {
    /// How often each field was changed by somebody else.
    rounds: BTreeMap<String, u32>,
    /// Until when nothing is corrected.
    until: Instant,
    /// When it held until then, nobody contests any more.
    over: Instant,
    delay: Duration,
}

/// That a resource is contested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contested {
    /// Fields, and how often each was changed by somebody else.
    pub(crate) fields: String,
    /// How long to wait.
    pub(crate) wait: Duration,
}

impl Contests {
    /// With a first delay.
    pub(crate) fn new(first: Duration) -> Self {
        Self { first, open: Mutex::default() }
    }

    /// Whether drift in `fields` is to be left alone for now, since somebody else insists on it.
    pub(crate) fn holds_back(&self, id: &Id, fields: &[String]) -> Option<Contested> {
        let mut open = self.open();
        let contest = open.get_mut(id)?;
        let mut again = false;
        for field in fields {
            again |= contest.rounds.get(field).is_some_and(|rounds| *rounds >= PATIENCE);
        }
        let left = left(contest.until);
        (again && !left.is_zero()).then(|| Contested { fields: contest.fields(), wait: left })
    }

    /// Drift in `fields` was corrected.
    pub(crate) fn corrected(&self, id: &Id, fields: &[String]) {
        let mut open = self.open();
        let contest = open.entry(id.clone()).or_insert_with(|| Contest {
            rounds: BTreeMap::new(),
            until: Instant::now(),
            over: Instant::now(),
            delay: Duration::ZERO,
        });
        for field in fields {
            *contest.rounds.entry(field.clone()).or_default() += 1;
        }
        if contest.is_contested() {
            contest.delay = contest.delay.saturating_mul(2).clamp(self.first, LONGEST);
            contest.until = Instant::now() + contest.delay;
            contest.over = Instant::now() + contest.delay.saturating_mul(PEACE);
        } else {
            contest.over = Instant::now() + OVER;
        }
    }

    /// Whether the resource, which is as it should be, was so contested that it is too early to say that this will last.
    pub(crate) fn unsettled(&self, id: &Id) -> Option<Contested> {
        let mut open = self.open();
        let contest = open.get(id)?;
        let left = left(contest.over);
        if left.is_zero() {
            open.remove(id);
            return None;
        }
        contest.is_contested().then(|| Contested { fields: contest.fields(), wait: left })
    }

    /// Forgets a resource.
    pub(crate) fn forget(&self, id: &Id) {
        self.open().remove(id);
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Id, Contest>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

impl Contest {
    fn is_contested(&self) -> bool {
        self.rounds.values().any(|rounds| *rounds >= PATIENCE)
    }

    fn fields(&self) -> String {
        let contested = self.rounds.iter().filter(|(_, rounds)| **rounds >= PATIENCE);
        let fields: Vec<String> =
            contested.map(|(field, rounds)| format!("{field} ({rounds} times)")).collect();
        fields.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Contests, PATIENCE};
    use crate::engine::resource::Id;

    fn id() -> Id {
        Id { kind: "Flow", namespace: "n".to_owned(), name: "a".to_owned() }
    }

    #[test]
    fn drift_is_corrected_at_once_until_the_same_field_was_changed_three_times() {
        let contests = Contests::new(Duration::from_secs(60));
        let title = ["title".to_owned()];
        for _ in 0..PATIENCE {
            assert_eq!(contests.holds_back(&id(), &title), None);
            contests.corrected(&id(), &title);
        }
        let contested = contests.holds_back(&id(), &title).expect("contested");
        assert_eq!(contested.fields, "title (3 times)");
        assert!(contested.wait <= Duration::from_secs(60));
        assert_eq!(contests.holds_back(&id(), &["layout".to_owned()]), None, "another field is mere drift");
        assert!(contests.unsettled(&id()).is_some());
    }

    #[test]
    fn delays_double_and_it_is_over_when_several_passed_in_peace() {
        let contests = Contests::new(Duration::from_secs(60));
        let title = ["title".to_owned()];
        for _ in 0..PATIENCE + 2 {
            contests.corrected(&id(), &title);
        }
        let near = |wait: Duration, seconds: u64| wait.as_secs_f64().round() == seconds as f64;
        assert!(near(contests.holds_back(&id(), &title).expect("contested").wait, 240));
        assert!(near(contests.unsettled(&id()).expect("contested").wait, 720));

        let quick = Contests::new(Duration::ZERO);
        for _ in 0..PATIENCE {
            quick.corrected(&id(), &title);
        }
        assert_eq!(quick.unsettled(&id()), None, "the delay has passed");
        quick.corrected(&id(), &title);
        assert_eq!(quick.holds_back(&id(), &title), None, "and counting begins anew");
    }
}
