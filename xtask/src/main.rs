//! Development tasks: `cargo xtask demo`, `cargo xtask test`, `cargo xtask lint`, `cargo xtask controlplane`,
//! `cargo xtask crds`, `cargo xtask manifests`, `cargo xtask chaos`.

mod cargo;
mod chaos;
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
    /// Kills the operator again and again while resources come and go and much fails
    ///
    /// A long run of a test that `cargo xtask test` runs with a few kills. Which kinds of fault strike at the n-th request,
    /// at which request the operator is killed and what users do meanwhile follows from the seed. The run ends with 0 if
    /// authentik was as declared at the end.
    Chaos(chaos::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Test(arguments) => test::run(&arguments),
        Task::Lint => lint::run(),
        Task::Controlplane(arguments) => controlplane::run(&arguments),
        Task::Crds => crds::run(),
        Task::Manifests => manifests::run(),
        Task::Chaos(arguments) => chaos::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
