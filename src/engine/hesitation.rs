//! Not saying at once what may be otherwise in a moment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::resource::{Id, Resource};
use super::status::{Verdict, reason};
use crate::kinds::Reason;

/// So long a resource that says what it waits for waits for something else before it says so. Where many resources are
/// applied at once, one reference after the other comes true, and each would be a write.
const MOMENT: Duration = Duration::from_secs(3);

/// Since when resources wait for something else than they say.
#[derive(Default)]
pub(crate) struct Hesitations(Mutex<HashMap<Id, Instant>>);

impl Hesitations {
    /// Forgets a resource.
    pub(crate) fn forget(&self, id: &Id) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// How long to wait before the verdict is written; none: now.
    pub(crate) fn before(&self, resource: &Resource, verdict: &Verdict) -> Option<Duration> {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let said = reason(&resource.status).is_some_and(|said| WAITING.iter().any(|it| it.as_str() == said));
        let current = resource.status.observed_generation == Some(resource.generation);
        if !(said && current && WAITING.contains(&verdict.reason)) {
            since.remove(&resource.id);
            return None;
        }
        let begun = since.entry(resource.id.clone()).or_insert_with(Instant::now);
        let left = MOMENT.saturating_sub(begun.elapsed());
        if left.is_zero() {
            since.remove(&resource.id);
            return None;
        }
        Some(left)
    }
}

/// Reasons that name what is waited for.
const WAITING: [Reason; 2] = [Reason::ReferenceNotFound, Reason::ReferenceNotReady];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Hesitations, Verdict};
    use crate::engine::fixtures::Draft;
    use crate::kinds::Reason;

    #[test]
    fn only_another_thing_to_wait_for_is_not_said_at_once() {
        let hesitations = Hesitations::default();
        let says = |reason: &str, generation: i64| {
            let ready = json!({"type": "Ready", "status": "False", "reason": reason, "message": "waits",
                "lastTransitionTime": "2026-01-01T00:00:00Z"});
            Draft::flow("a").status(json!({"observedGeneration": generation, "conditions": [ready]})).read()
        };
        let waits = Verdict::new(Reason::ReferenceNotReady, "waits for another");
        assert!(hesitations.before(&says("ReferenceNotFound", 1), &waits).is_some());
        assert_eq!(hesitations.before(&says("ReferenceNotFound", 0), &waits), None, "another spec");
        assert_eq!(hesitations.before(&Draft::flow("b").read(), &waits), None, "nothing is said yet");
        let done = Verdict::new(Reason::InSync, "done");
        assert_eq!(hesitations.before(&says("ReferenceNotFound", 1), &done), None);
    }
}
