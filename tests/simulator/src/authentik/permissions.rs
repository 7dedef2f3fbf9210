//! Who asks, and what they may: tokens, roles, permissions over a model and over single objects.

use std::collections::HashSet;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::answer::{Refusal, broken, detail, forbidden, missing};
use super::kind::Kind;
use super::state::{self, State};
use super::store::{Row, Table};
use super::{kinds, permission};

/// Who a permission was given to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Role(String),
    User(String),
}

/// A permission that was given: over all objects of a model, or over one.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) holder: Holder,
    /// `app.codename`.
    pub(crate) permission: String,
    /// The object's model (`app.model`) and identifier.
    pub(crate) object: Option<(String, String)>,
}

/// Who made a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: String,
    superuser: bool,
    holders: Vec<Holder>,
}

impl State {
    /// The user behind the request's token. authentik has no 401: each failure is a 403 that tells in its text what is
    /// wrong (recordings `auth-*`).
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let refused = |text: &str| detail(StatusCode::FORBIDDEN, text);
        let absent = || refused("Authentication credentials were not provided.");
        let header =
            headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or("");
        let (scheme, key) = header.trim().split_once(' ').ok_or_else(absent)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            let tells = !self.version.at_least(2025, 12);
            return Err(if tells { refused("Unsupported authentication type") } else { absent() });
        }
        let user = self
            .store
            .rows(Table::Token)
            .find(|token| token.text("key") == key && token.text("intent") == "api")
            .filter(|token| {
                token.get("expiring") != &Value::Bool(true) || !state::is_past(token.text("expires"))
            })
            .and_then(|token| self.store.get(Table::User, &super::python::str(token.get("user"))))
            .filter(|user| user.get("is_active") == &Value::Bool(true))
            .ok_or_else(|| refused("Token invalid/expired"))?;
        Ok(self.caller(user))
    }

    fn caller(&self, user: &Row) -> Caller {
        let groups: Vec<&Row> =
            user.list("groups").filter_map(|group| self.store.get(Table::Group, group)).collect();
        let mut holders = vec![Holder::User(user.pk.clone())];
        let roles = user.list("roles").chain(groups.iter().flat_map(|group| group.list("roles")));
        holders.extend(roles.map(|role| Holder::Role(role.to_owned())));
        Caller {
            user: user.pk.clone(),
            superuser: groups.iter().any(|group| group.get("is_superuser") == &Value::Bool(true)),
            holders,
        }
    }

    /// Whether the caller has the permission over every object of its model.
    pub(crate) fn may(&self, caller: &Caller, permission: &str) -> bool {
        caller.superuser
            || self.held(caller).any(|grant| grant.object.is_none() && grant.permission == permission)
    }

    /// Whether the caller has the permission over this object.
    pub(crate) fn may_on(&self, caller: &Caller, permission: &str, kind: &Kind, pk: &str) -> bool {
        self.may(caller, permission)
            || self.held(caller).any(|grant| {
                grant.permission == permission
                    && grant
                        .object
                        .as_ref()
                        .is_some_and(|(model, object)| *model == kind.model_name() && object == pk)
            })
    }

    fn held(&self, caller: &Caller) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(|grant| caller.holders.contains(&grant.holder))
    }

    /// The rows of a kind that the caller may see. Who may see none at all is refused, rather than shown an empty list
    /// (recordings `noperm-*`, `ip-list-empty`).
    pub(crate) fn visible<'a>(
        &'a self,
        caller: &Caller,
        kind: &'static Kind,
    ) -> Result<Vec<&'a Row>, Refusal> {
        let view = kind.permission("view");
        let rows = self.store.rows(kind.table).filter(|row| holds(kind, row));
        if self.may(caller, &view) {
            return Ok(rows.collect());
        }
        let model = kind.model_name();
        let single: HashSet<&str> = self
            .held(caller)
            .filter(|grant| grant.permission == view)
            .filter_map(|grant| grant.object.as_ref())
            .filter(|(of, _)| *of == model)
            .map(|(_, pk)| pk.as_str())
            .collect();
        let rows: Vec<&Row> = rows.filter(|row| single.contains(row.pk.as_str())).collect();
        if rows.is_empty() { Err(forbidden()) } else { Ok(rows) }
    }

    /// The object that a URL names, if the caller may do with it what the verb says.
    pub(crate) fn object<'a>(
        &'a self,
        caller: &Caller,
        kind: &'static Kind,
        key: &str,
        verb: &str,
    ) -> Result<&'a Row, Refusal> {
        self.object_for(caller, kind, key, &kind.permission(verb))
    }

    /// The object that a URL names, if the caller has the permission over it.
    pub(crate) fn object_for<'a>(
        &'a self,
        caller: &Caller,
        kind: &'static Kind,
        key: &str,
        permission: &str,
    ) -> Result<&'a Row, Refusal> {
        let rows = self.visible(caller, kind)?;
        // What a text cannot hold makes the database refuse the query: a server error.
        if key.contains('\0') && kind.key != "pk" {
            return Err(broken());
        }
        let not_found = || detail(StatusCode::NOT_FOUND, "Not found.");
        let key = match kind.table {
            _ if kind.key != "pk" => key.to_owned(),
            Table::User | Table::Provider | Table::InitialPermissions => {
                key.trim().parse::<u64>().map_err(|_| not_found())?.to_string()
            }
            _ => uuid::Uuid::parse_str(key).map_err(|_| not_found())?.to_string(),
        };
        let named = |row: &&Row| if kind.key == "pk" { row.pk == key } else { row.text(kind.key) == key };
        let row = rows.into_iter().find(named).ok_or_else(|| missing(kind.class))?;
        if self.may_on(caller, permission, kind, &row.pk) { Ok(row) } else { Err(forbidden()) }
    }

    /// Gives the creator of an object what the initial permissions of its roles say.
    pub(crate) fn grant_initial_permissions(&mut self, caller: &Caller, row: &Row) {
        let mut given = Vec::new();
        for initial in self.store.rows(Table::InitialPermissions) {
            let role = Holder::Role(initial.text("role").to_owned());
            if !caller.holders.contains(&role) {
                continue;
            }
            let holder =
                if initial.text("mode") == "user" { Holder::User(caller.user.clone()) } else { role };
            let ids: Vec<u64> = initial
                .get("permissions")
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_u64)
                .collect();
            given.extend(
                permission::all(&self.version)
                    .filter(|permission| ids.contains(&permission.id()) && permission.is_over(row.kind))
                    .map(|permission| Grant {
                        holder: holder.clone(),
                        permission: permission.full_name(),
                        object: Some((row.kind.model_name(), row.pk.clone())),
                    }),
            );
        }
        self.grants.extend(given);
    }

    /// Drops the permissions over an object that is gone.
    pub(crate) fn revoke_all_on(&mut self, row: &Row) {
        let model = row.kind.model_name();
        self.grants
            .retain(|grant| grant.object.as_ref().is_none_or(|(of, pk)| *of != model || *pk != row.pk));
        let holder = match row.kind.table {
            Table::Role => Holder::Role(row.pk.clone()),
            Table::User => Holder::User(row.pk.clone()),
            _ => return,
        };
        self.grants.retain(|grant| grant.holder != holder);
    }
}

/// Whether a row belongs to the kind, or to one that inherits from it.
fn holds(kind: &Kind, row: &Row) -> bool {
    kinds::is_base(kind) || std::ptr::eq(kind, row.kind)
}

impl Caller {
    /// Whether everything is allowed.
    pub(crate) fn is_superuser(&self) -> bool {
        self.superuser
    }
}
