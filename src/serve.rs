//! The operator's own HTTP server: `/livez`, `/readyz` and `/metrics`.

use std::collections::BTreeSet;
use std::future::IntoFuture as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics::{self, Metrics};

/// So long a client may take for what it had asked when the server stops.
const DRAIN: Duration = Duration::from_secs(2);

/// Which of several operators this is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// The only one.
    #[default]
    Alone,
    /// It has not seen the Lease yet.
    Unknown,
    /// It waits for the Lease, and is ready to take over.
    Standby,
    /// It has the Lease.
    Leader,
}

/// What the operator waits for before it is ready: the kinds that are not yet listed from the API server. One that stands by
/// needs no lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readiness {
    role: Role,
    missing: BTreeSet<&'static str>,
}

impl Readiness {
    /// Waits for the lists of `kinds`.
    pub fn waiting_for(kinds: impl IntoIterator<Item = &'static str>) -> Self {
        Self { role: Role::Alone, missing: kinds.into_iter().collect() }
    }

    /// `kind` is listed.
    pub fn listed(&mut self, kind: &str) {
        self.missing.remove(kind);
    }

    /// It is this one of several.
    pub fn is(&mut self, role: Role) {
        self.role = role;
    }

    /// The answer to a probe.
    fn answer(&self) -> (StatusCode, String) {
        let ready = match self.role {
            Role::Unknown => return (StatusCode::SERVICE_UNAVAILABLE, "waiting for the Lease\n".to_owned()),
            Role::Standby => return (StatusCode::OK, "ok: standby\n".to_owned()),
            Role::Leader => "ok: leader\n",
            Role::Alone => "ok\n",
        };
        if self.missing.is_empty() {
            return (StatusCode::OK, ready.to_owned());
        }
        let kinds = self.missing.iter().copied().collect::<Vec<_>>().join(", ");
        (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for the lists of: {kinds}\n"))
    }
}

/// A server whose port is open.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Opens the port.
    ///
    /// # Errors
    /// With one line that names the address.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let bound = match (TcpListener::bind(address).await, without_ipv6(address)) {
            (Err(error), Some(instead)) if lacks_ipv6(&error) => TcpListener::bind(instead).await,
            (bound, _) => bound,
        };
        let bound = bound.and_then(|listener| Ok(Self { address: listener.local_addr()?, listener }));
        bound.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
    }

    /// The address, with the port that was chosen.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn serve(
        self,
        readiness: watch::Receiver<Readiness>,
        metrics: Metrics,
        shutdown: CancellationToken,
    ) -> io::Result<()> {
        let scrape = async |State(metrics): State<Metrics>| {
            ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics.render())
        };
        let routes = Router::new()
            .route("/livez", get(async || "ok\n"))
            .route("/readyz", get(async move || readiness.borrow().answer()))
            .route("/metrics", get(scrape))
            .with_state(metrics);
        tracing::info!(address = %self.address, "serving probes and metrics");
        let stopped = shutdown.clone().cancelled_owned();
        let serving = axum::serve(self.listener, routes).with_graceful_shutdown(stopped);
        let drained = async {
            shutdown.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            served = serving.into_future() => served,
            () = drained => Ok(()),
        }
    }
}

/// What stands in for `[::]` on a machine without IPv6.
fn without_ipv6(address: SocketAddr) -> Option<SocketAddr> {
    let any = address.is_ipv6() && address.ip().is_unspecified();
    any.then(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
}

/// Systems say in several ways that they have no IPv6, but neither of these two.
fn lacks_ipv6(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests;
