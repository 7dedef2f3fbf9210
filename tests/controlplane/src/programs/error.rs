//! Why programs could not be found. Each is one line.

use std::{io, path::PathBuf};

use super::{Program, Version};

/// Why there are no programs, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither programs nor a Go to build them with.
    #[error(
        "{missing} not found: install Go {go} or newer, with which they are built; or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl, or CONTROLPLANE_KUBECONFIG to the kubeconfig of a cluster for tests"
    )]
    NoGo {
        /// The programs' names.
        missing: String,
        /// The oldest Go that will do.
        go: Version,
    },
    /// Go is older than the module asks for and may not fetch a newer one.
    #[error("{path} is Go {found}, but the control plane's programs need Go {needed} or newer: install that")]
    OldGo {
        /// The Go that was found.
        path: PathBuf,
        /// Its version.
        found: Version,
        /// The oldest version that will do.
        needed: Version,
    },
    /// There is no folder to keep the programs in.
    #[error(
        "neither XDG_CACHE_HOME nor HOME is set to a folder, so there is no place to keep the control plane's programs: set one of them"
    )]
    NoCacheFolder,
    /// `CONTROLPLANE_KUBECONFIG` names no file.
    #[error("CONTROLPLANE_KUBECONFIG names {0}, which is no file")]
    NoKubeconfig(PathBuf),
    /// `KUBEBUILDER_ASSETS` names a folder without a program that it must have.
    #[error("KUBEBUILDER_ASSETS names {folder}, which holds no {program}")]
    AssetLacking {
        /// The folder.
        folder: PathBuf,
        /// What it lacks.
        program: Program,
    },
    /// A program is there but of no use.
    #[error("{path} cannot be used: {reason}")]
    Unfit {
        /// The program's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A program is needed that this source does not have.
    #[error(
        "{0} is needed, and none that fits is in KUBEBUILDER_ASSETS or on PATH: install it, or have it built by `cargo xtask controlplane --build`"
    )]
    Missing(Program),
    /// The build did not succeed; its log's end was shown.
    #[error("building the control plane's programs failed: {0}")]
    Build(String),
    /// go.mod lacks a version.
    #[error("tests/controlplane/go.mod tells no version of {0}")]
    Module(String),
    /// A file or process of ours could not be made.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: an input or output error with what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what: what.into(), source }
    }
}
