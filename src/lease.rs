//! Who of several processes may write: leader election by a `Lease`.
//!
//! One process holds the Lease and renews it; the others look at it until it is free, or has not changed for as long as its holder
//! said that it lasts. Every change of the Lease carries the `resourceVersion` that it rests on, so that of two who take it at
//! once one fails, and a renewal that comes late cannot take it back.
//!
//! What its holder may do rests on a [`Claim`]: a moment that each renewal moves to its own beginning plus the renew deadline. Since
//! the Lease lasts longer than that, counted from later, the claim has ended before anybody else can take the Lease. Whoever writes
//! asks the claim immediately before. Its clock goes on while the process is stopped and while the machine sleeps, so that nothing has to
//! run for a claim to end. What remains are requests that were past the question, for which the difference of the two times is.
//!
//! Times of other machines are never compared with this one's: a Lease has lapsed when it stood still for its duration by the clock of
//! who watches it.
//!
//! kube-lease-manager, the crate for this version of kube, does not do that: it publishes whether the lease was held when its task last
//! ran and not until when, compares the holder's wall clock with its own, and renews without a `resourceVersion`. So this is our
//! own.

mod claim;
#[cfg(test)]
mod tests;

use std::time::Duration;

use anyhow::anyhow;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::PostParams;
use tokio::time::{error::Elapsed, sleep, timeout};
use tracing::{info, warn};
use uuid::Uuid;

pub use self::claim::Claim;
use crate::config::LeaseName;

/// The limit for one request, where half of the renew deadline is not shorter.
const LIMIT: Duration = Duration::from_secs(5);

/// How long a Lease lasts, and how it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// For so long nobody takes the Lease after it was last renewed. Whole seconds.
    pub duration: Duration,
    /// So long its holder writes after the beginning of a renewal that succeeded. Shorter.
    pub renew_deadline: Duration,
    /// The time between two renewals, and between two looks at somebody else's Lease. Shorter still.
    pub retry: Duration,
}

impl Timing {
    /// The limit for one request: a connection that is dead in silence must not use up all of the time.
    fn patience(&self) -> Duration {
        LIMIT.min(self.renew_deadline / 2)
    }
}

/// A process that wants the Lease.
pub struct Election {
    api: Api<Lease>,
    name: LeaseName,
    /// This process and no other, nor an earlier one of the same name.
    identity: String,
    timing: Timing,
    claim: Claim,
    seen: Seen,
}

/// A Lease as it was when it last changed.
#[derive(Debug, Default)]
struct Seen {
    version: Option<String>,
    /// By the claim's clock.
    since: Duration,
}

/// Why a request led to nothing.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Refused(#[from] kube::Error),
    #[error("the API server did not answer in time")]
    Late(#[from] Elapsed),
}

/// What came of the attempt to take the Lease.
enum Attempt {
    Won(Box<Lease>),
    /// By whom.
    Taken(String),
}

/// What came of a renewal.
enum Renewed {
    Yes,
    /// Somebody changed the Lease, and it is still this process's.
    Again,
    /// Somebody else has it, or nobody.
    Lost(String),
}

impl Election {
    /// Nothing is sent yet. The claim is the one that [`win`](Self::win) makes good.
    #[must_use]
    pub fn new(kubernetes: kube::Client, name: &LeaseName, timing: Timing, claim: Claim) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self {
            api: Api::namespaced(kubernetes, &name.namespace),
            name: name.clone(),
            identity: format!("{host}_{}", Uuid::new_v4()),
            timing,
            claim,
            seen: Seen::default(),
        }
    }

    /// Waits until the Lease is this process's. `standing_by` is called each time that it is another's.
    pub async fn win(mut self, mut standing_by: impl FnMut()) -> Leadership {
        let mut said = String::new();
        loop {
            let (say, failed) = match self.attempt().await {
                Ok(Attempt::Won(lease)) => {
                    info!(lease = %self.name, identity = self.identity, "leading");
                    return Leadership { election: self, lease: *lease };
                }
                Ok(Attempt::Taken(holder)) => {
                    standing_by();
                    (format!("standing by while {holder} leads"), false)
                }
                Err(error) => (format!("the Lease cannot be read or taken: {error}"), true),
            };
            if say != said {
                match failed {
                    true => warn!(lease = %self.name, "{say}"),
                    false => info!(lease = %self.name, "{say}"),
                }
                said = say;
            }
            sleep(self.timing.retry).await;
        }
    }

    /// Takes the Lease if it is free, or tells who has it.
    async fn attempt(&mut self) -> Result<Attempt, Failure> {
        let patience = self.timing.patience();
        let found = timeout(patience, self.api.get_opt(&self.name.name)).await??;
        let sent = self.claim.now();
        let taken = match found {
            None => {
                let metadata = ObjectMeta { name: Some(self.name.name.clone()), ..ObjectMeta::default() };
                let lease = self.taken(Lease { metadata, spec: None });
                timeout(patience, self.api.create(&PostParams::default(), &lease)).await?
            }
            Some(lease) => {
                if self.seen.version != lease.metadata.resource_version {
                    self.seen = Seen { version: lease.metadata.resource_version.clone(), since: sent };
                }
                if let Some(holder) = self.holder(&lease, sent) {
                    return Ok(Attempt::Taken(holder));
                }
                self.replace(&self.taken(lease), patience).await?
            }
        };
        match taken {
            Ok(lease) => {
                self.claim.extend(sent + self.timing.renew_deadline);
                Ok(Attempt::Won(Box::new(lease)))
            }
            // Another was quicker; the next look tells who.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Attempt::Taken("another".to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Who else has the Lease.
    fn holder(&self, lease: &Lease, now: Duration) -> Option<String> {
        let holder = holder_of(lease).filter(|holder| *holder != self.identity)?;
        let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        let lasts = seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(self.timing.duration, Duration::from_secs);
        let lapsed = now.saturating_sub(self.seen.since) > lasts;
        (!lapsed).then(|| holder.to_owned())
    }

    /// The Lease, taken by this process.
    fn taken(&self, mut lease: Lease) -> Lease {
        let changes = holder_of(&lease) != Some(self.identity.as_str());
        let now = MicroTime(Timestamp::now());
        let spec = lease.spec.get_or_insert_default();
        if changes {
            spec.acquire_time = Some(now.clone());
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default().saturating_add(1));
        }
        spec.holder_identity = Some(self.identity.clone());
        spec.lease_duration_seconds = i32::try_from(self.timing.duration.as_secs()).ok();
        spec.renew_time = Some(now);
        lease
    }

    /// Replaces the Lease, unless it has changed.
    async fn replace(
        &self,
        lease: &Lease,
        patience: Duration,
    ) -> Result<Result<Lease, kube::Error>, Elapsed> {
        timeout(patience, self.api.replace(&self.name.name, &PostParams::default(), lease)).await
    }
}

/// Who has the Lease, as it says; not who let it lapse.
fn holder_of(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// The Lease, held.
pub struct Leadership {
    election: Election,
    /// As it was last written, or read.
    lease: Lease,
}

impl Leadership {
    /// Renews the Lease until it is lost. The claim has ended then. Returns why, in one line.
    pub async fn keep(&mut self) -> anyhow::Error {
        let timing = self.election.timing;
        loop {
            sleep(timing.retry.min(self.election.claim.left())).await;
            let left = self.election.claim.left();
            if left.is_zero() {
                let seconds = timing.renew_deadline.as_secs_f64();
                return anyhow!("lost the Lease {}: it was not renewed for {seconds} s", self.election.name);
            }
            match self.renew(left.min(timing.patience())).await {
                Ok(Renewed::Yes) => {}
                Ok(Renewed::Lost(holder)) => {
                    self.election.claim.end();
                    return anyhow!("lost the Lease {}: {holder} has it", self.election.name);
                }
                Ok(Renewed::Again) => info!(lease = %self.election.name, "somebody changed the Lease"),
                Err(error) => {
                    warn!(lease = %self.election.name, %error, "the Lease was not renewed: it is tried again");
                }
            }
        }
    }

    async fn renew(&mut self, patience: Duration) -> Result<Renewed, Failure> {
        let election = &self.election;
        let sent = election.claim.now();
        match election.replace(&election.taken(self.lease.clone()), patience).await? {
            Ok(lease) => {
                election.claim.extend(sent + election.timing.renew_deadline);
                self.lease = lease;
                Ok(Renewed::Yes)
            }
            Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => {
                let name = &election.name.name;
                let found = timeout(patience, election.api.get_opt(name)).await??;
                let holder = found.as_ref().and_then(holder_of).unwrap_or("nobody").to_owned();
                match found {
                    Some(lease) if holder == election.identity => {
                        self.lease = lease;
                        Ok(Renewed::Again)
                    }
                    _ => Ok(Renewed::Lost(holder)),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the claim and gives the Lease back, so that nobody has to wait for it to lapse. To be called when nothing is under way any
    /// more.
    pub async fn release(mut self) {
        self.election.claim.end();
        match timeout(LIMIT, self.give_back()).await {
            Ok(Ok(())) => info!(lease = %self.election.name, "gave the Lease back"),
            Ok(Err(error)) => {
                warn!(lease = %self.election.name, %error, "the Lease was not given back: it lapses");
            }
            Err(_) => warn!(lease = %self.election.name, "the Lease was not given back in time: it lapses"),
        }
    }

    async fn give_back(&mut self) -> Result<(), Failure> {
        let (api, name) = (&self.election.api, &self.election.name.name);
        loop {
            let transitions = self.lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
            let free = LeaseSpec { lease_transitions: transitions, ..LeaseSpec::default() };
            let lease = Lease { metadata: self.lease.metadata.clone(), spec: Some(free) };
            match api.replace(name, &PostParams::default(), &lease).await {
                Ok(_) => return Ok(()),
                // The answer to a renewal may have been missed.
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(error.into()),
            }
            match api.get_opt(name).await? {
                Some(lease) if holder_of(&lease) == Some(&self.election.identity) => self.lease = lease,
                _ => return Ok(()),
            }
        }
    }
}
