//! Flows.

use kube::{CustomResource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Address, Body, Field, Identifiers, Kind, Management, Referrer, Status, Unresolved, body, referrer, schema,
};

/// What a flow in authentik is to be. A field that is absent is left as authentik has it.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "authentik-operator.dev",
    version = "v1alpha1",
    kind = "Flow",
    namespaced,
    status = "Status",
    category = "authentik",
    shortname = "aflow",
    doc = "A flow in authentik: what a user goes through to sign in, enroll, recover an account \
        and the like. Its stages are bound to it by FlowStageBindings.",
    selectable = ".spec.designation",
    printcolumn(name = "Slug", type_ = "string", json_path = ".status.slug"),
    printcolumn(name = "Designation", type_ = "string", json_path = ".spec.designation"),
    validation = Rule::new("has(self.spec.slug) || self.metadata.name.matches('^[-a-z0-9]+$')")
        .field_path(".spec.slug")
        .message("metadata.name cannot stand in for the slug, since it has dots: set spec.slug, of \
            letters, digits, hyphens and underscores"),
    validation = Rule::new("has(self.spec.slug) || self.metadata.name != 'import'")
        .field_path(".spec.slug")
        .message("metadata.name cannot stand in for the slug, since authentik's API cannot reach a \
            flow with the slug import: set spec.slug to another")
)]
#[serde(rename_all = "camelCase")]
pub struct FlowSpec {
    /// The flow's name in authentik's administration. Need not be unique.
    #[schemars(transform = schema::text)]
    pub name: String,

    /// The slug: what the flow is found by, and part of its URL, /if/flow/SLUG/. Unique in authentik. Letters, digits,
    /// hyphens and underscores, at most 300; authentik before 2025.12 takes at most 50. Renaming keeps the flow and
    /// its bindings, but links to the old URL break. Absent: metadata.name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema::own_slug)]
    pub slug: Option<String>,

    /// The heading that users see.
    #[schemars(transform = schema::text)]
    pub title: String,

    /// What the flow is for. authentik offers it, and falls back to it, in the places that are for this purpose.
    pub designation: Designation,

    /// The picture behind the flow: the name of a file in authentik's storage, a path below /static/, a URL, or fa://
    /// with the name of an icon. %(theme)s in it stands for light or dark. Empty: the brand's. Needs authentik 2025.12 or
    /// newer. Absent: not managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema::text_or_empty)]
    pub background: Option<String>,

    /// How policies that are bound to the flow are taken together: `all` must pass, or `any` of them. Absent: not managed;
    /// authentik begins with `any`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_engine_mode: Option<PolicyEngineMode>,

    /// Whether the flow works better with password managers on mobile devices, at some cost in looks. Absent: not
    /// managed; authentik begins with false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatibility_mode: Option<bool>,

    /// Where the form stands on the page. `sidebar_left_frame_background` and `sidebar_right_frame_background` need
    /// authentik 2026.2 or newer. Absent: not managed; authentik begins with `stacked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,

    /// What happens when a policy denies a user the flow: `message` shows why, `continue` goes on to where the user was
    /// heading, `message_continue` goes on if there is such a place and shows the message otherwise. Absent: not managed;
    /// authentik begins with `message_continue`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied_action: Option<DeniedAction>,

    /// Who may enter the flow: `none` is everybody; `require_redirect` wants to be reached from another flow,
    /// `require_outpost` by an outpost. `require_token` needs authentik 2026.5 or newer. Absent: not managed; authentik
    /// begins with `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,

    #[expect(missing_docs, reason = "its fields are the spec's")]
    #[serde(flatten)]
    pub management: Management,
}

/// What a flow is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = schema::values)]
#[expect(missing_docs, reason = "authentik's own words")]
pub enum Designation {
    Authentication,
    Authorization,
    Invalidation,
    Enrollment,
    Unenrollment,
    Recovery,
    StageConfiguration,
}

/// How several policies are taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = schema::values)]
#[expect(missing_docs, reason = "authentik's own words")]
pub enum PolicyEngineMode {
    All,
    Any,
}

/// Where the form stands on a flow's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = schema::values)]
#[expect(missing_docs, reason = "authentik's own words")]
pub enum Layout {
    Stacked,
    ContentLeft,
    ContentRight,
    SidebarLeft,
    SidebarRight,
    SidebarLeftFrameBackground,
    SidebarRightFrameBackground,
}

/// What happens when a policy denies a user a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = schema::values)]
#[expect(missing_docs, reason = "authentik's own words")]
pub enum DeniedAction {
    MessageContinue,
    Message,
    Continue,
}

/// Who may enter a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = schema::values)]
#[expect(missing_docs, reason = "authentik's own words")]
pub enum Authentication {
    None,
    RequireAuthenticated,
    RequireUnauthenticated,
    RequireSuperuser,
    RequireRedirect,
    RequireOutpost,
    RequireToken,
}

impl Kind for Flow {
    const NAME: &'static str = "Flow";
    const COLLECTION: &'static str = "flows/instances";
    const MODEL: &'static str = "authentik_flows.flow";
    const KEY: &'static [&'static str] = &["slug"];
    // An old slug could be another flow's by now.
    const ADDRESS: Address = Address::Field { field: "slug", filter: "flow_uuid" };
    const PARTS: &'static [&'static str] =
        &["authentik_flows.flowstagebinding", "authentik_policies.policybinding"];
    const REFERRERS: &'static [Referrer] = referrer::OF_FLOWS;
    const FIELDS: &'static [Field] = &[
        Field::new("name"),
        Field::new("slug").short_before((2025, 12), 50),
        Field::new("title"),
        Field::new("designation"),
        // Before, authentik ignores it without a word and answers with a computed URL.
        Field::new("background").since(2025, 12),
        Field::new("policy_engine_mode"),
        Field::new("compatibility_mode"),
        Field::new("layout").newer(&[
            ("sidebar_left_frame_background", (2026, 2)),
            ("sidebar_right_frame_background", (2026, 2)),
        ]),
        Field::new("denied_action"),
        Field::new("authentication").newer(&[("require_token", (2026, 5))]),
    ];

    fn own_name(&self) -> Option<String> {
        Some(self.spec.slug.clone().unwrap_or_else(|| self.name_any()))
    }

    fn body(&self, _: &Identifiers) -> Result<Body, Unresolved> {
        let mut body = body::declared(&self.spec, Self::FIELDS);
        body.entry("slug").or_insert_with(|| self.name_any().into());
        Ok(body)
    }

    fn management(&self) -> &Management {
        &self.spec.management
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Flow;
    use crate::kinds::{Identifiers, Kind};

    fn body(spec: Value) -> Value {
        let flow = json!({"apiVersion": "authentik-operator.dev/v1alpha1", "kind": "Flow",
            "metadata": {"name": "staff-login"}, "spec": spec});
        let flow: Flow = serde_json::from_value(flow).expect("a flow");
        flow.body(&Identifiers::default()).expect("a flow refers to nothing").into()
    }

    #[test]
    fn what_is_absent_is_not_sent() {
        assert_eq!(
            body(json!({"name": "Staff", "title": "Welcome", "designation": "stage_configuration"})),
            json!({"name": "Staff", "title": "Welcome", "designation": "stage_configuration",
                "slug": "staff-login"})
        );
    }

    #[test]
    fn what_is_there_is_sent_empty_or_not() {
        assert_eq!(
            body(json!({"name": "Staff", "slug": "Staff_1", "title": "Welcome", "designation": "recovery",
                "background": "", "policyEngineMode": "all", "compatibilityMode": false,
                "layout": "sidebar_left_frame_background", "deniedAction": "message_continue",
                "authentication": "none", "mode": "Observe", "adoption": "Force", "deletionPolicy": "Retain"})),
            json!({"name": "Staff", "slug": "Staff_1", "title": "Welcome", "designation": "recovery",
                "background": "", "policy_engine_mode": "all", "compatibility_mode": false,
                "layout": "sidebar_left_frame_background", "denied_action": "message_continue",
                "authentication": "none"})
        );
    }
}
