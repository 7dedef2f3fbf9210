//! One request, from its arrival to its answer: journal, faults, authentik.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};

use crate::base_path::{BasePath, Place};
use crate::extension::{Rows, Unstored};
use crate::fault::{Action, Answer, Moment, Point, Spoilt};
use crate::faults::{Faults, Verdict};
use crate::journal::{Arrival, Journal, Open, Outcome, client_name};
use crate::reply::Reply;

/// The largest body of a request in bytes: that of authentik's front server.
pub(crate) const LARGEST_BODY: usize = 32 * 1024 * 1024;

/// The page of [`Spoilt::Html`].
const HTML: &str = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in to continue</h1></body></html>\n";

/// The bytes of [`Spoilt::Garbage`].
const GARBAGE: &[u8] = b"\x80\xfe{\"\x00\xff]\xc3\x28garbage\xf0\x9f";

/// Answers requests; what stands behind the front.
pub(crate) type Service =
    Arc<dyn Fn(Request<Bytes>) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> + Send + Sync>;

/// What all exchanges share.
pub(crate) struct Exchanges {
    pub(crate) service: Service,
    pub(crate) base_path: BasePath,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
}

impl Exchanges {
    /// Takes a request down, lets the faults and authentik have it and says how it ends. `body` is none when it was too
    /// large. The caller runs this to its end even when the client has gone: so does authentik.
    pub(crate) async fn run(
        &self,
        peer: &str,
        request: Request<()>,
        body: Option<Bytes>,
        abandoned: impl Fn() -> bool,
    ) -> Reply {
        let place = self.base_path.place(request.uri());
        let uri = if let Place::Inside(uri) = &place { uri } else { request.uri() };
        let (path, query) = (uri.path(), uri.query().unwrap_or_default());
        let client = client_name(request.headers());
        let verdict = self.faults.judge(request.method(), path, client);
        let open = self.journal.arrived(Arrival {
            client,
            peer,
            method: request.method(),
            path,
            query,
            outside: !matches!(place, Place::Inside(_)),
            body: body.as_deref().unwrap_or_default(),
            faults: &verdict.fired,
        });
        let reply = self.end(place, request, body, verdict).await;
        close(open, &reply, abandoned());
        reply
    }

    async fn end(&self, place: Place, request: Request<()>, body: Option<Bytes>, verdict: Verdict) -> Reply {
        pause(verdict.delay).await;
        let method = request.method().clone();
        let ask = self.answer(place, request, body, verdict.unstored.clone());
        let reply = match &verdict.end {
            None => Reply::Whole(ask.await),
            Some(Action::Cut(Point::Before)) => Reply::Cut,
            Some(Action::Cut(Point::After)) => {
                ask.await;
                Reply::Cut
            }
            Some(Action::Cut(Point::Body)) => {
                let response = ask.await;
                if response.body().is_empty() || method == Method::HEAD {
                    Reply::Cut
                } else {
                    Reply::Half(response)
                }
            }
            Some(Action::Hang(Moment::Before)) => Reply::Hang,
            Some(Action::Hang(Moment::After)) => {
                ask.await;
                Reply::Hang
            }
            Some(Action::Answer(answer)) => {
                if answer.applied {
                    ask.await;
                }
                Reply::Whole(made_up(answer))
            }
            Some(Action::MaskedError) => Reply::Whole(made_up(&Answer::masked_error())),
            Some(Action::Starting) => Reply::Whole(made_up(&Answer::starting())),
            Some(Action::BadGateway) => Reply::Whole(made_up(&Answer::bad_gateway())),
            Some(Action::Body(Spoilt::Html)) => {
                let page = Answer::status(200).header("content-type", "text/html; charset=utf-8").body(HTML);
                Reply::Whole(made_up(&page))
            }
            Some(Action::Body(Spoilt::Garbage)) => {
                Reply::Whole(ask.await.map(|_| Bytes::from_static(GARBAGE)))
            }
            Some(Action::Body(Spoilt::Truncated)) => {
                Reply::Whole(ask.await.map(|body| body.slice(..body.len() / 2)))
            }
            // These do not end a request: they are in the verdict's other fields.
            Some(Action::Unstored(_) | Action::DelayMs(_) | Action::Latency(_)) => Reply::Whole(ask.await),
        };
        if let Reply::Whole(response) | Reply::Half(response) = &reply {
            let rows = response.extensions().get::<Rows>().map_or(0, |rows| rows.0);
            pause(verdict.held_back(rows)).await;
        }
        reply
    }

    /// authentik's own answer.
    async fn answer(
        &self,
        place: Place,
        request: Request<()>,
        body: Option<Bytes>,
        unstored: Vec<String>,
    ) -> Response<Bytes> {
        let (mut parts, ()) = request.into_parts();
        match place {
            Place::Root => {
                let to = HeaderValue::from_str(&self.base_path.directory())
                    .unwrap_or_else(|_| HeaderValue::from_static("/"));
                let mut response = plain(StatusCode::FOUND, "");
                response.headers_mut().insert(LOCATION, to);
                return response;
            }
            Place::Outside => return plain(StatusCode::NOT_FOUND, "404 page not found\n"),
            Place::Inside(uri) => parts.uri = uri,
        }
        let Some(body) = body else {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large\n");
        };
        if !unstored.is_empty() {
            parts.extensions.insert(Unstored(unstored));
        }
        (self.service)(Request::from_parts(parts, body)).await
    }
}

fn close(open: Open, reply: &Reply, abandoned: bool) {
    match reply {
        Reply::Whole(response) => {
            let outcome = if abandoned { Outcome::Abandoned } else { Outcome::Answered };
            open.end(outcome, Some(response.status().as_u16()));
        }
        Reply::Half(response) => open.end(Outcome::Cut, Some(response.status().as_u16())),
        Reply::Cut => open.end(Outcome::Cut, None),
        Reply::Hang => open.end(Outcome::Hung, None),
    }
}

/// The request target without what only a proxy has use for: authentik sees path and query.
pub(crate) fn origin_form(uri: &Uri) -> Uri {
    match uri.path_and_query() {
        Some(target) if uri.scheme().is_some() || uri.authority().is_some() => Uri::from(target.clone()),
        _ => uri.clone(),
    }
}

/// An answer that a fault describes. It was checked when the fault was injected.
fn made_up(answer: &Answer) -> Response<Bytes> {
    let (body, default_type) = match (&answer.json, &answer.body) {
        (Some(json), _) => (Bytes::from(json.to_string()), Some("application/json")),
        (None, Some(text)) => (Bytes::from(text.clone()), None),
        (None, None) => (Bytes::new(), None),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(default_type) = default_type {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(default_type));
    }
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// What authentik's front server answers by itself.
fn plain(status: StatusCode, body: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    if !body.is_empty() {
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    }
    response
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}
