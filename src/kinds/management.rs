//! What a resource says about how it is kept, the same for every kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// The fields that every kind's spec has beside authentik's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Management {
    /// Whether authentik is changed. `Enforce` writes what is declared; `Observe` writes nothing, lists in
    /// `status.drift` what `Enforce` would change, and lets go of the object when the resource is deleted.
    /// Absent: `Enforce`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,

    /// What happens when authentik already has an object with this natural key that this resource did not
    /// create. `IfMatching` takes it over when nothing declared would change, `Never` refuses, `Force` takes it
    /// over and changes it. Absent: `IfMatching`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adoption: Option<Adoption>,

    /// What happens in authentik when this resource is deleted. `Delete` deletes the object unless something else
    /// uses it, `Retain` leaves it. Absent: `Delete` for an object that this resource created, `Retain` for one
    /// that it adopted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
}

/// Whether authentik is changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = schema::values)]
pub enum Mode {
    /// What is declared is written. The default.
    #[default]
    Enforce,
    /// Nothing is written.
    Observe,
}

/// What happens when authentik has the object already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = schema::values)]
pub enum Adoption {
    /// Taken over when nothing declared would change. The default.
    #[default]
    IfMatching,
    /// Refused.
    Never,
    /// Taken over and changed.
    Force,
}

/// What happens in authentik when the resource is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = schema::values)]
pub enum DeletionPolicy {
    /// The object is deleted unless something else uses it.
    Delete,
    /// The object stays.
    Retain,
}
