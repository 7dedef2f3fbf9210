//! The engine: keeps every resource of every kind. It knows no single kind.
//!
//! A reconcile goes: resolve the references, observe what authentik has, plan, act, compare the answer, report. The plan is
//! pure ([`plan`]); what goes before it reads copies of authentik's lists ([`collection`]), and what comes after it writes
//! ([`act`]). The [`index`] knows who waits for whom.

mod act;
mod cluster;
mod collection;
mod compare;
mod connection;
mod contest;
mod controller;
mod creation;
mod cycle;
mod deletion;
#[cfg(test)]
mod fixtures;
mod halt;
mod hesitation;
mod index;
#[cfg(test)]
mod new_kind;
mod observe;
mod plan;
mod policy;
mod references;
mod refresh;
mod resource;
mod retry;
mod status;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use tracing::{debug, warn};

use self::act::Acted;
pub(crate) use self::cluster::Cluster;
use self::collection::Collection;
use self::connection::Connection;
use self::contest::Contests;
pub use self::controller::run;
use self::halt::{Halt, Refusal};
use self::hesitation::Hesitations;
use self::index::Index;
use self::plan::{Plan, Situation, plan};
pub use self::policy::Policy;
use self::resource::Id;
pub(crate) use self::resource::Resource;
use self::retry::{Attempt, Retries, Retry};
use self::status::{Facts, Verdict, compose, is_settled};
use crate::authentik::Client;
use crate::kinds::{Entry, Identifiers, Progress, Reason, STAGES, Status};
use crate::metrics::Metrics;

/// So often is planned anew, in one reconcile, because authentik was not as its lists said.
const ROUNDS: usize = 6;

/// The delay before the first correction of what somebody else insists on.
const ROUND: Duration = Duration::from_secs(60);

/// The engine, shared by all reconciles.
pub struct Engine {
    kinds: &'static [Entry],
    authentik: Client,
    index: Arc<Index>,
    cluster: Cluster,
    connection: Connection,
    collections: HashMap<&'static str, Arc<Collection>>,
    policy: Policy,
    /// The longest time between two readings of a list.
    refresh_at_most: Duration,
    retries: Retries,
    contests: Contests,
    hesitations: Hesitations,
    metrics: Metrics,
}

/// One reconcile: the resource as it is by now, and what is known of its object.
struct Pass {
    resource: Arc<Resource>,
    /// What of it the reconcile is about: by now it may declare something newer, of which nothing is known yet.
    generation: i64,
    facts: Facts,
    /// What its references stand for.
    identifiers: Identifiers,
    /// What was to be sent, and has not led to anything.
    tried: Option<Attempt>,
    /// What authentik refused in this pass.
    refused: Option<(Attempt, Refusal)>,
}

impl Pass {
    fn new(resource: Arc<Resource>) -> Self {
        Self {
            generation: resource.generation,
            facts: Facts::of(&resource.status),
            resource,
            identifiers: Identifiers::default(),
            tried: None,
            refused: None,
        }
    }

    /// The status that says this of the resource.
    fn status(&self, verdict: &Verdict) -> Status {
        compose(&self.resource.status, self.generation, &self.facts, verdict, Timestamp::now())
    }
}

impl Engine {
    /// An engine between a cluster and an authentik, for `kinds`, flows among them. Events are sent by the returned future, which ends when the engine is
    /// dropped.
    pub fn new(
        kinds: &'static [Entry],
        kubernetes: kube::Client,
        authentik: &Client,
        policy: Policy,
        refresh_at_most: Duration,
        metrics: Metrics,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let index = Arc::new(Index::default());
        let stages = Arc::new(Collection::of_stages(authentik.clone(), Arc::clone(&index)));
        let mut collections = HashMap::from([(STAGES.collection, Arc::clone(&stages))]);
        for entry in kinds {
            let collection = Collection::of_kind(entry, authentik.clone(), Arc::clone(&index), &stages);
            collections.insert(entry.endpoint.collection, Arc::new(collection));
        }
        let connection = Connection::new(authentik.clone(), Arc::clone(&index), metrics.clone());
        let (cluster, events) = Cluster::new(kubernetes, authentik.may_write());
        let engine = Self {
            kinds,
            authentik: authentik.clone(),
            index,
            cluster,
            connection,
            collections,
            policy,
            refresh_at_most,
            retries: Retries::default(),
            // A change is noticed by the next reading of a list.
            contests: Contests::new(refresh_at_most.min(ROUND)),
            hesitations: Hesitations::default(),
            metrics,
        };
        (engine, events)
    }

    fn client(&self) -> &Client {
        &self.authentik
    }

    fn collection_of(&self, entry: &Entry) -> &Arc<Collection> {
        self.collection(entry.endpoint.collection)
    }

    /// # Panics
    /// For a collection that no kind has.
    fn collection(&self, collection: &str) -> &Arc<Collection> {
        self.collections.get(collection).expect("each kind has its collection")
    }

    /// Makes one resource true, as far as that can be done now. Returns after what time to come back; none: when woken.
    async fn reconcile(&self, id: &Id) -> Option<Duration> {
        self.index.forget_interests(id);
        let Some(resource) = self.index.get(id) else {
            self.retries.forget(id);
            self.contests.forget(id);
            self.hesitations.forget(id);
            return None;
        };
        let started = Instant::now();
        let deleting = resource.deleting;
        let mut pass = Pass::new(resource);
        let ended = match deleting {
            false => self.keep(&mut pass).await.map(Some),
            true => self.part(&mut pass).await,
        };
        let unknown = match &ended {
            Err(Halt::Starting) => true,
            Err(Halt::Outage(..)) => self.connection.failure().is_some(),
            _ => false,
        };
        if !unknown {
            self.index.decided(id);
        }
        let (result, retry) = self.conclude(&mut pass, ended).await;
        self.metrics.reconciled(id.kind, result, started.elapsed());
        let tried = pass.tried.map(|attempt| (attempt, self.connection.epoch()));
        self.retries.after(id, retry, tried)
    }

    /// Says what came of it. Returns that in a word, and when to look again.
    async fn conclude(&self, pass: &mut Pass, ended: Result<Option<Verdict>, Halt>) -> (&'static str, Retry) {
        let verdict = match ended {
            Ok(Some(verdict)) | Err(Halt::Verdict(verdict)) => verdict,
            Ok(None) => return ("Released", Retry::WhenWoken),
            Err(Halt::Starting) => return ("Starting", Retry::WhenWoken),
            Err(Halt::Pending) => return ("Pending", Retry::Pending),
            Err(Halt::NotLeader) => return ("NotLeader", Retry::WhenWoken),
            Err(Halt::Refused(refusal)) => self.refusal(pass.resource.entry, &refusal),
            // What has nothing to be written, as far as anybody knows, stays as it is while authentik is away.
            Err(Halt::Outage(_, retry)) if pass.tried.is_none() && self.stays(&pass.resource) => {
                return (Reason::Unreachable.as_str(), retry);
            }
            Err(Halt::Outage(why, retry)) => Verdict::new(Reason::Unreachable, why).retry(retry),
            Err(Halt::Kubernetes(error)) => {
                if !error.is_gone() {
                    warn!(resource = %pass.resource.id, %error, "the API server did not take a write: it is tried again");
                }
                return ("KubernetesError", Retry::Backoff);
            }
        };
        match self.report(pass, &verdict).await {
            Ok(None) => (verdict.reason.as_str(), verdict.retry),
            Ok(Some(moment)) => (verdict.reason.as_str(), Retry::After(moment)),
            Err(error) => {
                warn!(resource = %pass.resource.id, %error, "a status could not be written: it is tried again");
                ("KubernetesError", Retry::Backoff)
            }
        }
    }

    /// Whether a resource of which nothing new is known may keep its status.
    fn stays(&self, resource: &Resource) -> bool {
        !resource.deleting && is_settled(resource)
    }

    /// Brings authentik to what the resource declares.
    async fn keep(&self, pass: &mut Pass) -> Result<Verdict, Halt> {
        let resource = Arc::clone(&pass.resource);
        let declared = match &resource.declared {
            Ok(declared) => declared.as_ref(),
            Err(why) => {
                let message = format!("the stored resource cannot be read, so nothing of it is sent: {why}");
                return Err(Verdict::new(Reason::Invalid, message).into());
            }
        };
        self.listed(&resource)?;
        let collection = self.collection_of(resource.entry);
        self.readable(&resource, collection)?;
        let asked = self.asked_to_look(pass, declared).await?;
        let new = resource.status.observed_generation != Some(resource.generation);
        if new {
            // What others insisted on may be what is declared by now.
            self.contests.forget(&resource.id);
        }
        for _ in 0..ROUNDS {
            pass.identifiers = self.resolve(&resource, declared, new || asked).await?;
            let body = declared.body(&pass.identifiers).map_err(|unresolved| {
                Verdict::new(Reason::ReferenceNotReady, format!("waits: {unresolved}"))
            })?;
            self.recover(pass).await?;
            let situation = self.observe(pass, &body).await?;
            let plan = plan(&situation);
            debug!(resource = %resource.id, ?plan, "planned");
            if resource.observing {
                return Ok(observed(pass, &situation, &plan));
            }
            match self.act(pass, &situation, &plan, new || asked).await? {
                Acted::Done(verdict) => return Ok(verdict),
                Acted::LookAgain => {}
            }
        }
        let why = "authentik's objects changed each time that they were looked at".to_owned();
        Err(Halt::Outage(why, Retry::Backoff))
    }

    /// Writes the status, unless it says so already, and an event where somebody has to act. Returns after what time to come
    /// back, where it may be otherwise in a moment.
    async fn report(
        &self,
        pass: &mut Pass,
        verdict: &Verdict,
    ) -> Result<Option<Duration>, cluster::WriteError> {
        let before = &pass.resource.status;
        let status = pass.status(verdict);
        if status == *before {
            return Ok(None);
        }
        if let Some(moment) = self.hesitations.before(&pass.resource, verdict) {
            return Ok(Some(moment));
        }
        let said = |status: &Status| {
            status::condition(status, status::READY)
                .map(|ready| (ready.reason.clone(), ready.message.clone()))
        };
        let news = said(before) != said(&status);
        let ready = status::condition(&status, status::READY).is_some_and(|ready| ready.status == "True");
        if news && !ready && verdict.reason.progress() == Some(Progress::Stalled) {
            self.cluster.warn(&pass.resource, verdict.reason.as_str(), &verdict.message);
        }
        self.write_status(pass, &status).await?;
        Ok(None)
    }

    async fn write_status(&self, pass: &mut Pass, status: &Status) -> Result<(), cluster::WriteError> {
        let written = self.cluster.write_status(&pass.resource, status).await?;
        pass.resource = self.index.answered(Resource::read(pass.resource.entry, written));
        Ok(())
    }

    /// Puts the finalizer on the resource, before anything in authentik is its own.
    async fn hold(&self, pass: &mut Pass) -> Result<(), Halt> {
        if !pass.resource.is_held() {
            let written = self.cluster.hold(&pass.resource).await?;
            pass.resource = self.index.answered(Resource::read(pass.resource.entry, written));
        }
        Ok(())
    }
}

/// What a resource says that only observes.
fn observed(pass: &mut Pass, situation: &Situation<'_>, plan: &Plan) -> Verdict {
    let drift = plan.drift(situation);
    let (message, reason) = match plan {
        Plan::Nothing(_) | Plan::Adopt(_) => ("authentik has what is declared".to_owned(), Reason::Observed),
        Plan::Create { .. } => {
            ("authentik has no such object: it would be made".to_owned(), Reason::Observed)
        }
        Plan::Update { differences, .. } => {
            (format!("authentik differs in {}", compare::names(differences)), Reason::Observed)
        }
        Plan::StepAside(_) => ("it would exchange places with others".to_owned(), Reason::Observed),
        Plan::Wait(reason, message) => (message.clone(), *reason),
        Plan::Refuse(Reason::AlreadyExists, message, _) if !drift.is_empty() => {
            (message.clone(), Reason::Observed)
        }
        Plan::Refuse(reason, message, _) => (message.clone(), *reason),
    };
    if pass.facts.origin.is_none() {
        // Looked at, and nobody's: known by its identifier, so that others can refer to it.
        let object = match plan {
            Plan::Nothing(object) | Plan::Adopt(object) | Plan::Update { object, .. } => Some(object),
            _ => situation.holder.as_ref().map(|holder| &holder.object),
        };
        pass.facts.pk = object.map(|object| object.pk.clone());
        pass.facts.slug = object.and_then(|object| act::called(situation.entry, object));
    }
    Verdict::new(reason, message).drift(drift)
}
