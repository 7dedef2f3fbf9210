//! The permissions that there are.

use serde_json::{Value, json};

use super::kind::Kind;
use super::kinds;
use super::version::Version;

/// A permission as `/rbac/permissions/` lists it.
pub(crate) struct Permission {
    id: u64,
    model: Model,
    codename: String,
    name: String,
}

#[derive(Clone, Copy)]
struct Model {
    app: &'static str,
    name: &'static str,
    verbose: &'static str,
}

impl Model {
    const fn of(kind: &Kind) -> Self {
        Model { app: kind.app, name: kind.model, verbose: kind.verbose }
    }
}

const SYSTEM: Model = Model { app: "authentik_rbac", name: "systempermission", verbose: "System permission" };

/// Permissions beside the four verbs, as authentik's models declare them: codename and name.
static SPECIAL: [(Model, &[(&str, &str)]); 6] = [
    (
        Model::of(&kinds::FLOW),
        &[
            ("export_flow", "Can export a Flow"),
            ("inspect_flow", "Can inspect a Flow's execution"),
            ("view_flow_cache", "View Flow's cache metrics"),
            ("clear_flow_cache", "Clear Flow's cache metrics"),
        ],
    ),
    (
        Model::of(&kinds::TOKEN),
        &[("view_token_key", "View token's key"), ("set_token_key", "Set a token's key")],
    ),
    (
        Model::of(&kinds::GROUP),
        &[("add_user_to_group", "Add user to group"), ("remove_user_from_group", "Remove user from group")],
    ),
    (
        Model::of(&kinds::USER),
        &[
            ("assign_user_permissions", "Can assign permissions to users"),
            ("unassign_user_permissions", "Can unassign permissions from users"),
        ],
    ),
    (
        Model::of(&kinds::ROLE),
        &[
            ("assign_role_permissions", "Can assign permissions to roles"),
            ("unassign_role_permissions", "Can unassign permissions from roles"),
        ],
    ),
    (
        SYSTEM,
        &[
            ("view_system_info", "Can view system info"),
            ("view_system_settings", "Can view system settings"),
            ("edit_system_settings", "Can edit system settings"),
            ("access_admin_interface", "Can access admin interface"),
            ("view_media_files", "Can view media files"),
            ("manage_media_files", "Can manage media files"),
        ],
    ),
];

/// Every permission of a version. The numbers of those that the recordings show are as recorded, the others follow.
pub(crate) fn all(version: &Version) -> impl Iterator<Item = Permission> {
    let recent = version.at_least(2025, 12);
    let verbs = kinds::all()
        .chain([&kinds::STAGE, &kinds::POLICY, &kinds::PROVIDER, &kinds::SOURCE, &kinds::EVENT])
        .zip((1000..).step_by(4))
        .flat_map(move |(kind, unknown)| {
            let first = recorded_number(kind, recent).unwrap_or(unknown);
            ["add", "change", "delete", "view"].into_iter().zip(first..).map(move |(verb, id)| Permission {
                id,
                model: Model::of(kind),
                codename: format!("{verb}_{}", kind.model),
                name: format!("Can {verb} {}", kind.verbose),
            })
        });
    let special = SPECIAL
        .iter()
        .flat_map(|(model, permissions)| permissions.iter().map(move |permission| (*model, *permission)))
        .zip(2000..)
        // With 2025.12 users lost what roles have, and files came under permissions of their own.
        .filter(move |((_, (codename, _)), _)| {
            let of = if recent { "_user_permissions" } else { "_media_files" };
            !codename.ends_with(of)
        })
        .map(|((model, (codename, name)), id)| Permission {
            id,
            model,
            codename: codename.to_owned(),
            name: name.to_owned(),
        });
    verbs.chain(special)
}

/// The number of the first of a kind's four permissions, where a recording shows it.
fn recorded_number(kind: &Kind, recent: bool) -> Option<u64> {
    match (kind.app, kind.model, recent) {
        ("authentik_flows", "flow", true) => Some(205),
        ("authentik_flows", "stage", true) => Some(213),
        ("authentik_flows", "flowstagebinding", true) => Some(217),
        ("authentik_stages_authenticator_validate", _, true) => Some(543),
        ("authentik_flows", "flow", false) => Some(140),
        ("authentik_flows", "stage", false) => Some(148),
        ("authentik_flows", "flowstagebinding", false) => Some(152),
        ("authentik_stages_authenticator_validate", _, false) => Some(476),
        _ => None,
    }
}

impl Permission {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// `app.codename`.
    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.model.app, self.codename)
    }

    /// Whether it is one over objects of the kind.
    pub(crate) fn is_over(&self, kind: &Kind) -> bool {
        self.model.app == kind.app && self.model.name == kind.model
    }

    /// The permission as `/rbac/permissions/` answers it.
    pub(crate) fn show(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "codename": self.codename,
            "model": self.model.name,
            "app_label": self.model.app,
            "app_label_verbose": app_label_verbose(self.model.app),
            "model_verbose": self.model.verbose,
        })
    }
}

/// `authentik_stages_authenticator_validate` is called `authentik Stages.Authenticator.Validate`.
fn app_label_verbose(app: &str) -> String {
    let parts = app.trim_start_matches("authentik_").split('_').map(|part| {
        let (first, rest) = part.split_at(part.len().min(1));
        format!("{}{rest}", first.to_uppercase())
    });
    format!("authentik {}", parts.collect::<Vec<_>>().join("."))
}
