//! Everything that the control plane promises, against the real programs.

mod access;
mod controllers;
mod elsewhere;
mod fakes;
mod finding;
mod leaving;
mod parts;
mod watching;

use std::{
    fmt::Display,
    io::{self, Write},
    path::PathBuf,
};

use controlplane::{ControlPlane, Environment, Shared};

/// For all tests that disturb nobody. It knows the kinds of the folder `crds`.
static PLANE: Shared = Shared::new(|| ControlPlane::builder().crds(crds()));

fn crds() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/suite/crds")
}

/// Whether control planes can be started. With an existing cluster they cannot; then says that `what` is skipped.
fn starts_for(what: &str) -> bool {
    let starts = Environment::from_process().kubeconfig.is_none();
    if !starts {
        skipped(what, "it needs a control plane of its own, and CONTROLPLANE_KUBECONFIG names a cluster");
    }
    starts
}

/// Says that `what` is skipped, past the capture of the test's output.
fn skipped(what: &str, reason: impl Display) {
    let _ = writeln!(io::stderr(), "skipped: {what}: {reason}");
}
