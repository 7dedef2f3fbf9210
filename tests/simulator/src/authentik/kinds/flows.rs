//! Flows.

use super::super::field::{Choice, Field, Type, choice, choice_since, optional, required};
use super::super::kind::{Filter, Kind};
use super::super::store::Table;
use super::KIND;

const DESIGNATIONS: &[Choice] = &[
    choice("authentication"),
    choice("authorization"),
    choice("invalidation"),
    choice("enrollment"),
    choice("unenrollment"),
    choice("recovery"),
    choice("stage_configuration"),
];
pub(super) const POLICY_ENGINE_MODES: &[Choice] = &[choice("all"), choice("any")];
const LAYOUTS: &[Choice] = &[
    choice("stacked"),
    choice("content_left"),
    choice("content_right"),
    choice("sidebar_left"),
    choice("sidebar_right"),
    choice_since("sidebar_left_frame_background", 2026, 2),
    choice_since("sidebar_right_frame_background", 2026, 2),
];
const DENIED_ACTIONS: &[Choice] = &[choice("message_continue"), choice("message"), choice("continue")];
const AUTHENTICATIONS: &[Choice] = &[
    choice("none"),
    choice("require_authenticated"),
    choice("require_unauthenticated"),
    choice("require_superuser"),
    choice("require_redirect"),
    choice("require_outpost"),
    choice_since("require_token", 2026, 5),
];

const FIELDS: &[Field] = &[
    required("name", Type::Text),
    required("slug", Type::Slug).max_length_before(50, 2025, 12),
    required("title", Type::Text),
    required("designation", Type::Choice(DESIGNATIONS)),
    optional("background", Type::Background, "\"\"").may_be_blank().since(2025, 12),
    optional("policy_engine_mode", Type::Choice(POLICY_ENGINE_MODES), "\"any\""),
    optional("compatibility_mode", Type::Bool, "false"),
    optional("layout", Type::Choice(LAYOUTS), "\"stacked\""),
    optional("denied_action", Type::Choice(DENIED_ACTIONS), "\"message_continue\""),
    optional("authentication", Type::Choice(AUTHENTICATIONS), "\"none\""),
];

/// `/flows/instances/`.
pub(crate) static FLOW: Kind = Kind {
    path: "flows/instances",
    table: Table::Flow,
    app: "authentik_flows",
    model: "flow",
    class: "Flow",
    verbose: "Flow",
    verbose_plural: "Flows",
    label: "Flow",
    key: "slug",
    fields: FIELDS,
    filters: &[
        Filter::Uuid("flow_uuid", "pk"),
        Filter::Text("name"),
        Filter::Text("slug"),
        Filter::Choice("designation", DESIGNATIONS),
        Filter::Choice("denied_action", DENIED_ACTIONS),
    ],
    search: &["name", "slug", "designation", "title", "denied_action"],
    order: &["slug", "name"],
    unique: &[("slug", "Flow")],
    ..KIND
};
