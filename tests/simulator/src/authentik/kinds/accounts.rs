//! Who may do what: users, groups, roles, tokens, initial permissions.

use serde_json::{Value, json};

use super::super::answer::{Refusal, invalid};
use super::super::field::{Choice, Type, choice, optional, required};
use super::super::kind::{Filter, Kind, Payload};
use super::super::store::Table;
use super::KIND;

pub(super) static KINDS: [&Kind; 5] = [&USER, &GROUP, &ROLE, &TOKEN, &INITIAL_PERMISSIONS];

/// `/core/users/`.
pub(crate) static USER: Kind = Kind {
    path: "core/users",
    table: Table::User,
    app: "authentik_core",
    model: "user",
    class: "User",
    verbose: "User",
    verbose_plural: "Users",
    fields: &[
        required("username", Type::Text),
        required("name", Type::Text).may_be_blank(),
        optional("is_active", Type::Bool, "true"),
        optional("groups", Type::References(Table::Group), "[]").may_be_blank(),
        optional("roles", Type::References(Table::Role), "[]").may_be_blank().since(2025, 12),
        optional("email", Type::Text, "\"\"").may_be_blank(),
        optional("attributes", Type::Json, "{}"),
        optional("path", Type::Text, "\"users\""),
        optional("type", Type::Text, "\"internal\""),
    ],
    filters: &[
        Filter::Text("username"),
        Filter::Text("name"),
        Filter::Text("email"),
        Filter::Bool("is_active"),
    ],
    search: &["username", "name", "email"],
    order: &["username"],
    unique: &[("username", "user")],
    ..KIND
};

/// `/core/groups/`.
pub(crate) static GROUP: Kind = Kind {
    path: "core/groups",
    table: Table::Group,
    app: "authentik_core",
    model: "group",
    class: "Group",
    verbose: "Group",
    verbose_plural: "Groups",
    label: "Group",
    fields: &[
        required("name", Type::Text),
        optional("is_superuser", Type::Bool, "false"),
        optional("users", Type::References(Table::User), "[]").may_be_blank(),
        optional("attributes", Type::Json, "{}"),
        optional("roles", Type::References(Table::Role), "[]").may_be_blank(),
    ],
    filters: &[Filter::Text("name"), Filter::Bool("is_superuser")],
    unique: &[("name", "Group")],
    ..KIND
};

/// `/rbac/roles/`.
pub(crate) static ROLE: Kind = Kind {
    path: "rbac/roles",
    table: Table::Role,
    app: "authentik_rbac",
    model: "role",
    class: "Role",
    verbose: "Role",
    verbose_plural: "Roles",
    label: "Role",
    fields: &[required("name", Type::Text)],
    filters: &[Filter::Text("name")],
    unique: &[("name", "Role")],
    ..KIND
};

const INTENTS: &[Choice] =
    &[choice("verification"), choice("api"), choice("recovery"), choice("app_password")];

/// `/core/tokens/`.
pub(crate) static TOKEN: Kind = Kind {
    path: "core/tokens",
    table: Table::Token,
    app: "authentik_core",
    model: "token",
    class: "Token",
    verbose: "Token",
    verbose_plural: "Tokens",
    key: "identifier",
    fields: &[
        required("identifier", Type::Slug),
        optional("intent", Type::Choice(INTENTS), "\"api\""),
        optional("user", Type::Reference(Table::User), "null"),
        optional("description", Type::Text, "\"\"").may_be_blank(),
        optional("expiring", Type::Bool, "true"),
    ],
    filters: &[Filter::Text("identifier"), Filter::Choice("intent", INTENTS), Filter::Bool("expiring")],
    search: &["identifier", "description"],
    order: &["identifier"],
    unique: &[("identifier", "Token")],
    rule: Some(an_intent_of_the_api),
    ..KIND
};

/// Tokens of other intents are made by authentik itself (its `TokenSerializer.validate`).
fn an_intent_of_the_api(payload: &Payload<'_>) -> Result<(), Refusal> {
    match payload.values.get("intent").and_then(Value::as_str) {
        None | Some("api" | "app_password") => Ok(()),
        Some(other) => Err(invalid(json!({"intent": [format!("Invalid intent {other}")]}))),
    }
}

const MODES: &[Choice] = &[choice("user"), choice("role")];

/// `/rbac/initial_permissions/`: what the creator of an object may do with it. Up to 2025.10 with a `mode` that must be
/// there.
pub(crate) static INITIAL_PERMISSIONS: Kind = Kind {
    path: "rbac/initial_permissions",
    table: Table::InitialPermissions,
    app: "authentik_rbac",
    model: "initialpermissions",
    class: "InitialPermissions",
    verbose: "Initial Permissions",
    verbose_plural: "Initial Permissions",
    fields: &[
        required("name", Type::Text),
        required("mode", Type::Choice(MODES)).until(2025, 12),
        required("role", Type::Reference(Table::Role)),
        optional("permissions", Type::Json, "[]"),
    ],
    filters: &[Filter::Text("name")],
    order: &["pk"],
    unique: &[("name", "Initial Permissions")],
    ..KIND
};

/// `/events/events/` has a list of its own; permissions name the model.
pub(crate) static EVENT: Kind = Kind {
    path: "events/events",
    app: "authentik_events",
    model: "event",
    class: "Event",
    verbose: "Event",
    verbose_plural: "Events",
    ..KIND
};
