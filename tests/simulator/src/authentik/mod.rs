//! The model of authentik: what it remembers, and what it answers.
//!
//! A request goes its way as in Django REST framework: route, content negotiation, authentication, permission, the
//! object, the body, its validation, the write, the answer. Between reading and writing other requests have their turn
//! ([`Authentik::with_write_gap`]): that is how concurrent changes lose updates, bring deleted objects back and make
//! unique keys collide, on a real server as here.

mod actions;
mod answer;
mod avatar;
mod background;
mod call;
mod documents;
mod duration;
mod events;
mod field;
mod information;
mod kind;
mod kinds;
mod list;
mod objects;
mod payload;
mod permission;
mod permissions;
mod python;
mod relations;
mod routes;
mod seed;
mod state;
mod store;
mod title;
mod version;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

pub use seed::BrokenSeed;
pub use version::{Minor, UnknownVersion, Version};

use answer::{Answer, Envelope, Refusal, detail};
use call::Call;
use routes::{Matched, Route};
use state::State;

/// How long a write takes between reading and writing unless told otherwise: real servers take tens of milliseconds; this
/// is enough for requests of the same moment to meet.
pub const DEFAULT_WRITE_GAP: Duration = Duration::from_millis(2);

/// One simulated authentik. Clones share its state.
#[derive(Clone, Debug)]
pub struct Authentik {
    state: Arc<Mutex<State>>,
    write_gap: Duration,
}

impl Authentik {
    /// An authentik as it is after its first start: the default flows, stages and bindings, and the administrator's API
    /// token with this key.
    ///
    /// What a fresh 2026.2.2 answers is the state of every version; fields that a version lacks are not shown.
    pub fn new(version: Version, token: &str) -> Self {
        Self::from_state(seed::fresh(version, token))
    }

    /// An authentik without flows, stages and bindings: the administrator and nothing else.
    pub fn empty(version: Version, token: &str) -> Self {
        Self::from_state(seed::empty(version, token))
    }

    /// An authentik in the state that a document of answers describes: path (`GET /flows/instances/`) to answer.
    ///
    /// # Errors
    /// If the document lacks something that a fresh authentik has.
    pub fn from_answers(version: Version, token: &str, answers: &Value) -> Result<Self, BrokenSeed> {
        seed::from_answers(version, token, answers).map(Self::from_state)
    }

    fn from_state(state: State) -> Self {
        Authentik { state: Arc::new(Mutex::new(state)), write_gap: DEFAULT_WRITE_GAP }
    }

    /// Changes how long a write takes between reading and writing; zero makes each request a whole.
    pub fn with_write_gap(self, write_gap: Duration) -> Self {
        Authentik { write_gap, ..self }
    }

    /// The version that it plays.
    pub fn version(&self) -> Version {
        self.lock().version.clone()
    }

    /// Lays identifiers ready for what the next request creates: names of identifiers (`pk`,
    /// `policybindingmodel_ptr_id`) to values. What is not taken is dropped with the next call. For replays, whose lists are in
    /// the order of identifiers.
    pub fn lay_identifiers_ready<'a>(&self, identifiers: impl IntoIterator<Item = (&'a str, Value)>) {
        let mut state = self.lock();
        state.identifiers.forget_ready();
        for (name, value) in identifiers {
            state.identifiers.lay_ready(name, value);
        }
    }

    /// Answers a request as authentik would. Paths begin with `/api/v3/`.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let call = Call::new(request, self.version());
        let matched = routes::find(&call.path, &call.version);
        let answer = match &matched {
            Some(matched) => self.answer(&call, matched).await.unwrap_or_else(|refusal| *refusal),
            None => Answer::Page(StatusCode::NOT_FOUND),
        };
        answer.into_response(Envelope {
            version: &call.version,
            allow: matched.and_then(|matched| matched.allow()),
            language: call.language,
            request_id: call.request_id.clone(),
            is_get: matches!(call.method, Method::GET | Method::HEAD),
        })
    }

    async fn answer(&self, call: &Call, matched: &Matched) -> Result<Answer, Refusal> {
        if let Route::Single(single) = &matched.route
            && let Some(answer) = self.anonymous(*single, call)
        {
            return Ok(answer);
        }
        if !call.accepts_json() {
            return Err(detail(StatusCode::NOT_ACCEPTABLE, "Could not satisfy the request Accept header."));
        }
        let caller = self.lock().authenticate(&call.headers)?;
        let method = if call.method == Method::HEAD { Method::GET } else { call.method.clone() };
        if !matched.allow.split(", ").any(|allowed| allowed == method.as_str()) {
            return Err(detail(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("Method \"{}\" not allowed.", call.method),
            ));
        }
        if method == Method::OPTIONS {
            let types = ["application/json"];
            return Ok(answer::ok(json!({"renders": types, "parses": types})));
        }
        match &matched.route {
            Route::Collection(kind) if method == Method::GET => self.list(&caller, kind, &call.query),
            Route::Collection(kind) => self.create(call, &caller, kind).await,
            Route::Object(kind, key) => match method {
                Method::GET => self.retrieve(&caller, kind, key),
                Method::DELETE => self.destroy(call, &caller, kind, key).await,
                _ => self.update(call, &caller, kind, key).await,
            },
            Route::UsedBy(kind, key) => {
                let state = self.lock();
                let row = state.object(&caller, kind, key, "view")?;
                Ok(answer::ok(state.used_by(&caller, row)))
            }
            Route::ObjectAction(action, key) => self.act(call, &caller, *action, key),
            Route::Single(single) => self.single(call, &caller, *single, &method),
        }
    }

    /// The state. A panic of another request, should there be one, does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets other requests have their turn between reading and writing: half to one and a half of the write gap, so that
    /// requests of one moment overtake each other.
    async fn gap(&self) {
        if self.write_gap.is_zero() {
            tokio::task::yield_now().await;
            return;
        }
        let permille = 500 + uuid::Uuid::new_v4().as_u128() % 1000;
        let gap = self.write_gap * u32::try_from(permille).unwrap_or(1000) / 1000;
        tokio::time::sleep(gap).await;
    }
}
