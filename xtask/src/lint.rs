//! `cargo xtask lint`: format, lints, dependencies.

use anyhow::Result;

use crate::{cargo, deny};

/// Runs all checks; the first that fails ends it.
pub(crate) fn run() -> Result<()> {
    cargo::run("format", cargo::cargo().args(["fmt", "--all", "--check"]))?;
    let clippy = |what: &str, which: &[&str]| {
        let mut command = cargo::cargo();
        command.arg("clippy").args(which).args(["--all-targets", "--", "-D", "warnings"]);
        cargo::run(what, &mut command)
    };
    clippy("clippy", &["--workspace"])?;
    // Cargo unites the features of what it builds together, so the smaller controlplane is seen only here.
    clippy("clippy, as xtask sees the workspace", &["--package", "xtask"])?;
    deny::run()
}
