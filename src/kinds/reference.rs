//! From one resource to another, or to what authentik has.

use std::collections::HashMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Endpoint, FLOWS, Flow, Kind, STAGES, schema};

/// A `Flow` in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FlowReference {
    /// The resource's `metadata.name`.
    #[schemars(transform = schema::resource_name)]
    pub name: String,
}

/// A stage that is a resource in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageReference {
    /// The kind of the stage's resource.
    #[schemars(transform = schema::stage_kinds)]
    pub kind: String,
    /// The resource's `metadata.name`.
    #[schemars(transform = schema::resource_name)]
    pub name: String,
}

/// Something whose identifier a request needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A resource in the same namespace.
    Resource {
        /// Its kind.
        kind: String,
        /// Its `metadata.name`.
        name: String,
    },
    /// A flow that authentik has, by slug or UUID.
    Flow(String),
    /// A stage that authentik has, by name or UUID.
    Stage(String),
}

impl Reference {
    /// Where authentik has it, and by which key or identifier it is called; none for a resource.
    #[must_use]
    pub fn in_authentik(&self) -> Option<(&'static Endpoint, &str)> {
        match self {
            Self::Resource { .. } => None,
            Self::Flow(called) => Some((&FLOWS, called)),
            Self::Stage(called) => Some((&STAGES, called)),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource { kind, name } => write!(f, "the {kind} {name} in this namespace"),
            Self::Flow(flow) => write!(f, "the flow {flow} in authentik"),
            Self::Stage(stage) => write!(f, "the stage {stage} in authentik"),
        }
    }
}

impl From<&FlowReference> for Reference {
    fn from(to: &FlowReference) -> Self {
        Self::Resource { kind: Flow::NAME.to_owned(), name: to.name.clone() }
    }
}

impl From<&StageReference> for Reference {
    fn from(to: &StageReference) -> Self {
        Self::Resource { kind: to.kind.clone(), name: to.name.clone() }
    }
}

/// The UUIDs that authentik has for references.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identifiers(HashMap<Reference, String>);

/// A reference without an identifier. Nothing of the resource may be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} has no identifier yet")]
pub struct Unresolved(pub Reference);

impl Identifiers {
    /// The UUID of what `reference` names.
    ///
    /// # Errors
    /// When it is not among them.
    pub fn get(&self, reference: &Reference) -> Result<&str, Unresolved> {
        self.0.get(reference).map(String::as_str).ok_or_else(|| Unresolved(reference.clone()))
    }
}

impl Identifiers {
    /// All references and UUIDs.
    pub fn iter(&self) -> impl Iterator<Item = (&Reference, &str)> {
        self.0.iter().map(|(reference, pk)| (reference, pk.as_str()))
    }
}

impl FromIterator<(Reference, String)> for Identifiers {
    fn from_iter<I: IntoIterator<Item = (Reference, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}
