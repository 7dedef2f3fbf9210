//! The operator at work, told step by step: an authentik, a control plane, the operator, the examples, and a repair of
//! what somebody changed in authentik.
//!
//! `cargo xtask demo` builds what it takes and starts it.

mod authentik;
mod cluster;
mod narration;
mod operator;
mod resource;
mod story;

use std::{io, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{authentik::Authentik, cluster::Cluster, narration::say, operator::Operator, story::Story};

/// What `cargo xtask demo` passes on.
#[derive(Parser)]
struct Arguments {
    /// Clean up after the last step instead of waiting for Ctrl-C
    #[arg(long)]
    once: bool,
    /// The operator's program
    #[arg(long)]
    operator: PathBuf,
    /// The folder of the project, with its chart and examples
    #[arg(long)]
    project: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    // The clients for Kubernetes and for authentik take the process's choice. An error would say that there is
    // one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// All of it. Whatever happens, what was started is ended, and what was made in an authentik that goes on is deleted.
async fn run(arguments: &Arguments) -> Result<()> {
    let mut interrupts = Interrupts::new().context("cannot listen for signals")?;
    let authentik = interrupts.unless(Authentik::find()).await?;
    let cluster = interrupts.unless(Cluster::start(&arguments.project)).await?;
    let kubeconfig = interrupts.unless(cluster.grant_rights()).await?;
    let operator = Operator::start(&arguments.operator, &authentik, &kubeconfig)?;

    let story = Story::new(&authentik, &cluster, &operator);
    let mut told = interrupts.unless(story.tell()).await;
    if told.is_ok() && !arguments.once {
        told = interrupts.unless(story.invite()).await;
    }
    if told.is_ok() && !arguments.once {
        tokio::select! {
            ended = operator.end() => told = Err(ended),
            // Behind the ^C that the terminal shows.
            () = interrupts.next() => say(""),
        }
    }
    if told.as_ref().is_err_and(|error| !error.is::<Interrupted>()) {
        operator.explain();
    }
    let mut cleared = Ok(());
    if authentik.goes_on() || arguments.once && told.is_ok() {
        cleared = interrupts.unless(story.clear()).await;
    }
    let stopped = interrupts.unless(operator.stop()).await;
    if let (Err(_), Err(error)) = (&told, &cleared) {
        eprintln!("demo: {error:#}");
    }
    told.and(cleared).and(stopped)?;
    let outcome = if arguments.once { "All was as it should be" } else { "That was it" };
    say(&format!("{outcome}. Nothing is left of it."));
    Ok(())
}

/// The user has seen enough.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

/// Ctrl-C, SIGTERM, and the end of the terminal.
struct Interrupts([Signal; 3]);

impl Interrupts {
    fn new() -> io::Result<Self> {
        let [interrupt, terminate, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self([interrupt?, terminate?, hangup?]))
    }

    /// Waits for the next one. None is lost between two waits.
    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// The outcome of `work`, which is given up at the next one.
    async fn unless<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            outcome = work => outcome,
            () = self.next() => bail!(Interrupted),
        }
    }
}
