//! Building the programs with Go.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use super::{
    Environment, Error, Program,
    cache::{BUILD_SH, Cache, GO_SUM},
    program::{GO_MOD, needed_go},
    version::{self, Version},
};
use crate::lifeline::{Lifeline, Output, tail};

/// The Go to build with.
///
/// Go 1.21 and later fetches a newer toolchain by itself unless `GOTOOLCHAIN` forbids it; so an old one is refused
/// only when it may not.
pub(super) fn go(environment: &Environment, missing: &[Program]) -> Result<PathBuf, Error> {
    let needed = needed_go()?;
    let mut old = None;
    for path in environment.search("go") {
        let found = version::of(&path, &["env", "GOVERSION"])
            .map_err(|reason| Error::Unfit { path: path.clone(), reason })?;
        let fetches = || {
            let setting =
                Command::new(&path).args(["env", "GOTOOLCHAIN"]).output().map(|output| output.stdout);
            found >= Version { major: 1, minor: 21, patch: 0 }
                && setting.is_ok_and(|setting| !setting.starts_with(b"local"))
        };
        if found >= needed || fetches() {
            return Ok(path);
        }
        old.get_or_insert(Error::OldGo { path, found, needed });
    }
    let names: Vec<&str> = missing.iter().map(|program| program.name()).collect();
    Err(old.unwrap_or_else(|| Error::NoGo { missing: names.join(", "), go: needed }))
}

/// Builds `programs` with `go` into the cache, whose lock must be held.
pub(super) fn build(
    environment: &Environment,
    cache: &Cache,
    go: &Path,
    programs: &[Program],
) -> Result<(), Error> {
    let started = Instant::now();
    fs::create_dir_all(cache.folder())
        .map_err(Error::io(format!("make the folder {}", cache.folder().display())))?;
    cache.remove_workshops();
    let lifeline =
        Lifeline::new::<&str>(&cache.workshop(), &[]).map_err(Error::io("make a folder to build in"))?;
    let folder = lifeline.folder();
    for (name, content) in [("go.mod", GO_MOD), ("go.sum", GO_SUM), ("build.sh", BUILD_SH)] {
        fs::write(folder.join(name), content).map_err(Error::io(format!("write {name}")))?;
    }
    let mut path = vec![go.parent().map(Path::to_owned).unwrap_or_default()];
    path.extend(std::env::split_paths(&environment.path));
    let path = std::env::join_paths(path).unwrap_or_else(|_| environment.path.clone());
    let mut command = Command::new("bash");
    command.arg(folder.join("build.sh")).arg(folder.join("out")).env("PATH", path);
    command.args(programs.iter().map(|program| program.name()));
    if environment.home.is_none() && std::env::var_os("GOPATH").is_none() {
        // Go keeps modules below HOME unless it is told another place.
        if let Some(project) = environment.project_cache() {
            command.env("GOPATH", project.join("go")).env("GOCACHE", project.join("go-build"));
        }
    }
    say(&format!("building the control plane's programs into {}", cache.folder().display()));
    let log = folder.join("log");
    let mut build = lifeline.spawn(&command, &log, Output::Stderr).map_err(Error::io("run build.sh"))?;
    let status = build.wait().map_err(Error::io("wait for build.sh"))?;
    // Also after a failure: what is finished need not be built again.
    for program in programs {
        let built = folder.join("out").join(program.name());
        if built.is_file() {
            match version::of(&built, program.version_arguments()) {
                Err(reason) if status.success() => {
                    return Err(Error::Build(format!("the new {program} is of no use: {reason}")));
                }
                // Perhaps half written when the build was ended.
                Err(_) => continue,
                Ok(_) => {}
            }
            fs::rename(&built, cache.folder().join(program.name()))
                .map_err(Error::io(format!("move {program} into the cache")))?;
        }
    }
    if !status.success() {
        let end = tail(&log, 20);
        say(&end);
        return Err(Error::Build(end.lines().last().unwrap_or("build.sh said nothing").to_owned()));
    }
    say(&format!("built the control plane's programs in {} s", started.elapsed().as_secs()));
    Ok(())
}

/// To standard error itself: a test's output capture would hold back minutes of progress.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
