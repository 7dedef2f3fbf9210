//! What can be done with one object beside the ordinary verbs.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Authentik;
use super::answer::{Answer, Refusal, broken, detail, forbidden, invalid, missing, no_content, ok};
use super::call::Call;
use super::events::Change;
use super::permission;
use super::permissions::{Caller, Grant, Holder};
use super::routes::ObjectAction;
use super::state::State;
use super::store::{Row, Table};
use super::view;

/// An export shows objects of these kinds, and needs the permission to view them all (authentik's `FlowViewSet.export`).
const EXPORT_NEEDS: [&str; 6] = [
    "authentik_flows.view_flow",
    "authentik_flows.view_flowstagebinding",
    "authentik_flows.view_stage",
    "authentik_policies.view_policy",
    "authentik_policies.view_policybinding",
    "authentik_stages_prompt.view_prompt",
];

impl Authentik {
    pub(super) fn act(
        &self,
        call: &Call,
        caller: &Caller,
        action: ObjectAction,
        key: &str,
    ) -> Result<Answer, Refusal> {
        let mut state = self.lock();
        match action {
            ObjectAction::SetBackground | ObjectAction::SetBackgroundUrl => {
                return state.set_background(call, caller, action, key);
            }
            ObjectAction::AssignToRole
            | ObjectAction::AssignToUser
            | ObjectAction::UnassignFromRole
            | ObjectAction::UnassignFromUser => return state.assign(call, caller, action, key),
            _ => {}
        }
        let row = state.object_for(caller, action.kind(), key, action.permission())?.clone();
        if action == ObjectAction::Export && !EXPORT_NEEDS.iter().all(|needed| state.may(caller, needed)) {
            return Err(forbidden());
        }
        match action {
            ObjectAction::Export => Ok(Answer::Attachment(format!("{key}.yaml"), state.export(&row))),
            ObjectAction::Diagram => Ok(ok(json!({"diagram": state.diagram(&row)}))),
            ObjectAction::ViewKey => Ok(ok(json!({"key": row.get("key")}))),
            ObjectAction::SetKey => {
                let key = call.json()?["key"].as_str().unwrap_or_default().to_owned();
                if key.is_empty() {
                    return Err(Box::new(Answer::Empty(StatusCode::BAD_REQUEST)));
                }
                state.change(&row, "key", json!(key));
                Ok(no_content())
            }
            ObjectAction::AddUserToRole => state.member(call, &row, "roles", true),
            ObjectAction::RemoveUserFromRole => state.member(call, &row, "roles", false),
            ObjectAction::AddUserToGroup => state.member(call, &row, "groups", true),
            _ => state.member(call, &row, "groups", false),
        }
    }
}

impl State {
    fn change(&mut self, row: &Row, field: &str, value: Value) {
        let mut row = row.clone();
        row.values.insert(field.to_owned(), value);
        self.store.put(row);
    }

    fn member(&mut self, call: &Call, row: &Row, field: &str, member: bool) -> Result<Answer, Refusal> {
        let user = super::python::str(&call.json()?["pk"]);
        if !self.set_membership(&user, field, &row.pk, member) {
            return Err(detail(StatusCode::NOT_FOUND, "Not found."));
        }
        Ok(no_content())
    }

    /// Up to 2025.10. Both need the permission to add flows, since they are POSTs; the file then the one to change the
    /// flow, the URL by a slip the one to change *applications*, and breaks without it (recordings `old-bgperm*`).
    fn set_background(
        &mut self,
        call: &Call,
        caller: &Caller,
        action: ObjectAction,
        slug: &str,
    ) -> Result<Answer, Refusal> {
        if !self.may(caller, "authentik_flows.add_flow") {
            return Err(forbidden());
        }
        let flow = self.store.rows(Table::Flow).find(|flow| flow.text("slug") == slug).cloned();
        let flow = flow.ok_or_else(|| missing("Flow"));
        let empty_page = Err(Box::new(Answer::EmptyPage(StatusCode::BAD_REQUEST)));
        let background = if action == ObjectAction::SetBackground {
            call.must_be("multipart/form-data")?;
            if !self.may_on(caller, "authentik_flows.change_flow", action.kind(), &flow.clone()?.pk) {
                return Err(forbidden());
            }
            match uploaded(&call.body) {
                Some(background) => background,
                None => return empty_page,
            }
        } else {
            let body = call.json()?;
            if !self.may(caller, "authentik_core.change_application") {
                return Err(broken());
            }
            flow.clone()?;
            match body.as_object().map(|body| body.get("url")) {
                Some(Some(Value::String(url))) if url.chars().count() <= 500 => url.clone(),
                Some(None | Some(Value::Null)) => return empty_page,
                _ => return Err(broken()),
            }
        };
        let flow = flow?;
        self.change(&flow, "background", json!(background));
        self.record(Change::Updated, &flow, &call.origin(caller));
        Ok(ok(json!({})))
    }

    /// Gives permissions to a role or user, or takes them: over all objects, or over the one that the body names.
    fn assign(
        &mut self,
        call: &Call,
        caller: &Caller,
        action: ObjectAction,
        key: &str,
    ) -> Result<Answer, Refusal> {
        let assigns = matches!(action, ObjectAction::AssignToRole | ObjectAction::AssignToUser);
        let to_role = matches!(action, ObjectAction::AssignToRole | ObjectAction::UnassignFromRole);
        let row = self.object(caller, action.kind(), key, "view")?;
        let holder = if to_role { Holder::Role(row.pk.clone()) } else { Holder::User(row.pk.clone()) };
        if !self.may(caller, action.permission()) {
            return Err(forbidden());
        }
        let body = call.json()?;
        if !body["permissions"].is_array() {
            return Err(invalid(json!({"permissions": ["This field is required."]})));
        }
        let names: Vec<&str> =
            body["permissions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let object = match (body["model"].as_str(), body["object_pk"].as_str()) {
            (Some(model), Some(pk)) => Some((model.to_owned(), pk.to_owned())),
            _ => None,
        };
        if object.is_none() && names.iter().any(|name| !name.contains('.')) {
            return Err(invalid(json!({
                "permissions": ["When assigning global permissions, codename must be given as app_label.codename"]
            })));
        }
        if !assigns {
            self.grants.retain(|grant| {
                grant.holder != holder
                    || grant.object != object
                    || !names.contains(&grant.permission.as_str())
            });
            return Ok(no_content());
        }
        let known: Map<String, Value> = permission::all(&self.version)
            .map(|permission| (permission.full_name(), json!(permission.id())))
            .collect();
        // One that does not exist breaks the request, and nothing is assigned (recording `assign-one-bad-of-two`).
        if !names.iter().all(|name| known.contains_key(*name)) {
            return Err(broken());
        }
        let mut ids = Vec::new();
        for name in names {
            let grant = Grant { holder: holder.clone(), permission: name.to_owned(), object: object.clone() };
            self.grants.push(grant);
            // Up to 2025.10 a permission over all objects is answered with its own number, not with the assignment's.
            let id = match &object {
                None if !self.version.users_have_roles() => known[name].as_u64().unwrap_or_default(),
                None => self.identifiers.number("id", "assignment"),
                Some(_) => self.identifiers.number("id", "assignment to an object"),
            };
            ids.push(json!({"id": id.to_string()}));
        }
        Ok(ok(json!(ids)))
    }

    /// A new service account with an app password, which the API does not take for a token.
    pub(super) fn service_account(&mut self, call: &Call, caller: &Caller) -> Result<Answer, Refusal> {
        if !self.may(caller, "authentik_core.add_user") {
            return Err(forbidden());
        }
        let body = call.json()?;
        let name = body["name"].as_str().unwrap_or_default().to_owned();
        if name.is_empty() {
            return Err(invalid(json!({"name": ["This field is required."]})));
        }
        if self.store.rows(Table::User).any(|user| user.text("username") == name) {
            return Err(invalid(json!({"name": ["This field must be unique."]})));
        }
        let expiring = body["expiring"].as_bool().unwrap_or(true);
        let values = json!({
            "username": name,
            "name": name,
            "type": "service_account",
            "path": "goauthentik.io/service-accounts",
            "attributes": {"goauthentik.io/user/token-expires": expiring},
        });
        let user = self.new_row(&super::kinds::USER, into_map(values), caller);
        self.save(&user)?;
        self.record(Change::Created, &user, &call.origin(caller));
        let token = json!({
            "identifier": format!("service-account-{name}-password"),
            "intent": "app_password",
            "user": view::number(&user.pk),
            "expiring": expiring,
        });
        let token = self.new_row(&super::kinds::TOKEN, into_map(token), caller);
        self.save(&token)?;
        let mut answer = json!({
            "username": name,
            "user_uid": user.get("uid"),
            "user_pk": view::number(&user.pk),
            "token": token.get("key"),
        });
        if body["create_group"].as_bool().unwrap_or(false) {
            let group = self.new_row(&super::kinds::GROUP, into_map(json!({"name": name})), caller);
            self.save(&group)?;
            self.set_membership(&user.pk, "groups", &group.pk, true);
            answer["group_pk"] = json!(group.pk);
        }
        Ok(ok(answer))
    }
}

fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The background that a form holds: the uploaded file's place, or none at all when the form says `clear`.
fn uploaded(body: &[u8]) -> Option<String> {
    let form = String::from_utf8_lossy(body);
    if form.contains("name=\"clear\"") {
        return Some(String::new());
    }
    let (_, rest) = form.split_once("name=\"file\"; filename=\"")?;
    let (name, _) = rest.split_once('"')?;
    Some(format!("/media/public/flow-backgrounds/{name}"))
}
