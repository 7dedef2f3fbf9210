//! Keeps authentik's flows as Kubernetes resources.
//!
//! The map of its rooms:
//!
//! - [`authentik`]: the client for authentik's API. Knows nothing of Kubernetes.

pub mod authentik;
