//! `authentik-operator run`

use std::io;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::authentik::{Client, Connection, MayWrite};
use crate::config::{Config, ConfigError};
use crate::engine::{self, Engine, Policy};
use crate::kinds;
use crate::lease::{Claim, Election};
use crate::metrics::Metrics;
use crate::serve::{Readiness, Role, Server};
use crate::telemetry;

/// So long may what is under way take at the end.
const DRAIN: Duration = Duration::from_secs(20);

/// Runs the operator until SIGTERM or SIGINT.
///
/// # Errors
/// With a [`ConfigError`] when the settings cannot be used, with another when the operator cannot go on.
pub fn run(config: &Config) -> anyhow::Result<()> {
    // The clients for Kubernetes and for authentik take the process's choice. An error would say that there is
    // one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    telemetry::start(telemetry::filter(&config.log)?, config.log_format)?;
    Runtime::new()?.block_on(operate(config))
}

async fn operate(config: &Config) -> anyhow::Result<()> {
    let shutdown = stop_on_signals()?;
    let metrics = Metrics::default();
    let claim = config.lease.as_ref().map(|_| Claim::default());
    let may_write = claim.clone().map(|claim| Arc::new(move || claim.holds()) as MayWrite);
    let timing = config.lease_timing()?;
    let connection = Connection { may_write, ..config.connection(Some(metrics.observer()))? };
    let authentik = Client::new(connection).map_err(ConfigError::Connection)?;
    let policy = Policy { adopt: config.adopt.into(), protected: config.protected_slugs()? };
    let server = Server::bind(config.listen).await?;
    let kubernetes = kube::Client::try_default().await.context("no Kubernetes cluster is configured")?;
    let readiness = watch::Sender::new(Readiness::waiting_for(kinds::REGISTRY.iter().map(|kind| kind.name)));
    let election = config.lease.as_ref().zip(claim);
    let election = election.map(|(name, claim)| Election::new(kubernetes.clone(), name, timing, claim));

    // Probes are answered until all else has ended.
    let served = CancellationToken::new();
    if election.is_some() {
        readiness.send_modify(|readiness| readiness.is(Role::Unknown));
    }
    let serving = tokio::spawn(server.serve(readiness.subscribe(), metrics.clone(), served.clone()));
    let working = async |readiness| {
        let (engine, events) = Engine::new(
            kinds::REGISTRY,
            kubernetes.clone(),
            &authentik,
            policy,
            config.refresh_at_most,
            metrics.clone(),
        );
        metrics.leader(true);
        work(engine, events, &kubernetes, &config.authentik_url, readiness, &shutdown).await
    };
    match election {
        None => drop(working(readiness).await?),
        Some(election) => lead(election, readiness, working, &shutdown).await?,
    }
    served.cancel();
    serving.await.context("serving probes")??;
    Ok(())
}

/// Works while it leads. Losing the Lease is an error at once: what is under way then is another's by now.
async fn lead(
    election: Election,
    readiness: watch::Sender<Readiness>,
    working: impl AsyncFnOnce(watch::Sender<Readiness>) -> anyhow::Result<Drained>,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let standing_by = || readiness.send_modify(|readiness| readiness.is(Role::Standby));
    let Some(mut leadership) = shutdown.run_until_cancelled(election.win(standing_by)).await else {
        return Ok(());
    };
    readiness.send_modify(|readiness| readiness.is(Role::Leader));
    let drained = tokio::select! {
        drained = working(readiness) => drained?,
        lost = leadership.keep() => return Err(lost),
    };
    // What may still be on its way is given the time until the Lease lapses.
    if drained == Drained::Whole {
        leadership.release().await;
    }
    Ok(())
}

/// Whether all that was under way came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drained {
    Whole,
    Late,
}

/// Runs the engine until `shutdown`, and lets what is under way come to its end.
async fn work(
    engine: Engine,
    events: impl Future<Output = ()> + Send + 'static,
    kubernetes: &kube::Client,
    url: &str,
    readiness: watch::Sender<Readiness>,
    shutdown: &CancellationToken,
) -> anyhow::Result<Drained> {
    let events = tokio::spawn(events);
    let running = engine::run(engine, kubernetes.clone(), url, readiness, shutdown.clone());
    let drained = async {
        running.await?;
        events.await.context("sending events")
    };
    let late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        drained = drained => drained.map(|()| Drained::Whole),
        () = late => {
            tracing::warn!("stopped before everything was finished");
            Ok(Drained::Late)
        }
    }
}

/// Cancelled by the first SIGTERM or SIGINT. The second ends the process.
fn stop_on_signals() -> io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let signal = either(&mut terminate, &mut interrupt).await;
        tracing::info!(%signal, "stopping; a second signal stops at once");
        stop.cancel();
        let signal = either(&mut terminate, &mut interrupt).await;
        tracing::warn!(%signal, "stopped before everything was finished");
        process::exit(1);
    });
    Ok(shutdown)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
