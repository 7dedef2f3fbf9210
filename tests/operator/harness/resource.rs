//! A resource as the API server has it, and what must hold of every status that is ever read.

use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

/// A kind of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) plural: &'static str,
}

pub(crate) const FLOW: Kind = Kind { name: "Flow", plural: "flows" };
pub(crate) const BINDING: Kind = Kind { name: "FlowStageBinding", plural: "flowstagebindings" };
pub(crate) const STAGE: Kind =
    Kind { name: "AuthenticatorValidateStage", plural: "authenticatorvalidatestages" };

impl Kind {
    pub(crate) const ALL: [Self; 3] = [FLOW, BINDING, STAGE];

    pub(crate) fn api_resource(self) -> ApiResource {
        let kind = GroupVersionKind::gvk("authentik-operator.dev", "v1alpha1", self.name);
        ApiResource::from_gvk_with_plural(&kind, self.plural)
    }
}

/// The contract's table: a reason, which values Ready may have with it, and what is true beside it unless Ready is.
const REASONS: [(&str, &[&str], &str); 15] = [
    ("InSync", &["True"], ""),
    ("Observed", &["True", "False"], "Stalled"),
    ("Progressing", &["Unknown"], "Reconciling"),
    ("ReferenceNotFound", &["False"], "Reconciling"),
    ("ReferenceNotReady", &["False"], "Reconciling"),
    ("Unreachable", &["False"], "Reconciling"),
    ("Invalid", &["False"], "Stalled"),
    ("Forbidden", &["False"], "Stalled"),
    ("AlreadyExists", &["False"], "Stalled"),
    ("Conflict", &["False"], "Stalled"),
    ("NotApplied", &["False"], "Stalled"),
    ("Unsupported", &["False"], "Stalled"),
    ("Contested", &["False"], "Stalled"),
    ("InUse", &["False"], "Stalled"),
    ("Deleting", &["False"], "Reconciling"),
];

/// A resource as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resource(DynamicObject);

impl From<DynamicObject> for Resource {
    /// Whatever is read is held against the contract.
    fn from(object: DynamicObject) -> Self {
        let resource = Self(object);
        if let Some(broken) = resource.broken() {
            panic!("{broken}:\n{}", resource.shown());
        }
        resource
    }
}

impl Resource {
    pub(crate) fn name(&self) -> &str {
        self.0.metadata.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn generation(&self) -> i64 {
        self.0.metadata.generation.unwrap_or_default()
    }

    /// Changes with each write to the resource.
    pub(crate) fn version(&self) -> &str {
        self.0.metadata.resource_version.as_deref().unwrap_or_default()
    }

    pub(crate) fn finalizers(&self) -> &[String] {
        self.0.metadata.finalizers.as_deref().unwrap_or_default()
    }

    /// Whether its deletion was asked for.
    pub(crate) fn is_deleting(&self) -> bool {
        self.0.metadata.deletion_timestamp.is_some()
    }

    pub(crate) fn spec(&self) -> &Value {
        &self.0.data["spec"]
    }

    pub(crate) fn status(&self) -> &Value {
        &self.0.data["status"]
    }

    /// authentik's identifier.
    pub(crate) fn pk(&self) -> &str {
        self.status()["pk"].as_str().unwrap_or_default()
    }

    pub(crate) fn origin(&self) -> &str {
        self.status()["origin"].as_str().unwrap_or_default()
    }

    /// The fields that differ: name, declared, actual.
    pub(crate) fn drift(&self) -> Vec<(String, String, String)> {
        let text = |drift: &Value, part: &str| drift[part].as_str().unwrap_or_default().to_owned();
        let drifts = self.status()["drift"].as_array().map(Vec::as_slice).unwrap_or_default();
        drifts.iter().map(|it| (text(it, "field"), text(it, "declared"), text(it, "actual"))).collect()
    }

    fn conditions(&self) -> &[Value] {
        self.status()["conditions"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    fn condition(&self, name: &str) -> Option<&Value> {
        self.conditions().iter().find(|it| it["type"] == name)
    }

    /// The status of a condition: True, False, Unknown, or empty when it is not there.
    pub(crate) fn is(&self, condition: &str) -> &str {
        self.condition(condition).and_then(|it| it["status"].as_str()).unwrap_or_default()
    }

    pub(crate) fn reason(&self) -> &str {
        self.condition("Ready").and_then(|it| it["reason"].as_str()).unwrap_or_default()
    }

    pub(crate) fn message(&self) -> &str {
        self.condition("Ready").and_then(|it| it["message"].as_str()).unwrap_or_default()
    }

    /// Whether the status speaks of the spec as it is now.
    pub(crate) fn is_current(&self) -> bool {
        self.status()["observedGeneration"] == self.generation()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.is_current() && self.is("Ready") == "True" && self.reason() == "InSync"
    }

    /// Metadata, spec and status, to read.
    pub(crate) fn shown(&self) -> String {
        let mut shown = self.0.clone();
        shown.metadata.managed_fields = None;
        serde_json::to_string_pretty(&shown).unwrap_or_default()
    }

    /// What of the status breaks the contract, whatever is going on.
    fn broken(&self) -> Option<String> {
        let conditions = self.conditions();
        if self.status().is_null() && conditions.is_empty() {
            return None;
        }
        let types: Vec<&str> = conditions.iter().filter_map(|it| it["type"].as_str()).collect();
        if types.iter().filter(|it| **it == "Ready").count() != 1 {
            return Some(format!("Ready is always there, once: {types:?}"));
        }
        if let Some(other) = types.iter().find(|it| !["Ready", "Reconciling", "Stalled"].contains(it)) {
            return Some(format!("{other} is no condition of the contract's"));
        }
        if self.is("Reconciling") == "True" && self.is("Stalled") == "True" {
            return Some("Reconciling and Stalled are never both true".to_owned());
        }
        for condition in conditions {
            let observed = condition["observedGeneration"].as_i64();
            if observed.is_none_or(|it| it > self.generation()) || condition["lastTransitionTime"].is_null() {
                return Some(format!("a condition has a generation and a time: {condition}"));
            }
        }
        let observed = self.status()["observedGeneration"].as_i64();
        if observed.is_none_or(|it| it > self.generation()) {
            return Some("a status has observedGeneration".to_owned());
        }
        let Some((_, ready, beside)) = REASONS.iter().find(|(name, ..)| *name == self.reason()) else {
            return Some(format!("{} is no reason of the contract's", self.reason()));
        };
        let is = self.is("Ready");
        if !ready.contains(&is) {
            return Some(format!("Ready cannot be {is} with the reason {}", self.reason()));
        }
        let expected = if is == "True" { "" } else { *beside };
        for name in ["Reconciling", "Stalled"] {
            if (self.is(name) == "True") != (name == expected) {
                return Some(format!("with {} only {expected:?} is true beside Ready", self.reason()));
            }
        }
        (is != "True" && self.message().is_empty()).then(|| "who is not ready says why".to_owned())
    }
}
