//! Endpoints that tell about the server, and lists that are no collections of objects.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, forbidden, missing, no_content, ok};
use super::call::Call;
use super::list;
use super::permission;
use super::permissions::{Caller, Holder};
use super::routes::Single;
use super::state::{self, State};
use super::store::{Row, Table};
use super::{Authentik, kinds};

/// Lists that are part of authentik's code, as two versions answer them (recordings `info-admin-models` and
/// `stages-all-types`): one for the versions since 2025.12, one for those before.
struct Documents {
    models: &'static str,
    stage_types: &'static str,
}

const DOCUMENTS: Documents = Documents {
    models: include_str!("documents/models-2026.2.json"),
    stage_types: include_str!("documents/stage-types-2026.2.json"),
};

const DOCUMENTS_UNTIL_2025_10: Documents = Documents {
    models: include_str!("documents/models-2025.10.json"),
    stage_types: include_str!("documents/stage-types-2025.10.json"),
};

/// What names the file in a form.
const UPLOAD: &[u8] = b"name=\"file\"; filename=";

impl Authentik {
    /// What needs no token.
    pub(super) fn anonymous(&self, single: Single, call: &Call) -> Option<Answer> {
        if call.method != Method::GET && call.method != Method::HEAD {
            return None;
        }
        match single {
            Single::Healthy => Some(Answer::EmptyPage(StatusCode::OK)),
            Single::Schema => Some(ok(schema(&self.lock()))),
            Single::RootConfig => Some(ok(json!({
                "error_reporting": {
                    "enabled": false,
                    "sentry_dsn":
                        "https://151ba72610234c4c97c5bcff4e1cffd8@authentik.error-reporting.a7k.io/4504163677503489",
                    "environment": "customer",
                    "send_pii": false,
                    "traces_sample_rate": 0.1,
                },
                "capabilities": ["can_impersonate", "is_enterprise"],
                "cache_timeout": 300,
                "cache_timeout_flows": 300,
                "cache_timeout_policies": 300,
            }))),
            _ => None,
        }
    }

    pub(super) fn single(
        &self,
        call: &Call,
        caller: &Caller,
        single: Single,
        method: &Method,
    ) -> Result<Answer, Refusal> {
        let mut state = self.lock();
        let documents = if state.version.at_least(2025, 12) { DOCUMENTS } else { DOCUMENTS_UNTIL_2025_10 };
        let needs = |state: &State, permission: &str| {
            if state.may(caller, permission) { Ok(()) } else { Err(forbidden()) }
        };
        match single {
            Single::Version => Ok(ok(state.version_info())),
            Single::VersionHistory => {
                needs(&state, "authentik_admin.view_versionhistory")?;
                let version = state.version.to_string();
                Ok(ok(json!([{"id": 1, "timestamp": state::now(), "version": version, "build": ""}])))
            }
            Single::System => {
                needs(&state, "authentik_rbac.view_system_info")?;
                Ok(ok(state.system(call)))
            }
            Single::Settings => {
                needs(&state, "authentik_rbac.view_system_settings")?;
                if *method != Method::GET {
                    needs(&state, "authentik_rbac.edit_system_settings")?;
                    state.set_settings(&call.json()?);
                }
                Ok(ok(Value::Object(state.settings.clone())))
            }
            Single::Models => Ok(ok(serde_json::from_str(documents.models).unwrap_or_default())),
            Single::CurrentBrand => state.current_brand(),
            Single::Me => state.me(caller),
            Single::ServiceAccount => state.service_account(call, caller),
            Single::Events => {
                needs(&state, "authentik_events.view_event")?;
                let events = state.events(&call.query);
                let (pagination, page) = list::page(&state, &call.query, &events)?;
                Ok(list::answer(pagination, page.into_iter().cloned().collect()))
            }
            Single::Permissions => state.permission_list(call),
            Single::PermissionsOfRoles => state.object_permissions(call, "uuid", Holder::Role),
            Single::PermissionsOfUsers => state.object_permissions(call, "user_id", Holder::User),
            Single::StageTypes => Ok(ok(serde_json::from_str(documents.stage_types).unwrap_or_default())),
            Single::StageUserSettings => Ok(ok(user_settings(&state))),
            Single::FlowCacheInfo => {
                needs(&state, "authentik_flows.view_flow_cache")?;
                Ok(ok(json!({"count": 0})))
            }
            Single::FlowCacheClear => {
                needs(&state, "authentik_flows.clear_flow_cache")?;
                Ok(no_content())
            }
            // Blueprints are not played: an import says that it failed, as it does with 200 (recording
            // `flow-import-invalid`), or that there is no file (`flow-import-nofile`).
            Single::FlowImport => {
                needs(&state, "authentik_flows.add_flow")?;
                let (status, logs) = if is_upload(&call.body) {
                    let event = "Blueprints are not played";
                    (
                        StatusCode::OK,
                        json!([{
                            "timestamp": state::now(),
                            "log_level": "warning",
                            "logger": "authentik.blueprints.v1.importer",
                            "event": event,
                            "attributes": {},
                        }]),
                    )
                } else {
                    (StatusCode::BAD_REQUEST, json!([]))
                };
                Err(super::answer::refuse(status, json!({"logs": logs, "success": false})))
            }
            Single::Healthy | Single::Schema | Single::RootConfig => Err(forbidden()),
        }
    }
}

impl State {
    fn version_info(&self) -> Value {
        let recent = self.version.at_least(2025, 12);
        json!({
            "version_current": self.version.to_string(),
            "version_latest": if recent { "0.0.0".to_owned() } else { self.version.to_string() },
            "version_latest_valid": !recent,
            "build_hash": "",
            "outdated": false,
            "outpost_outdated": false,
        })
    }

    /// Echoes the request's headers, the token among them, as authentik does.
    fn system(&self, call: &Call) -> Value {
        let headers: Map<String, Value> = call
            .headers
            .iter()
            .map(|(name, value)| {
                let name = format!("HTTP_{}", name.as_str().to_uppercase().replace('-', "_"));
                (name, json!(String::from_utf8_lossy(value.as_bytes())))
            })
            .collect();
        json!({
            "http_headers": headers,
            "http_host": call.header(http::header::HOST),
            "http_is_secure": false,
            "runtime": {"authentik_version": self.version.to_string(), "environment": "custom"},
            "brand": "Default brand",
            "server_time": state::now(),
            "embedded_outpost_disabled": true,
            "embedded_outpost_host": "",
        })
    }

    /// Takes over settings that exist; others are ignored.
    fn set_settings(&mut self, body: &Value) {
        for (name, value) in body.as_object().into_iter().flatten() {
            if let Some(setting) = self.settings.get_mut(name) {
                *setting = value.clone();
            }
        }
    }

    fn current_brand(&self) -> Result<Answer, Refusal> {
        let brand = self
            .store
            .rows(Table::Brand)
            .find(|brand| brand.get("default") == &Value::Bool(true))
            .ok_or_else(|| missing("Brand"))?;
        let mut shown = json!({
            "matched_domain": brand.get("domain"),
            "branding_title": brand.get("branding_title"),
            "branding_logo": brand.get("branding_logo"),
            "branding_favicon": brand.get("branding_favicon"),
            "branding_custom_css": brand.get("branding_custom_css"),
            "ui_footer_links": [],
            "ui_theme": "automatic",
            "default_locale": "",
            "flags": {"policies_buffered_access_view": false, "flows_refresh_others": false},
        });
        if self.version.at_least(2025, 12) {
            shown["branding_logo_themed_urls"] = Value::Null;
            shown["branding_favicon_themed_urls"] = Value::Null;
            shown["flags"]["flows_continuous_login"] = json!(false);
        }
        for name in
            ["authentication", "invalidation", "recovery", "unenrollment", "user_settings", "device_code"]
        {
            let field = format!("flow_{name}");
            if let Some(flow) = self.store.get(Table::Flow, brand.text(&field)) {
                shown[field] = flow.get("slug").clone();
            }
        }
        Ok(ok(shown))
    }

    fn me(&self, caller: &Caller) -> Result<Answer, Refusal> {
        let user = self.store.get(Table::User, &caller.user).ok_or_else(|| missing("User"))?;
        let in_short = |table: Table, field: &str| -> Vec<Value> {
            user.list(field)
                .filter_map(|pk| self.store.get(table, pk))
                .map(|row| json!({"name": row.get("name"), "pk": row.pk}))
                .collect()
        };
        let mut shown = json!({
            "pk": super::view::number(&user.pk),
            "username": user.get("username"),
            "name": user.get("name"),
            "is_active": user.get("is_active"),
            "is_superuser": caller.is_superuser(),
            "groups": in_short(Table::Group, "groups"),
            "email": user.get("email"),
            "avatar": super::avatar::of(user),
            "uid": user.get("uid"),
            "settings": {},
            "type": user.get("type"),
            "system_permissions": system_permissions(self, caller),
        });
        if self.version.users_have_roles() {
            shown["roles"] = json!(in_short(Table::Role, "roles"));
        }
        Ok(ok(json!({"user": shown})))
    }

    /// Every permission there is, or those of a role. Any token may see them.
    fn permission_list(&self, call: &Call) -> Result<Answer, Refusal> {
        let query = &call.query;
        let of_role: Option<Vec<&str>> = query.get("role").map(|role| {
            self.grants
                .iter()
                .filter(|grant| grant.holder == Holder::Role(role.to_owned()) && grant.object.is_none())
                .map(|grant| grant.permission.as_str())
                .collect()
        });
        let mut found: Vec<Value> = permission::all(&self.version)
            .filter(|permission| {
                of_role.as_ref().is_none_or(|names| names.contains(&permission.full_name().as_str()))
            })
            .map(|permission| permission.show())
            .filter(|shown| query.get("codename").is_none_or(|codename| shown["codename"] == codename))
            .filter(|shown| query.get("search").is_none_or(|text| shown.to_string().contains(text)))
            .collect();
        found.sort_by(|a, b| a["codename"].as_str().cmp(&b["codename"].as_str()));
        let (pagination, page) = list::page(self, query, &found)?;
        Ok(list::answer(pagination, page))
    }

    /// The permissions over single objects that a role or user has.
    fn object_permissions(
        &self,
        call: &Call,
        parameter: &str,
        holder: fn(String) -> Holder,
    ) -> Result<Answer, Refusal> {
        let holder = holder(call.query.get(parameter).unwrap_or_default().to_owned());
        let found: Vec<Value> = self
            .grants
            .iter()
            .filter(|grant| grant.holder == holder)
            .filter_map(|grant| {
                let (model, pk) = grant.object.as_ref()?;
                let (app, model) = model.split_once('.')?;
                let codename = grant.permission.split('.').nth(1)?;
                Some(json!({"codename": codename, "model": model, "app_label": app, "object_pk": pk}))
            })
            .collect();
        let (pagination, page) = list::page(self, &call.query, &found)?;
        Ok(ok(json!({"pagination": pagination, "results": page})))
    }
}

fn is_upload(form: &[u8]) -> bool {
    form.windows(UPLOAD.len()).any(|part| part == UPLOAD)
}

fn system_permissions(state: &State, caller: &Caller) -> Vec<&'static str> {
    const ALL: [&str; 16] = [
        "view_system_settings",
        "edit_system_settings",
        "view_initialpermissions",
        "manage_media_files",
        "access_admin_interface",
        "view_role",
        "delete_initialpermissions",
        "change_role",
        "change_initialpermissions",
        "delete_role",
        "assign_role_permissions",
        "add_role",
        "unassign_role_permissions",
        "view_media_files",
        "add_initialpermissions",
        "view_system_info",
    ];
    let media = state.version.at_least(2025, 12);
    ALL.into_iter()
        .filter(|name| media || !name.ends_with("media_files"))
        .filter(|name| state.may(caller, &format!("authentik_rbac.{name}")))
        .collect()
}

/// The stages that users can set up by themselves.
fn user_settings(state: &State) -> Value {
    const CONFIGURABLE: [(&str, &str); 4] = [
        ("authenticatorstaticstage", "ak-user-settings-authenticator-static"),
        ("authenticatortotpstage", "ak-user-settings-authenticator-totp"),
        ("authenticatorwebauthnstage", "ak-user-settings-authenticator-webauthn"),
        ("passwordstage", "ak-user-settings-password"),
    ];
    let mut shown = Vec::new();
    for (model, component) in CONFIGURABLE {
        let mut stages: Vec<&Row> =
            state.store.rows(Table::Stage).filter(|stage| stage.kind.model == model).collect();
        stages.sort_by_key(|stage| stage.text("name"));
        for stage in stages {
            let configurable = !stage.get("configure_flow").is_null();
            if model == "passwordstage" && !configurable {
                continue;
            }
            let title = match stage.text("friendly_name") {
                "" => stage.kind.verbose,
                name => name,
            };
            let mut entry = json!({"title": title, "component": component, "object_uid": stage.pk});
            if configurable {
                entry["configure_url"] = json!(format!("/flows/-/configure/{}/", stage.pk));
            }
            shown.push(entry);
        }
    }
    Value::Array(shown)
}

/// A schema as far as clients read it without generating code: the version, and the paths that are served.
fn schema(state: &State) -> Value {
    let paths: Map<String, Value> = kinds::served(&state.version)
        .filter(|kind| !kind.path.is_empty())
        .map(|kind| (format!("/{}/", kind.path), json!({})))
        .collect();
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "authentik",
            "version": state.version.to_string(),
            "description": "Making authentication simple.",
        },
        "paths": paths,
    })
}
