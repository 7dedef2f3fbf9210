//! The ordinary verbs on objects of any kind.

use http::Method;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, broken, created, forbidden, no_content, ok};
use super::call::Call;
use super::events::Change;
use super::field::Type;
use super::kind::Kind;
use super::kinds::{self, PROVIDER, SOURCE, STAGE};
use super::list::{self, Query};
use super::payload::Validator;
use super::permissions::Caller;
use super::relations::{Fallout, references_hold};
use super::state::{self, State};
use super::store::{Row, Table};
use super::view::View;
use super::{Authentik, view};

impl Authentik {
    pub(super) fn list(
        &self,
        caller: &Caller,
        kind: &'static Kind,
        query: &Query,
    ) -> Result<Answer, Refusal> {
        let state = self.lock();
        let rows = state.visible(caller, kind)?;
        let rows = list::select(&state.store, &state.version, kind, rows, query)?;
        let (pagination, page) = list::page(&state, query, &rows)?;
        let view = View::new(&state.store, &state.version);
        Ok(list::answer(pagination, page.into_iter().map(|row| show(&view, kind, row)).collect()))
    }

    pub(super) fn retrieve(
        &self,
        caller: &Caller,
        kind: &'static Kind,
        key: &str,
    ) -> Result<Answer, Refusal> {
        let state = self.lock();
        let row = state.object(caller, kind, key, "view")?;
        Ok(ok(show(&View::new(&state.store, &state.version), kind, row)))
    }

    pub(super) async fn create(
        &self,
        call: &Call,
        caller: &Caller,
        kind: &'static Kind,
    ) -> Result<Answer, Refusal> {
        if !self.lock().may(caller, &kind.permission("add")) {
            return Err(forbidden());
        }
        let body = call.json()?;
        let mut values = self.lock().validator(kind, None, call).validate(&body)?;
        self.gap().await;
        let mut state = self.lock();
        let names_stage = values.contains_key("stage");
        values.retain(|field, _| !call.unstored.contains(field));
        let names_users = values.contains_key("users");
        let row = state.new_row(kind, values, caller);
        state.save(&row)?;
        if names_users {
            state.set_members(&row);
        }
        state.record(Change::Created, &row, &call.origin(caller));
        state.grant_initial_permissions(caller, &row);
        Ok(created(View::new(&state.store, &state.version).show_written(&row, names_stage)))
    }

    /// PUT and PATCH: the only difference is whether required fields may be missing. Writes all columns of the object as
    /// it was read, whatever has become of it since.
    pub(super) async fn update(
        &self,
        call: &Call,
        caller: &Caller,
        kind: &'static Kind,
        key: &str,
    ) -> Result<Answer, Refusal> {
        let read = self.lock().object(caller, kind, key, "change")?.clone();
        let body = call.json()?;
        let mut values = self.lock().validator(kind, Some(&read), call).validate(&body)?;
        self.gap().await;
        let mut state = self.lock();
        let mut row = read;
        for field in kind.fields.iter().filter(|field| matches!(field.kind, Type::References(_))) {
            // Sets have tables of their own: they are not written back, and gone with a deleted object.
            let now =
                state.store.get(kind.table, &row.pk).map_or(json!([]), |now| now.get(field.name).clone());
            row.values.insert(field.name.to_owned(), now);
        }
        let names_stage = values.contains_key("stage");
        values.retain(|field, _| !call.unstored.contains(field));
        let names_users = values.contains_key("users");
        row.values.extend(values);
        state.save(&row)?;
        if names_users {
            state.set_members(&row);
        }
        state.record(Change::Updated, &row, &call.origin(caller));
        Ok(ok(View::new(&state.store, &state.version).show_written(&row, names_stage)))
    }

    pub(super) async fn destroy(
        &self,
        call: &Call,
        caller: &Caller,
        kind: &'static Kind,
        key: &str,
    ) -> Result<Answer, Refusal> {
        let fallout = {
            let state = self.lock();
            // The permission is looked up on the wrong model here (recording `minimal-cannot-delete-dummy-via-all`).
            let base = kinds::is_base(kind);
            let row = state.object(caller, kind, key, if base { "view" } else { "delete" })?;
            if base && !caller.is_superuser() {
                return Err(broken());
            }
            Fallout::of(&state.store, row)
        };
        self.gap().await;
        let mut state = self.lock();
        fallout.apply(&mut state.store).map_err(|_| broken())?;
        let origin = call.origin(caller);
        for row in fallout.gone() {
            state.revoke_all_on(row);
            state.record(Change::Deleted, row, &origin);
        }
        Ok(no_content())
    }
}

/// An object as the collection shows it: the one of all stages shows what they have in common.
fn show(view: &View<'_>, kind: &Kind, row: &Row) -> Value {
    if std::ptr::eq(kind, &STAGE) {
        return view.show_stage(row);
    }
    if std::ptr::eq(kind, &PROVIDER) {
        return view.show_provider(row);
    }
    if std::ptr::eq(kind, &SOURCE) {
        return view.show_source(row);
    }
    view.show(row)
}

impl State {
    fn validator<'a>(&'a self, kind: &'static Kind, stored: Option<&'a Row>, call: &Call) -> Validator<'a> {
        Validator {
            store: &self.store,
            version: &self.version,
            kind,
            stored,
            partial: call.method == Method::PATCH,
            language: call.language,
        }
    }

    /// Writes a row, new or not. What must be unique or must be there is checked once more, as the database does, and
    /// shows as a server error: between validation and now others have written.
    pub(crate) fn save(&mut self, row: &Row) -> Result<(), Refusal> {
        let alone = row.kind.unique.iter().map(|(field, _)| std::slice::from_ref(field));
        let together = [row.kind.unique_together].into_iter().filter(|fields| !fields.is_empty());
        let taken = alone
            .chain(together)
            .filter(|fields| fields.iter().all(|field| !row.get(field).is_null()))
            .any(|fields| self.store.taken(row, fields));
        if taken || !references_hold(&self.store, row) {
            return Err(broken());
        }
        self.store.put(row.clone());
        Ok(())
    }

    /// A group's members are kept with the users.
    fn set_members(&mut self, group: &Row) {
        let members: Vec<&str> = group.list("users").collect();
        let users: Vec<String> = self.store.rows(Table::User).map(|user| user.pk.clone()).collect();
        for pk in users {
            self.set_membership(&pk, "groups", &group.pk, members.contains(&pk.as_str()));
        }
    }

    /// Puts a user into a group or role, or takes it out. Whether there is such a user.
    pub(crate) fn set_membership(&mut self, user: &str, field: &str, pk: &str, member: bool) -> bool {
        let Some(user) = self.store.get_mut(Table::User, user) else { return false };
        let mut all: Vec<String> = user.list(field).filter(|other| *other != pk).map(str::to_owned).collect();
        if member {
            all.push(pk.to_owned());
        }
        user.values.insert(field.to_owned(), json!(all));
        true
    }

    /// An object with the values given, and defaults for the others.
    pub(crate) fn new_row(&mut self, kind: &'static Kind, given: Map<String, Value>, caller: &Caller) -> Row {
        let mut values = Map::new();
        for field in kind.fields(&self.version).filter(|field| !field.required) {
            let mut default: Value = serde_json::from_str(field.default).unwrap_or_default();
            if let (Type::Choices(choices), Value::Array(items)) = (field.kind, &mut default) {
                let known = |item: &Value| {
                    choices.iter().any(|choice| item == choice.value && choice.known_to(&self.version))
                };
                items.retain(known);
            }
            values.insert(field.name.to_owned(), default);
        }
        values.extend(given);
        let pk = match kind.table {
            Table::User => self.identifiers.number("pk", "user").to_string(),
            Table::Provider => self.identifiers.number("pk", "provider").to_string(),
            Table::InitialPermissions => self.identifiers.number("pk", "initial permissions").to_string(),
            _ => self.identifiers.uuid("pk"),
        };
        let mut row = Row { kind, pk, values };
        self.complete(&mut row, caller);
        row
    }

    /// Fills in what the server makes up for a new object.
    fn complete(&mut self, row: &mut Row, caller: &Caller) {
        let mut set = |name: &str, value: Value| row.values.insert(name.to_owned(), value);
        match row.kind.table {
            Table::Flow | Table::Binding | Table::Application | Table::Source => {
                let ptr = self.identifiers.uuid("policybindingmodel_ptr_id");
                set("policybindingmodel_ptr_id", json!(ptr));
            }
            Table::Provider => {
                for name in ["client_id", "client_secret"] {
                    if row.text(name).is_empty() {
                        let secret = self.identifiers.secret(name);
                        row.values.insert(name.to_owned(), json!(secret));
                    }
                }
            }
            Table::Token => {
                let key = self.identifiers.secret("key");
                set("key", json!(key));
                set("expires", json!(state::in_minutes(30)));
                if row.get("user").is_null() {
                    row.values.insert("user".to_owned(), view::number(&caller.user));
                }
            }
            Table::Invitation => {
                set("created_by", view::number(&caller.user));
                if row.get("expires").is_null() {
                    row.values.insert("expires".to_owned(), json!(state::in_minutes(30)));
                }
            }
            Table::Group => {
                let number = group_number(&row.pk);
                set("num_pk", number);
            }
            Table::User => {
                let (uuid, uid) = (self.identifiers.uuid("uuid"), self.identifiers.secret("uid"));
                set("uuid", json!(uuid));
                set("uid", json!(uid));
                set("last_login", Value::Null);
                for name in ["date_joined", "password_change_date", "last_updated"] {
                    set(name, json!(state::now()));
                }
            }
            _ => {}
        }
    }
}

/// A group's number: the first five digits of its identifier read as a number.
pub(crate) fn group_number(pk: &str) -> Value {
    let digits = uuid::Uuid::parse_str(pk).map(|uuid| uuid.as_u128().to_string()).unwrap_or_default();
    view::number(&digits.chars().take(5).collect::<String>())
}
