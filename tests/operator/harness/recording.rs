//! Every state that resources go through, which looking now and then would miss.

use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt};
use kube::api::{DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::{Api, ResourceExt};
use tokio::task::JoinHandle;

use super::{Resource, eventually};

/// The resources of a kind, as each write left them. Ends when dropped.
pub(crate) struct Recording {
    api: Api<DynamicObject>,
    seen: Arc<Mutex<Vec<DynamicObject>>>,
    task: JoinHandle<()>,
}

impl Recording {
    pub(super) async fn start(api: Api<DynamicObject>) -> Self {
        let list = api.list(&ListParams::default()).await.expect("a list");
        let from = list.metadata.resource_version.unwrap_or_default();
        let stream = api.watch(&WatchParams::default(), &from).await.expect("a watch").boxed();
        let seen = Arc::<Mutex<Vec<DynamicObject>>>::default();
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                let written = stream.try_for_each(|event| {
                    if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event {
                        seen.lock().unwrap_or_else(PoisonError::into_inner).push(object);
                    }
                    std::future::ready(Ok(()))
                });
                if let Err(error) = written.await {
                    eprintln!("the watch broke: {error}");
                }
            }
        });
        Self { api, seen, task }
    }

    /// The states of one resource from its creation to the present, each held against the contract.
    pub(crate) async fn of(&self, name: &str) -> Vec<Resource> {
        let present = self.api.get(name).await.expect("the resource").resource_version().unwrap_or_default();
        let look = async || {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let states: Vec<_> = seen.iter().filter(|it| it.name_any() == name).cloned().collect();
            let caught_up = states.iter().any(|it| it.resource_version().as_ref() == Some(&present));
            caught_up.then_some(states)
        };
        let states =
            eventually(look, async || format!("the recording is to reach {name} of {present}")).await;
        states.into_iter().map(Resource::from).collect()
    }

    /// The statuses of one resource, without repetitions: one more than its creation is what was written to it.
    pub(crate) async fn statuses(&self, name: &str) -> Vec<Resource> {
        let mut states = self.of(name).await;
        states.dedup_by(|later, earlier| later.status() == earlier.status());
        states.retain(|it| !it.status().is_null());
        states
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.task.abort();
    }
}
