//! From the path of a request to what it addresses.

use percent_encoding::percent_decode_str;

use super::kind::Kind;
use super::kinds::{self, FLOW, POLICY, PROVIDER, ROLE, SOURCE, STAGE, TOKEN};
use super::store::Table;
use super::version::Version;

/// What a path addresses.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// All objects of a kind.
    Collection(&'static Kind),
    /// One object.
    Object(&'static Kind, String),
    /// What uses an object.
    UsedBy(&'static Kind, String),
    /// Something else that can be done with one object.
    ObjectAction(ObjectAction, String),
    /// Something that stands alone.
    Single(Single),
}

/// Something that can be done with one object, beside the ordinary verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectAction {
    Export,
    Diagram,
    SetBackground,
    SetBackgroundUrl,
    AddUserToRole,
    RemoveUserFromRole,
    AddUserToGroup,
    RemoveUserFromGroup,
    ViewKey,
    SetKey,
    AssignToRole,
    UnassignFromRole,
    AssignToUser,
    UnassignFromUser,
}

/// An endpoint that is no collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Single {
    Schema,
    Version,
    VersionHistory,
    System,
    Settings,
    Models,
    RootConfig,
    CurrentBrand,
    Me,
    ServiceAccount,
    Events,
    Permissions,
    PermissionsOfRoles,
    PermissionsOfUsers,
    StageTypes,
    StageUserSettings,
    FlowCacheInfo,
    FlowCacheClear,
    Healthy,
    /// A route that shadows the flow of its name and does nothing here.
    FlowImport,
}

/// A route with the methods that it takes, as the header `allow` lists them.
#[derive(Clone, Debug)]
pub(crate) struct Matched {
    pub(crate) route: Route,
    pub(crate) allow: &'static str,
}

const READ: &str = "GET, HEAD, OPTIONS";
const POST: &str = "POST, OPTIONS";
const PATCH: &str = "PATCH, OPTIONS";
const COLLECTION: &str = "GET, POST, HEAD, OPTIONS";
const OBJECT: &str = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";

/// The route of a path, which must end with a slash and hold no empty parts, as authentik's do. Escapes are resolved
/// first: an escaped slash parts as a plain one does. Keys hold no dots.
pub(crate) fn find(path: &str, version: &Version) -> Option<Matched> {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let path = path.as_ref();
    if matches!(path, "/-/health/live/" | "/-/health/ready/") {
        return Some(Matched { route: Route::Single(Single::Healthy), allow: READ });
    }
    let path = path.strip_prefix("/api/v3/")?.strip_suffix('/')?;
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().any(|part| part.is_empty() || part.contains('.')) {
        return None;
    }
    single(&parts, version)
        .or_else(|| object_action(&parts, version))
        .or_else(|| of_kind(path, &parts, version))
}

fn single(parts: &[&str], version: &Version) -> Option<Matched> {
    let (single, allow) = match parts {
        ["schema"] => (Single::Schema, READ),
        ["admin", "version"] => (Single::Version, READ),
        ["admin", "version", "history"] => (Single::VersionHistory, READ),
        ["admin", "system"] => (Single::System, COLLECTION),
        ["admin", "settings"] => (Single::Settings, "GET, PUT, PATCH, HEAD, OPTIONS"),
        ["admin", "models"] => (Single::Models, READ),
        ["root", "config"] => (Single::RootConfig, READ),
        ["core", "brands", "current"] => (Single::CurrentBrand, READ),
        ["core", "users", "me"] => (Single::Me, READ),
        ["core", "users", "service_account"] => (Single::ServiceAccount, POST),
        ["events", "events"] => (Single::Events, COLLECTION),
        ["rbac", "permissions"] => (Single::Permissions, READ),
        ["rbac", "permissions", "roles"] => (Single::PermissionsOfRoles, READ),
        ["rbac", "permissions", "users"] if !version.users_have_roles() => (Single::PermissionsOfUsers, READ),
        ["stages", "all", "types"] => (Single::StageTypes, READ),
        ["stages", "all", "user_settings"] => (Single::StageUserSettings, READ),
        ["flows", "instances", "cache_info"] => (Single::FlowCacheInfo, READ),
        ["flows", "instances", "cache_clear"] => (Single::FlowCacheClear, POST),
        ["flows", "instances", "import"] if !version.at_least(2026, 5) => (Single::FlowImport, POST),
        _ => return None,
    };
    Some(Matched { route: Route::Single(single), allow })
}

fn object_action(parts: &[&str], version: &Version) -> Option<Matched> {
    let roles = version.users_have_roles();
    let (action, key, allow) = match *parts {
        ["flows", "instances", slug, "export"] => (ObjectAction::Export, slug, READ),
        ["flows", "instances", slug, "diagram"] => (ObjectAction::Diagram, slug, READ),
        ["flows", "instances", slug, "set_background"] if !version.background_is_writable() => {
            (ObjectAction::SetBackground, slug, POST)
        }
        ["flows", "instances", slug, "set_background_url"] if !version.background_is_writable() => {
            (ObjectAction::SetBackgroundUrl, slug, POST)
        }
        ["rbac", "roles", role, "add_user"] if roles => (ObjectAction::AddUserToRole, role, POST),
        ["rbac", "roles", role, "remove_user"] if roles => (ObjectAction::RemoveUserFromRole, role, POST),
        ["core", "groups", group, "add_user"] => (ObjectAction::AddUserToGroup, group, POST),
        ["core", "groups", group, "remove_user"] => (ObjectAction::RemoveUserFromGroup, group, POST),
        ["core", "tokens", token, "view_key"] => (ObjectAction::ViewKey, token, READ),
        ["core", "tokens", token, "set_key"] => (ObjectAction::SetKey, token, POST),
        ["rbac", "permissions", "assigned_by_roles", role, "assign"] => {
            (ObjectAction::AssignToRole, role, POST)
        }
        ["rbac", "permissions", "assigned_by_roles", role, "unassign"] => {
            (ObjectAction::UnassignFromRole, role, PATCH)
        }
        ["rbac", "permissions", "assigned_by_users", user, "assign"] if !roles => {
            (ObjectAction::AssignToUser, user, POST)
        }
        ["rbac", "permissions", "assigned_by_users", user, "unassign"] if !roles => {
            (ObjectAction::UnassignFromUser, user, PATCH)
        }
        _ => return None,
    };
    Some(Matched { route: Route::ObjectAction(action, key.to_owned()), allow })
}

fn of_kind(path: &str, parts: &[&str], version: &Version) -> Option<Matched> {
    let kind = kinds::served(version)
        .chain([&STAGE, &POLICY, &PROVIDER, &SOURCE])
        .filter(|kind| {
            path.strip_prefix(kind.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
        .max_by_key(|kind| kind.path.len())?;
    let is_base = kinds::is_base(kind);
    let read_only = kind.table == Table::DeviceType;
    let (route, allow) = match parts[kind.path.split('/').count()..] {
        [] => (Route::Collection(kind), if is_base || read_only { READ } else { COLLECTION }),
        [key] if is_base => (Route::Object(kind, (*key).to_owned()), "GET, DELETE, HEAD, OPTIONS"),
        [key] => (Route::Object(kind, (*key).to_owned()), if read_only { READ } else { OBJECT }),
        [key, "used_by"] if !read_only => (Route::UsedBy(kind, (*key).to_owned()), READ),
        _ => return None,
    };
    Some(Matched { route, allow })
}

impl Matched {
    /// The header `allow`; the health checks are no views of the API and have none.
    pub(crate) fn allow(&self) -> Option<&'static str> {
        (!matches!(self.route, Route::Single(Single::Healthy))).then_some(self.allow)
    }
}

impl ObjectAction {
    /// The permission that it needs over the object. Of assignments and backgrounds there is more to check.
    pub(crate) fn permission(self) -> &'static str {
        match self {
            ObjectAction::Export => "authentik_flows.export_flow",
            ObjectAction::Diagram => "authentik_flows.view_flow",
            ObjectAction::SetBackground | ObjectAction::SetBackgroundUrl => "authentik_flows.change_flow",
            ObjectAction::AddUserToRole | ObjectAction::RemoveUserFromRole => "authentik_rbac.change_role",
            ObjectAction::AddUserToGroup => "authentik_core.add_user_to_group",
            ObjectAction::RemoveUserFromGroup => "authentik_core.remove_user_from_group",
            ObjectAction::ViewKey => "authentik_core.view_token_key",
            ObjectAction::SetKey => "authentik_core.set_token_key",
            ObjectAction::AssignToRole => "authentik_rbac.assign_role_permissions",
            ObjectAction::UnassignFromRole => "authentik_rbac.unassign_role_permissions",
            ObjectAction::AssignToUser => "authentik_core.assign_user_permissions",
            ObjectAction::UnassignFromUser => "authentik_core.unassign_user_permissions",
        }
    }

    /// The kind of the object.
    pub(crate) fn kind(self) -> &'static Kind {
        match self {
            ObjectAction::Export
            | ObjectAction::Diagram
            | ObjectAction::SetBackground
            | ObjectAction::SetBackgroundUrl => &FLOW,
            ObjectAction::AddUserToGroup | ObjectAction::RemoveUserFromGroup => &kinds::GROUP,
            ObjectAction::ViewKey | ObjectAction::SetKey => &TOKEN,
            ObjectAction::AssignToUser | ObjectAction::UnassignFromUser => &kinds::USER,
            ObjectAction::AddUserToRole
            | ObjectAction::RemoveUserFromRole
            | ObjectAction::AssignToRole
            | ObjectAction::UnassignFromRole => &ROLE,
        }
    }
}
