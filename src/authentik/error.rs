//! What can go wrong between this client and authentik, sorted by what the caller can do about it.

use std::fmt;
use std::time::Duration;

use reqwest::Method;

use super::field_errors::FieldErrors;
use super::text::cut;
use super::token::TokenError;

/// So many characters of a path are shown.
const SHOWN_PATH: usize = 200;

/// The request that an error is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: Method,
    /// The path below `/api/v3`, percent-encoded, without the query (which may hold secrets).
    pub path: Box<str>,
    /// `x-authentik-id` of the answer, which authentik's own log repeats. Not part of the text, so that the
    /// same failure reads the same twice.
    pub request_id: Option<Box<str>>,
}

impl At {
    /// What is known of a change that was sent and got no clear answer; a reading changes nothing.
    pub(crate) fn outcome_when_sent(&self) -> Outcome {
        if self.method.is_safe() { Outcome::NotApplied } else { Outcome::Unknown }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, cut(&self.path, SHOWN_PATH))
    }
}

/// Whether a failed request may have changed something in authentik.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Certainly nothing changed.
    NotApplied,
    /// The change may have taken hold: only reading the object tells.
    Unknown,
}

/// Why a request failed. Each text is one bounded line that names method and path, and never shows the token
/// or a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No answer, or one that says nothing about the request: an outage, to be tried again later.
    #[error("{at}: authentik gives no usable answer: {cause}")]
    Unreachable {
        /// The request.
        at: At,
        /// What happened.
        cause: Cause,
        /// Whether a change may have taken hold.
        outcome: Outcome,
        /// How long the server asks to wait (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// The token is missing, unknown, expired, of the wrong kind, or its user is inactive. authentik says
    /// this with 403.
    #[error("{at}: authentik does not accept the token: {detail}")]
    Unauthorized {
        /// The request.
        at: At,
        /// The server's words.
        detail: String,
    },
    /// There is no token to send: nothing was sent.
    #[error("{at}: {reason}")]
    NoToken {
        /// The request.
        at: At,
        /// Why there is none.
        reason: TokenError,
    },
    /// Another process is the one that writes by now.
    #[error("{at}: another operator leads: not sent, or not waited for")]
    NotLeader {
        /// The request.
        at: At,
        /// Whether a change may have taken hold.
        outcome: Outcome,
    },
    /// The token is good, a permission is missing.
    #[error("{at}: not permitted: {detail}")]
    Forbidden {
        /// The request.
        at: At,
        /// The server's words.
        detail: String,
    },
    /// The API knows the endpoint, and no such object that the token may see (or, in a list, no such page).
    #[error("{at}: not found: {detail}")]
    NotFound {
        /// The request.
        at: At,
        /// The server's words.
        detail: String,
    },
    /// A 404 that does not come from the API: the URL has a wrong base path, or this authentik lacks the
    /// endpoint.
    #[error(
        "{at}: no such endpoint (a 404 that is not the API's): check the URL's path and authentik's version"
    )]
    WrongPath {
        /// The request.
        at: At,
    },
    /// authentik refuses the content: 400 with errors by field.
    #[error("{at}: refused: {errors}")]
    Rejected {
        /// The request.
        at: At,
        /// What is wrong with which field; empty when authentik gives no reason.
        errors: FieldErrors,
    },
    /// The endpoint exists and does not know the method: 405 with words. (Without words it is
    /// [`Cause::Masked`].)
    #[error("{at}: the endpoint does not know this method")]
    MethodNotAllowed {
        /// The request.
        at: At,
    },
    /// 406 or 415: request and server do not agree on JSON. A defect of this client, or of a proxy that
    /// rewrites headers.
    #[error("{at}: no agreement on the content type ({status})")]
    ContentType {
        /// The request.
        at: At,
        /// 406 or 415.
        status: u16,
    },
    /// 429: too many requests. authentik does not limit tokens; a proxy in front may.
    #[error("{at}: too many requests{}", wait(.retry_after))]
    Limited {
        /// The request.
        at: At,
        /// How long the server asks to wait (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// The answer is longer than the client reads.
    #[error("{at}: the answer is longer than {limit} bytes")]
    TooLarge {
        /// The request.
        at: At,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The answer is sound JSON, and not what the caller's type expects.
    #[error("{at}: {}: {reason}", what(.pk))]
    Undecodable {
        /// The request.
        at: At,
        /// The row's primary key, when it is a row of a list and shows one.
        pk: Option<String>,
        /// What does not fit.
        reason: String,
    },
    /// A list changed while it was read, at every attempt.
    #[error("{at}: the list changed while it was read, {readings} times in a row")]
    Unsettled {
        /// The request.
        at: At,
        /// How often it was read.
        readings: usize,
    },
    /// A filter that should leave a handful of rows left more than a page: most likely authentik does not
    /// know it.
    #[error("{at}: {count} rows where a page was to suffice: the filter seems to be ignored")]
    TooMany {
        /// The request.
        at: At,
        /// How many rows authentik has for the query.
        count: u64,
    },
    /// The request cannot be made: an empty or relative path segment, or a body that is no JSON. Nothing was
    /// sent.
    #[error("{at}: cannot be sent: {reason}")]
    Unsendable {
        /// The request.
        at: At,
        /// Why.
        reason: String,
    },
    /// A status that authentik was never seen to use.
    #[error("{at}: unexpected answer {status}: {text}")]
    Unexpected {
        /// The request.
        at: At,
        /// The status.
        status: u16,
        /// The beginning of the answer's text, or its content type.
        text: String,
    },
}

/// Why no usable answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// Name resolution, connecting, a proxy's refusal to connect, or the TLS handshake failed: nothing was
    /// sent.
    #[error("no connection: {0}")]
    Connect(String),
    /// The whole request took longer than its limit.
    #[error("not complete within {0:?}")]
    Timeout(Duration),
    /// The answer began, and then nothing came for the limit between two pieces.
    #[error("it fell silent for {0:?} in the middle of the answer")]
    Stalled(Duration),
    /// The connection broke after it was established, or what came is not HTTP.
    #[error("the connection broke: {0}")]
    Cut(String),
    /// 5xx, or 408.
    #[error("status {status}: {text}")]
    Status {
        /// The status.
        status: u16,
        /// The beginning of the answer's text, or its content type.
        text: String,
    },
    /// 405 without a body: authentik's error pages know GET alone, so this is how a 500 (or a 404 of the
    /// router) looks after POST, PUT, PATCH or DELETE.
    #[error("an empty 405, which stands for an internal error")]
    Masked,
    /// HTML or something else that does not come from authentik's API: a proxy's page, a sign-in page.
    #[error("status {status} with {content_type}, which is not authentik's API speaking")]
    Foreign {
        /// The status.
        status: u16,
        /// The content type, or “no content”.
        content_type: String,
    },
    /// A redirect, which is never followed: the token must not travel.
    #[error("a redirect ({status}) to {target}: check scheme and path of the URL")]
    Redirect {
        /// The status.
        status: u16,
        /// Scheme and host of the `Location`; the same host for a relative one.
        target: String,
    },
    /// The answer says that it is JSON, and is not.
    #[error("broken JSON: {0}")]
    Garbage(String),
}

impl Error {
    /// The request.
    pub fn at(&self) -> &At {
        match self {
            Self::Unreachable { at, .. }
            | Self::Unauthorized { at, .. }
            | Self::NoToken { at, .. }
            | Self::NotLeader { at, .. }
            | Self::Forbidden { at, .. }
            | Self::NotFound { at, .. }
            | Self::WrongPath { at }
            | Self::Rejected { at, .. }
            | Self::MethodNotAllowed { at }
            | Self::ContentType { at, .. }
            | Self::Limited { at, .. }
            | Self::TooLarge { at, .. }
            | Self::Undecodable { at, .. }
            | Self::Unsettled { at, .. }
            | Self::TooMany { at, .. }
            | Self::Unsendable { at, .. }
            | Self::Unexpected { at, .. } => at,
        }
    }

    /// Whether a change may have taken hold all the same. For readings always [`Outcome::NotApplied`].
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Unreachable { outcome, .. } | Self::NotLeader { outcome, .. } => *outcome,
            Self::TooLarge { at, .. } | Self::Undecodable { at, .. } | Self::Unexpected { at, .. } => {
                at.outcome_when_sent()
            }
            _ => Outcome::NotApplied,
        }
    }

    /// How long the server asks to wait before the next request.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unreachable { retry_after, .. } | Self::Limited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The class in one word, for metrics: one of a small, fixed set.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Unauthorized { .. } => "unauthorized",
            Self::NoToken { .. } => "no_token",
            Self::NotLeader { .. } => "not_leader",
            Self::Forbidden { .. } => "forbidden",
            Self::NotFound { .. } => "not_found",
            Self::WrongPath { .. } => "wrong_path",
            Self::Rejected { .. } => "rejected",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::ContentType { .. } => "content_type",
            Self::Limited { .. } => "limited",
            Self::TooLarge { .. } => "too_large",
            Self::Undecodable { .. } => "undecodable",
            Self::Unsettled { .. } => "unsettled",
            Self::TooMany { .. } => "too_many",
            Self::Unsendable { .. } => "unsendable",
            Self::Unexpected { .. } => "unexpected",
        }
    }
}

fn wait(retry_after: &Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!(", to be tried again after {} s", wait.as_secs()))
}

fn what(pk: &Option<String>) -> String {
    match pk {
        Some(pk) => format!("the row with pk {pk} cannot be read"),
        None => "the answer cannot be read".to_owned(),
    }
}
