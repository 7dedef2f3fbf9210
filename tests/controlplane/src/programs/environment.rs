//! What of the process's environment matters for finding the programs.

use std::{
    env,
    ffi::OsString,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The variables that decide where programs come from. An empty variable counts as unset.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `CONTROLPLANE_KUBECONFIG`: use this kubeconfig's cluster and start nothing.
    pub kubeconfig: Option<PathBuf>,
    /// `KUBEBUILDER_ASSETS`: a folder with etcd, kube-apiserver and perhaps more, as setup-envtest makes it.
    pub assets: Option<PathBuf>,
    /// `XDG_CACHE_HOME`, or else `.cache` in `HOME`: the user's cache folder.
    pub cache: Option<PathBuf>,
    /// `HOME`; Go needs it, or is told other folders.
    pub home: Option<PathBuf>,
    /// `PATH`, where go, kubectl, helm and kubeconform are looked for.
    pub path: OsString,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn from_process() -> Self {
        let folder = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = folder("HOME");
        Self {
            kubeconfig: folder("CONTROLPLANE_KUBECONFIG"),
            assets: folder("KUBEBUILDER_ASSETS"),
            // The XDG specification has relative paths ignored.
            cache: folder("XDG_CACHE_HOME")
                .filter(|path| path.is_absolute())
                .or_else(|| home.as_ref().map(|home| home.join(".cache"))),
            home,
            path: env::var_os("PATH").unwrap_or_default(),
        }
    }

    /// This project's part of the user's cache folder; none when the environment names no such folder.
    #[must_use]
    pub fn project_cache(&self) -> Option<PathBuf> {
        self.cache.as_ref().map(|cache| cache.join("authentik-operator"))
    }

    /// The executable files called `name` on PATH, in its order.
    pub fn search(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        env::split_paths(&self.path).map(move |folder| folder.join(name)).filter(|path| executable(path))
    }
}

pub(super) fn executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
