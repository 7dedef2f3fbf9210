//! Somebody who keeps changing what is declared.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::harness::{FLOW, Namespace, World, flow};

/// As many flows are changed in turn.
const FLOWS: usize = 12;
/// After so many changes a new flow is made.
const BETWEEN: usize = 5;
/// From one change to the next.
const PAUSE: Duration = Duration::from_millis(40);

/// Changes flows and makes new ones until it is told to end.
pub(super) struct Edits {
    stop: CancellationToken,
    editing: Option<JoinHandle<BTreeMap<String, String>>>,
    /// The title that each flow was last given.
    titles: BTreeMap<String, String>,
}

impl Edits {
    pub(super) async fn begin(world: &World) -> Self {
        let namespace = Namespace::clone(world);
        let mut titles = BTreeMap::new();
        for number in 0..FLOWS {
            titles.insert(make(&namespace, &format!("edited-{number}")).await, "Welcome".to_owned());
        }
        let stop = CancellationToken::new();
        let editing = tokio::spawn(edit(namespace, titles, stop.clone()));
        Self { stop, editing: Some(editing), titles: BTreeMap::new() }
    }

    /// No more of it.
    pub(super) async fn end(&mut self) {
        self.stop.cancel();
        if let Some(editing) = self.editing.take() {
            self.titles = editing.await.expect("no panic");
        }
    }

    /// Waits until each flow is as it was last declared, and made by its resource.
    pub(super) async fn are_applied(&self, world: &World) {
        for (name, title) in &self.titles {
            let resource = world.ready(FLOW, name).await;
            assert_eq!(resource.origin(), "Created", "{}", resource.shown());
            let flow = world.authentik.flow(name).await;
            assert_eq!(
                (flow["title"].as_str(), flow["pk"].as_str()),
                (Some(title.as_str()), Some(resource.pk()))
            );
        }
    }
}

impl Drop for Edits {
    fn drop(&mut self) {
        if let Some(editing) = &self.editing {
            editing.abort();
        }
    }
}

async fn make(namespace: &Namespace, name: &str) -> String {
    namespace.create(FLOW, name, flow(json!({}))).await.name().to_owned()
}

async fn edit(
    namespace: Namespace,
    mut titles: BTreeMap<String, String>,
    stop: CancellationToken,
) -> BTreeMap<String, String> {
    let mut number = 0;
    while stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_some() {
        number += 1;
        if number % BETWEEN == 0 {
            titles.insert(make(&namespace, &format!("made-{number}")).await, "Welcome".to_owned());
            continue;
        }
        let (name, title) = (format!("edited-{}", number % FLOWS), format!("Welcome {number}"));
        namespace.change(FLOW, &name, json!({"title": title})).await;
        titles.insert(name, title);
    }
    titles
}
