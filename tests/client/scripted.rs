//! An HTTP server that does exactly what a test says, also what no HTTP library would do.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::PATIENCE;

/// What the server does with a request, step by step.
pub(crate) enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Waits until the test says so.
    Wait(Arc<Notify>),
    /// Does nothing more until the client goes away.
    Hang,
    /// Closes the connection.
    Close,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Number of the connection, from 0.
    pub(crate) connection: usize,
    /// The method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// The header lines, in lower case.
    pub(crate) headers: Vec<String>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// The value of a header, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }
}

type Script = Arc<dyn Fn(&Seen) -> Vec<Step> + Send + Sync>;

struct Shared {
    seen: Mutex<Vec<Seen>>,
    changed: watch::Sender<()>,
    script: Script,
}

/// A server; ends when dropped.
pub(crate) struct Scripted {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    running: JoinHandle<()>,
}

impl Scripted {
    /// Answers each request with what `script` says.
    pub(crate) async fn start(script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::listen(Arc::new(script), None).await
    }

    /// The same behind TLS.
    pub(crate) async fn start_tls(
        acceptor: TlsAcceptor,
        script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Arc::new(script), Some(acceptor)).await
    }

    async fn listen(script: Script, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared { seen: Mutex::default(), changed: watch::Sender::new(()), script });
        let running = tokio::spawn(accept(listener, acceptor, shared.clone()));
        Self { address, scheme, shared, running }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the `count`-th request.
    pub(crate) async fn arrived(&self, count: usize) {
        let mut changed = self.shared.changed.subscribe();
        let arrived = changed.wait_for(|()| self.seen().len() >= count);
        let _ = tokio::time::timeout(PATIENCE, arrived).await.expect("the request must come");
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    for number in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        connections.spawn(connection(number, stream, acceptor.clone(), shared.clone()));
    }
}

async fn connection(number: usize, stream: TcpStream, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // A connection that breaks is the client's business, and what the tests are about.
    let _ = match acceptor {
        None => serve(number, stream, &shared).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => serve(number, stream, &shared).await,
            Err(error) => Err(error),
        },
    };
}

async fn serve(
    number: usize,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    shared: &Shared,
) -> io::Result<()> {
    while let Some(seen) = read(number, &mut stream).await? {
        let steps = (shared.script)(&seen);
        shared.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        shared.changed.send_replace(());
        for step in steps {
            match step {
                Step::Send(bytes) => {
                    stream.write_all(&bytes).await?;
                    stream.flush().await?;
                }
                Step::Wait(gate) => gate.notified().await,
                Step::Hang => drop(stream.read(&mut [0]).await?),
                Step::Close => return stream.shutdown().await,
            }
        }
    }
    Ok(())
}

/// One request, or none when the client has gone.
async fn read(connection: usize, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Seen>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return Ok(None),
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut lines = text.lines();
    let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let headers = lines.filter(|line| !line.is_empty()).map(str::to_lowercase).collect();
    let mut seen = Seen { connection, method, target, headers, body: Vec::new() };
    let length = seen.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    seen.body.resize(length, 0);
    stream.read_exact(&mut seen.body).await?;
    Ok(Some(seen))
}

/// An answer with any content type.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Step {
    let head = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    Step::Send([head.as_bytes(), body.as_bytes()].concat())
}

/// A JSON answer.
pub(crate) fn json(status: u16, body: &serde_json::Value) -> Vec<Step> {
    vec![answer(status, "content-type: application/json\r\n", &body.to_string())]
}
