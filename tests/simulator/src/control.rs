//! The endpoint by which tests in other processes tell the simulator what to do.
//!
//! It lies below `/-/simulator/`: authentik keeps `/-/` for what concerns the server itself (`/-/health/live/`,
//! `/-/health/ready/`, `/-/metrics/`), so no flow, application or API path can ever be there, and authentik has nothing
//! called `simulator`.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::Error;
use crate::exchange::Exchanges;
use crate::fault::Fault;
use crate::journal::Filter;
use crate::pattern::Pattern;

/// Where the endpoint begins.
pub(crate) const PREFIX: &str = "/-/simulator/";

/// The endpoint, and what it says of the simulator.
#[derive(Debug)]
pub(crate) struct Control {
    /// The version of authentik that is played.
    pub(crate) version: String,
}

/// What was asked for in vain: a status and one line.
type Refusal = (StatusCode, String);

impl Control {
    /// The part of the path below the endpoint, if the request is for it. It is found at the root and below the base
    /// path.
    pub(crate) fn path(&self, request: &Request<()>, base_path: &str) -> Option<String> {
        let path = request.uri().path();
        let below = path.strip_prefix(base_path).and_then(|path| path.strip_prefix(PREFIX));
        below.or_else(|| path.strip_prefix(PREFIX)).map(str::to_owned)
    }

    pub(crate) fn answer(
        &self,
        exchanges: &Exchanges,
        request: &Request<()>,
        path: &str,
        body: &[u8],
    ) -> Response<Bytes> {
        let method = request.method();
        let query = request.uri().query().unwrap_or_default();
        let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let outcome = match (segments.as_slice(), method) {
            ([""], &Method::GET) => Ok((StatusCode::OK, self.about())),
            (["faults"], &Method::GET) => Ok((StatusCode::OK, json!({"faults": exchanges.faults.all()}))),
            (["faults"], &Method::POST) => inject(exchanges, body),
            (["faults"], &Method::DELETE) => {
                exchanges.faults.clear();
                Ok((StatusCode::NO_CONTENT, Value::Null))
            }
            (["faults", id], &Method::GET) => fault(exchanges, id),
            (["faults", id], &Method::DELETE) => remove(exchanges, id),
            (["requests"], &Method::GET) => requests(exchanges, query),
            (["requests"], &Method::DELETE) => {
                exchanges.journal.clear();
                Ok((StatusCode::NO_CONTENT, Value::Null))
            }
            (["counts"], &Method::GET) => Ok((StatusCode::OK, json!({"counts": exchanges.journal.counts()}))),
            (["faults"], _) => return not_allowed(method, "DELETE, GET, POST"),
            (["faults", _] | ["requests"], _) => return not_allowed(method, "DELETE, GET"),
            ([""] | ["counts"], _) => return not_allowed(method, "GET"),
            _ => Err((
                StatusCode::NOT_FOUND,
                format!("nothing is at {PREFIX}{path}, expected faults, faults/ID, requests or counts"),
            )),
        };
        match outcome {
            Ok((status, Value::Null)) => respond(status, Bytes::new()),
            Ok((status, body)) => respond(status, body.to_string().into()),
            Err((status, error)) => respond(status, json!({ "error": error }).to_string().into()),
        }
    }

    fn about(&self) -> Value {
        json!({
            "version": self.version,
            "endpoints": {
                "faults": "GET, POST one fault or a list, DELETE all",
                "faults/ID": "GET, DELETE",
                "requests": "GET (?since=NUMBER&method=&path=PATTERN&client=), DELETE",
                "counts": "GET",
            },
        })
    }
}

fn inject(exchanges: &Exchanges, body: &[u8]) -> Result<(StatusCode, Value), Refusal> {
    let bad = |error: String| (StatusCode::BAD_REQUEST, error);
    let value: Value =
        serde_json::from_slice(body).map_err(|error| bad(format!("the body is not JSON: {error}")))?;
    let faults = match value {
        Value::Array(faults) => faults,
        one => vec![one],
    };
    let faults = faults
        .into_iter()
        .map(|fault| serde_json::from_value(fault).map_err(|error| Error::Fault(error.to_string())))
        .collect::<Result<Vec<Fault>, Error>>()
        .map_err(|error| bad(error.to_string()))?;
    let injected = exchanges.faults.inject(faults).map_err(|error| bad(error.to_string()))?;
    Ok((StatusCode::CREATED, json!({ "faults": injected })))
}

fn fault(exchanges: &Exchanges, id: &str) -> Result<(StatusCode, Value), Refusal> {
    let found = id.parse().ok().and_then(|id| exchanges.faults.get(id)).ok_or_else(|| no_fault(id))?;
    Ok((StatusCode::OK, json!(found)))
}

fn remove(exchanges: &Exchanges, id: &str) -> Result<(StatusCode, Value), Refusal> {
    match id.parse() {
        Ok(number) if exchanges.faults.remove(number) => Ok((StatusCode::NO_CONTENT, Value::Null)),
        _ => Err(no_fault(id)),
    }
}

fn no_fault(id: &str) -> Refusal {
    (StatusCode::NOT_FOUND, format!("there is no fault {id}"))
}

fn requests(exchanges: &Exchanges, query: &str) -> Result<(StatusCode, Value), Refusal> {
    let filter = filter(query).map_err(|error| (StatusCode::BAD_REQUEST, error))?;
    // The number is read first: a request that arrives in between is shown twice rather than never.
    let last = exchanges.journal.last();
    Ok((StatusCode::OK, json!({"last": last, "requests": exchanges.journal.select(&filter)})))
}

fn filter(query: &str) -> Result<Filter, String> {
    let mut filter = Filter::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "since" => {
                filter.since =
                    value.parse().map_err(|_| format!("since={value} is not the number of a request"))?;
            }
            "method" => filter.method = Some(value.into_owned()),
            "path" => filter.path = Some(Pattern::try_from(value.into_owned())?),
            "client" => filter.client = Some(value.into_owned()),
            _ => return Err(format!("unknown filter {name:?}, expected since, method, path or client")),
        }
    }
    Ok(filter)
}

fn not_allowed(method: &Method, allowed: &'static str) -> Response<Bytes> {
    let error = json!({"error": format!("{method} is not possible here, expected {allowed}")});
    let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, error.to_string().into());
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn respond(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if !response.body().is_empty() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response
}
