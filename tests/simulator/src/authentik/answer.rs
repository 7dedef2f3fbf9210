//! What the simulator answers, and the headers that authentik puts on every answer.

use bytes::Bytes;
use http::header::{
    ALLOW, CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderValue, REFERRER_POLICY, VARY,
};
use http::header::{X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::version::Version;
use crate::Rows;

/// The body and status of an answer, before headers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// JSON, or nothing for a status without a body.
    Json(StatusCode, Value),
    /// A list: JSON with a number of rows.
    Rows(Value, usize),
    /// A status with an empty body and no content type.
    Empty(StatusCode),
    /// A file to download: its name and its text.
    Attachment(String, String),
    /// A status with an empty page (`text/html`), as Django answers where no serializer speaks.
    EmptyPage(StatusCode),
    /// The error page of a path that does not exist, or of an unhandled error.
    Page(StatusCode),
}

/// An answer that ends a request early.
pub(crate) type Refusal = Box<Answer>;

pub(crate) fn ok(body: Value) -> Answer {
    Answer::Json(StatusCode::OK, body)
}

pub(crate) fn created(body: Value) -> Answer {
    Answer::Json(StatusCode::CREATED, body)
}

pub(crate) fn no_content() -> Answer {
    Answer::Empty(StatusCode::NO_CONTENT)
}

pub(crate) fn refuse(status: StatusCode, body: Value) -> Refusal {
    Box::new(Answer::Json(status, body))
}

pub(crate) fn detail(status: StatusCode, text: impl Into<String>) -> Refusal {
    refuse(status, json!({"detail": text.into()}))
}

/// 400 with the errors of fields.
pub(crate) fn invalid(errors: Value) -> Refusal {
    refuse(StatusCode::BAD_REQUEST, errors)
}

/// 400 with an error of the whole object.
pub(crate) fn invalid_object(text: &str) -> Refusal {
    invalid(json!({"non_field_errors": [text]}))
}

/// 404 for an object of a class.
pub(crate) fn missing(class: &str) -> Refusal {
    detail(StatusCode::NOT_FOUND, format!("No {class} matches the given query."))
}

/// 403 for a missing permission.
pub(crate) fn forbidden() -> Refusal {
    detail(StatusCode::FORBIDDEN, "You do not have permission to perform this action.")
}

/// An unhandled error of the server. A GET shows its page; every other method is answered with an empty 405, since the
/// view of the error page knows GET alone (recordings `flow-slug…`, `validate-patch-threshold-hours=inf`).
pub(crate) fn broken() -> Refusal {
    Box::new(Answer::Page(StatusCode::INTERNAL_SERVER_ERROR))
}

/// What the headers of an answer depend on beside the answer itself.
pub(crate) struct Envelope<'a> {
    pub(crate) version: &'a Version,
    /// The methods of the route; none where no route was found.
    pub(crate) allow: Option<&'static str>,
    pub(crate) language: &'static str,
    pub(crate) request_id: String,
    pub(crate) is_get: bool,
}

const ERROR_PAGE_METHODS: &str = "GET, HEAD, OPTIONS";
const PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><title>authentik</title></head><body>authentik: error</body></html>\n";

impl Answer {
    /// The response as it goes to the client.
    pub(crate) fn into_response(self, envelope: Envelope<'_>) -> Response<Bytes> {
        let mut disposition = None;
        let (status, content_type, body, masked) = match self {
            Answer::Json(status, body) => {
                (status, Some(envelope.version.json_content_type()), body.to_string().into(), false)
            }
            Answer::Rows(body, rows) => {
                let mut response = Answer::Json(StatusCode::OK, body).into_response(envelope);
                response.extensions_mut().insert(Rows(rows));
                return response;
            }
            Answer::Empty(status) => (status, None, Bytes::new(), false),
            Answer::Attachment(name, text) => {
                disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")).ok();
                (StatusCode::OK, Some("text/html; charset=utf-8"), text.into(), false)
            }
            Answer::EmptyPage(status) => (status, Some("text/html; charset=utf-8"), Bytes::new(), false),
            Answer::Page(status) if envelope.is_get => {
                (status, Some("text/html; charset=utf-8"), Bytes::from_static(PAGE.as_bytes()), true)
            }
            Answer::Page(_) => {
                (StatusCode::METHOD_NOT_ALLOWED, Some("text/html; charset=utf-8"), Bytes::new(), true)
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        let allow = match (masked, envelope.is_get) {
            (true, true) => None,
            (true, false) => Some(ERROR_PAGE_METHODS),
            (false, _) => envelope.allow,
        };
        if let Some(allow) = allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Language, Cookie"));
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(envelope.language));
        if let Some(disposition) = disposition {
            headers.insert(CONTENT_DISPOSITION, disposition);
        }
        if let Ok(id) = HeaderValue::from_str(&envelope.request_id) {
            headers.insert("x-authentik-id", id);
        }
        response
    }
}
