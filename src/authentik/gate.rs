//! A request's body that is given out only while this process may write.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::connection::MayWrite;

/// A body that asks once more when the connection takes it, immediately before all of the request goes out: until then it waits
/// in a queue of the HTTP library's. A request whose body is refused is not sent.
pub(super) struct Gate {
    body: Option<Bytes>,
    may_write: MayWrite,
}

impl Gate {
    pub(super) fn new(body: Bytes, may_write: MayWrite) -> Self {
        Self { body: Some(body), may_write }
    }
}

impl Body for Gate {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let body = self.body.take();
        let permitted = |body| match (self.may_write)() {
            true => Ok(Frame::data(body)),
            false => Err(io::Error::other("another operator leads")),
        };
        Poll::Ready(body.map(permitted))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.as_ref().map_or(0, |body| body.len().try_into().unwrap_or(u64::MAX)))
    }
}
