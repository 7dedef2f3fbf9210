//! The command line: parses, runs one subcommand, tells the shell how it went.

use std::process::ExitCode;

use authentik_operator::commands::{self, release::Release};
use authentik_operator::config::{Config, ConfigError};
use clap::{Parser, Subcommand};

/// As for flags that cannot be read.
const BAD_SETTINGS: u8 = 2;

/// Keeps authentik's flows as Kubernetes resources
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints the custom resource definitions as YAML
    Crd,
    /// Runs the operator until SIGTERM or SIGINT
    ///
    /// The cluster is the one that KUBECONFIG names, or the one that the pod runs in. The log goes to stderr. Exits
    /// with 0 after a signal, 2 when the settings cannot be used, 1 when it cannot go on.
    Run(Box<Config>),
    /// Lets resources go without authentik and without a running operator
    ///
    /// Takes the operator's finalizer off the resources of a namespace that are being deleted, so that Kubernetes can
    /// remove them: for an authentik that is gone for good, or a namespace that hangs. Nothing in authentik is touched:
    /// what resources stood for stays there, and nobody looks after it any more. Resources that nobody asked to delete
    /// are left as they are. An operator that still runs may finish a deletion that it began. Prints one line for each. The
    /// cluster is the one that KUBECONFIG names; it takes the rights to get, list and patch the resources.
    Release(Release),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Crd => commands::crd::run(),
        Command::Run(config) => commands::run::run(&config),
        Command::Release(release) => commands::release::run(&release),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("authentik-operator: {error:#}");
            if error.is::<ConfigError>() { ExitCode::from(BAD_SETTINGS) } else { ExitCode::FAILURE }
        }
    }
}
