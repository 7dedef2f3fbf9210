//! What is said of a resource: a verdict, made into conditions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::resource::Resource;
use super::retry::Retry;
use crate::authentik::cut;
use crate::kinds::{Creating, Drift, Origin, Progress, Reason, Status};

/// The condition that every resource has.
pub(crate) const READY: &str = "Ready";
/// The condition that is there while the operator goes on by itself.
const RECONCILING: &str = "Reconciling";
/// The condition that is there when somebody must act.
const STALLED: &str = "Stalled";
/// So many characters of a message are kept; the API server takes 32,768.
const MESSAGE: usize = 2_000;

/// How a resource fares, and when to look at it again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// Why it is ready, or not.
    pub(crate) reason: Reason,
    /// The same for people.
    pub(crate) message: String,
    /// Where authentik differs and may not be changed.
    pub(crate) drift: Vec<Drift>,
    /// When to look again.
    pub(crate) retry: Retry,
}

impl Verdict {
    /// A verdict that stands until something changes that the resource watches.
    #[must_use]
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), drift: Vec::new(), retry: Retry::WhenWoken }
    }

    /// The same, with another time to look again.
    #[must_use]
    pub(crate) fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same, with differences.
    #[must_use]
    pub(crate) fn drift(mut self, drift: Vec<Drift>) -> Self {
        self.drift = drift;
        self
    }
}

/// What is known of a resource's object, to be written with the next verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// [`Status::pk`].
    pub(crate) pk: Option<String>,
    /// [`Status::slug`].
    pub(crate) slug: Option<String>,
    /// [`Status::origin`].
    pub(crate) origin: Option<Origin>,
    /// [`Status::creating`].
    pub(crate) creating: Option<Creating>,
    /// [`Status::last_handled_reconcile_at`].
    pub(crate) last_handled_reconcile_at: Option<String>,
}

impl Facts {
    /// What the resource's status holds.
    #[must_use]
    pub(crate) fn of(status: &Status) -> Self {
        Self {
            pk: status.pk.clone(),
            slug: status.slug.clone(),
            origin: status.origin,
            creating: status.creating.clone(),
            last_handled_reconcile_at: status.last_handled_reconcile_at.clone(),
        }
    }
}

/// The status that says all this of what was declared as `generation`, with the times at which conditions came about kept.
#[must_use]
pub(crate) fn compose(
    before: &Status,
    generation: i64,
    facts: &Facts,
    verdict: &Verdict,
    now: Timestamp,
) -> Status {
    let ready = ready(verdict);
    let mut conditions = vec![(READY, ready)];
    match verdict.reason.progress().filter(|_| ready != "True") {
        Some(Progress::Reconciling) => conditions.push((RECONCILING, "True")),
        Some(Progress::Stalled) => conditions.push((STALLED, "True")),
        None => {}
    }
    let conditions = conditions.into_iter().map(|(type_, status)| {
        let before = condition(before, type_).filter(|before| before.status == status);
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: verdict.reason.as_str().to_owned(),
            message: cut(&verdict.message, MESSAGE),
            observed_generation: Some(generation),
            last_transition_time: before.map_or(Time(now), |before| before.last_transition_time.clone()),
        }
    });
    Status {
        observed_generation: Some(generation),
        pk: facts.pk.clone(),
        slug: facts.slug.clone(),
        origin: facts.origin,
        drift: verdict.drift.clone(),
        conditions: conditions.collect(),
        last_handled_reconcile_at: facts.last_handled_reconcile_at.clone(),
        creating: facts.creating.clone(),
    }
}

/// The value of [`READY`].
fn ready(verdict: &Verdict) -> &'static str {
    match verdict.reason {
        Reason::InSync => "True",
        Reason::Observed if verdict.drift.is_empty() => "True",
        Reason::Progressing => "Unknown",
        _ => "False",
    }
}

/// The condition of a type.
#[must_use]
pub(crate) fn condition<'a>(status: &'a Status, type_: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the resource is ready as it is now.
#[must_use]
pub(crate) fn is_ready(resource: &Resource) -> bool {
    let ready = condition(&resource.status, READY).is_some_and(|ready| ready.status == "True");
    ready && resource.status.observed_generation == Some(resource.generation)
}

/// Whether the operator has nothing to do for the resource as it is now: it is ready, or somebody must act.
#[must_use]
pub(crate) fn is_settled(resource: &Resource) -> bool {
    let status = &resource.status;
    let said = condition(status, READY).is_some() && condition(status, RECONCILING).is_none();
    said && status.observed_generation == Some(resource.generation)
}

/// The reason that the status gives.
#[must_use]
pub(crate) fn reason(status: &Status) -> Option<&str> {
    condition(status, READY).map(|ready| ready.reason.as_str())
}

#[cfg(test)]
mod tests;
