//! What the operator says on a resource, the same for every kind.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// What is true of the object in authentik.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// authentik's identifier of the object, a UUID. Once known it is what the object is found by, whatever is
    /// renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pk: Option<String>,

    /// What authentik calls the object now: the slug of a flow, the name of a stage. A binding has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,

    /// `Created` by this resource, or `Adopted` since authentik had it already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,

    /// Where authentik differs from the spec, when the operator may not change it: while observing, and when
    /// adoption is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,

    /// `Ready` always; `Reconciling` only while the operator goes on by itself; `Stalled` only when somebody must
    /// act.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = schema::by_type)]
    pub conditions: Vec<Condition>,

    /// The last value of the annotation `authentik-operator.dev/reconcile-at` that was acted upon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,

    /// The creation that is under way: with it, an object that was made just before a crash is known as this
    /// resource's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creating: Option<Creating>,
}

/// How the object came to be this resource's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = schema::values)]
pub enum Origin {
    /// The operator made it.
    Created,
    /// authentik had it.
    Adopted,
}

/// One field in which authentik differs from the spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The field, as the spec names it.
    pub field: String,
    /// What the spec declares: a text as it is, anything else as JSON.
    pub declared: String,
    /// What authentik has: a text as it is, anything else as JSON.
    pub actual: String,
}

/// An intention to create, written before the request is sent and only after no such object was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Creating {
    /// The natural key of the object: authentik's names of the fields, and their values.
    pub key: BTreeMap<String, String>,
    /// The fields of the request's body, by authentik's names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// A hash of the request's body.
    pub body_hash: String,
    /// A random identifier of this intention.
    pub id: String,
}
