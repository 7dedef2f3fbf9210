//! A client that shows what is on the wire, and a service that shows what came through the front.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use authentik_simulator::{Builder, Rows, Simulator, Unstored};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A connection.
pub(crate) struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("connecting to the simulator");
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn local(&self) -> String {
        self.stream.local_addr().expect("a local address").to_string()
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("sending to the simulator");
    }

    /// The next answer, or none if the connection ends before it is whole.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        timeout(PATIENCE, self.read_answer(true)).await.expect("an answer in time")
    }

    /// The next answer, which is to a HEAD.
    pub(crate) async fn answer_to_head(&mut self) -> Option<Answer> {
        timeout(PATIENCE, self.read_answer(false)).await.expect("an answer in time")
    }

    /// Waits for the end of the connection and returns what came before it.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        timeout(PATIENCE, async { while self.more().await {} }).await.expect("the connection ends in time");
        self.received
    }

    async fn read_answer(&mut self, with_body: bool) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if !self.more().await {
                return None;
            }
        };
        let head = String::from_utf8(self.received[..end].to_vec()).expect("an ASCII head");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut answer =
            Answer { status: status.parse().expect("a number as status"), headers, body: Vec::new() };
        let length: usize = answer.header("content-length").map_or(0, |text| text.parse().expect("a length"));
        let length = if with_body { length } else { 0 };
        while self.received.len() < end + 4 + length {
            if !self.more().await {
                return None;
            }
        }
        answer.body = self.received[end + 4..end + 4 + length].to_vec();
        self.received.drain(..end + 4 + length);
        Some(answer)
    }

    async fn more(&mut self) -> bool {
        // A reset is an end as well.
        self.stream.read_buf(&mut self.received).await.is_ok_and(|read| read > 0)
    }
}

/// A request without a body.
pub(crate) fn request(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nhost: a\r\n\r\n")
}

/// A request with a JSON body.
pub(crate) fn write(method: &str, target: &str, body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!(
        "{method} {target} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// One exchange on a connection of its own.
pub(crate) async fn ask(simulator: &Simulator, text: impl AsRef<[u8]>) -> Option<Answer> {
    let mut wire = Wire::connect(simulator.address()).await;
    wire.send(text).await;
    wire.answer().await
}

/// One exchange of which an answer is expected.
pub(crate) async fn answered(simulator: &Simulator, text: impl AsRef<[u8]>) -> Answer {
    ask(simulator, text).await.expect("a whole answer")
}

/// How often the service was called.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<AtomicUsize>);

impl Calls {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A simulator whose service answers with what it was asked, and the calls of it. `?rows=N` makes an answer that says
/// to hold N rows.
pub(crate) fn echo() -> (Builder, Calls) {
    let calls = Calls::default();
    let counted = calls.clone();
    let builder = Simulator::builder().service(move |request: Request<Bytes>| {
        counted.0.fetch_add(1, Ordering::SeqCst);
        async move { shown(&request) }
    });
    (builder, calls)
}

/// A simulator whose service echoes, started.
pub(crate) async fn echoing() -> (Simulator, Calls) {
    let (builder, calls) = echo();
    (builder.start().await.expect("a free port"), calls)
}

fn shown(request: &Request<Bytes>) -> Response<Bytes> {
    let body = json!({
        "method": request.method().as_str(),
        "target": request.uri().to_string(),
        "bytes": request.body().len(),
        "unstored": request.extensions().get::<Unstored>().map(|fields| fields.0.clone()),
    });
    let mut response = Response::new(Bytes::from(body.to_string()));
    response.headers_mut().insert("x-of-the-service", http::HeaderValue::from_static("yes"));
    let rows = request.uri().query().and_then(|query| query.strip_prefix("rows=")?.parse().ok());
    if let Some(rows) = rows {
        response.extensions_mut().insert(Rows(rows));
    }
    response
}
