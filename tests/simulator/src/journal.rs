//! What the simulator was asked, by whom, and how it ended.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, Method};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::{Error, lock};

/// Requests that are kept; older ones go first. The counts go on.
const KEPT: usize = 100_000;

/// The largest body of a request that is kept, in bytes.
const KEPT_BODY: usize = 64 * 1024;

/// One request. Neither the token nor any other header but those that name the client are kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Number of the request, from 1 in the order of arrival.
    pub number: u64,
    /// Milliseconds since 1970 at its arrival.
    pub time_ms: u64,
    /// The header `x-client` if it is there, else `user-agent`, else `-`.
    pub client: String,
    /// Address and port from which the request came: the same for all requests of one connection.
    pub peer: String,
    /// The method.
    pub method: String,
    /// The path as sent, but without the base path.
    pub path: String,
    /// Whether the path is not below the base path, so that authentik did not see the request; then `path` is whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub outside: bool,
    /// The query as sent, without its `?`.
    pub query: String,
    /// Size of the request's body in bytes.
    pub body_bytes: usize,
    /// The request's body, when it is JSON of at most 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// How far it came.
    pub outcome: Outcome,
    /// The status that was answered. Also of an answer that no one waited for any more.
    pub status: Option<u16>,
    /// Milliseconds from arrival to outcome.
    pub duration_ms: Option<f64>,
    /// Ids of the faults that struck.
    pub faults: Vec<u64>,
}

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is being worked at.
    Pending,
    /// It was answered.
    Answered,
    /// There was an answer, but the client had closed the connection before.
    Abandoned,
    /// The connection was closed without a whole answer.
    Cut,
    /// It is left without an answer.
    Hung,
}

/// How often a client used a method on a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// As in [`Entry::client`].
    pub client: String,
    /// The method.
    pub method: String,
    /// As in [`Entry::path`].
    pub path: String,
    /// Requests.
    pub count: u64,
}

/// Chooses entries; what is not set does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only entries with a greater number.
    pub since: u64,
    /// Only this method.
    pub method: Option<String>,
    /// Only paths that match this [`Pattern`](crate::Pattern).
    pub path: Option<crate::Pattern>,
    /// Only this client.
    pub client: Option<String>,
}

impl Filter {
    /// Whether the entry is chosen.
    pub fn matches(&self, entry: &Entry) -> bool {
        entry.number > self.since
            && self.method.as_ref().is_none_or(|method| *method == entry.method)
            && self.path.as_ref().is_none_or(|path| path.matches(&entry.path))
            && self.client.as_ref().is_none_or(|client| *client == entry.client)
    }
}

/// The requests so far. Clones show the same journal.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    entries: VecDeque<Entry>,
    counts: BTreeMap<(String, String, String), u64>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), changed: watch::Sender::new(()) }))
    }

    /// All requests that are kept (the newest 100 000), in the order of their arrival.
    pub fn all(&self) -> Vec<Entry> {
        self.select(&Filter::default())
    }

    /// The requests that the filter chooses, in the order of their arrival.
    pub fn select(&self, filter: &Filter) -> Vec<Entry> {
        lock(&self.0.state).entries.iter().filter(|entry| filter.matches(entry)).cloned().collect()
    }

    /// Number of the newest request, 0 before the first: from here on with [`Filter::since`].
    pub fn last(&self) -> u64 {
        lock(&self.0.state).last
    }

    /// How often each client used each method on each path, since the start or the last [`clear`](Self::clear).
    pub fn counts(&self) -> Vec<Count> {
        let state = lock(&self.0.state);
        let counts = state.counts.iter().map(|((client, method, path), count)| Count {
            client: client.clone(),
            method: method.clone(),
            path: path.clone(),
            count: *count,
        });
        counts.collect()
    }

    /// Forgets requests and counts. Numbers go on.
    pub fn clear(&self) {
        let mut state = lock(&self.0.state);
        state.entries.clear();
        state.counts.clear();
        drop(state);
        self.0.changed.send_replace(());
    }

    /// Waits until the predicate holds, looking at all kept requests whenever one arrives or ends, and returns them as
    /// they were then. The journal must not be used within the predicate.
    ///
    /// # Errors
    /// After `patience`, with the last requests seen.
    pub async fn wait_for(
        &self,
        mut predicate: impl FnMut(&[Entry]) -> bool,
        patience: Duration,
    ) -> Result<Vec<Entry>, Error> {
        let mut changed = self.0.changed.subscribe();
        let seen = async {
            loop {
                changed.borrow_and_update();
                {
                    let mut state = lock(&self.0.state);
                    let entries = state.entries.make_contiguous();
                    if predicate(entries) {
                        return entries.to_vec();
                    }
                }
                // The sender lives as long as `self`.
                if changed.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        };
        tokio::time::timeout(patience, seen)
            .await
            .map_err(|_| Error::Waited { patience, seen: self.summary() })
    }

    /// The last requests in one line.
    fn summary(&self) -> String {
        const SHOWN: usize = 10;
        let entries = self.all();
        let mut text = format!("{} requests", entries.len());
        for (index, entry) in entries.iter().skip(entries.len().saturating_sub(SHOWN)).enumerate() {
            let status =
                entry.status.map_or_else(|| format!("{:?}", entry.outcome), |status| status.to_string());
            let before = if index == 0 { ", the last: " } else { "; " };
            let _ = write!(text, "{before}{} {} {status}", entry.method, entry.path);
        }
        text
    }

    /// Takes down a request that has arrived.
    pub(crate) fn arrived(&self, arrival: Arrival<'_>) -> Open {
        let mut state = lock(&self.0.state);
        state.last += 1;
        let key = (arrival.client.to_owned(), arrival.method.to_string(), arrival.path.to_owned());
        let entry = Entry {
            number: state.last,
            time_ms: unix_ms(),
            client: key.0.clone(),
            peer: arrival.peer.to_owned(),
            method: key.1.clone(),
            path: key.2.clone(),
            query: arrival.query.to_owned(),
            outside: arrival.outside,
            body_bytes: arrival.body.len(),
            body: (arrival.body.len() <= KEPT_BODY)
                .then(|| serde_json::from_slice(arrival.body).ok())
                .flatten(),
            outcome: Outcome::Pending,
            status: None,
            duration_ms: None,
            faults: arrival.faults.to_vec(),
        };
        *state.counts.entry(key).or_default() += 1;
        if state.entries.len() == KEPT {
            state.entries.pop_front();
        }
        state.entries.push_back(entry);
        let number = state.last;
        drop(state);
        self.0.changed.send_replace(());
        Open { journal: self.clone(), number, since: Instant::now(), ended: false }
    }

    fn update(&self, number: u64, change: impl FnOnce(&mut Entry)) {
        let mut state = lock(&self.0.state);
        // Entries are sorted by number; it may have been forgotten meanwhile.
        if let Ok(index) = state.entries.binary_search_by_key(&number, |entry| entry.number) {
            change(&mut state.entries[index]);
        }
        drop(state);
        self.0.changed.send_replace(());
    }
}

/// What is known of a request when it arrives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub(crate) client: &'a str,
    pub(crate) peer: &'a str,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) outside: bool,
    pub(crate) body: &'a [u8],
    pub(crate) faults: &'a [u64],
}

/// A request whose outcome is not known yet. Dropped without one (the simulator was stopped), it counts as cut.
#[derive(Debug)]
pub(crate) struct Open {
    journal: Journal,
    number: u64,
    since: Instant,
    ended: bool,
}

impl Open {
    pub(crate) fn end(mut self, outcome: Outcome, status: Option<u16>) {
        self.record(outcome, status);
    }

    fn record(&mut self, outcome: Outcome, status: Option<u16>) {
        self.ended = true;
        let duration = self.since.elapsed();
        self.journal.update(self.number, |entry| {
            entry.outcome = outcome;
            entry.status = status;
            entry.duration_ms = Some(duration.as_secs_f64() * 1000.0);
            tracing::info!(
                number = entry.number,
                client = entry.client,
                method = entry.method,
                path = entry.path,
                query = entry.query,
                outcome = ?outcome,
                status,
                ms = duration.as_millis(),
                faults = ?entry.faults,
                "request"
            );
        });
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.ended {
            self.record(Outcome::Cut, None);
        }
    }
}

/// The name of a client: what it calls itself. All replicas of a program have the same token, so that is no help.
pub(crate) fn client_name(headers: &HeaderMap) -> &str {
    let named = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    named("x-client").or_else(|| named("user-agent")).unwrap_or("-")
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
