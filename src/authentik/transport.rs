//! One request and its answer: slot, token, sending, limits, and the two repetitions that are safe.

use std::error::Error as _;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use url::Url;

use super::classify::{Reply, classify, is_json};
use super::connection::{Connection, ConnectionError, Exchange, MayWrite, api_url};
use super::error::{At, Cause, Error, Outcome};
use super::gate::Gate;
use super::text::Cleaner;
use super::tls;
use super::token::{Token, TokenStore};

/// gunicorn closes idle connections after 2 s; one that is closed while a request is on its way fails it.
const IDLE: std::time::Duration = std::time::Duration::from_millis(1500);
/// So much of a refusal is read, in bytes: authentik repeats what was sent, which has no bound.
const REFUSAL: usize = 1024 * 1024;
/// So many characters of the library's words are kept.
const KEPT: usize = 300;
/// authentik's name for a request, in its log and in its events.
const REQUEST_ID: &str = "x-authentik-id";

/// A request, ready to be sent (and, where that is safe, to be sent again).
#[derive(Clone)]
pub(crate) struct Call {
    /// Method and path, for errors.
    pub(crate) at: At,
    /// The path without identifiers.
    pub(crate) endpoint: String,
    /// Path and query.
    pub(crate) url: Url,
    /// JSON.
    pub(crate) body: Option<Bytes>,
}

/// What sends requests.
pub(crate) struct Transport {
    http: reqwest::Client,
    token: TokenStore,
    slots: Semaphore,
    settings: Connection,
    /// The API's URL, with a slash at the end.
    pub(crate) base: Url,
}

impl Transport {
    pub(crate) fn new(settings: Connection) -> Result<Self, ConnectionError> {
        let base = api_url(&settings.url)?;
        let token = TokenStore::new(&settings.token)?;
        let tls = tls::client_config(settings.ca_file.as_deref(), base.scheme() == "https")?;
        let headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            // Refusals are shown to people, and English is what the documentation speaks.
            (ACCEPT_LANGUAGE, HeaderValue::from_static("en")),
        ]);
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .default_headers(headers)
            .user_agent(&settings.user_agent)
            // The token must not travel to where a Location points.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.request_timeout)
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(|error| ConnectionError::Setup(causes(&error, Cleaner::new(""))))?;
        let slots = Semaphore::new(settings.concurrency.clamp(1, Semaphore::MAX_PERMITS));
        Ok(Self { http, token, slots, settings, base })
    }

    /// Sends `call` and gives the answer, once it is known to be the 2xx that was asked for. Beyond the first
    /// attempt it sends it again in two cases, once each: a reading whose connection broke before an answer
    /// began (a kept-alive connection that the server was just closing), and any request whose token was
    /// refused when the token file has another one by now.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer<'_>, Error> {
        // The semaphore is never closed; were it, sending without a slot would be no harm.
        let mut slot = self.slots.acquire().await.ok();
        let token = self.token.current().await;
        let token = token.map_err(|reason| Error::NoToken { at: call.at.clone(), reason })?;
        match self.attempt(call.clone(), token.clone(), &mut slot).await {
            Err(error @ Error::Unauthorized { .. }) => match self.token.other_than(&token).await {
                Some(fresh) => self.attempt(call, fresh, &mut slot).await,
                None => Err(error),
            },
            answer => answer,
        }
    }

    /// The answer takes the slot with it; an error leaves it for the next attempt.
    async fn attempt<'a>(
        &'a self,
        call: Call,
        token: Arc<Token>,
        slot: &mut Option<SemaphorePermit<'a>>,
    ) -> Result<Answer<'a>, Error> {
        let mut sent = self.head(&call, &token).await;
        let broke = matches!(&sent, Err(Error::Unreachable { cause: Cause::Cut(_), .. }));
        if call.at.method.is_safe() && broke {
            sent = self.head(&call, &token).await;
        }
        let (response, watch) = sent?;
        let at = At { request_id: watch.request_id.clone(), ..call.at };
        let mut answer = Answer { response, at, token, settings: &self.settings, seen: 0, watch, slot: None };
        match answer.refusal(&call.url).await {
            Some(error) => Err(error),
            None => {
                answer.slot = slot.take();
                Ok(answer)
            }
        }
    }

    pub(crate) fn may_write(&self) -> Option<MayWrite> {
        self.settings.may_write.clone()
    }

    /// Whether `call` may be sent, or waited for, just now.
    fn permits(&self, call: &Call) -> bool {
        call.at.method.is_safe() || self.settings.may_write.as_ref().is_none_or(|may_write| may_write())
    }

    /// Sends `call` and waits for the beginning of the answer.
    async fn head(&self, call: &Call, token: &Token) -> Result<(Response, Watch<'_>), Error> {
        let mut request = self.http.request(call.at.method.clone(), call.url.clone());
        request = request.header(AUTHORIZATION, token.header());
        if let Some(body) = &call.body {
            let body = match &self.settings.may_write {
                Some(may_write) => reqwest::Body::wrap(Gate::new(body.clone(), Arc::clone(may_write))),
                None => body.clone().into(),
            };
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        if !self.permits(call) {
            return Err(Error::NotLeader { at: call.at.clone(), outcome: Outcome::NotApplied });
        }
        let mut watch = Watch::start(&self.settings, call);
        // Asked at every step, not at the first alone: connecting comes before sending, and can take its time.
        let mut sending = pin!(request.send());
        let sent = poll_fn(|context| match self.permits(call) {
            true => sending.as_mut().poll(context).map(Some),
            false => Poll::Ready(None),
        });
        let Some(sent) = sent.await else {
            return Err(Error::NotLeader { at: call.at.clone(), outcome: call.at.outcome_when_sent() });
        };
        match sent {
            Ok(response) => {
                watch.status = Some(response.status().as_u16());
                let id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
                watch.request_id = id.map(|id| Cleaner::new(token.expose()).clean(id, 64).into());
                Ok((response, watch))
            }
            Err(error) => Err(self.failure(call, &error, token)),
        }
    }

    fn failure(&self, call: &Call, error: &reqwest::Error, token: &Token) -> Error {
        let text = causes(error, Cleaner::new(token.expose()));
        let (cause, outcome) = if error.is_connect() {
            (Cause::Connect(text), Outcome::NotApplied)
        } else if error.is_timeout() {
            (Cause::Timeout(self.settings.request_timeout), call.at.outcome_when_sent())
        } else {
            (Cause::Cut(text), call.at.outcome_when_sent())
        };
        Error::Unreachable { at: call.at.clone(), cause, outcome, retry_after: None }
    }
}

/// A 2xx answer whose body is still to be read. Holds its slot until it is dropped.
pub(crate) struct Answer<'a> {
    response: Response,
    /// The request.
    pub(crate) at: At,
    token: Arc<Token>,
    settings: &'a Connection,
    seen: usize,
    watch: Watch<'a>,
    slot: Option<SemaphorePermit<'a>>,
}

impl Answer<'_> {
    /// The next piece of the body; `None` at its end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        let cause = match timeout(self.settings.stall_timeout, self.response.chunk()).await {
            Ok(Ok(piece)) => {
                self.seen = self.seen.saturating_add(piece.as_ref().map_or(0, Bytes::len));
                if self.seen > self.settings.max_answer {
                    return Err(Error::TooLarge { at: self.at.clone(), limit: self.settings.max_answer });
                }
                self.watch.complete |= piece.is_none();
                return Ok(piece);
            }
            Ok(Err(error)) if error.is_timeout() => Cause::Timeout(self.settings.request_timeout),
            Ok(Err(error)) => Cause::Cut(causes(&error, self.cleaner())),
            Err(_) => Cause::Stalled(self.settings.stall_timeout),
        };
        Err(self.unreachable(cause))
    }

    /// The whole body.
    pub(crate) async fn body(&mut self) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await? {
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// What hides the token in texts about this answer.
    pub(crate) fn cleaner(&self) -> Cleaner<'_> {
        Cleaner::new(self.token.expose())
    }

    /// The error for an answer that came and cannot be used.
    pub(crate) fn unreachable(&self, cause: Cause) -> Error {
        let outcome = self.at.outcome_when_sent();
        Error::Unreachable { at: self.at.clone(), cause, outcome, retry_after: None }
    }

    /// The error that this answer stands for, unless it is what was asked for: JSON, or 204 after a DELETE.
    /// An answer that asks to come back later is none, whatever its status: some versions of authentik's
    /// front server say with 200 that authentik is starting.
    async fn refusal(&mut self, url: &Url) -> Option<Error> {
        let (status, headers) = (self.response.status(), self.response.headers());
        let expected = match self.at.method {
            Method::DELETE => status == StatusCode::NO_CONTENT,
            _ => status.is_success() && is_json(headers) && !headers.contains_key(RETRY_AFTER),
        };
        if expected {
            return None;
        }
        let mut body = Vec::new();
        while body.len() < REFUSAL {
            match self.piece().await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => break,
                Err(error) => return Some(error),
            }
        }
        let (at, headers) = (self.at.clone(), self.response.headers());
        Some(classify(Reply { at, status, headers, body: &body, url, cleaner: self.cleaner() }))
    }
}

/// Tells the observer about an exchange when it is over, however it ends.
struct Watch<'a> {
    settings: &'a Connection,
    method: Method,
    endpoint: String,
    started: Instant,
    status: Option<u16>,
    request_id: Option<Box<str>>,
    complete: bool,
}

impl<'a> Watch<'a> {
    fn start(settings: &'a Connection, call: &Call) -> Self {
        let (method, endpoint) = (call.at.method.clone(), call.endpoint.clone());
        Self {
            settings,
            method,
            endpoint,
            started: Instant::now(),
            status: None,
            request_id: None,
            complete: false,
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(observer) = &self.settings.observer {
            observer(&Exchange {
                method: self.method.as_str(),
                endpoint: &self.endpoint,
                status: self.status,
                request_id: self.request_id.as_deref(),
                complete: self.complete,
                duration: self.started.elapsed(),
            });
        }
    }
}

/// What the library says, from the outermost to the innermost cause. Its own first line holds nothing but the
/// URL, whose query may be secret.
fn causes(error: &reqwest::Error, cleaner: Cleaner<'_>) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        // The HTTP client's own layer says no more than that there was an error in it.
        if !text.starts_with("client error (") && !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        source = cause.source();
    }
    match texts.is_empty() {
        true => "no further words".to_owned(),
        false => cleaner.clean(&texts.join(": "), KEPT),
    }
}
