//! The operator: the real program, which ends with this process.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use controlplane::{Lifeline, Output, Supervised};
use rustix::process::{Signal, kill_process, test_kill_process};
use uuid::Uuid;

use crate::authentik::Authentik;

/// How long the operator may take for any one thing; the machine may be slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// It finishes what it has begun within 20 s.
const DRAIN: Duration = Duration::from_secs(25);

/// Between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(200);

/// So many of the log's last lines, and so many characters of each, are shown when something is wrong.
const TAIL: (usize, usize) = (10, 400);

/// The started operator. Dropping it kills it and removes its log.
pub(crate) struct Operator {
    process: Supervised,
    log: PathBuf,
    /// How long a change that somebody makes in authentik may go unnoticed.
    pub(crate) refresh: Duration,
    /// The last field, since dropping it waits for the process's end.
    _lifeline: Lifeline,
}

impl Operator {
    /// Starts it; it need not be connected afterwards.
    pub(crate) fn start(program: &Path, authentik: &Authentik, kubeconfig: &Path) -> Result<Self> {
        let folder = env::temp_dir().join(format!("authentik-operator-{}", Uuid::new_v4().simple()));
        let lifeline = Lifeline::new::<&str>(&folder, &[])
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        // A real one's lists are dear.
        let refresh = Duration::from_secs(if authentik.goes_on() { 10 } else { 2 });
        let mut command = Command::new(program);
        command.env("KUBECONFIG", kubeconfig);
        command.args(["run", "--listen", "127.0.0.1:0", "--refresh-at-most"]);
        command.arg(format!("{}s", refresh.as_secs()));
        authentik.configure(&mut command);
        let log = folder.join("operator.log");
        let process = lifeline.spawn(&command, &log, Output::Log).context("cannot start the operator")?;
        Ok(Self { process, log, refresh, _lifeline: lifeline })
    }

    /// Where its log is.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until it is connected to authentik.
    pub(crate) async fn connected(&self) -> Result<()> {
        let look = async || {
            let said = fs::read_to_string(&self.log).unwrap_or_default().contains("connected to authentik");
            Ok(if said { Ok(()) } else { Err("the operator does not say that it is connected".to_owned()) })
        };
        self.until(look).await
    }

    /// Waits until `look` finds something. What it says meanwhile, why not yet, is the error when that takes too long.
    pub(crate) async fn until<T>(
        &self,
        mut look: impl AsyncFnMut() -> Result<std::result::Result<T, String>>,
    ) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let runs = self.runs();
            match look().await? {
                Ok(found) => return Ok(found),
                Err(_) if !runs => return Err(ended()),
                Err(why) if Instant::now() > deadline => {
                    bail!("after {} s, still: {why}", PATIENCE.as_secs())
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Waits for its end, which nobody asked for.
    pub(crate) async fn end(&self) -> anyhow::Error {
        while self.runs() {
            tokio::time::sleep(PAUSE).await;
        }
        ended()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(pid) = self.process.program() {
            // It may have ended.
            let _ = kill_process(pid, Signal::TERM);
        }
        let asked = Instant::now();
        while self.runs() {
            ensure!(asked.elapsed() < DRAIN, "the operator did not end within {} s", DRAIN.as_secs());
            tokio::time::sleep(PAUSE).await;
        }
        let status = self.process.wait().context("cannot wait for the operator's end")?;
        ensure!(status.success(), "the operator did not end well ({status})");
        Ok(())
    }

    /// Prints the end of its log to standard error.
    pub(crate) fn explain(&self) {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let (lines, characters) = TAIL;
        eprintln!("--- the last lines of the operator's log ---");
        for line in log.lines().skip(log.lines().count().saturating_sub(lines)) {
            eprintln!("{}", line.chars().take(characters).collect::<String>());
        }
        eprintln!("---");
    }

    fn runs(&self) -> bool {
        self.process.program().is_some_and(|pid| test_kill_process(pid).is_ok())
    }
}

fn ended() -> anyhow::Error {
    anyhow!("the operator has ended")
}
