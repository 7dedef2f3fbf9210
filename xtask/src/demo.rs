//! `cargo xtask demo`: builds the demonstration and becomes it.

use std::{env, os::unix::process::CommandExt, process::Command};

use anyhow::{Context, Result};

use crate::cargo;

/// How it is to end.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Clean up after the last step instead of waiting for Ctrl-C; exits with 0 if all was as it should be
    #[arg(long)]
    once: bool,
}

/// Builds, then hands this process over. Returns only when that fails.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    eprintln!(
        "xtask: building the operator, and what the demo needs; the first time that takes some minutes"
    );
    let package = "--package=authentik-operator";
    cargo::build_beside_programs(&["build", package, "--bin=authentik-operator", "--example=demo"])?;

    let own = env::current_exe().context("cannot tell where cargo builds")?;
    let built = own.parent().context("cannot tell where cargo builds")?;
    let mut demo = Command::new(built.join("examples/demo"));
    demo.arg("--operator").arg(built.join("authentik-operator")).arg("--project").arg(cargo::workspace());
    if arguments.once {
        demo.arg("--once");
    }
    if env::var_os("AUTHENTIK_URL").is_none_or(|url| url.is_empty()) {
        // All is on this machine then.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().to_lowercase().ends_with("_proxy") {
                demo.env_remove(name);
            }
        }
    }
    Err(demo.exec()).context("cannot run the demo")
}
