//! What can go wrong with the simulator itself.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// An error in one line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {reason}", reason = listen_reason(.source))]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The base path is none.
    #[error("{0:?} is not a base path: expected plain segments such as /auth")]
    BasePath(String),
    /// The token is empty or cannot stand in a header.
    #[error("the token has to be of printable ASCII characters without blanks, and not empty")]
    Token,
    /// The version is not one that can be played.
    #[error(transparent)]
    Version(#[from] crate::authentik::UnknownVersion),
    /// A fault is not one.
    #[error("not a fault: {0}")]
    Fault(String),
    /// The system gives no signals.
    #[error("cannot wait for signals: {0}")]
    Signal(io::Error),
    /// What was waited for did not come.
    #[error("waited {patience:?} in vain; {seen}")]
    Waited {
        /// How long.
        patience: Duration,
        /// What came instead.
        seen: String,
    },
}

fn listen_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use".to_owned(),
        _ => error.to_string(),
    }
}
