//! Kinds without their types: what the engine works with, which knows no single kind.

use std::fmt::Debug;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::{ApiResource, DynamicObject};

use super::{Address, Body, Change, Field, Identifiers, Kind, Management, Reference, Referrer, Unresolved};

/// One of authentik's collections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Its path below `/api/v3/`.
    pub collection: &'static str,
    /// The model that permissions are named after.
    pub model: &'static str,
    /// The fields of the natural key.
    pub key: &'static [&'static str],
    /// What addresses an object.
    pub address: Address,
}

impl Endpoint {
    /// The permission to `view`, `add`, `change` or `delete`: `authentik_flows.view_flow`.
    #[must_use]
    pub fn permission(&self, action: &str) -> String {
        match self.model.split_once('.') {
            Some((app, model)) => format!("{app}.{action}_{model}"),
            None => format!("{action}_{}", self.model),
        }
    }

    /// A field by which rows have one place in a list each.
    #[must_use]
    pub fn ordering(&self) -> &'static str {
        match self.key {
            [only] => only,
            _ => "pk",
        }
    }
}

/// What is known of a kind without its type.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// [`Kind::NAME`].
    pub name: &'static str,
    /// Where authentik has such objects.
    pub endpoint: Endpoint,
    /// [`Kind::STAGE`].
    pub stage: bool,
    /// [`Kind::FIELDS`].
    pub fields: &'static [Field],
    /// [`Kind::CHANGE`].
    pub change: Change,
    /// [`Kind::TOGETHER`].
    pub together: &'static [&'static [&'static str]],
    /// [`Kind::FLOW`].
    pub flow: Option<&'static str>,
    /// [`Kind::STEPS_ASIDE`].
    pub steps_aside: Option<&'static str>,
    /// [`Kind::PARTS`].
    pub parts: &'static [&'static str],
    /// [`Kind::REFERRERS`].
    pub referrers: &'static [Referrer],
    /// [`Kind::refused`].
    pub refused: fn(&Body, Option<&str>) -> Option<String>,
    /// [`Kind::definition`].
    pub definition: fn() -> CustomResourceDefinition,
    /// Where the API server has such resources.
    pub resource: fn() -> ApiResource,
    /// A resource of the kind, or why it cannot be read.
    pub decode: fn(&DynamicObject) -> Result<Box<dyn Declared>, String>,
}

impl Entry {
    /// What is known of `K`.
    #[must_use]
    pub const fn of<K: Kind>() -> Self {
        Self {
            name: K::NAME,
            endpoint: Endpoint {
                collection: K::COLLECTION,
                model: K::MODEL,
                key: K::KEY,
                address: K::ADDRESS,
            },
            stage: K::STAGE,
            fields: K::FIELDS,
            change: K::CHANGE,
            together: K::TOGETHER,
            flow: K::FLOW,
            steps_aside: K::STEPS_ASIDE,
            parts: K::PARTS,
            referrers: K::REFERRERS,
            refused: K::refused,
            definition: K::definition,
            resource: || ApiResource::erase::<K>(&()),
            decode: |object| {
                let read = serde_json::to_value(object).and_then(serde_json::from_value::<K>);
                read.map(|resource| Box::new(resource) as Box<dyn Declared>)
                    .map_err(|error| error.to_string())
            },
        }
    }

    /// The field with this name of authentik's.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// What a resource says, whatever its kind.
pub trait Declared: Debug + Send + Sync {
    /// [`Kind::own_name`].
    fn own_name(&self) -> Option<String>;
    /// [`Kind::references`].
    fn references(&self) -> Vec<Reference>;
    /// [`Kind::body`].
    ///
    /// # Errors
    /// When `identifiers` lacks one of the references.
    fn body(&self, identifiers: &Identifiers) -> Result<Body, Unresolved>;
    /// [`Kind::management`].
    fn management(&self) -> &Management;
}

impl<K: Kind> Declared for K {
    fn own_name(&self) -> Option<String> {
        Kind::own_name(self)
    }

    fn references(&self) -> Vec<Reference> {
        Kind::references(self)
    }

    fn body(&self, identifiers: &Identifiers) -> Result<Body, Unresolved> {
        Kind::body(self, identifiers)
    }

    fn management(&self) -> &Management {
        Kind::management(self)
    }
}
