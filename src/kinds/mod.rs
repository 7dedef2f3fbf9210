//! The kinds of resources: one file for each, and what all of them share. Nothing here does I/O.
//!
//! A kind's spec is its custom resource definition, and its documentation is what `kubectl explain` shows. In a spec, an
//! optional field that is absent is not managed, whatever authentik has; one that is there is enforced, `false`, 0,
//! `""` and `[]` too. So no field has a default, and none may be null.
//!
//! A new kind is a file here and a line in [`REGISTRY`]. `deny_stage.rs` is one that only tests know: CONTRIBUTING walks
//! through it.

mod authenticator_validate_stage;
mod body;
mod definition;
#[cfg(test)]
pub(crate) mod deny_stage;
mod entry;
mod flow;
mod flow_stage_binding;
mod management;
mod reason;
mod reference;
mod referrer;
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
pub use entry::{Declared, Endpoint, Entry};
pub use flow::{Authentication, DeniedAction, Designation, Flow, FlowSpec, Layout, PolicyEngineMode};
pub use flow_stage_binding::{FlowStageBinding, FlowStageBindingSpec, InvalidResponseAction};
pub use management::{Adoption, DeletionPolicy, Management, Mode};
pub use reason::{Progress, Reason};
pub use reference::{FlowReference, Identifiers, Reference, StageReference, Unresolved};
pub use referrer::Referrer;
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
    /// authentik's model, which its permissions are named after: `authentik_flows.flow`.
    const MODEL: &'static str;
    /// The fields that together name an object, of which authentik has no two with the same values; also filters of
    /// the list.
    const KEY: &'static [&'static str];
    /// Whether it is a stage, which bindings and other stages may refer to.
    const STAGE: bool = false;
    /// Every field that authentik lets a client write.
    const FIELDS: &'static [Field];
    /// What addresses an object in a URL.
    const ADDRESS: Address = Address::Pk;
    /// How an object is changed.
    const CHANGE: Change = Change::Patch;
    /// Groups of fields that authentik validates by what one request holds: they are sent together.
    const TOGETHER: &'static [&'static [&'static str]] = &[];
    /// The field with the flow that an object is a part of.
    const FLOW: Option<&'static str> = None;
    /// The number in [`Kind::KEY`] by which an object can step aside, so that others of the same flow exchange places.
    const STEPS_ASIDE: Option<&'static str> = None;
    /// Models whose objects are a part of an object and go with it when it is deleted.
    const PARTS: &'static [&'static str] = &[];
    /// Objects that may refer to one and that authentik's `used_by` leaves out or may hide.
    const REFERRERS: &'static [Referrer] = &[];

    /// The only field of [`Kind::KEY`], where there is one and it needs no identifiers.
    fn own_name(&self) -> Option<String> {
        None
    }

    /// What [`Kind::body`] needs identifiers for.
    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }

    /// What the resource declares, by authentik's names: no field that the spec does not set.
    ///
    /// # Errors
    /// When `identifiers` lacks one of [`Kind::references`].
    fn body(&self, identifiers: &Identifiers) -> Result<Body, Unresolved>;

    /// Why authentik would not take an object with these fields, where that depends on fields that the spec leaves to
    /// authentik. `merged` is what is declared over what authentik has, `pk` the object's identifier if there is one.
    fn refused(_merged: &Body, _pk: Option<&str>) -> Option<String> {
        None
    }

    /// How the resource is kept.
    fn management(&self) -> &Management;

    /// The custom resource definition, as it is to be installed.
    #[must_use]
    fn definition() -> CustomResourceDefinition {
        definition::finish(Self::crd())
    }
}

/// What addresses an object in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// Its identifier.
    Pk,
    /// A field that may change at any time, so that it is read immediately before it is used.
    Field {
        /// The field.
        field: &'static str,
        /// The filter of the list that finds an object by its identifier.
        filter: &'static str,
    },
}

/// How an object is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// PATCH with what differs.
    Patch,
    /// PUT with the natural key and what is sent together, beside what differs.
    Put,
}

/// All kinds.
pub const REGISTRY: &[Entry] =
    &[Entry::of::<Flow>(), Entry::of::<FlowStageBinding>(), Entry::of::<AuthenticatorValidateStage>()];

/// All flows of authentik: what slugs refer to.
pub const FLOWS: Endpoint = Entry::of::<Flow>().endpoint;

/// All stages of authentik, of whatever kind: what names of stages refer to.
pub const STAGES: Endpoint = Endpoint {
    collection: "stages/all",
    model: "authentik_flows.stage",
    key: &["name"],
    address: Address::Pk,
};
