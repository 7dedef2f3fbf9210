//! A way to a server that a test can close.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Passes connections on to a server, as long as it is there.
pub(crate) struct Forwarder {
    address: SocketAddr,
    open: watch::Sender<bool>,
    peers: Arc<Mutex<HashSet<String>>>,
    serving: JoinHandle<()>,
}

impl Forwarder {
    /// To the server at this address.
    pub(crate) async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let open = watch::Sender::new(true);
        let peers = Arc::<Mutex<HashSet<String>>>::default();
        let (server, is_open, known) = (server.to_owned(), open.subscribe(), Arc::clone(&peers));
        let serving = tokio::spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                passing.spawn(pass(client, server.clone(), is_open.clone(), Arc::clone(&known)));
            }
        });
        Self { address, open, peers, serving }
    }

    /// Where it is to be connected to instead of the server.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing passes, in silence, as when a cable is pulled.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Whether it is through here that a connection came which the server knows by this address.
    pub(crate) fn is_peer(&self, peer: &str) -> bool {
        self.peers.lock().expect("nobody panicked").contains(peer)
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(
    mut client: TcpStream,
    server: String,
    mut open: watch::Receiver<bool>,
    peers: Arc<Mutex<HashSet<String>>>,
) {
    let passed = async {
        let mut server = TcpStream::connect(server).await?;
        peers.lock().expect("nobody panicked").insert(server.local_addr()?.to_string());
        copy_bidirectional(&mut client, &mut server).await
    };
    tokio::select! {
        biased;
        _ = open.wait_for(|open| !open) => {}
        // Who closes a connection in the midst of it is no failure of the test's.
        _ = passed => return,
    }
    // The client is left waiting.
    std::future::pending::<()>().await;
    drop(client);
}
