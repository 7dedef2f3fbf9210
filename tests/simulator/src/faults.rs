//! The faults that are active, and what they make of a request.

use std::sync::Mutex;
use std::time::Duration;

use http::Method;
use serde::Serialize;

use crate::fault::{Action, Fault, Latency, Matcher};
use crate::{Error, lock};

/// A fault that was injected, with how often it was met.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Injected {
    /// Its number, from 1 in the order of injection; never given twice.
    pub id: u64,
    /// Requests that its method, path and client matched since the injection.
    pub matched: u64,
    /// Requests that it struck.
    pub fired: u64,
    /// What was injected.
    #[serde(flatten)]
    pub fault: Fault,
}

/// All faults that are active.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: u64,
    active: Vec<(Matcher, Injected)>,
}

/// What the faults make of one request.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// The faults that struck.
    pub(crate) fired: Vec<u64>,
    /// To wait before authentik sees the request.
    pub(crate) delay: Duration,
    /// To wait before the answer is sent.
    pub(crate) latency: Vec<Latency>,
    /// Fields that are not stored.
    pub(crate) unstored: Vec<String>,
    /// How the request ends, if not as authentik would end it.
    pub(crate) end: Option<Action>,
}

impl Faults {
    /// Adds faults: all or, if one is wrong, none.
    pub(crate) fn inject(&self, faults: Vec<Fault>) -> Result<Vec<Injected>, Error> {
        let checked =
            faults.into_iter().map(|fault| Ok((fault.check()?, fault))).collect::<Result<Vec<_>, Error>>()?;
        let mut state = lock(&self.0);
        let mut injected = Vec::with_capacity(checked.len());
        for (matcher, fault) in checked {
            state.last += 1;
            let new = Injected { id: state.last, matched: 0, fired: 0, fault };
            injected.push(new.clone());
            state.active.push((matcher, new));
        }
        Ok(injected)
    }

    pub(crate) fn all(&self) -> Vec<Injected> {
        lock(&self.0).active.iter().map(|(_, injected)| injected.clone()).collect()
    }

    pub(crate) fn get(&self, id: u64) -> Option<Injected> {
        self.all().into_iter().find(|injected| injected.id == id)
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).active.clear();
    }

    /// Whether there was such a fault.
    pub(crate) fn remove(&self, id: u64) -> bool {
        let mut state = lock(&self.0);
        let before = state.active.len();
        state.active.retain(|(_, injected)| injected.id != id);
        state.active.len() < before
    }

    /// Counts a request and says what becomes of it. Waiting times add up and fields join; but a request ends in one
    /// way only: the fault that was injected first has it, and the others that end requests do not fire.
    pub(crate) fn judge(&self, method: &Method, path: &str, client: &str) -> Verdict {
        let mut verdict = Verdict::default();
        for (matcher, injected) in &mut lock(&self.0).active {
            if !matcher.matches(method, path, client) {
                continue;
            }
            injected.matched += 1;
            if !injected.fault.due(injected.matched, injected.fired) {
                continue;
            }
            match injected.fault.action() {
                Action::DelayMs(ms) => {
                    verdict.delay = verdict.delay.saturating_add(Duration::from_millis(*ms))
                }
                Action::Latency(latency) => verdict.latency.push(*latency),
                Action::Unstored(fields) => verdict.unstored.extend(fields.iter().cloned()),
                _ if verdict.end.is_some() => continue,
                end => verdict.end = Some(end.clone()),
            }
            injected.fired += 1;
            verdict.fired.push(injected.id);
        }
        verdict
    }
}

impl Verdict {
    /// How long the answer is held back when it holds so many rows.
    pub(crate) fn held_back(&self, rows: usize) -> Duration {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        let total = self.latency.iter().fold(0u64, |total, latency| {
            total.saturating_add(latency.fixed_ms).saturating_add(latency.per_row_ms.saturating_mul(rows))
        });
        Duration::from_millis(total)
    }
}
