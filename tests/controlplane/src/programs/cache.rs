//! The folder of built programs, outside the clone so that a fresh clone finds them.
//!
//! `CACHE/authentik-operator/controlplane/KEY-goVERSION/` holds finished programs only: each appears by a rename after
//! it was built and has run, so what is there is whole and no marker is needed.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

use super::{
    Environment, Error, Program,
    environment::executable,
    program::{GO_MOD, needed_go},
    version,
};

/// The checksums of everything that is downloaded.
pub(super) const GO_SUM: &str = include_str!("../../go.sum");
/// The build's script.
pub(super) const BUILD_SH: &str = include_str!("../../build.sh");

/// The cache's folder for the present inputs.
#[derive(Debug)]
pub(super) struct Cache {
    root: PathBuf,
    folder: PathBuf,
}

/// Held while building; the system releases it when the process ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Cache {
    /// Opens the cache: the folder for the Go on PATH. Without one that will do, any Go's folder with the same
    /// inputs, since there the Go matters no more.
    pub(super) fn open(environment: &Environment) -> Result<Self, Error> {
        let root = environment.project_cache().ok_or(Error::NoCacheFolder)?.join("controlplane");
        let inputs = key(GO_MOD, GO_SUM, BUILD_SH);
        let go = environment.search("go").find_map(|go| version::of(&go, &["env", "GOVERSION"]).ok());
        let needed = needed_go()?;
        let folder = match go {
            Some(go) if go >= needed => root.join(format!("{inputs}-go{go}")),
            _ => built_by_any_go(&root, &inputs).unwrap_or_else(|| root.join(format!("{inputs}-go{needed}"))),
        };
        Ok(Self { root, folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The finished program, if there is one.
    pub(super) fn get(&self, program: Program) -> Option<PathBuf> {
        let path = self.folder.join(program.name());
        executable(&path).then_some(path)
    }

    /// A name for a folder to build in, beside the cache's own so that a rename is possible.
    pub(super) fn workshop(&self) -> PathBuf {
        let nanos =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        self.root.join(format!("building-{}-{nanos:x}", std::process::id()))
    }

    /// Removes what a machine that lost its power left of a build. The lock must be held.
    pub(super) fn remove_workshops(&self) {
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("building-") {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Waits until no other process builds. Says on standard error who does.
    pub(super) fn lock(&self) -> Result<Lock, Error> {
        let path = self.root.join("lock");
        let what = || Error::io(format!("lock {}", path.display()));
        fs::create_dir_all(&self.root)
            .map_err(Error::io(format!("make the folder {}", self.root.display())))?;
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(what())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(what())?;
                let since =
                    file.metadata().and_then(|it| it.modified()).ok().and_then(|it| it.elapsed().ok());
                let _ = writeln!(
                    io::stderr(),
                    "waiting for {}, which builds the control plane's programs since {} s ...",
                    if holder.is_empty() { "another process" } else { holder.trim() },
                    since.unwrap_or_default().as_secs(),
                );
                file.lock().map_err(what())?;
            }
            Err(TryLockError::Error(error)) => return Err(what()(error)),
        }
        let tell = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "process {}", std::process::id())
        };
        tell(&mut file).map_err(what())?;
        Ok(Lock { _file: file })
    }
}

/// What a build's result depends on, but for Go's version.
fn key(go_mod: &str, go_sum: &str, build_sh: &str) -> String {
    let mut hash = Sha256::new();
    for input in [go_mod, go_sum, build_sh, std::env::consts::OS, std::env::consts::ARCH] {
        // The length keeps "ab" + "c" apart from "a" + "bc".
        hash.update((input.len() as u64).to_le_bytes());
        hash.update(input);
    }
    hash.finalize().iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}

fn built_by_any_go(root: &Path, inputs: &str) -> Option<PathBuf> {
    let folders = fs::read_dir(root).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    folders
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(inputs)))
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_changes_the_key() {
        let keys = [
            key("module", "sums", "script"),
            key("module 2", "sums", "script"),
            key("module", "sums 2", "script"),
            key("module", "sums", "script 2"),
            key("modules", "ums", "script"),
        ];
        for (i, one) in keys.iter().enumerate() {
            assert_eq!(keys.iter().filter(|other| *other == one).count(), 1, "key {i}");
        }
        assert_eq!(keys[0], key("module", "sums", "script"));
    }
}
