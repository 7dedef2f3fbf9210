//! `authentik-operator run`

use std::io;
use std::process;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::authentik::Client;
use crate::config::{Config, ConfigError};
use crate::engine::{self, Engine, Policy};
use crate::kinds;
use crate::metrics::Metrics;
use crate::serve::{Readiness, Server};
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
    let authentik =
        Client::new(config.connection(Some(metrics.observer()))?).map_err(ConfigError::Connection)?;
    let policy = Policy { adopt: config.adopt.into(), protected: config.protected_slugs()? };
    let server = Server::bind(config.listen).await?;
    let kubernetes = kube::Client::try_default().await.context("no Kubernetes cluster is configured")?;
    let readiness = watch::Sender::new(Readiness::waiting_for(kinds::REGISTRY.iter().map(|kind| kind.name)));

    // Probes are answered until all else has ended.
    let served = CancellationToken::new();
    let serving = tokio::spawn(server.serve(readiness.subscribe(), metrics.clone(), served.clone()));
    let (engine, events) =
        Engine::new(kinds::REGISTRY, kubernetes.clone(), &authentik, policy, config.refresh_at_most, metrics);
    let events = tokio::spawn(events);
    let running = engine::run(engine, kubernetes, &config.authentik_url, readiness, shutdown.clone());
    let drained = async {
        running.await?;
        events.await.context("sending events")
    };
    let late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        drained = drained => drained?,
        () = late => tracing::warn!("stopped before everything was finished"),
    }
    served.cancel();
    serving.await.context("serving probes")??;
    Ok(())
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
