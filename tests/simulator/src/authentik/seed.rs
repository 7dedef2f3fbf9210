//! What an authentik knows at its first start.

use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::kinds::{self, BUILT_IN_SOURCE, GROUP, ROLE, TOKEN, USER};
use super::objects::group_number;
use super::state::{self, State};
use super::store::{Row, Table};
use super::version::Version;

/// What a fresh 2026.2.2 answers.
const PRISTINE: &str = include_str!("../../../recordings/pristine-2026.2.2.json");

/// The answers do not describe an authentik.
#[derive(Debug, thiserror::Error)]
#[error("the answers to start from hold no {0}")]
pub struct BrokenSeed(String);

/// The lists that objects are taken from. Stages, policies and sources come with the name of their model.
const LISTS: [&str; 26] = [
    "flows/instances",
    "stages/authenticator/validate",
    "stages/identification",
    "stages/password",
    "stages/user_login",
    "stages/user_logout",
    "stages/user_write",
    "stages/consent",
    "stages/deny",
    "stages/dummy",
    "stages/email",
    "stages/prompt/prompts",
    "stages/prompt/stages",
    "stages/invitation/stages",
    "stages/authenticator/static",
    "stages/authenticator/totp",
    "stages/authenticator/webauthn",
    "stages/authenticator/duo",
    "stages/authenticator/sms",
    "stages/authenticator/email",
    "flows/bindings",
    "policies/all",
    "policies/password",
    "policies/bindings",
    "core/brands",
    "sources/all",
];

/// The state after the first start.
pub(crate) fn fresh(version: Version, token: &str) -> State {
    let answers: Value = serde_json::from_str(PRISTINE).unwrap_or_default();
    from_answers(version.clone(), token, &answers).unwrap_or_else(|_| empty(version, token))
}

/// The administrator, the administrators' group, the token.
pub(crate) fn empty(version: Version, token: &str) -> State {
    let mut state = State::new(version);
    let group = "5a3f03dd-de8c-473c-a6fc-4def0e380ee4";
    let values = json!({"name": "authentik Admins", "is_superuser": true, "num_pk": group_number(group)});
    state.store.put(row(&GROUP, group, values));
    state.administrator(3, &json!({"uid": "akadmin"}), group);
    state.bootstrap_token(3, token);
    state
}

pub(crate) fn from_answers(version: Version, token: &str, answers: &Value) -> Result<State, BrokenSeed> {
    let mut state = State::new(version);
    for path in LISTS {
        for shown in results(answers, path)? {
            let kind = shown["meta_model_name"]
                .as_str()
                .and_then(|model| {
                    if model == "authentik_core.source" {
                        Some(&BUILT_IN_SOURCE)
                    } else {
                        kinds::by_model_name(model)
                    }
                })
                .or_else(|| kinds::all().find(|kind| kind.path == path))
                .ok_or_else(|| BrokenSeed(format!("kind for {path}")))?;
            state.adopt(kind, shown);
        }
    }
    for group in results(answers, "core/groups")? {
        state.adopt(&GROUP, group);
    }
    for role in results(answers, "rbac/roles")? {
        state.adopt(&ROLE, role);
    }
    state.device_types(answers)?;
    let me = &answers["GET /core/users/me/"]["user"];
    let number = me["pk"].as_u64().ok_or_else(|| BrokenSeed("user".to_owned()))?;
    let group = me["groups"][0]["pk"].as_str().unwrap_or_default().to_owned();
    state.administrator(number, me, &group);
    state.bootstrap_token(number, token);
    Ok(state)
}

fn results<'a>(answers: &'a Value, path: &str) -> Result<&'a Vec<Value>, BrokenSeed> {
    answers[format!("GET /{path}/")]["results"]
        .as_array()
        .ok_or_else(|| BrokenSeed(format!("list of {path}")))
}

fn row(kind: &'static Kind, pk: &str, values: Value) -> Row {
    let mut all: Map<String, Value> = kind
        .fields
        .iter()
        .filter(|field| !field.required)
        .map(|field| (field.name.to_owned(), serde_json::from_str(field.default).unwrap_or_default()))
        .collect();
    if let Value::Object(values) = values {
        all.extend(values);
    }
    Row { kind, pk: pk.to_owned(), values: all }
}

impl State {
    /// Takes over an object as it was answered.
    fn adopt(&mut self, kind: &'static Kind, shown: &Value) {
        let Some(pk) = shown[kind.pk].as_str() else { return };
        let kept = ["policybindingmodel_ptr_id", "managed"];
        let mut values: Map<String, Value> = shown
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| {
                kept.contains(&name.as_str()) || kind.fields.iter().any(|field| field.name == **name)
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        values.remove("users");
        match kind.table {
            Table::Group => {
                values.insert("num_pk".to_owned(), group_number(pk));
            }
            Table::Source if !values.contains_key("policybindingmodel_ptr_id") => {
                let ptr = self.identifiers.uuid("policybindingmodel_ptr_id");
                values.insert("policybindingmodel_ptr_id".to_owned(), json!(ptr));
            }
            Table::PolicyBinding => {
                let target = shown["target"].as_str().unwrap_or_default();
                let owner =
                    [Table::Flow, Table::Binding].iter().find_map(|table| self.store.get(*table, target));
                let ptr = owner.map(|owner| owner.get("policybindingmodel_ptr_id").clone());
                values.insert("target".to_owned(), json!(ptr));
                // The base list of policies lacks what the kinds add.
                if let Some(policy) =
                    kinds::by_model_name(shown["policy_obj"]["meta_model_name"].as_str().unwrap_or(""))
                {
                    self.adopt(policy, &shown["policy_obj"]);
                }
            }
            _ => {}
        }
        let row = row(kind, pk, Value::Object(values));
        if let (Table::Policy, Some(known)) = (kind.table, self.store.get_mut(Table::Policy, pk)) {
            known.values.extend(row.values);
        } else {
            self.store.put(row);
        }
    }

    /// The types of WebAuthn devices: those that the answers show, and made-up ones up to the number that the version has.
    fn device_types(&mut self, answers: &Value) -> Result<(), BrokenSeed> {
        const YUBIKEYS: usize = 29;
        let path = "stages/authenticator/webauthn_device_types";
        let kind = kinds::all().find(|kind| kind.path == path).ok_or_else(|| BrokenSeed(path.to_owned()))?;
        let shown = &answers[format!("GET /{path}/?page_size=20")]["results"];
        let mut known: Vec<(String, String)> = shown
            .as_array()
            .ok_or_else(|| BrokenSeed(format!("list of {path}")))?
            .iter()
            .map(|shown| (text(&shown["aaguid"]), text(&shown["description"])))
            .collect();
        known.push(("73bb0cd4-e502-49b8-9c6f-b59445bf720b".to_owned(), "YubiKey 5 FIPS Series".to_owned()));
        known.push((
            "d2fbd093-ee62-488d-9dad-1e36389f8826".to_owned(),
            "YubiKey 5 FIPS Series (RC Preview)".to_owned(),
        ));
        let total = if self.version.at_least(2025, 12) { 221 } else { 217 };
        let made_up = (known.len()..total).map(|number| {
            let name = if number < known.len() + YUBIKEYS - 2 {
                "YubiKey 5 of series"
            } else {
                "Made-up authenticator"
            };
            (format!("00000000-0000-4000-8000-{number:012}"), format!("{name} {number}"))
        });
        for (aaguid, description) in made_up.chain(known.clone()) {
            self.store.put(row(kind, &aaguid, json!({"description": description})));
        }
        Ok(())
    }

    fn administrator(&mut self, number: u64, me: &Value, group: &str) {
        self.identifiers.used("user", number);
        let values = json!({
            "username": "akadmin",
            "name": "authentik Default Admin",
            "email": me["email"].as_str().unwrap_or("akadmin@example.test"),
            "groups": [group],
            "uid": me["uid"],
            "uuid": self.identifiers.uuid("uuid"),
            "last_login": null,
            "date_joined": state::now(),
            "password_change_date": state::now(),
            "last_updated": state::now(),
        });
        self.store.put(row(&USER, &number.to_string(), values));
    }

    fn bootstrap_token(&mut self, user: u64, key: &str) {
        let values = json!({
            "identifier": "authentik-bootstrap-token",
            "intent": "api",
            "user": user,
            "expiring": false,
            "expires": state::in_minutes(30),
            "key": key,
        });
        let pk = self.identifiers.uuid("token");
        self.store.put(row(&TOKEN, &pk, values));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
