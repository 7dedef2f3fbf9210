//! The command line: parses, runs one subcommand, tells the shell how it went.

use std::process::ExitCode;

use authentik_operator::commands;
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
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Crd => commands::crd::run(),
        Command::Run(config) => commands::run::run(&config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("authentik-operator: {error:#}");
            if error.is::<ConfigError>() { ExitCode::from(BAD_SETTINGS) } else { ExitCode::FAILURE }
        }
    }
}
