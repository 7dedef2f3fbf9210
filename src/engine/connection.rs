//! Whether authentik can be reached: one probe for all, so that an outage costs one request a step and not one for each
//! resource.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::index::{Index, Interest};
use super::retry::exponential;
use crate::authentik::{Client, Error, Me, Version};
use crate::metrics::Metrics;

/// The limit for a probe.
const PROBE: Duration = Duration::from_secs(10);
/// So long authentik is left alone at most, however long it, or a proxy before it, asks for.
const PAUSE: Duration = Duration::from_secs(300);
/// How often the version is read while all is well.
const VERSION: Duration = Duration::from_secs(600);

/// The connection to authentik, as all reconciles share it.
pub(crate) struct Connection {
    client: Client,
    index: Arc<Index>,
    metrics: Metrics,
    state: watch::Sender<State>,
    suspicion: Notify,
    /// How long authentik asked to be left alone.
    pause: Mutex<Duration>,
}

#[derive(Debug, Clone, Default)]
struct State {
    /// The version that was last read.
    version: Option<Version>,
    /// Why there is no connection, as far as is known.
    failure: Option<String>,
    /// Whether the token may see everything.
    superuser: bool,
    /// Whether it is being found out.
    probing: bool,
    /// Grows with each connection that was lost and found again.
    epoch: u64,
}

impl Connection {
    /// Nothing is sent before [`run`](Self::run).
    pub(crate) fn new(client: Client, index: Arc<Index>, metrics: Metrics) -> Self {
        let state = watch::Sender::new(State { probing: true, ..State::default() });
        Self { client, index, metrics, state, suspicion: Notify::new(), pause: Mutex::default() }
    }

    /// Waits while it is being found out, then says whether requests make sense.
    ///
    /// # Errors
    /// Why they do not. Who is told so is to watch [`Interest::Connection`].
    pub(crate) async fn usable(&self) -> Result<(), String> {
        let mut state = self.state.subscribe();
        let known = state.wait_for(|state| !state.probing).await;
        match known.ok().and_then(|state| state.failure.clone()) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Why there is no connection, if there is none. Does not wait.
    pub(crate) fn failure(&self) -> Option<String> {
        self.state.borrow().failure.clone()
    }

    /// authentik's version, as it was last read.
    pub(crate) fn version(&self) -> Option<Version> {
        self.state.borrow().version.clone()
    }

    /// Whether the token may see everything, as far as is known.
    pub(crate) fn sees_everything(&self) -> bool {
        self.state.borrow().superuser
    }

    /// To be told of each error of a request. When it speaks of the connection and not of one object, all wait until a probe has
    /// told.
    pub(crate) fn suspect(&self, error: &Error) {
        if !is_outage(error) {
            return;
        }
        let pause = error.retry_after().map(|pause| pause.min(PAUSE));
        let begun = self.state.send_if_modified(|state| {
            let begins = !state.probing && state.failure.is_none();
            // Who asks for a pause needs no probe to be taken at its word.
            match pause {
                Some(_) if begins => state.failure = Some(error.to_string()),
                _ => state.probing |= begins,
            }
            begins
        });
        if begun {
            *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = pause.unwrap_or_default();
            self.suspicion.notify_one();
        }
    }

    /// Probes until `shutdown`: at the start, after a suspicion, while there is no connection, and now and then.
    pub(crate) async fn run(&self, url: &str, shutdown: CancellationToken) {
        let mut delays = exponential();
        let mut known = None;
        loop {
            let probe = async { self.probe(&mut known).await };
            let wait = match shutdown.run_until_cancelled(probe).await {
                None => return,
                Some(Ok(version)) => {
                    delays = exponential();
                    self.up(url, version, known.as_ref());
                    VERSION
                }
                Some(Err((failure, retry_after))) => {
                    self.down(url, failure);
                    retry_after.map(|pause| pause.min(PAUSE)).or_else(|| delays.next()).unwrap_or(PAUSE)
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.suspicion.notified() => {
                    let pause = std::mem::take(&mut *self.pause.lock().unwrap_or_else(PoisonError::into_inner));
                    if !pause.is_zero() {
                        warn!(seconds = pause.as_secs(), "authentik asks to be left alone for a while");
                    }
                    shutdown.run_until_cancelled(sleep(pause)).await;
                }
                () = sleep(wait) => {}
            }
        }
    }

    /// Reads the version and, once, who the token belongs to.
    async fn probe(&self, known: &mut Option<Me>) -> Result<Version, (String, Option<Duration>)> {
        let asked = async {
            let version = self.client.version().await?;
            if known.is_none() {
                *known = Some(self.client.me().await?);
            }
            Ok(version)
        };
        match timeout(PROBE, asked).await {
            Ok(Ok(version)) => Ok(version),
            Ok(Err(error)) => Err((Error::to_string(&error), error.retry_after())),
            Err(_) => Err((format!("authentik did not answer within {} s", PROBE.as_secs()), None)),
        }
    }

    fn up(&self, url: &str, version: Version, me: Option<&Me>) {
        let epoch = self.epoch() + u64::from(self.failure().is_some());
        let superuser = me.is_some_and(|me| me.is_superuser);
        let state = State { version: Some(version.clone()), superuser, epoch, ..State::default() };
        let before = self.state.send_replace(state);
        self.metrics.authentik_up(true);
        let other_version = before.version.as_ref() != Some(&version);
        if other_version {
            self.metrics.authentik_version(&version.to_string());
            let (user, superuser) = me.map(|me| (me.username.as_str(), me.is_superuser)).unwrap_or_default();
            info!(%version, %url, %user, superuser, "connected to authentik");
        } else if before.failure.is_some() {
            info!(%version, %url, "authentik answers again");
        }
        // After a suspicion that proved wrong nobody is woken: who had the error comes back by itself, after its delay.
        if other_version || before.failure.is_some() {
            self.index.wake(&Interest::Connection);
        }
    }

    fn down(&self, url: &str, failure: String) {
        self.metrics.authentik_up(false);
        let known = self.state.borrow().clone();
        let state = State { failure: Some(failure.clone()), probing: false, ..known };
        let before = self.state.send_replace(state);
        if before.failure.as_ref() != Some(&failure) {
            warn!(%url, reason = failure, "authentik cannot be used: it is tried again and again");
        }
        if before.failure.is_none() {
            self.index.wake(&Interest::Connection);
        }
    }

    /// Waits until there is a connection.
    pub(crate) async fn wait_up(&self) {
        let mut state = self.state.subscribe();
        // The sender lives as long as this does.
        let _ = state.wait_for(|state| !state.probing && state.failure.is_none()).await;
    }

    /// Which connection it is: another number after each that was lost.
    pub(crate) fn epoch(&self) -> u64 {
        self.state.borrow().epoch
    }

    /// Waits until there is another connection than the one with this number.
    pub(crate) async fn reconnected(&self, epoch: u64) {
        let mut state = self.state.subscribe();
        let _ = state.wait_for(|state| state.epoch != epoch).await;
    }
}

/// Whether an error speaks of authentik as a whole, or of the token.
#[must_use]
pub(crate) fn is_outage(error: &Error) -> bool {
    matches!(
        error,
        Error::Unreachable { .. }
            | Error::Unauthorized { .. }
            | Error::NoToken { .. }
            | Error::Limited { .. }
            | Error::WrongPath { .. }
            | Error::ContentType { .. }
            | Error::Unexpected { .. }
    )
}

#[cfg(test)]
mod tests;
