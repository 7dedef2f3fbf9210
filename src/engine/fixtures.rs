//! Resources and objects for the engine's tests.

mod api_server;
mod scene;

use std::time::Duration;

use serde_json::{Value, json};

pub(super) use self::scene::Scene;
use super::resource::{FINALIZER, Resource};
use crate::authentik::Object;
use crate::kinds::{Body, Entry, REGISTRY};

/// Patience for what must happen; long, since the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) const FLOW: &Entry = &REGISTRY[0];
pub(super) const BINDING: &Entry = &REGISTRY[1];
pub(super) const STAGE: &Entry = &REGISTRY[2];

/// The fields of an object in JSON.
pub(super) fn fields(value: Value) -> Body {
    value.as_object().expect("an object").clone()
}

/// An object of authentik's.
pub(super) fn object(pk: &str, value: Value) -> Object {
    Object { pk: pk.to_owned(), fields: fields(value) }
}

/// A resource to be: as the API server has it, in the namespace `n`, held by the operator.
#[derive(Clone)]
pub(super) struct Draft {
    entry: &'static Entry,
    object: Value,
}

impl Draft {
    /// A flow with its name for a slug.
    pub(super) fn flow(name: &str) -> Self {
        Self::new(FLOW, name, json!({"name": name, "title": name, "designation": "recovery"}))
    }

    /// A binding of the stage `stage` to the flow `flow`, both of which authentik has.
    pub(super) fn binding(name: &str) -> Self {
        Self::new(BINDING, name, json!({"target": "flow", "stage": "stage", "order": 0}))
    }

    /// A stage that declares nothing but its name.
    pub(super) fn stage(name: &str) -> Self {
        Self::new(STAGE, name, json!({}))
    }

    /// A stage that is configured by others.
    pub(super) fn configured_by(name: &str, others: &[&str]) -> Self {
        let reference = |name: &&str| json!({"kind": "AuthenticatorValidateStage", "name": name});
        Self::stage(name).spec("configurationStageRefs", others.iter().map(reference).collect::<Vec<_>>())
    }

    fn new(entry: &'static Entry, name: &str, spec: Value) -> Self {
        let metadata = json!({"name": name, "namespace": "n", "uid": format!("uid of {name}"),
            "resourceVersion": "1", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z",
            "finalizers": [FINALIZER]});
        let object = json!({"apiVersion": "authentik-operator.dev/v1alpha1", "kind": entry.name,
            "metadata": metadata, "spec": spec});
        Self { entry, object }
    }

    /// With this field of its metadata.
    pub(super) fn meta(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.object["metadata"][field] = value.into();
        self
    }

    /// With this resource version.
    pub(super) fn version(self, version: u64) -> Self {
        self.meta("resourceVersion", version.to_string())
    }

    /// Made on this day of January.
    pub(super) fn born(self, day: u8) -> Self {
        self.meta("creationTimestamp", format!("2026-01-{day:02}T00:00:00Z"))
    }

    /// Being deleted.
    pub(super) fn deleting(self) -> Self {
        self.meta("deletionTimestamp", "2026-02-01T00:00:00Z")
    }

    /// Observing for the moment.
    pub(super) fn paused(self) -> Self {
        self.meta("annotations", json!({"authentik-operator.dev/paused": "true"}))
    }

    /// With this field of its spec.
    pub(super) fn spec(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.object["spec"][field] = value.into();
        self
    }

    /// With this status.
    pub(super) fn status(mut self, status: Value) -> Self {
        self.object["status"] = status;
        self
    }

    /// With an object that it created.
    pub(super) fn owning(self, pk: &str) -> Self {
        self.status(json!({"pk": pk, "origin": "Created"}))
    }

    pub(super) fn read(self) -> Resource {
        Resource::read(self.entry, serde_json::from_value(self.object).expect("an object"))
    }
}
