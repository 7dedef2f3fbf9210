//! Development tasks: `cargo xtask demo`, `cargo xtask test`, `cargo xtask lint`, `cargo xtask controlplane`,
//! `cargo xtask crds`, `cargo xtask manifests`.

mod cargo;
mod controlplane;
mod crds;
mod demo;
mod deny;
mod lint;
mod manifests;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Development tasks of this workspace
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Shows the operator at work on this machine
    ///
    /// Starts a control plane, a simulated authentik and the operator, applies the examples, changes something in
    /// authentik, and shows the operator changing it back. All of it goes on until Ctrl-C. With AUTHENTIK_URL, and
    /// AUTHENTIK_TOKEN or AUTHENTIK_TOKEN_FILE, authentik is that one; what the demo made there is deleted at the end.
    Demo(demo::Arguments),
    /// Builds what the tests need and runs all of them
    Test(test::Arguments),
    /// Checks format, lints, dependencies and licences
    Lint,
    /// Finds or builds the control plane's programs and prints where they are
    Controlplane(controlplane::Arguments),
    /// Writes the custom resource definitions into crds/ and the chart
    Crds,
    /// Renders deploy/install.yaml from the chart
    Manifests,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Test(arguments) => test::run(&arguments),
        Task::Lint => lint::run(),
        Task::Controlplane(arguments) => controlplane::run(&arguments),
        Task::Crds => crds::run(),
        Task::Manifests => manifests::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
