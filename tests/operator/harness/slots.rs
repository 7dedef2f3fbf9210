//! Control planes, each for one test at a time: an operator looks after the resources of all namespaces, so two of them
//! would fight over everything.

use std::path::Path;

use controlplane::{ControlPlane, Shared, SharedPlane};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::access;

/// As many as tests run at once on a small machine.
static SLOTS: [Slot; 2] = [Slot::new(), Slot::new()];

/// A control plane, and whether a test has it.
struct Slot {
    plane: Shared,
    /// The kubeconfig with the operator's own rights, once they are given.
    rights: OnceCell<std::path::PathBuf>,
    taken: Mutex<()>,
}

impl Slot {
    const fn new() -> Self {
        Self {
            plane: Shared::new(|| ControlPlane::builder().crds("crds")),
            rights: OnceCell::const_new(),
            taken: Mutex::const_new(()),
        }
    }
}

/// A control plane that is one test's own until this is dropped.
pub(crate) struct Taken {
    pub(crate) plane: SharedPlane,
    /// With which the operator runs.
    pub(crate) kubeconfig: &'static Path,
    _taken: MutexGuard<'static, ()>,
}

/// Waits for a control plane that no other test has.
pub(crate) async fn take() -> Taken {
    let [first, second] = &SLOTS;
    // An existing cluster is one and the same, whatever we call it.
    let existing = std::env::var_os("CONTROLPLANE_KUBECONFIG").is_some();
    let (slot, taken) = tokio::select! {
        biased;
        taken = first.taken.lock() => (first, taken),
        taken = second.taken.lock(), if !existing => (second, taken),
    };
    let plane = slot.plane.get().await.expect("a control plane");
    let kubeconfig = slot.rights.get_or_init(|| access::kubeconfig(&plane)).await;
    Taken { plane, kubeconfig, _taken: taken }
}
