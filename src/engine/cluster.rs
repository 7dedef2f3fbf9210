//! What the operator writes to Kubernetes: finalizers, statuses and events.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::resource::{FINALIZER, Resource};
use crate::authentik::MayWrite;
use crate::kinds::Status;

/// The field manager, and the controller that events name.
const OPERATOR: &str = "authentik-operator";
/// The limit for one request to the API server.
const LIMIT: Duration = Duration::from_secs(15);
/// So many events wait to be sent; more are dropped.
const WAITING: usize = 4096;
/// So many characters of a resource's name begin an event's, which may have 253.
const RESOURCE_NAME: usize = 200;
/// So many characters of an event's note are kept; the API server takes 1,024 bytes.
const NOTE: usize = 1000;

/// Writes to the API server.
pub(crate) struct Cluster {
    client: kube::Client,
    may_write: Option<MayWrite>,
    events: mpsc::Sender<(String, Event)>,
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The API server refused, or could not be reached.
    #[error(transparent)]
    Refused(#[from] kube::Error),
    /// Another process is the one that writes by now: nothing was sent.
    #[error("another operator leads")]
    NotLeader,
    /// It did not answer in time.
    #[error("the API server did not answer within {} s", LIMIT.as_secs())]
    Late,
}

impl WriteError {
    /// Whether the resource is not there any more, or is another one of the same name by now.
    #[must_use]
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Refused(kube::Error::Api(status)) if status.is_not_found())
    }

    /// Whether the resource is not as it was read any more.
    #[must_use]
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused(kube::Error::Api(status)) if status.is_conflict())
    }
}

/// Something that happened to a resource's object, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    /// Made in authentik.
    Created,
    /// Taken over.
    Adopted,
    /// Changed, since the spec did.
    Updated,
    /// Changed back, since somebody changed it in authentik.
    DriftCorrected,
    /// Made again, since somebody deleted it in authentik. What was bound to it is gone.
    Recreated,
    /// Deleted in authentik.
    Deleted,
    /// Left in authentik when its resource was deleted.
    Retained,
}

impl Happening {
    /// As events write it.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Adopted => "Adopted",
            Self::Updated => "Updated",
            Self::DriftCorrected => "DriftCorrected",
            Self::Recreated => "Recreated",
            Self::Deleted => "Deleted",
            Self::Retained => "Retained",
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Created | Self::Recreated => "Create",
            Self::Adopted => "Adopt",
            Self::Updated | Self::DriftCorrected => "Update",
            Self::Deleted => "Delete",
            Self::Retained => "Release",
        }
    }
}

impl Cluster {
    /// Events are sent by a task of their own, which ends when this is dropped and all are sent.
    pub(crate) fn new(
        client: kube::Client,
        may_write: Option<MayWrite>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (events, waiting) = mpsc::channel(WAITING);
        (Self { client: client.clone(), may_write, events }, send_events(client, waiting))
    }

    /// Puts the operator's finalizer on the resource. Returns the resource as it is then.
    ///
    /// # Errors
    /// When the API server does not take it, as when the resource changed meanwhile.
    pub(crate) async fn hold(&self, resource: &Resource) -> Result<DynamicObject, WriteError> {
        let finalizers = resource.finalizers.iter().map(String::as_str).chain([FINALIZER]);
        self.set_finalizers(resource, finalizers.collect()).await
    }

    /// Takes the operator's finalizer off the resource.
    ///
    /// # Errors
    /// When the API server does not take it, as when the resource changed meanwhile.
    pub(crate) async fn release(&self, resource: &Resource) -> Result<DynamicObject, WriteError> {
        let finalizers = resource.finalizers.iter().map(String::as_str).filter(|name| *name != FINALIZER);
        self.set_finalizers(resource, finalizers.collect()).await
    }

    async fn set_finalizers(
        &self,
        resource: &Resource,
        names: Vec<&str>,
    ) -> Result<DynamicObject, WriteError> {
        // Others have finalizers in the same list: what was read must still be so.
        let metadata = json!({"uid": resource.uid, "resourceVersion": resource.version, "finalizers": names});
        let patch = Patch::Merge(json!({"metadata": metadata}));
        let api = self.api(resource);
        let params = PatchParams::apply(OPERATOR);
        let write = api.patch(&resource.id.name, &params, &patch);
        self.permitted()?;
        timeout(LIMIT, write).await.map_err(|_| WriteError::Late)?.map_err(WriteError::from)
    }

    /// Replaces the resource's status. Returns the resource as it is then.
    ///
    /// # Errors
    /// When the API server does not take it.
    pub(crate) async fn write_status(
        &self,
        resource: &Resource,
        status: &Status,
    ) -> Result<DynamicObject, WriteError> {
        let patch = Patch::Merge(json!({"metadata": {"uid": resource.uid}, "status": whole(status)}));
        let api = self.api(resource);
        let params = PatchParams::apply(OPERATOR);
        let write = api.patch_status(&resource.id.name, &params, &patch);
        self.permitted()?;
        timeout(LIMIT, write).await.map_err(|_| WriteError::Late)?.map_err(WriteError::from)
    }

    /// Goes on when this process is the one that writes.
    fn permitted(&self) -> Result<(), WriteError> {
        match &self.may_write {
            Some(may_write) if !may_write() => Err(WriteError::NotLeader),
            _ => Ok(()),
        }
    }

    fn api(&self, resource: &Resource) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &resource.id.namespace, &(resource.entry.resource)())
    }

    /// Tells what happened to the resource's object.
    pub(crate) fn tell(&self, resource: &Resource, happening: Happening, note: &str) {
        info!(resource = %resource.id, what = %happening.as_str(), "{note}");
        let warning = happening == Happening::Recreated;
        self.publish(resource, warning, happening.as_str(), happening.action(), note);
    }

    /// Tells that the resource cannot be made true, or not without a loss.
    pub(crate) fn warn(&self, resource: &Resource, reason: &str, note: &str) {
        warn!(resource = %resource.id, %reason, "{note}");
        self.publish(resource, true, reason, "Reconcile", note);
    }

    fn publish(&self, resource: &Resource, warning: bool, reason: &str, action: &str, note: &str) {
        let kind = (resource.entry.resource)();
        let event = Event {
            // A name of its own each: two that differ in their text alone are two.
            metadata: ObjectMeta {
                name: Some(event_name(&resource.id.name)),
                namespace: Some(resource.id.namespace.clone()),
                ..ObjectMeta::default()
            },
            action: Some(action.to_owned()),
            event_time: Some(MicroTime(Timestamp::now())),
            note: Some(cut(note)),
            reason: Some(reason.to_owned()),
            regarding: Some(ObjectReference {
                api_version: Some(kind.api_version),
                kind: Some(kind.kind),
                name: Some(resource.id.name.clone()),
                namespace: Some(resource.id.namespace.clone()),
                uid: Some(resource.uid.clone()),
                resource_version: Some(resource.version.clone()),
                ..ObjectReference::default()
            }),
            reporting_controller: Some(OPERATOR.to_owned()),
            reporting_instance: Some(OPERATOR.to_owned()),
            type_: Some(if warning { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        };
        if self.events.try_send((resource.id.namespace.clone(), event)).is_err() {
            debug!(resource = %resource.id, reason, "an event was dropped: too many wait");
        }
    }
}

/// Sends events one after the other. Those that the API server refuses are dropped: a namespace that is being deleted takes
/// none, and nothing rests on them.
async fn send_events(client: kube::Client, mut waiting: mpsc::Receiver<(String, Event)>) {
    while let Some((namespace, event)) = waiting.recv().await {
        let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
        match timeout(LIMIT, api.create(&PostParams::default(), &event)).await {
            Ok(Ok(_)) => {}
            Ok(Err(kube::Error::Api(status))) if status.is_forbidden() || status.is_not_found() => {
                debug!(namespace, %status, "an event was refused");
            }
            Ok(Err(error)) => warn!(namespace, %error, "an event could not be sent"),
            Err(_) => warn!(namespace, "an event could not be sent: the API server did not answer"),
        }
    }
}

/// A status that replaces all of the one before: what it does not have is null, which removes it.
fn whole(status: &Status) -> Value {
    let mut value = serde_json::to_value(status).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        for name in STATUS_FIELDS {
            fields.entry(name).or_insert(Value::Null);
        }
    }
    value
}

/// All fields of a status.
const STATUS_FIELDS: [&str; 8] = [
    "observedGeneration",
    "pk",
    "slug",
    "origin",
    "drift",
    "conditions",
    "lastHandledReconcileAt",
    "creating",
];

/// A name for an event: the resource's, as far as it fits, and something that no other event has.
fn event_name(resource: &str) -> String {
    let begin: String = resource.chars().take(RESOURCE_NAME).collect();
    format!("{}.{}", begin.trim_end_matches(['.', '-']), Uuid::new_v4().simple())
}

/// A note of at most [`NOTE`] bytes, cut between characters.
fn cut(note: &str) -> String {
    if note.len() <= NOTE {
        return note.to_owned();
    }
    let end = (0..=NOTE).rev().find(|end| note.is_char_boundary(*end)).unwrap_or_default();
    format!("{}…", &note[..end])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schemars::JsonSchema as _;

    use super::{NOTE, STATUS_FIELDS, cut};
    use crate::kinds::Status;

    #[test]
    fn a_status_is_replaced_with_all_its_fields() {
        let schema = Status::json_schema(&mut schemars::SchemaGenerator::default());
        let properties = schema.get("properties").and_then(|it| it.as_object()).expect("properties");
        let defined: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(defined, BTreeSet::from(STATUS_FIELDS));
    }

    #[test]
    fn notes_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = cut(&"ü".repeat(2 * NOTE));
        assert!(long.len() <= NOTE + "…".len() && long.ends_with("ü…"), "{}", long.len());
    }
}
