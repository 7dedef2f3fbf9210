//! When to look again at a resource that is not as it should be, and what not to try again before.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::resource::Id;
use crate::kinds::Body;

/// The first delay after a failure.
const FIRST: Duration = Duration::from_secs(1);
/// The longest one, but for jitter.
const LONGEST: Duration = Duration::from_secs(60);
/// How often what authentik refused is tried again, for a refusal that had its reason elsewhere.
const SLOW: Duration = Duration::from_secs(600);

/// When to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// When something changes that the resource watches.
    WhenWoken,
    /// After a delay that doubles with each failure in a row.
    Backoff,
    /// After some ten minutes.
    Slowly,
    /// When what failed may be sent again.
    Pending,
    /// After this time, which is no failure.
    After(Duration),
}

/// A request that changes something.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attempt {
    /// The object that it is about; none for one that is to be made.
    pub(crate) pk: Option<String>,
    /// What is sent.
    pub(crate) body: Body,
}

/// What failed, by resource.
#[derive(Default)]
pub(crate) struct Retries(Mutex<HashMap<Id, Failure>>);

struct Failure {
    delays: ExponentialBackoff,
    /// When to look again, and why then.
    until: Instant,
    retry: Retry,
    tried: Option<Tried>,
}

/// What was sent.
struct Tried {
    attempt: Attempt,
    /// Which connection it was sent over.
    connection: u64,
    /// It is not sent again before.
    until: Instant,
}

impl Retries {
    /// How long to wait after an outcome; none: until woken. `tried` is what failed, and over which connection.
    pub(crate) fn after(&self, id: &Id, retry: Retry, tried: Option<(Attempt, u64)>) -> Option<Duration> {
        let mut failures = self.failures();
        let planned = match retry {
            Retry::WhenWoken => Some(None),
            Retry::After(time) => Some(Some(time)),
            Retry::Backoff | Retry::Slowly | Retry::Pending => None,
        };
        if let Some(planned) = planned {
            failures.remove(id);
            return planned;
        }
        let now = Instant::now();
        let failure = failures.entry(id.clone()).or_insert_with(|| Failure {
            delays: exponential(),
            until: now,
            retry,
            tried: None,
        });
        if retry == Retry::Pending {
            let until = failure.tried.as_ref().map_or(now, |tried| tried.until);
            return Some(until.saturating_duration_since(now));
        }
        // Woken before its time is no further failure.
        if tried.is_none() && failure.retry == retry && failure.until > now {
            return Some(failure.until - now);
        }
        let delay = match retry {
            // Between ten and eleven minutes, so that not all come at once.
            Retry::Slowly => SLOW + Duration::from_millis(u64::from(fastrand::u16(..60_000))),
            _ => failure.delays.next().unwrap_or(LONGEST),
        };
        (failure.until, failure.retry) = (now + delay, retry);
        if let Some((attempt, connection)) = tried {
            failure.tried = Some(Tried { attempt, connection, until: failure.until });
        }
        Some(delay)
    }

    /// Whether it is not yet time to send this again, which failed over this connection.
    pub(crate) fn pending(&self, id: &Id, attempt: &Attempt, connection: u64) -> bool {
        let failures = self.failures();
        let Some(tried) = failures.get(id).and_then(|failure| failure.tried.as_ref()) else { return false };
        tried.attempt == *attempt && tried.connection == connection && tried.until > Instant::now()
    }

    /// Forgets a resource.
    pub(crate) fn forget(&self, id: &Id) {
        self.failures().remove(id);
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<Id, Failure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Delays that double from a second to a minute without end, each with up to as much again of jitter.
#[must_use]
pub(crate) fn exponential() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST)
        .with_max_delay(LONGEST)
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Attempt, Id, Retries, Retry};
    use crate::kinds::Body;

    fn id() -> Id {
        Id { kind: "Flow", namespace: "n".to_owned(), name: "a".to_owned() }
    }

    fn create() -> Attempt {
        Attempt { pk: None, body: Body::new() }
    }

    #[test]
    fn delays_grow_to_a_limit_and_begin_anew_after_success() {
        let retries = Retries::default();
        let failed = || retries.after(&id(), Retry::Backoff, Some((create(), 0))).expect("a delay");
        let delays: Vec<Duration> = (0..20).map(|_| failed()).collect();
        assert!(delays[0] >= Duration::from_secs(1) && delays[0] <= Duration::from_secs(2), "{delays:?}");
        assert!(delays[5] >= Duration::from_secs(32), "{delays:?}");
        assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(120)), "{delays:?}");
        assert!(delays[19] >= Duration::from_secs(60), "{delays:?}");
        assert_eq!(retries.after(&id(), Retry::WhenWoken, None), None);
        assert!(failed() <= Duration::from_secs(2));
    }

    #[test]
    fn what_failed_waits_unless_something_else_is_to_be_tried() {
        let retries = Retries::default();
        let delay = retries.after(&id(), Retry::Slowly, Some((create(), 3))).expect("a delay");
        assert!(delay >= Duration::from_secs(600) && delay < Duration::from_secs(661));
        assert!(retries.pending(&id(), &create(), 3));
        assert!(!retries.pending(&id(), &create(), 4), "another connection");
        let change = Attempt { pk: Some("u-1".to_owned()), body: Body::new() };
        assert!(!retries.pending(&id(), &change, 3), "another request");
        for goes_on in [Retry::Slowly, Retry::Pending] {
            let left = retries.after(&id(), goes_on, None).expect("the same delay goes on");
            assert!(left <= delay && left > Duration::from_secs(590), "{left:?}");
        }
        // A reading that fails meanwhile has a delay of its own, and does not shorten the other.
        let reading = retries.after(&id(), Retry::Backoff, None).expect("a delay");
        assert!(reading <= Duration::from_secs(2), "{reading:?}");
        let sooner = retries.after(&id(), Retry::Backoff, None).expect("the same delay goes on");
        assert!(sooner <= reading);
        assert!(retries.pending(&id(), &create(), 3));
        let left = retries.after(&id(), Retry::Pending, None).expect("the first delay goes on");
        assert!(left > Duration::from_secs(590), "{left:?}");
        retries.forget(&id());
        assert!(!retries.pending(&id(), &create(), 3));
    }
}
