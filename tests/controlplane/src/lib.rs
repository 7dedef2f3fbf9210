//! A real Kubernetes control plane for tests and demonstrations: etcd, kube-apiserver and, when it is there,
//! kube-controller-manager, as child processes on loopback.
//!
//! [`Programs::find`] says where the programs come from and builds them when need be. [`ControlPlane`] starts
//! them and gives out clients, namespaces, tokens and kubeconfigs; each [`Part`] can be stopped, frozen, killed
//! and restarted. Nothing outlives the process that started it, whatever ended that process: see [`Lifeline`].
//!
//! ```no_run
//! # async fn example() -> Result<(), controlplane::Error> {
//! use controlplane::{ControlPlane, Part};
//!
//! let plane = ControlPlane::builder().crds("crds").start().await?;
//! let namespace = plane.namespace("example").await?;
//! let client = plane.client().await?;
//! plane.restart(Part::ApiServer).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Without the feature `harness` only the finding and building of the programs is left.

mod lifeline;
pub mod programs;

#[cfg(feature = "harness")]
mod harness;

pub use lifeline::{Lifeline, Output, Supervised};
pub use programs::{Environment, Program, Programs};

#[cfg(feature = "harness")]
pub use harness::{Builder, ControlPlane, Error, Part, Shared, SharedPlane};
