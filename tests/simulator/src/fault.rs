//! What can go wrong: one fault as a test describes it.

use std::collections::BTreeMap;
use std::str::FromStr;

use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Error;
use crate::pattern::Pattern;

/// The methods that a fault can name.
const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

/// Headers that belong to the connection: a fault that set them would break the framing in ways of its own.
const OF_THE_CONNECTION: [&str; 3] = ["connection", "content-length", "transfer-encoding"];

/// Something that goes wrong: for which requests, when, and what.
///
/// In JSON: `{"methods": ["PATCH"], "path": "/api/v3/flows/instances/*/", "client": "a", "when": "once", "do": {"cut":
/// "after"}}`, where all but `do` may be left out. [`FromStr`] reads that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    methods: Vec<String>,
    #[serde(default = "anything")]
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(default)]
    when: When,
    #[serde(rename = "do")]
    action: Action,
}

/// Which of the matching requests a fault strikes. Requests are counted from the injection of the fault on, from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Each, until the fault is cleared.
    #[default]
    Always,
    /// The first.
    Once,
    /// The first so many.
    Times(u64),
    /// Only the n-th.
    Nth(u64),
    /// Each with a probability. Which ones follows from the seed and the number of the request alone, so that a run
    /// can be had again.
    Random(Chance),
}

/// A probability and the seed of its dice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chance {
    /// From 0 (never) to 1 (always).
    pub probability: f64,
    /// Any number; the same one gives the same decisions.
    #[serde(default)]
    pub seed: u64,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// An answer in place of authentik's.
    Answer(Answer),
    /// authentik's answer to an error of its own in a request that writes: 405 and an empty body. The change did not
    /// take hold.
    MaskedError,
    /// 503 with `Retry-After: 5`, as authentik's front server answers while authentik starts.
    Starting,
    /// 502, as authentik's front server answers when authentik is gone.
    BadGateway,
    /// A body that is not what its status says.
    Body(Spoilt),
    /// The connection is closed.
    Cut(Point),
    /// The connection stays open, and no answer comes.
    Hang(Moment),
    /// These fields of the request's body are accepted but not stored; the answer shows what is stored.
    Unstored(Vec<String>),
    /// So many milliseconds pass before authentik sees the request.
    DelayMs(u64),
    /// The answer is held back, after the change took hold.
    Latency(Latency),
}

/// An answer that authentik did not give.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// From 200 to 599.
    pub status: u16,
    /// Headers; without a `content-type` there is one only when `json` is given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body as JSON, in place of `body`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// Whether authentik gets the request nevertheless, and its answer is lost: so answers a proxy whose patience
    /// ended.
    #[serde(default)]
    pub applied: bool,
}

/// A body that no client of authentik expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spoilt {
    /// 200 and the HTML page of something that stands before authentik. authentik does not see the request.
    Html,
    /// authentik's status and headers, and bytes that are neither JSON nor UTF-8. The change took hold.
    Garbage,
    /// authentik's status and headers, and the first half of its body as if that were all. The change took hold.
    Truncated,
}

/// Where a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Before authentik sees the request.
    Before,
    /// After the change took hold, before any of the answer is sent.
    After,
    /// After the change took hold, in the midst of the answer's body: its `content-length` promises more. (An answer
    /// without a body is cut as with [`Point::After`].)
    Body,
}

/// When a request is left waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Before authentik sees it.
    Before,
    /// After the change took hold.
    After,
}

/// How long authentik takes to answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Milliseconds for each answer.
    #[serde(default)]
    pub fixed_ms: u64,
    /// Milliseconds for each row that the answer holds.
    #[serde(default)]
    pub per_row_ms: u64,
}

impl Fault {
    /// Strikes every request, until it is told otherwise.
    pub fn new(action: Action) -> Self {
        Self { methods: Vec::new(), path: anything(), client: None, when: When::Always, action }
    }

    /// Strikes requests of this method; several calls name several methods.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.methods.push(method.into());
        self
    }

    /// Strikes requests whose path matches the [`Pattern`].
    #[must_use]
    pub fn path(mut self, pattern: impl Into<String>) -> Self {
        self.path = pattern.into();
        self
    }

    /// Strikes requests of this client, as the journal names it.
    #[must_use]
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// Strikes at these of the matching requests.
    #[must_use]
    pub fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    /// Strikes the first matching request only.
    #[must_use]
    pub fn once(self) -> Self {
        self.when(When::Once)
    }

    /// Strikes the first `n` matching requests.
    #[must_use]
    pub fn times(self, n: u64) -> Self {
        self.when(When::Times(n))
    }

    /// Strikes the `n`-th matching request only, counted from 1.
    #[must_use]
    pub fn nth(self, n: u64) -> Self {
        self.when(When::Nth(n))
    }

    /// Strikes each matching request with a probability, decided by a seed.
    #[must_use]
    pub fn random(self, probability: f64, seed: u64) -> Self {
        self.when(When::Random(Chance { probability, seed }))
    }

    pub(crate) fn action(&self) -> &Action {
        &self.action
    }

    pub(crate) fn due(&self, matched: u64, fired: u64) -> bool {
        self.when.due(matched, fired)
    }

    /// Checks what the types leave open, and prepares the matching.
    pub(crate) fn check(&self) -> Result<Matcher, Error> {
        let wrong = |why: String| Err(Error::Fault(why));
        for method in &self.methods {
            if !METHODS.contains(&method.as_str()) {
                return wrong(format!("unknown method {method:?}, expected some of {}", METHODS.join(", ")));
            }
        }
        match self.when {
            When::Times(0) | When::Nth(0) => return wrong("`times` and `nth` count from 1".to_owned()),
            When::Random(Chance { probability, .. }) if !(0.0..=1.0).contains(&probability) => {
                return wrong(format!("a probability is from 0 to 1, not {probability}"));
            }
            _ => {}
        }
        match &self.action {
            Action::Answer(answer) => answer.check()?,
            Action::Unstored(fields) if fields.is_empty() => {
                return wrong("`unstored` names no field".to_owned());
            }
            _ => {}
        }
        Ok(Matcher {
            methods: self.methods.clone(),
            path: Pattern::try_from(self.path.clone()).map_err(Error::Fault)?,
            client: self.client.clone(),
        })
    }
}

impl FromStr for Fault {
    type Err = Error;

    /// Reads the JSON form, refusing what it does not know.
    fn from_str(text: &str) -> Result<Self, Error> {
        let fault: Self = serde_json::from_str(text).map_err(|error| Error::Fault(error.to_string()))?;
        fault.check()?;
        Ok(fault)
    }
}

impl From<Answer> for Action {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl Answer {
    /// An answer with this status and an empty body.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Sets the body, as text.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the body, as JSON.
    #[must_use]
    pub fn json(mut self, body: Value) -> Self {
        self.json = Some(body);
        self
    }

    /// Lets authentik have the request nevertheless.
    #[must_use]
    pub fn applied(mut self) -> Self {
        self.applied = true;
        self
    }

    /// What [`Action::MaskedError`] answers.
    pub(crate) fn masked_error() -> Self {
        Self::status(405)
            .header("content-type", "text/html; charset=utf-8")
            .header("allow", "GET, HEAD, OPTIONS")
    }

    /// What [`Action::Starting`] answers.
    pub(crate) fn starting() -> Self {
        Self::status(503).header("retry-after", "5").json(json!({"error": "authentik starting"}))
    }

    /// What [`Action::BadGateway`] answers.
    pub(crate) fn bad_gateway() -> Self {
        let dialled = "dial unix /dev/shm/authentik-core.sock: connect: connection refused";
        Self::status(502).json(json!({"error": format!("failed to connect to authentik backend: {dialled}")}))
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |why: String| Err(Error::Fault(why));
        if !(200..600).contains(&self.status) {
            return wrong(format!("a status is from 200 to 599, not {}", self.status));
        }
        if self.body.is_some() && self.json.is_some() {
            return wrong("`body` and `json` exclude each other".to_owned());
        }
        for (name, value) in &self.headers {
            if OF_THE_CONNECTION.contains(&name.to_ascii_lowercase().as_str()) {
                return wrong(format!("the header {name:?} is not a fault's to set"));
            }
            if HeaderName::from_str(name).is_err() || HeaderValue::from_str(value).is_err() {
                return wrong(format!("{name:?}: {value:?} is not a header"));
            }
        }
        Ok(())
    }
}

/// Which requests a fault is for.
#[derive(Debug)]
pub(crate) struct Matcher {
    methods: Vec<String>,
    path: Pattern,
    client: Option<String>,
}

impl Matcher {
    pub(crate) fn matches(&self, method: &Method, path: &str, client: &str) -> bool {
        (self.methods.is_empty() || self.methods.iter().any(|name| name == method.as_str()))
            && self.client.as_deref().is_none_or(|name| name == client)
            && self.path.matches(path)
    }
}

impl When {
    /// Whether the fault strikes at the `matched`-th matching request (from 1), after it struck `fired` times.
    fn due(self, matched: u64, fired: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Once => fired == 0,
            Self::Times(times) => fired < times,
            Self::Nth(nth) => matched == nth,
            Self::Random(chance) => chance.strikes(matched),
        }
    }
}

impl Chance {
    /// SplitMix64 over seed and number, written out so that no release of a crate can change a recorded seed's meaning.
    fn strikes(self, number: u64) -> bool {
        let mut mixed = self.seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // The upper 53 bits are a fraction in [0, 1) without rounding.
        ((mixed >> 11) as f64) * (-53f64).exp2() < self.probability
    }
}

fn anything() -> String {
    Pattern::any().into()
}
