//! `cargo xtask controlplane`: the programs of the tests' control plane, and one to use by hand.

use std::path::PathBuf;

use anyhow::Result;
use controlplane::{Environment, Programs, programs::Source};

use crate::cargo;

/// What to do with the control plane.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Build into the cache what it lacks, even if KUBEBUILDER_ASSETS, a cluster or PATH would serve
    #[arg(long)]
    build: bool,
    /// Start a control plane and keep it until Ctrl-C
    #[arg(long, conflicts_with = "build")]
    up: bool,
    /// With --up: a file or folder of custom resource definitions to apply; may be given several times
    #[arg(long, value_name = "PATH", requires = "up")]
    crds: Vec<PathBuf>,
}

/// Runs the task.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let environment = Environment::from_process();
    if arguments.up {
        let mut command = cargo::cargo();
        command.args(["run", "--quiet", "--package", "controlplane", "--"]);
        for path in &arguments.crds {
            command.arg("--crds").arg(std::path::absolute(path)?);
        }
        return cargo::run("starting a control plane", &mut command);
    }
    let programs =
        if arguments.build { Programs::build(&environment)? } else { Programs::find(&environment)? };
    for (program, path) in programs.iter() {
        eprintln!("{program}: {}", path.display());
    }
    match programs.source() {
        Source::Cluster(kubeconfig) => {
            eprintln!("nothing is started; the cluster is that of {}", kubeconfig.display())
        }
        Source::Assets(folder) | Source::Cache(folder) => println!("{}", folder.display()),
    }
    Ok(())
}
