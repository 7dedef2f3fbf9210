//! Running cargo in this workspace.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use controlplane::{Environment, Programs};

/// The workspace's top folder. Cargo tells it to what it runs; the folder of the build is only the fallback.
pub(crate) fn workspace() -> PathBuf {
    let xtask =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    xtask.parent().map(Path::to_owned).unwrap_or(xtask)
}

/// The cargo that runs this task.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace());
    // Meant for this task and not for what it builds: build scripts look at them.
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs `command` to its end and tells what it is on standard error.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<()> {
    eprintln!("xtask: {what}");
    let status = command.status().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    ensure!(status.success(), "{what} failed ({status})");
    Ok(())
}

/// Ends a child that is no longer of use.
pub(crate) struct Ended(pub(crate) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs cargo with `arguments`, which is to build something, while the control plane's programs are found or built.
pub(crate) fn build_beside_programs(arguments: &[&str]) -> Result<()> {
    let mut build = Ended(cargo().args(arguments).stdin(Stdio::null()).spawn().context("cannot run cargo")?);
    Programs::find(&Environment::from_process())?;
    let built = build.0.wait().context("cannot wait for cargo")?;
    ensure!(built.success(), "cargo {} failed ({built})", arguments.join(" "));
    Ok(())
}
