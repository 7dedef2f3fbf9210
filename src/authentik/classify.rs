//! From an HTTP answer to the [`Error`] that it stands for. Statuses and the shape of the body decide, not
//! words, which are localised; the exceptions say why they are safe.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use serde_json::Value;
use url::Url;

use super::error::{At, Cause, Error, Outcome};
use super::field_errors::FieldErrors;
use super::retry_after::retry_after;
use super::text::Cleaner;

/// So many characters of a server's text are kept.
const KEPT: usize = 300;

/// What authentik says with 403 when it does not take the token; any other 403 is about a permission. The
/// client asks for English, and all but the first (which comes from the REST framework) are not localised in
/// any case. Should one be missing here, an outage of the token is reported as a missing permission: wrong,
/// and harmless.
const CREDENTIALS: [&str; 4] = [
    "Authentication credentials were not provided.",
    "Token invalid/expired",
    "Unsupported authentication type", // up to 2025.10
    "Malformed header",
];

/// What authentik's front server says while authentik is starting.
const STARTING: &str = "authentik starting";

/// An answer that is not the JSON that was asked for.
pub(crate) struct Reply<'a> {
    /// The request.
    pub(crate) at: At,
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: &'a HeaderMap,
    /// The body, or its beginning.
    pub(crate) body: &'a [u8],
    /// Where the request went, for relative redirects.
    pub(crate) url: &'a Url,
    /// Hides the token.
    pub(crate) cleaner: Cleaner<'a>,
}

/// Whether the headers promise JSON. 2025.10 adds a charset.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// The error that an answer with any other status than 2xx stands for, or an answer with 2xx that is no JSON.
pub(crate) fn classify(reply: Reply<'_>) -> Error {
    let json = is_json(reply.headers).then(|| serde_json::from_slice::<Value>(reply.body).ok()).flatten();
    // What the API's own refusals carry, and what tells them from a proxy's.
    let detail = json.as_ref().and_then(|json| json.get("detail")?.as_str());
    let detail = detail.map(|detail| reply.cleaner.clean(detail, KEPT));
    let status = reply.status.as_u16();
    match (status, json, detail) {
        (300..=399, ..) => reply.redirect(),
        (400, Some(json), _) => {
            let errors = FieldErrors::from_body(&json, reply.cleaner);
            Error::Rejected { at: reply.at, errors }
        }
        // authentik's own, e.g. set_background_url without a URL up to 2025.10. A 400 with a page is a
        // proxy's: plain HTTP at a TLS port. One that is JSON, but longer than what is read of it, is
        // authentik's as well.
        (400, None, _) if reply.body.is_empty() || is_json(reply.headers) => {
            Error::Rejected { at: reply.at, errors: FieldErrors::default() }
        }
        // Never authentik's: a proxy in front wants credentials of its own.
        (401, _, detail) => {
            let detail =
                detail.unwrap_or_else(|| "status 401, which a proxy in front of authentik sent".to_owned());
            Error::Unauthorized { at: reply.at, detail }
        }
        (403, _, Some(detail)) if CREDENTIALS.contains(&detail.as_str()) => {
            Error::Unauthorized { at: reply.at, detail }
        }
        (403, _, Some(detail)) => Error::Forbidden { at: reply.at, detail },
        // A proxy's own 404 must not look like an object that is gone.
        (404, _, Some(detail)) => Error::NotFound { at: reply.at, detail },
        (404, ..) => Error::WrongPath { at: reply.at },
        (405, _, Some(_)) => Error::MethodNotAllowed { at: reply.at },
        (405, ..) if reply.body.is_empty() => reply.unreachable(Cause::Masked),
        (406 | 415, ..) => Error::ContentType { at: reply.at, status },
        (429, ..) => Error::Limited { at: reply.at, retry_after: retry_after(reply.headers) },
        (408 | 500..=599, ..) => {
            let text = reply.text();
            reply.unreachable(Cause::Status { status, text })
        }
        (200..=299, ..) if reply.text() == STARTING => {
            reply.unreachable(Cause::Status { status, text: STARTING.to_owned() })
        }
        (200..=299 | 400 | 403 | 405, ..) => {
            let content_type = reply.content_type();
            reply.unreachable(Cause::Foreign { status, content_type })
        }
        _ => Error::Unexpected { text: reply.text(), at: reply.at, status },
    }
}

impl Reply<'_> {
    fn unreachable(self, cause: Cause) -> Error {
        let outcome =
            if self.never_arrived(&cause) { Outcome::NotApplied } else { self.at.outcome_when_sent() };
        Error::Unreachable { retry_after: retry_after(self.headers), at: self.at, cause, outcome }
    }

    /// Whether authentik itself cannot have seen the request. Told by words of authentik's front server,
    /// which it does not localise. While authentik boots it sends nothing on and says so, with 503, 200 or
    /// 502, depending on the version. Its 502 names the error of its own attempt, of which only one in
    /// dialling is sure to have come before sending ("EOF" is common, and is not). A word more or less there
    /// errs to the side of `Unknown`.
    fn never_arrived(&self, cause: &Cause) -> bool {
        match cause {
            Cause::Redirect { status, .. } => matches!(status, 301 | 307 | 308),
            Cause::Status { status: 200 | 503, text } => text == STARTING,
            Cause::Status { status: 502, text } => {
                let error = text.strip_prefix("failed to connect to authentik backend: ");
                error.is_some_and(|error| error == STARTING || error.starts_with("dial "))
            }
            _ => false,
        }
    }

    fn redirect(self) -> Error {
        let location = self.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let target = match location.map(|location| self.url.join(location)) {
            // No path and no query: they can repeat what was asked, or hold a ticket.
            Some(Ok(target)) => self.cleaner.clean(&target.origin().ascii_serialization(), KEPT),
            _ => "nowhere".to_owned(),
        };
        let status = self.status.as_u16();
        self.unreachable(Cause::Redirect { status, target })
    }

    /// The words of an answer: the front server's `error` (whose JSON some versions call text/plain), a plain
    /// text, or just the content type. HTML says nothing in one line.
    fn text(&self) -> String {
        let json = serde_json::from_slice::<Value>(self.body).unwrap_or_default();
        if let Some(words) = ["error", "detail", "message"].iter().find_map(|key| json.get(key)?.as_str()) {
            return self.cleaner.clean(words, KEPT);
        }
        let content_type = self.content_type();
        match is_json(self.headers) || content_type.starts_with("text/plain") {
            true => self.cleaner.clean(&String::from_utf8_lossy(self.body), KEPT),
            false => content_type,
        }
    }

    fn content_type(&self) -> String {
        let value = self.headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        match value {
            Some(value) => self.cleaner.clean(&value, 60),
            None if self.body.is_empty() => "no content".to_owned(),
            None => "no content type".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
