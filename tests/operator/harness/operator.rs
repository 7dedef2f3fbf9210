//! The operator: the real program, with its real rights.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use controlplane::{Lifeline, Output, Supervised};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::eventually;

/// How the operator is to be started.
pub(crate) struct Launch<'a> {
    lifeline: &'a Lifeline,
    log: PathBuf,
    flags: Vec<(String, String)>,
    environment: Vec<(String, String)>,
}

impl<'a> Launch<'a> {
    pub(super) fn new(lifeline: &'a Lifeline, kubeconfig: &Path, log: PathBuf) -> Self {
        let environment = vec![("KUBECONFIG".to_owned(), kubeconfig.display().to_string())];
        Self { lifeline, log, flags: Vec::new(), environment }
    }

    /// With this flag, in place of what was said of it before.
    pub(crate) fn flag(mut self, flag: &str, value: &str) -> Self {
        self = self.without(flag);
        self.flags.push((flag.to_owned(), value.to_owned()));
        self
    }

    /// Without this flag.
    pub(crate) fn without(mut self, flag: &str) -> Self {
        self.flags.retain(|(name, _)| name != flag);
        self
    }

    /// With this environment variable.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it and waits until it serves probes.
    pub(crate) async fn start(self) -> Operator {
        let mut operator = self.spawn();
        let line = operator.says("serving probes and metrics").await;
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("address="));
        operator.address = address.unwrap_or_else(|| panic!("the line names an address: {line}")).to_owned();
        operator
    }

    /// Starts it, come what may.
    pub(crate) fn spawn(self) -> Operator {
        let mut command = Command::new(env!("CARGO_BIN_EXE_authentik-operator"));
        // Nothing that this machine sets is the operator's business.
        for (name, _) in std::env::vars() {
            let upper = name.to_uppercase();
            if upper.starts_with("AUTHENTIK") || upper.ends_with("_PROXY") || upper.starts_with("RUST") {
                command.env_remove(name);
            }
        }
        command.envs(self.environment);
        command.arg("run").args(self.flags.into_iter().flat_map(|(flag, value)| [flag, value]));
        let process = self.lifeline.spawn(&command, &self.log, Output::Log).expect("the operator starts");
        Operator { process: Some(process), log: self.log, address: String::new() }
    }
}

/// A started operator. Dropping it kills it.
pub(crate) struct Operator {
    process: Option<Supervised>,
    log: PathBuf,
    address: String,
}

impl Operator {
    fn pid(&self) -> Pid {
        self.process.as_ref().and_then(Supervised::program).expect("a process")
    }

    fn runs(&self) -> bool {
        self.process.as_ref().and_then(Supervised::program).is_some_and(|pid| test_kill_process(pid).is_ok())
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits for a line of its log with these words.
    pub(crate) async fn says(&self, words: &str) -> String {
        let look = async || {
            let found = self.log().lines().find(|line| line.contains(words)).map(str::to_owned);
            assert!(found.is_some() || self.runs(), "it ended before it said {words:?}:\n{}", self.log());
            found
        };
        eventually(look, async || format!("the log is to say {words:?}")).await
    }

    /// What it answers to a GET: the status and the text.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.address);
        let answer = reqwest::get(url).await.expect("the operator answers");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    /// Asks it to end, with SIGTERM or SIGINT.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it runs");
    }

    /// Waits for its end.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("a process");
        let ended = tokio::task::spawn_blocking(move || process.wait());
        let ended = tokio::time::timeout(super::PATIENCE, ended).await.expect("it ends in time");
        ended.expect("no panic").expect("an exit status")
    }

    /// Ends it as a crash does.
    pub(crate) async fn crash(mut self) {
        self.signal(Signal::KILL);
        self.end().await;
    }

    /// Ends it in an orderly way.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.end().await.code(), Some(0), "SIGTERM ends it well");
    }
}
