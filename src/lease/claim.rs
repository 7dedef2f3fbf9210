//! Until when a process may write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Goes on while the machine sleeps, as no clock of the standard library does on Linux.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
/// Goes on while the machine sleeps on other systems.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

/// Until when this process may write. Clones share it. It begins as ended.
#[derive(Clone)]
pub struct Claim {
    /// In nanoseconds of the clock; 500 years fit.
    until: Arc<AtomicU64>,
    clock: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Default for Claim {
    fn default() -> Self {
        Self::by(|| {
            let time = clock_gettime(CLOCK);
            let seconds = Duration::from_secs(time.tv_sec.try_into().unwrap_or_default());
            seconds + Duration::from_nanos(time.tv_nsec.try_into().unwrap_or_default())
        })
    }
}

impl Claim {
    /// A claim by this clock.
    pub(super) fn by(clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { until: Arc::default(), clock: Arc::new(clock) }
    }

    /// Whether this process may write now.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.left().is_zero()
    }

    /// For how long it still may.
    pub(super) fn left(&self) -> Duration {
        Duration::from_nanos(self.until.load(Ordering::SeqCst)).saturating_sub(self.now())
    }

    /// The time by the claim's clock.
    pub(super) fn now(&self) -> Duration {
        (self.clock)()
    }

    pub(super) fn extend(&self, until: Duration) {
        let nanos = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
        self.until.store(nanos, Ordering::SeqCst);
    }

    /// No more writing.
    pub(super) fn end(&self) {
        self.until.store(0, Ordering::SeqCst);
    }
}
