//! The kinds of resources: one file for each, and what all of them share. Nothing here does I/O.
//!
//! A kind's spec is its custom resource definition, and its documentation is what `kubectl explain` shows. In a spec, an
//! optional field that is absent is not managed, whatever authentik has; one that is there is enforced, `false`, 0,
//! `""` and `[]` too. So no field has a default, and none may be null.
//!
//! A new kind is a file here and a line in [`REGISTRY`].

mod authenticator_validate_stage;
mod body;
mod definition;
mod flow;
mod flow_stage_binding;
mod management;
mod reason;
mod reference;
mod schema;
#[cfg(test)]
mod schema_files;
mod status;
pub mod support;

use std::fmt::Debug;

use k8s_openapi::{
    NamespaceResourceScope, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{CustomResourceExt, Resource};
use serde::{Serialize, de::DeserializeOwned};

pub use authenticator_validate_stage::{
    AuthenticatorValidateStage, AuthenticatorValidateStageSpec, DeviceClass, NotConfiguredAction,
    UserVerification, WebauthnHint,
};
pub use body::Body;
pub use flow::{Authentication, DeniedAction, Designation, Flow, FlowSpec, Layout, PolicyEngineMode};
pub use flow_stage_binding::{FlowStageBinding, FlowStageBindingSpec, InvalidResponseAction};
pub use management::{Adoption, DeletionPolicy, Management, Mode};
pub use reason::{Progress, Reason};
pub use reference::{FlowReference, Identifiers, Reference, StageReference, Unresolved};
pub use status::{Creating, Drift, Origin, Status};
pub use support::Field;

/// The annotation that makes a resource observe only, for the moment, with the value `"true"`.
pub const PAUSED: &str = "authentik-operator.dev/paused";

/// The annotation whose every new value asks to look at authentik now.
pub const RECONCILE_AT: &str = "authentik-operator.dev/reconcile-at";

/// The annotation that lets a deletion go ahead although other objects use the object, with the value `"true"`.
pub const FORCE_DELETE: &str = "authentik-operator.dev/force-delete";

/// A kind of object in authentik that a resource describes.
pub trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + CustomResourceExt
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// The kind's name, such as `Flow`.
    const NAME: &'static str;
    /// authentik's collection of such objects, below `/api/v3/`.
    const COLLECTION: &'static str;
    /// Whether it is a stage, which bindings and other stages may refer to.
    const STAGE: bool = false;
    /// Every field that authentik lets a client write.
    const FIELDS: &'static [Field];

    /// What [`Kind::body`] needs identifiers for.
    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }

    /// What the resource declares, by authentik's names: no field that the spec does not set.
    ///
    /// # Errors
    /// When `identifiers` lacks one of [`Kind::references`].
    fn body(&self, identifiers: &Identifiers) -> Result<Body, Unresolved>;

    /// How the resource is kept.
    fn management(&self) -> &Management;

    /// What the operator last said of it.
    fn status(&self) -> Option<&Status>;

    /// The custom resource definition, as it is to be installed.
    #[must_use]
    fn definition() -> CustomResourceDefinition {
        definition::finish(Self::crd())
    }
}

/// What is known of a kind without its type.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// [`Kind::NAME`].
    pub name: &'static str,
    /// [`Kind::COLLECTION`].
    pub collection: &'static str,
    /// [`Kind::STAGE`].
    pub stage: bool,
    /// [`Kind::FIELDS`].
    pub fields: &'static [Field],
    /// [`Kind::definition`].
    pub definition: fn() -> CustomResourceDefinition,
}

impl Entry {
    const fn of<K: Kind>() -> Self {
        Self {
            name: K::NAME,
            collection: K::COLLECTION,
            stage: K::STAGE,
            fields: K::FIELDS,
            definition: K::definition,
        }
    }
}

/// All kinds.
pub const REGISTRY: &[Entry] =
    &[Entry::of::<Flow>(), Entry::of::<FlowStageBinding>(), Entry::of::<AuthenticatorValidateStage>()];
