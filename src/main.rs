//! The command line: parses, runs one subcommand, tells the shell how it went.

use std::io::Write as _;
use std::process::ExitCode;

use authentik_operator::kinds;
use clap::{Parser, Subcommand};

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
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Crd => crd(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("authentik-operator: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints every kind's definition, for `kubectl apply --server-side -f -`.
fn crd() -> Result<(), Box<dyn std::error::Error>> {
    let mut documents = String::new();
    for entry in kinds::REGISTRY {
        documents += "---\n";
        documents += &serde_saphyr::to_string(&(entry.definition)())?;
    }
    match std::io::stdout().write_all(documents.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
