//! What every test of the operator starts from: a control plane that is its own for the moment, a namespace, a simulated
//! authentik, and the real program.

mod access;
mod authentik;
mod events;
mod forwarder;
mod namespace;
mod operator;
mod recording;
mod resource;
mod slots;
mod spec;
mod world;

use std::time::{Duration, Instant};

pub(crate) use authentik::{Authentik, LISTS, PERMISSIONS, Write, is_page, write};
pub(crate) use forwarder::Forwarder;
pub(crate) use namespace::Namespace;
pub(crate) use operator::Operator;
pub(crate) use resource::{BINDING, FLOW, Kind, Resource, STAGE};
pub(crate) use spec::{bind, binding, flow, over, stage};
pub(crate) use world::{TOKEN, World};

/// How long something may take that has to happen. Long, since the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks until `look` finds something, and gives up with the words of `explain`.
pub(crate) async fn eventually<T>(
    look: impl AsyncFnMut() -> Option<T>,
    explain: impl AsyncFnOnce() -> String,
) -> T {
    eventually_within(PATIENCE, look, explain).await
}

/// The same for what takes longer.
pub(crate) async fn eventually_within<T>(
    patience: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
    explain: impl AsyncFnOnce() -> String,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        if Instant::now() > deadline {
            panic!("waited {} s in vain: {}", patience.as_secs(), explain().await);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
