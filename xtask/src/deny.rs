//! cargo-deny: which dependencies, licences and sources are accepted, and known vulnerabilities.

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use anyhow::{Context, Result};
use controlplane::{Environment, programs::Version};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::cargo;

/// The version of cargo-deny that deny.toml is written for.
const VERSION: Version = Version { major: 0, minor: 20, patch: 2 };

/// How long fetching the advisory database may take; it is a shallow clone of a few MB.
const FETCH: Duration = Duration::from_secs(60);

/// Runs all checks. Advisories are checked when their database can be fetched.
pub(crate) fn run() -> Result<()> {
    let deny = find_or_install()?;
    let check = |what: &str, arguments: &[&str]| {
        let mut command = Command::new(&deny);
        // The top crate would be the only root otherwise.
        command.current_dir(cargo::workspace()).arg("--workspace").args(arguments);
        cargo::run(what, &mut command)
    };
    check(
        "cargo-deny: bans, licenses, sources",
        &["check", "--hide-inclusion-graph", "bans", "licenses", "sources"],
    )?;
    if fetched(&deny)? {
        check("cargo-deny: advisories", &["--offline", "check", "advisories"])
    } else {
        eprintln!("xtask: advisories: not checked, the advisory database could not be reached");
        Ok(())
    }
}

/// The cargo-deny on PATH if it has the right minor version, or else our own, installed when it is not there.
fn find_or_install() -> Result<PathBuf> {
    let environment = Environment::from_process();
    if let Some(path) = environment.search("cargo-deny").find(|path| fits(path)) {
        return Ok(path);
    }
    let cache = environment.project_cache().context("neither XDG_CACHE_HOME nor HOME is set to a folder")?;
    let root = cache.join(format!("cargo-deny-{VERSION}"));
    let path = root.join("bin").join("cargo-deny");
    if !fits(&path) {
        let mut install = cargo::cargo();
        install
            .args(["install", "--locked", "--version", &format!("={VERSION}"), "--root"])
            .arg(&root)
            .arg("cargo-deny");
        // It is not part of this workspace, whose target folder and configuration do not concern it.
        install.env_remove("CARGO_TARGET_DIR").current_dir(std::env::temp_dir());
        cargo::run(&format!("installing cargo-deny {VERSION}, which takes some minutes once"), &mut install)?;
    }
    Ok(path)
}

fn fits(path: &Path) -> bool {
    let output = Command::new(path).arg("--version").stdin(Stdio::null()).output();
    let version = output.ok().and_then(|output| Version::find(&String::from_utf8_lossy(&output.stdout)));
    version
        .is_some_and(|found| found.major == VERSION.major && found.minor == VERSION.minor && found >= VERSION)
}

/// Whether the advisory database could be fetched in time.
fn fetched(deny: &Path) -> Result<bool> {
    eprintln!("xtask: cargo-deny: fetching the advisory database");
    let mut fetch = Command::new(deny)
        .current_dir(cargo::workspace())
        .args(["fetch", "db"])
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // It may start git, which has to end with it.
        .process_group(0)
        .spawn()
        .context("cannot run cargo-deny")?;
    let group = i32::try_from(fetch.id()).ok().and_then(Pid::from_raw);
    let (sender, ended) = mpsc::channel();
    let waiter = std::thread::spawn(move || {
        let _ = sender.send(fetch.wait());
    });
    let status = ended.recv_timeout(FETCH);
    if let (Err(_), Some(group)) = (&status, group) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = waiter.join();
    Ok(matches!(status, Ok(Ok(status)) if status.success()))
}
