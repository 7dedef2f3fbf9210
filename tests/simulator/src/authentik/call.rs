//! A request, read as far as every endpoint needs it.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, Method, Request, StatusCode};
use serde_json::{Value, json};

use super::answer::{Refusal, detail};
use super::events::Origin;
use super::list::Query;
use super::payload;
use super::permissions::Caller;
use super::version::Version;
use crate::Unstored;

/// A request.
pub(crate) struct Call {
    /// The version that answers.
    pub(crate) version: Version,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What the answer's `x-authentik-id` says; one that the client sends is not taken over.
    pub(crate) request_id: String,
    pub(crate) language: &'static str,
    /// Fields that a fault keeps from being stored.
    pub(crate) unstored: Vec<String>,
}

impl Call {
    pub(crate) fn new(request: Request<Bytes>, version: Version) -> Self {
        let (parts, body) = request.into_parts();
        let mut call = Call {
            version,
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: Query::parse(parts.uri.query()),
            headers: parts.headers,
            body,
            request_id: uuid::Uuid::new_v4().simple().to_string(),
            language: "en",
            unstored: parts
                .extensions
                .get::<Unstored>()
                .map(|unstored| unstored.0.clone())
                .unwrap_or_default(),
        };
        if call.header(ACCEPT_LANGUAGE).is_some_and(|language| language.trim_start().starts_with("de")) {
            call.language = "de";
        }
        call
    }

    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the client takes JSON: authentik has nothing else to offer.
    pub(crate) fn accepts_json(&self) -> bool {
        self.header(ACCEPT).is_none_or(|accept| {
            accept.split(',').any(|range| {
                let range = range.split(';').next().unwrap_or_default().trim();
                matches!(range, "*/*" | "application/*" | "application/json")
            })
        })
    }

    /// The body, which must be JSON by its content type. Nothing, of whatever type, counts as an empty object.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        if self.body.is_empty() {
            return Ok(json!({}));
        }
        self.must_be("application/json")?;
        payload::parse(&self.body, &self.version)
    }

    /// Refuses a body of another media type.
    pub(crate) fn must_be(&self, media_type: &str) -> Result<(), Refusal> {
        let given = self.header(CONTENT_TYPE).unwrap_or_default();
        let bare = given.split(';').next().unwrap_or_default().trim();
        if bare == media_type {
            return Ok(());
        }
        let text = format!("Unsupported media type \"{given}\" in request.");
        Err(detail(StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
    }

    /// Whom the event list will name for changes that the request makes.
    pub(crate) fn origin(&self, caller: &Caller) -> Origin {
        Origin {
            user: caller.user.clone(),
            method: self.method.to_string(),
            path: self.path.clone(),
            request_id: self.request_id.clone(),
            user_agent: self.header(USER_AGENT).unwrap_or_default().to_owned(),
        }
    }
}
