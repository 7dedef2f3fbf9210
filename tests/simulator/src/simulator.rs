//! The simulator as a test holds it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::net::TcpSocket;
use tokio::sync::Mutex;

use crate::Error;
use crate::authentik::{Authentik, DEFAULT_WRITE_GAP, Version};
use crate::base_path::BasePath;
use crate::control::Control;
use crate::exchange::{Exchanges, Service};
use crate::fault::Fault;
use crate::faults::{Faults, Injected};
use crate::journal::Journal;
use crate::server::{Front, Running, reserve, run};

/// The token that a simulator takes when none is given. It belongs to the superuser `akadmin`.
pub const DEFAULT_TOKEN: &str = "authentik-simulator";

/// The version that is played when none is given: the one with the most complete recordings.
pub const DEFAULT_VERSION: &str = "2026.2";

/// How long an idle connection is kept: as the server that was measured keeps it.
pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How a simulator is to be.
pub struct Builder {
    version: String,
    empty: bool,
    token: String,
    address: SocketAddr,
    base_path: String,
    keep_alive: Duration,
    write_gap: Duration,
    faults: Vec<Fault>,
    service: Option<Service>,
}

/// An authentik that listens at a port of this machine. It ends when dropped.
pub struct Simulator {
    front: Arc<Front>,
    authentik: Authentik,
    /// The address in use; its port stays the same over `stop` and `start`.
    address: SocketAddr,
    token: String,
    state: Mutex<State>,
}

enum State {
    Running(Running),
    /// The port is held, if possible, so that nothing else gets it meanwhile.
    Stopped(Option<TcpSocket>),
}

impl Simulator {
    /// A simulator of authentik's newest recorded version with its default flows, at a free port of the loopback
    /// interface, with the token [`DEFAULT_TOKEN`].
    pub fn builder() -> Builder {
        Builder {
            version: DEFAULT_VERSION.to_owned(),
            empty: false,
            token: DEFAULT_TOKEN.to_owned(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            base_path: String::new(),
            keep_alive: DEFAULT_KEEP_ALIVE,
            write_gap: DEFAULT_WRITE_GAP,
            faults: Vec::new(),
            service: None,
        }
    }

    /// Where authentik is: scheme, host, port and base path, without a slash at the end.
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                Ipv4Addr::LOCALHOST.into()
            } else {
                Ipv6Addr::LOCALHOST.into()
            });
        }
        format!("http://{address}{}", self.front.exchanges.base_path.as_str())
    }

    /// The address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token of the superuser.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The version of authentik that it plays, in full.
    pub fn version(&self) -> &str {
        &self.front.control.version
    }

    /// The model of authentik: what it knows, past HTTP.
    pub fn authentik(&self) -> &Authentik {
        &self.authentik
    }

    /// The requests so far.
    pub fn requests(&self) -> &Journal {
        &self.front.exchanges.journal
    }

    /// Lets something go wrong from now on. Returns the fault's id.
    ///
    /// # Errors
    /// If the fault cannot be meant: an unknown method, a pattern that matches nothing, a status that is none.
    pub fn inject(&self, fault: Fault) -> Result<u64, Error> {
        let injected = self.front.exchanges.faults.inject(vec![fault])?;
        Ok(injected.iter().map(|fault| fault.id).sum())
    }

    /// The faults that are active (or were, and were not cleared), with how often each was met.
    pub fn faults(&self) -> Vec<Injected> {
        self.front.exchanges.faults.all()
    }

    /// Ends one fault. Whether there was one with this id.
    pub fn clear_fault(&self, id: u64) -> bool {
        self.front.exchanges.faults.remove(id)
    }

    /// Ends all faults. Requests that hang already stay without an answer.
    pub fn clear_faults(&self) {
        self.front.exchanges.faults.clear();
    }

    /// An outage: connections are closed and refused from now on, and requests that are being worked at end where they
    /// are. What authentik knows, faults and journal stay. Does nothing if it is stopped.
    pub async fn stop(&self) {
        let mut state = self.state.lock().await;
        if let State::Running(running) = std::mem::replace(&mut *state, State::Stopped(None)) {
            running.stop().await;
        }
        if let State::Stopped(held @ None) = &mut *state {
            *held = reserve(self.address).ok();
        }
    }

    /// The end of an outage: listens again at the same port. Does nothing if it is running.
    ///
    /// # Errors
    /// If something else took the port meanwhile.
    pub async fn start(&self) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        if let State::Stopped(held) = &mut *state {
            let failed = |source| Error::Listen { address: self.address, source };
            let socket = match held.take() {
                Some(socket) => socket,
                None => reserve(self.address).map_err(failed)?,
            };
            *state = State::Running(run(Arc::clone(&self.front), socket).map_err(failed)?);
        }
        Ok(())
    }
}

impl Builder {
    /// The version to play, such as `2026.2` or `2026.2.2`.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Starts without authentik's default flows, stages and bindings.
    #[must_use]
    pub fn empty(mut self) -> Self {
        self.empty = true;
        self
    }

    /// The token of the superuser.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// The address to listen at; port 0 is any free one.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// The path below which authentik is, such as `/auth`.
    #[must_use]
    pub fn base_path(mut self, path: impl Into<String>) -> Self {
        self.base_path = path.into();
        self
    }

    /// How long a connection may be idle before it is closed.
    #[must_use]
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// How long a write takes between reading and writing, which is when writes of other requests get in between.
    #[must_use]
    pub fn write_gap(mut self, write_gap: Duration) -> Self {
        self.write_gap = write_gap;
        self
    }

    /// Something that goes wrong from the first request on.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Answers with this in place of authentik, behind the same faults and journal: for what is not authentik at all,
    /// and for tests of the front itself.
    #[must_use]
    pub fn service<F, A>(mut self, service: F) -> Self
    where
        F: Fn(Request<Bytes>) -> A + Send + Sync + 'static,
        A: Future<Output = Response<Bytes>> + Send + 'static,
    {
        self.service = Some(boxed(service));
        self
    }

    /// Listens. Connections are served by the runtime of the caller.
    ///
    /// # Errors
    /// If the address cannot be listened at, or version, token, base path or a fault is none.
    pub async fn start(self) -> Result<Simulator, Error> {
        let base_path: BasePath = self.base_path.parse()?;
        if self.token.is_empty() || !self.token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Token);
        }
        let faults = Faults::default();
        faults.inject(self.faults)?;
        let version: Version = self.version.parse()?;
        let new = if self.empty { Authentik::empty } else { Authentik::new };
        let authentik = new(version, &self.token).with_write_gap(self.write_gap);
        let version = authentik.version().to_string();
        let service = self.service.unwrap_or_else(|| in_front_of(authentik.clone()));
        let front = Arc::new(Front {
            exchanges: Arc::new(Exchanges { service, base_path, faults, journal: Journal::new() }),
            control: Control { version },
            keep_alive: self.keep_alive,
            working: std::sync::Mutex::default(),
        });
        let failed = |source| Error::Listen { address: self.address, source };
        let socket = reserve(self.address).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let running = run(Arc::clone(&front), socket).map_err(failed)?;
        let state = Mutex::new(State::Running(running));
        Ok(Simulator { front, authentik, address, token: self.token, state })
    }
}

fn in_front_of(authentik: Authentik) -> Service {
    boxed(move |request| {
        let authentik = authentik.clone();
        async move { authentik.handle(request).await }
    })
}

fn boxed<F, A>(service: F) -> Service
where
    F: Fn(Request<Bytes>) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Bytes>> + Send + 'static,
{
    Arc::new(move |request| Box::pin(service(request)))
}
