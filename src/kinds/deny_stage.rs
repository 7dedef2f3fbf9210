//! Stages that end a flow: the example of a new kind, which only tests know.

use kube::{CustomResource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Body, Field, Identifiers, Kind, Management, Referrer, Status, Unresolved, body, referrer, schema,
};

/// What a deny stage in authentik is to be. A field that is absent is left as authentik has it.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "authentik-operator.dev",
    version = "v1alpha1",
    kind = "DenyStage",
    namespaced,
    status = "Status",
    category = "authentik",
    shortname = "ads",
    doc = "A stage in authentik that denies whoever comes to it.",
    printcolumn(name = "Stage", type_ = "string", json_path = ".status.slug")
)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DenyStageSpec {
    /// The stage's name, unique among all stages of authentik, of whatever kind. Absent: metadata.name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema::text)]
    pub(crate) name: Option<String>,

    /// What users read. Empty: authentik's own words. Absent: not managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema::text_or_empty)]
    pub(crate) deny_message: Option<String>,

    /// Its fields are the spec's.
    #[serde(flatten)]
    pub(crate) management: Management,
}

impl Kind for DenyStage {
    const NAME: &'static str = "DenyStage";
    const COLLECTION: &'static str = "stages/deny";
    const MODEL: &'static str = "authentik_stages_deny.denystage";
    const KEY: &'static [&'static str] = &["name"];
    const STAGE: bool = true;
    const FIELDS: &'static [Field] = &[Field::new("name"), Field::new("deny_message")];
    const REFERRERS: &'static [Referrer] = referrer::OF_STAGES;

    fn own_name(&self) -> Option<String> {
        Some(self.spec.name.clone().unwrap_or_else(|| self.name_any()))
    }

    fn body(&self, _: &Identifiers) -> Result<Body, Unresolved> {
        let mut body = body::declared(&self.spec, Self::FIELDS);
        body.entry("name").or_insert_with(|| self.name_any().into());
        Ok(body)
    }

    fn management(&self) -> &Management {
        &self.spec.management
    }
}
