//! A control plane in the foreground, for demonstrations.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::Parser;
use controlplane::{ControlPlane, Error};

/// Starts a control plane and keeps it until Ctrl-C.
#[derive(Parser)]
#[command(name = "controlplane")]
struct Arguments {
    /// A file or folder of custom resource definitions to apply; may be given several times
    #[arg(long, value_name = "PATH")]
    crds: Vec<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("controlplane: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Error> {
    let started = Instant::now();
    let builder =
        arguments.crds.into_iter().fold(ControlPlane::builder(), |builder, path| builder.crds(path));
    let plane = tokio::select! {
        plane = builder.start() => plane?,
        () = interrupted() => return Ok(()),
    };
    eprintln!("ready after {:.1} s; Ctrl-C ends it", started.elapsed().as_secs_f32());
    println!("export KUBECONFIG={}", plane.kubeconfig().display());
    interrupted().await;
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        if let Ok(mut signal) = signal(SignalKind::terminate()) {
            signal.recv().await;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
