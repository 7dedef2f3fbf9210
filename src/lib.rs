//! Keeps authentik's flows as Kubernetes resources.
//!
//! The map of its rooms:
//!
//! - [`authentik`]: the client for authentik's API. Knows nothing of Kubernetes.
//! - [`kinds`]: the kinds of resources, which are the custom resource definitions, and what each is to authentik. No I/O.
//! - [`engine`]: from what resources declare to what authentik has, and back to what resources say. Knows no single kind.
//! - [`commands`]: the subcommands, one file each, over all of the others.
//! - [`lease`]: which of several processes works.
//! - [`config`], [`telemetry`], [`metrics`], [`serve`]: the process around it: flags, log, measures, probes.

pub mod authentik;
pub mod commands;
pub mod config;
pub mod engine;
pub mod kinds;
pub mod lease;
pub mod metrics;
pub mod serve;
pub mod telemetry;
