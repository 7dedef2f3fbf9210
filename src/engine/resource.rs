//! A resource as the engine sees it, whatever its kind.

use std::fmt;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::core::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::kinds::{
    Declared, Entry, FORCE_DELETE, Management, Mode, Origin, PAUSED, RECONCILE_AT, Reference, Status,
};

/// What keeps a resource until its object in authentik is dealt with.
pub(crate) const FINALIZER: &str = "authentik-operator.dev/finalizer";

/// Which resource: kind, namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id {
    /// The kind's name.
    pub(crate) kind: &'static str,
    /// `metadata.namespace`.
    pub(crate) namespace: String,
    /// `metadata.name`.
    pub(crate) name: String,
}

impl Id {
    /// The id of the resource that `reference` names, seen from this one; none for what authentik has.
    #[must_use]
    pub(crate) fn of_reference(&self, reference: &Reference) -> Option<(String, String, String)> {
        match reference {
            Reference::Resource { kind, name } => Some((kind.clone(), self.namespace.clone(), name.clone())),
            Reference::Flow(_) | Reference::Stage(_) => None,
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// A resource, read once for each of its versions.
#[derive(Debug)]
pub(crate) struct Resource {
    /// Which one.
    pub(crate) id: Id,
    /// Its kind.
    pub(crate) entry: &'static Entry,
    /// `metadata.uid`.
    pub(crate) uid: String,
    /// `metadata.resourceVersion`.
    pub(crate) version: String,
    /// `metadata.generation`.
    pub(crate) generation: i64,
    /// `metadata.creationTimestamp`.
    pub(crate) created: Option<Timestamp>,
    /// Whether its deletion was asked for.
    pub(crate) deleting: bool,
    /// `metadata.finalizers`.
    pub(crate) finalizers: Vec<String>,
    /// Whether it observes only, by `spec.mode` or by the annotation [`PAUSED`].
    pub(crate) observing: bool,
    /// Whether [`FORCE_DELETE`] was set after the deletion was asked for.
    pub(crate) forced: bool,
    /// The annotation [`RECONCILE_AT`].
    pub(crate) reconcile_at: Option<String>,
    /// How it is kept; what can be read of that, where the rest cannot.
    pub(crate) management: Management,
    /// What it says, or why that cannot be read.
    pub(crate) declared: Result<Box<dyn Declared>, String>,
    /// What the operator last said of it.
    pub(crate) status: Status,
}

impl Resource {
    /// Reads a resource of the kind `entry` as the API server has it.
    #[must_use]
    pub(crate) fn read(entry: &'static Entry, mut object: DynamicObject) -> Self {
        let status = object.data.as_object_mut().and_then(|data| data.remove("status")).unwrap_or_default();
        let declared = (entry.decode)(&object);
        let management = match &declared {
            Ok(declared) => declared.management().clone(),
            Err(_) => management(&object.data["spec"]),
        };
        let annotation = |name: &str| object.annotations().get(name).cloned();
        let meta = &object.metadata;
        Self {
            id: Id {
                kind: entry.name,
                namespace: object.namespace().unwrap_or_default(),
                name: object.name_any(),
            },
            entry,
            uid: object.uid().unwrap_or_default(),
            version: object.resource_version().unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            created: meta.creation_timestamp.as_ref().map(|time| time.0),
            deleting: meta.deletion_timestamp.is_some(),
            finalizers: object.finalizers().to_vec(),
            observing: management.mode == Some(Mode::Observe)
                || annotation(PAUSED).as_deref() == Some("true"),
            forced: annotation(FORCE_DELETE).as_deref() == Some("true") && forced_late(&object),
            reconcile_at: annotation(RECONCILE_AT),
            management,
            declared,
            status: read_status(status),
        }
    }

    /// Whether the operator's finalizer is on it.
    #[must_use]
    pub(crate) fn is_held(&self) -> bool {
        self.finalizers.iter().any(|name| name == FINALIZER)
    }

    /// Whether the object in authentik is this resource's, as far as its own status says.
    #[must_use]
    pub(crate) fn owned_pk(&self) -> Option<&str> {
        self.status.origin.and(self.status.pk.as_deref())
    }

    /// Whether the operator would delete the object in authentik together with this resource.
    #[must_use]
    pub(crate) fn deletes(&self) -> bool {
        use crate::kinds::DeletionPolicy::{Delete, Retain};
        let by_origin = match self.status.origin {
            Some(Origin::Created) => Delete,
            Some(Origin::Adopted) => Retain,
            // Made, perhaps, by a creation that was cut short.
            None if self.status.creating.is_some() => Delete,
            None => Retain,
        };
        !self.observing && self.management.deletion_policy.unwrap_or(by_origin) == Delete
    }

    /// Of two that claim the same object, the lesser one has it.
    #[must_use]
    pub(crate) fn seniority(&self) -> (Option<Timestamp>, &Id) {
        (self.created, &self.id)
    }
}

/// What can be read of a spec that as a whole cannot.
fn management(spec: &Value) -> Management {
    fn part<T: DeserializeOwned>(spec: &Value, field: &str) -> Option<T> {
        serde_json::from_value(spec.get(field)?.clone()).ok()
    }
    Management {
        mode: part(spec, "mode"),
        adoption: part(spec, "adoption"),
        deletion_policy: part(spec, "deletionPolicy"),
    }
}

/// A status, or of one that cannot be read what identifies the object.
fn read_status(status: Value) -> Status {
    let text = |field: &str| status.get(field).and_then(Value::as_str).map(str::to_owned);
    let least = Status {
        pk: text("pk"),
        slug: text("slug"),
        origin: status.get("origin").and_then(|origin| serde_json::from_value(origin.clone()).ok()),
        ..Status::default()
    };
    serde_json::from_value(status).unwrap_or(least)
}

/// Whether somebody wrote the annotation [`FORCE_DELETE`] after the deletion was asked for: one that was there all
/// along, as from a manifest in Git, is no answer to a refusal. The API server notes when each annotation was written.
fn forced_late(object: &DynamicObject) -> bool {
    let Some(asked) = &object.metadata.deletion_timestamp else { return false };
    let path = format!("/f:metadata/f:annotations/f:{}", FORCE_DELETE.replace('/', "~1"));
    object.managed_fields().iter().any(|entry| {
        let wrote = entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer(&path).is_some());
        wrote && entry.time.as_ref().is_some_and(|time| time.0 >= asked.0)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{FINALIZER, Resource};
    use crate::kinds::{DeletionPolicy, Origin, REGISTRY};

    fn read(object: Value) -> Resource {
        Resource::read(&REGISTRY[0], serde_json::from_value(object).expect("an object"))
    }

    fn flow(metadata: Value, spec: Value, status: Value) -> Resource {
        read(json!({"apiVersion": "authentik-operator.dev/v1alpha1", "kind": "Flow", "metadata": metadata,
            "spec": spec, "status": status}))
    }

    fn spec() -> Value {
        json!({"name": "a", "title": "a", "designation": "recovery"})
    }

    #[test]
    fn of_what_cannot_be_read_the_rest_is_read() {
        let resource = flow(
            json!({"name": "a", "namespace": "n", "finalizers": [FINALIZER]}),
            json!({"name": 7, "deletionPolicy": "Delete", "mode": "Dream"}),
            json!({"pk": "u-1", "origin": "Adopted", "conditions": "none"}),
        );
        assert!(resource.declared.is_err());
        assert_eq!(resource.management.deletion_policy, Some(DeletionPolicy::Delete));
        assert_eq!(resource.management.mode, None);
        assert_eq!((resource.owned_pk(), resource.status.origin), (Some("u-1"), Some(Origin::Adopted)));
        assert!(resource.is_held() && resource.deletes());
    }

    #[test]
    fn the_origin_decides_what_a_deletion_does_unless_the_spec_does() {
        let created = json!({"pk": "u-1", "origin": "Created"});
        let adopted = json!({"pk": "u-1", "origin": "Adopted"});
        let policy = |policy: &str| {
            let mut spec = spec();
            spec["deletionPolicy"] = policy.into();
            spec
        };
        let cases = [
            (spec(), created.clone(), true),
            (spec(), adopted.clone(), false),
            (policy("Retain"), created.clone(), false),
            (policy("Delete"), adopted, true),
            (spec(), json!({"pk": "u-1"}), false),
            (spec(), Value::Null, false),
            (spec(), json!({"creating": {"key": {}, "bodyHash": "", "id": ""}}), true),
        ];
        for (spec, status, deletes) in cases {
            let resource = flow(json!({"name": "a"}), spec.clone(), status.clone());
            assert_eq!(resource.deletes(), deletes, "{spec} {status}");
        }
        let paused = json!({"name": "a", "annotations": {"authentik-operator.dev/paused": "true"}});
        assert!(!flow(paused, spec(), created).deletes());
    }

    #[test]
    fn force_counts_only_when_it_came_after_the_deletion() {
        let meta = |time: &str, deleted: bool| {
            let mut meta = json!({"name": "a", "annotations": {"authentik-operator.dev/force-delete": "true"},
                "managedFields": [{"manager": "kubectl", "operation": "Update", "time": time, "fieldsV1":
                    {"f:metadata": {"f:annotations": {"f:authentik-operator.dev/force-delete": {}}}}}]});
            if deleted {
                meta["deletionTimestamp"] = "2026-01-01T12:00:00Z".into();
            }
            flow(meta, spec(), Value::Null).forced
        };
        assert!(!meta("2026-01-01T11:59:59Z", true));
        assert!(meta("2026-01-01T12:00:00Z", true));
        assert!(!meta("2026-01-01T12:00:01Z", false));
    }
}
