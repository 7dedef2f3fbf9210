//! Programs that only pretend.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use controlplane::Environment;
use tempfile::TempDir;

/// A folder with a PATH of its own, a cache and assets.
pub(crate) struct Fakes {
    folder: TempDir,
}

impl Fakes {
    /// An empty PATH but for what build.sh and the scripts here use.
    pub(crate) fn new() -> Self {
        let fakes = Self { folder: TempDir::new().expect("a folder") };
        for folder in ["path", "assets", "cache"] {
            fs::create_dir(fakes.folder.path().join(folder)).expect("a folder");
        }
        for tool in ["bash", "dirname", "basename", "mkdir", "sleep", "cat", "chmod"] {
            let real = Environment::from_process().search(tool).next().expect("a usual tool");
            std::os::unix::fs::symlink(real, fakes.path(tool)).expect("a link");
        }
        fakes
    }

    /// The environment in which only these programs are found, and the assets only when told.
    pub(crate) fn environment(&self) -> Environment {
        Environment {
            kubeconfig: None,
            assets: None,
            cache: Some(self.folder.path().join("cache")),
            home: Some(self.folder.path().to_owned()),
            path: self.folder.path().join("path").into(),
        }
    }

    /// The same, as variables of `command`.
    pub(crate) fn apply(&self, command: &mut Command) {
        let environment = self.environment();
        command
            .env("PATH", environment.path)
            .env("HOME", self.folder.path())
            .env("XDG_CACHE_HOME", self.folder.path().join("cache"))
            .env_remove("KUBEBUILDER_ASSETS")
            .env_remove("CONTROLPLANE_KUBECONFIG");
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("path").join(name)
    }

    pub(crate) fn assets(&self) -> PathBuf {
        self.folder.path().join("assets")
    }

    /// The cache's folder of this crate.
    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache/authentik-operator/controlplane")
    }

    /// Puts a script on PATH that prints `version`.
    pub(crate) fn on_path(&self, name: &str, version: &str) -> PathBuf {
        script(&self.path(name), &format!("echo '{version}'"))
    }

    /// Puts a script among the assets that prints `version`.
    pub(crate) fn asset(&self, name: &str, version: &str) -> PathBuf {
        script(&self.assets().join(name), &format!("echo '{version}'"))
    }

    /// Puts a Go on PATH that builds scripts, notes the name of each in the file `built`, and before it does runs
    /// `first`, which sees that name as `$name`.
    pub(crate) fn go(&self, version: &str, first: &str) {
        let built = self.folder.path().join("built");
        let body = format!(
            r#"case "$1 $2" in
  "env GOVERSION") echo {version} ;;
  "env GOTOOLCHAIN") echo local ;;
  list*) echo v1.37.2 ;;
  build*)
    while [ "$1" != -o ]; do shift; done
    name=$(basename "$2")
    {first}
    echo "$name" >>'{built}'
    echo '#!/bin/sh' >"$2"
    echo 'echo v1.37.2' >>"$2"
    chmod +x "$2" ;;
esac"#,
            built = built.display()
        );
        script(&self.path("go"), &body);
    }

    /// What the fake Go has built so far, in order.
    pub(crate) fn built(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("built")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// Writes an executable script. Another process does, since a file that this one has open for writing is open in the
/// children that other threads start at that moment, and then cannot be executed ("text file busy").
pub(crate) fn script(path: &Path, body: &str) -> PathBuf {
    let status = Command::new("/bin/sh")
        .args(["-c", r#"printf '#!/bin/sh\n%s\n' "$1" >"$2" && chmod 755 "$2""#, "sh", body])
        .arg(path)
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .status()
        .expect("sh runs");
    assert!(status.success(), "a script");
    path.to_owned()
}
