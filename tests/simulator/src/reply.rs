//! What goes back over the connection.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

/// The connection is to be closed without a (whole) answer.
#[derive(Debug, thiserror::Error)]
#[error("cut by a fault")]
pub(crate) struct Cut;

/// How a request ends.
#[derive(Debug)]
pub(crate) enum Reply {
    /// With an answer.
    Whole(Response<Bytes>),
    /// With the head of an answer and half of its body.
    Half(Response<Bytes>),
    /// With a closed connection.
    Cut,
    /// Not at all.
    Hang,
}

/// The body of an answer: whole, or ending in a cut.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    Whole(Full<Bytes>),
    Half { rest: Option<Bytes>, flushed: bool },
}

/// Largest piece that is sent before a cut, so that it fits into the connection's buffers and does arrive.
const LARGEST_HALF: usize = 32 * 1024;

pub(crate) fn whole(response: Response<Bytes>) -> Response<ReplyBody> {
    response.map(|body| ReplyBody::Whole(Full::new(body)))
}

pub(crate) fn half(response: Response<Bytes>) -> Response<ReplyBody> {
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let sent = body.slice(..(body.len() / 2).min(LARGEST_HALF));
    Response::from_parts(parts, ReplyBody::Half { rest: Some(sent), flushed: false })
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Half { rest, flushed } => {
                if let Some(sent) = rest.take().filter(|sent| !sent.is_empty()) {
                    return Poll::Ready(Some(Ok(Frame::data(sent))));
                }
                // hyper drops what it has not sent when a body fails, but sends it while a body lets it wait.
                if !std::mem::replace(flushed, true) {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(Cut)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Half { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Half { .. } => SizeHint::new(),
        }
    }
}
