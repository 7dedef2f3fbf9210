//! What the operator told on resources.

use k8s_openapi::api::events::v1;
use kube::Api;
use kube::api::ListParams;

use super::{Kind, Namespace, eventually};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Normal or Warning.
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) note: String,
}

impl Namespace {
    /// The operator's events on a resource, oldest first.
    pub(crate) async fn events(&self, kind: Kind, name: &str) -> Vec<Event> {
        let api: Api<v1::Event> = Api::namespaced(self.client(), &self.name);
        let mut events = api.list(&ListParams::default()).await.expect("a list").items;
        events.sort_by(|a, b| a.event_time.cmp(&b.event_time));
        let regards = |event: &v1::Event| {
            let regarding = event.regarding.clone().unwrap_or_default();
            regarding.kind.as_deref() == Some(kind.name) && regarding.name.as_deref() == Some(name)
        };
        let from_operator =
            |event: &v1::Event| event.reporting_controller.as_deref() == Some("authentik-operator");
        let events = events.into_iter().filter(|event| regards(event) && from_operator(event));
        let told = events.map(|event| Event {
            kind: event.type_.unwrap_or_default(),
            reason: event.reason.unwrap_or_default(),
            note: event.note.unwrap_or_default(),
        });
        told.collect()
    }

    /// Waits for an event with this reason and all of these words.
    pub(crate) async fn event(&self, kind: Kind, name: &str, reason: &str, words: &[&str]) -> Event {
        let fits =
            |event: &Event| event.reason == reason && words.iter().all(|word| event.note.contains(word));
        let look = async || self.events(kind, name).await.into_iter().find(fits);
        let explain = async || {
            let what = format!("{} {name} is to have an event {reason} with {words:?}", kind.name);
            format!("{what}\n{}", self.explain(kind, name).await)
        };
        eventually(look, explain).await
    }
}
