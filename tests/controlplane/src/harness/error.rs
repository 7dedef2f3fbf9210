//! What can go wrong with a control plane. Each is one line.

use std::{io, path::PathBuf, time::Duration};

use super::Part;
use crate::programs;

/// Why a control plane did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The programs are missing or of no use.
    #[error(transparent)]
    Programs(#[from] programs::Error),
    /// A part ended before it was ready; its log's end was shown.
    #[error("{part} ended with {status} before it was ready")]
    Ended {
        /// The part.
        part: Part,
        /// How it ended.
        status: String,
    },
    /// A part was not ready in time; its log's end was shown.
    #[error("{part} was not ready within {} s", deadline.as_secs())]
    NotReady {
        /// The part.
        part: Part,
        /// How long was waited.
        deadline: Duration,
    },
    /// A part did not end after SIGTERM.
    #[error("{part} did not end within {} s of SIGTERM", deadline.as_secs())]
    NotStopped {
        /// The part.
        part: Part,
        /// How long was waited.
        deadline: Duration,
    },
    /// A part is told something that only a running one can do.
    #[error("{0} is not running")]
    NotRunning(Part),
    /// A part that is not this control plane's.
    #[error("{part} is not there: {reason}")]
    NoSuchPart {
        /// The part.
        part: Part,
        /// Why not.
        reason: &'static str,
    },
    /// A file of custom resource definitions is of no use.
    #[error("{path}: {reason}")]
    Crds {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A kubeconfig is of no use.
    #[error("the kubeconfig {path}: {reason}")]
    Kubeconfig {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The API server refused or did not answer.
    #[error("cannot {what}: {source}")]
    Api {
        /// What was asked.
        what: String,
        /// Its answer.
        source: Box<kube::Error>,
    },
    /// Certificates could not be made.
    #[error("cannot make certificates: {0}")]
    Certificates(#[from] rcgen::Error),
    /// A file or process of ours could not be made.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// The shared control plane failed to start for an earlier user; this is what it was told.
    #[error("{0}")]
    Shared(String),
}

impl Error {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what: what.into(), source }
    }

    pub(super) fn api(what: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Api { what: what.into(), source: Box::new(source) }
    }
}
