//! The custom resource definitions, on a real API server: that it takes them, what it refuses because of them, what it stores,
//! what `kubectl` shows.

mod case;
mod durations;
mod generated;
mod kubectl;
mod refused;
mod resource;
mod stored;

use controlplane::{ControlPlane, Shared};

/// One control plane for all tests here, with the definitions of `crds/`.
static PLANE: Shared = Shared::new(|| ControlPlane::builder().crds("crds"));
