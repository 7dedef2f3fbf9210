//! A running control plane and what can be done to its parts.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::Signal;

use super::{Builder, Error, Part, server::Server};
use crate::{Programs, lifeline::Lifeline};

/// A control plane, or the connection to an existing cluster. Dropping it ends all of it.
#[derive(Debug)]
pub struct ControlPlane {
    pub(super) kubeconfig: PathBuf,
    pub(super) programs: Programs,
    /// Tells this run's namespaces from others.
    pub(super) run: String,
    /// None with an existing cluster.
    pub(super) servers: Option<Servers>,
    /// The last field, since dropping it waits for the servers' end.
    pub(super) lifeline: Lifeline,
}

/// The servers of a control plane.
#[derive(Debug)]
pub(super) struct Servers {
    list: Vec<Server>,
    deadline: Duration,
}

impl Servers {
    pub(super) fn new(deadline: Duration) -> Self {
        Self { list: Vec::new(), deadline }
    }

    pub(super) fn add(&mut self, server: Server) {
        self.list.push(server);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Server> {
        self.list.iter()
    }
}

impl ControlPlane {
    /// How to start one.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The programs it uses.
    #[must_use]
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Its private folder, which vanishes with it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.lifeline.folder()
    }

    /// Whether `part` is there to be stopped and started.
    #[must_use]
    pub fn has(&self, part: Part) -> bool {
        self.server(part).is_ok()
    }

    /// Whether what kube-controller-manager does is to be expected; `what` needs it. If not, says on standard error
    /// that `what` is skipped. An existing cluster is taken to have one.
    #[must_use]
    pub fn has_controllers_for(&self, what: &str) -> bool {
        let has = self.servers.is_none() || self.has(Part::ControllerManager);
        if !has {
            // Past the capture of a test's output, which would hide it as the test passes.
            let line =
                format!("skipped: {what} needs kube-controller-manager, which KUBEBUILDER_ASSETS lacks");
            let _ = writeln!(io::stderr(), "{line}");
        }
        has
    }

    /// Starts `part` unless it runs, with the same port and the same data as before, and waits until it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in time, or is not this control plane's.
    pub async fn start(&self, part: Part) -> Result<(), Error> {
        self.server(part)?.spawn(&self.lifeline)?;
        self.ready(part).await
    }

    /// Kills `part` if it runs, and starts it.
    ///
    /// # Errors
    /// As [`ControlPlane::start`].
    pub async fn restart(&self, part: Part) -> Result<(), Error> {
        match self.kill(part).await {
            Ok(()) | Err(Error::NotRunning(_)) => self.start(part).await,
            Err(error) => Err(error),
        }
    }

    /// Ends `part` with SIGTERM and waits for its end.
    ///
    /// # Errors
    /// When it does not run, or does not end in time.
    pub async fn stop(&self, part: Part) -> Result<(), Error> {
        self.server(part)?.stop(self.deadline()).await
    }

    /// Ends `part` with SIGKILL and waits for its end.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&self, part: Part) -> Result<(), Error> {
        self.server(part)?.kill().await
    }

    /// Stops `part` where it stands, with SIGSTOP: its connections stay open and silent.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self, part: Part) -> Result<(), Error> {
        self.server(part)?.signal(Signal::STOP)
    }

    /// Lets a frozen `part` go on, with SIGCONT.
    ///
    /// # Errors
    /// When it does not run.
    pub fn thaw(&self, part: Part) -> Result<(), Error> {
        self.server(part)?.signal(Signal::CONT)
    }

    /// Waits until `part` says that it is ready.
    ///
    /// # Errors
    /// When it does not run, ends, or is not ready in time.
    pub async fn ready(&self, part: Part) -> Result<(), Error> {
        self.server(part)?.ready(self.deadline()).await
    }

    /// The process id of `part`, when it runs.
    #[must_use]
    pub fn process(&self, part: Part) -> Option<i32> {
        self.server(part).ok()?.process().map(|pid| pid.as_raw_nonzero().get())
    }

    /// The last lines of the log of `part`, 40 at most; empty for a part that is not there.
    #[must_use]
    pub fn logs(&self, part: Part) -> String {
        self.server(part).map(|server| server.log_tail(40)).unwrap_or_default()
    }

    pub(super) fn server(&self, part: Part) -> Result<&Server, Error> {
        let Some(servers) = &self.servers else {
            return Err(Error::NoSuchPart { part, reason: "the cluster is an existing one" });
        };
        servers
            .iter()
            .find(|server| server.part == part)
            .ok_or(Error::NoSuchPart { part, reason: "KUBEBUILDER_ASSETS lacks it" })
    }

    /// Prints the ends of the logs if the present thread panics, as a failing test does.
    pub(super) fn explain_panic(&self) {
        if let (true, Some(servers)) = (std::thread::panicking(), &self.servers) {
            print_tails(servers);
        }
    }

    fn deadline(&self) -> Duration {
        self.servers.as_ref().map_or(Duration::ZERO, |servers| servers.deadline)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.explain_panic();
        // Before the folder is waited for.
        self.servers = None;
    }
}

/// The ends of all logs, to standard error.
pub(super) fn print_tails(servers: &Servers) {
    let mut text = String::new();
    for server in servers.iter() {
        let _ = writeln!(text, "--- the last lines of {}'s log ---\n{}", server.part, server.log_tail(20));
    }
    eprint!("{text}");
}
