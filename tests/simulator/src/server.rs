//! The listener and its connections.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::control::Control;
use crate::exchange::{Exchanges, LARGEST_BODY, origin_form};
use crate::lock;
use crate::reply::{Cut, Reply, ReplyBody, half, whole};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// What is read and thrown away of a body that is too large, so that the client gets to see the answer.
const LARGEST_WASTE: usize = 256 * 1024 * 1024;

/// The pause after a failure to accept (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What serves connections.
pub(crate) struct Front {
    pub(crate) exchanges: Arc<Exchanges>,
    pub(crate) control: Control,
    pub(crate) keep_alive: Duration,
    /// Requests that are being worked at: they end even if their client goes, as in authentik, but not if the
    /// simulator stops.
    pub(crate) working: Mutex<JoinSet<()>>,
}

/// A server that accepts connections; dropped, it stops as well.
#[derive(Debug)]
pub(crate) struct Running {
    /// Stops it when dropped.
    stop: oneshot::Sender<()>,
    accepting: JoinHandle<()>,
}

/// Takes a port without accepting connections on it: they are refused.
pub(crate) fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Accepts connections on a reserved port.
pub(crate) fn run(front: Arc<Front>, socket: TcpSocket) -> io::Result<Running> {
    let listener = socket.listen(BACKLOG)?;
    let (stop, stopped) = oneshot::channel();
    Ok(Running { stop, accepting: tokio::spawn(accept(front, listener, stopped)) })
}

impl Running {
    /// Closes the port and all connections, and ends the requests that are being worked at.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        // It cannot panic, and only a runtime that ends cancels it: either way it is gone.
        let _ = self.accepting.await;
    }
}

async fn accept(front: Arc<Front>, listener: TcpListener, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(Arc::clone(&front), stream, peer));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.shutdown().await;
    let mut working = std::mem::take(&mut *lock(&front.working));
    working.shutdown().await;
}

async fn connection(front: Arc<Front>, stream: TcpStream, peer: SocketAddr) {
    let peer: Arc<str> = peer.to_string().into();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, peer = &*peer, "cannot set TCP_NODELAY");
    }
    // A new connection may take its time: only after an answer it is idle.
    let busy = watch::Sender::new(true);
    let mut idle = busy.subscribe();
    let keep_alive = front.keep_alive;
    let service = service_fn(|request| {
        busy.send_replace(true);
        let answer = answer(Arc::clone(&front), Arc::clone(&peer), request);
        let busy = &busy;
        async move {
            let answer = answer.await;
            busy.send_replace(false);
            answer
        }
    });
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    let ended = tokio::select! {
        // What has arrived is read before the time is looked at, however late both are.
        biased;
        ended = served.as_mut() => ended,
        () = expired(&mut idle, keep_alive) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, peer = &*peer, "the connection ended");
    }
}

/// Waits until a connection has been idle for so long.
async fn expired(idle: &mut watch::Receiver<bool>, keep_alive: Duration) {
    loop {
        let busy = *idle.borrow_and_update();
        if busy {
            let _ = idle.changed().await;
        } else if tokio::time::timeout(keep_alive, idle.changed()).await.is_err() {
            return;
        }
    }
}

/// Answers a request. Never comes back for one that is to hang; an error closes the connection.
async fn answer(
    front: Arc<Front>,
    peer: Arc<str>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Cut> {
    let (mut parts, body) = request.into_parts();
    parts.uri = origin_form(&parts.uri);
    // A body that breaks off is a request that never arrived.
    let body = read(body).await.map_err(|_| Cut)?;
    let request = Request::from_parts(parts, ());
    if let Some(path) = front.control.path(&request, front.exchanges.base_path.as_str()) {
        let body = body.unwrap_or_default();
        return Ok(whole(front.control.answer(&front.exchanges, &request, &path, &body)));
    }
    let (send, receive) = oneshot::channel();
    let exchanges = Arc::clone(&front.exchanges);
    {
        let mut working = lock(&front.working);
        while working.try_join_next().is_some() {}
        working.spawn(async move {
            let reply = exchanges.run(&peer, request, body, || send.is_closed()).await;
            // An error means that the client has gone; the journal says so.
            let _ = send.send(reply);
        });
    }
    match receive.await {
        Ok(Reply::Whole(response)) => Ok(whole(response)),
        Ok(Reply::Half(response)) => Ok(half(response)),
        Ok(Reply::Cut) | Err(_) => Err(Cut),
        Ok(Reply::Hang) => never().await,
    }
}

async fn never<T>() -> T {
    match std::future::pending::<Infallible>().await {}
}

/// The whole body, or nothing if it is too large.
async fn read(mut body: Incoming) -> Result<Option<Bytes>, hyper::Error> {
    let mut whole = BytesMut::new();
    let mut size = 0usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        size = size.saturating_add(data.len());
        if size <= LARGEST_BODY {
            whole.extend_from_slice(&data);
        } else if size > LARGEST_WASTE {
            break;
        }
    }
    Ok((size <= LARGEST_BODY).then(|| whole.freeze()))
}
