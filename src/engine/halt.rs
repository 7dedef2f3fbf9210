//! Why a reconcile ends before its end.

use super::Engine;
use super::cluster::WriteError;
use super::collection::Collection;
use super::index::Interest;
use super::resource::Resource;
use super::retry::Retry;
use super::status::Verdict;
use crate::authentik::{Error, FieldErrors};
use crate::kinds::{Endpoint, Reason};

/// Why a reconcile ends before its end.
#[derive(Debug)]
pub(crate) enum Halt {
    /// With something to say.
    Verdict(Verdict),
    /// authentik cannot be asked or told now, and that would have to be.
    Outage(String, Retry),
    /// authentik did not take what was sent; nothing changed.
    Refused(Refusal),
    /// What is to be done has failed just now, and it is not time yet to try it again.
    Pending,
    /// What it takes to decide is not there yet: the lists of resources, or of authentik's objects.
    Starting,
    /// Another process is the one that writes by now, and this one is about to end.
    NotLeader,
    /// The API server did not take something.
    Kubernetes(WriteError),
}

/// How authentik did not take something.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// With errors by field.
    Rejected(FieldErrors),
    /// Without saying why, as it does for errors of its own; reading showed that nothing changed.
    Unexplained(Error),
}

impl From<Verdict> for Halt {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(verdict)
    }
}

impl From<WriteError> for Halt {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::NotLeader => Self::NotLeader,
            error => Self::Kubernetes(error),
        }
    }
}

impl Engine {
    /// Goes on when all kinds are listed: before, nobody knows who owns what.
    pub(super) fn listed(&self, resource: &Resource) -> Result<(), Halt> {
        self.index.watch(&resource.id, Interest::Listed);
        if self.index.unlisted().is_empty() { Ok(()) } else { Err(Halt::Starting) }
    }

    /// Goes on when no older resource may still turn out to declare the same.
    pub(super) fn elders_first(&self, resource: &Resource) -> Result<(), Halt> {
        self.index.watch(&resource.id, Interest::Decided(resource.id.kind));
        self.index.decided(&resource.id);
        if self.index.has_undecided_elder(resource) { Err(Halt::Starting) } else { Ok(()) }
    }

    /// Goes on when the copy of the list can be read.
    pub(super) fn readable(&self, resource: &Resource, collection: &Collection) -> Result<(), Halt> {
        self.index.watch(&resource.id, Interest::Collection(collection.endpoint.collection));
        if collection.mirror().is_read() {
            return Ok(());
        }
        self.index.watch(&resource.id, Interest::Connection);
        match (collection.failure(), self.connection.failure()) {
            (Some(Error::Forbidden { .. }), _) => Err(forbidden(&collection.endpoint, "view").into()),
            (_, Some(failure)) => Err(Halt::Outage(failure, Retry::WhenWoken)),
            (Some(failure), None) => Err(Halt::Outage(failure.to_string(), Retry::WhenWoken)),
            (None, None) => Err(Halt::Starting),
        }
    }

    /// Goes on when requests make sense.
    pub(super) async fn usable(&self, resource: &Resource) -> Result<(), Halt> {
        self.index.watch(&resource.id, Interest::Connection);
        self.connection.usable().await.map_err(|failure| Halt::Outage(failure, Retry::WhenWoken))
    }

    /// For a reading that failed.
    pub(super) fn read_failed(&self, resource: &Resource, endpoint: &Endpoint, error: &Error) -> Halt {
        self.failed(resource, endpoint, "view", error.clone())
    }

    /// For a request that failed and certainly changed nothing.
    pub(super) fn failed(
        &self,
        resource: &Resource,
        endpoint: &Endpoint,
        action: &str,
        error: Error,
    ) -> Halt {
        match error {
            Error::Forbidden { .. } => forbidden(endpoint, action).into(),
            Error::NotLeader { .. } => Halt::NotLeader,
            Error::Rejected { errors, .. } => Halt::Refused(Refusal::Rejected(errors)),
            error => {
                self.index.watch(&resource.id, Interest::Connection);
                self.connection.suspect(&error);
                Halt::Outage(error.to_string(), Retry::Backoff)
            }
        }
    }
}

/// For a missing permission.
pub(super) fn forbidden(endpoint: &Endpoint, action: &str) -> Verdict {
    let permission = endpoint.permission(action);
    let message =
        format!("the token lacks the permission {permission} (or one to see the objects that it concerns)");
    Verdict::new(Reason::Forbidden, message).retry(Retry::Backoff)
}
