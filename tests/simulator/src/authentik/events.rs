//! The event list: what the API changed, by whom, in which request.

use serde_json::{Value, json};

use super::kind::Kind;
use super::list::Query;
use super::state::{self, State};
use super::store::{Row, Table};

/// An entry of the event list, as it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Event(Value);

/// What a request did to an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Created,
    Updated,
    Deleted,
}

/// The request that a change belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) user: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) request_id: String,
    pub(crate) user_agent: String,
}

const YEAR_IN_MINUTES: i64 = 365 * 24 * 60;

impl State {
    /// Adds an entry for a change of an object by the API. A write that changes nothing makes one as well (recording
    /// `events-of-flow`).
    pub(crate) fn record(&mut self, change: Change, row: &Row, origin: &Origin) {
        let action = match change {
            Change::Created => "model_created",
            Change::Updated => "model_updated",
            Change::Deleted => "model_deleted",
        };
        let user = self.store.get(Table::User, &origin.user);
        let number = origin.user.parse::<u64>().ok();
        let event = json!({
            "pk": self.identifiers.uuid("event"),
            "user": {
                "pk": number,
                "email": user.map(|user| user.text("email")),
                "username": user.map(|user| user.text("username")),
            },
            "action": action,
            "app": "authentik.events.middleware",
            "context": {
                "model": model(row, &super::title::name(&self.store, row)),
                "http_request": {
                    "args": {},
                    "path": origin.path,
                    "method": origin.method,
                    "request_id": origin.request_id,
                    "user_agent": origin.user_agent,
                },
            },
            "client_ip": "127.0.0.1",
            "created": state::now(),
            "expires": state::in_minutes(YEAR_IN_MINUTES),
            "brand": self
                .store
                .rows(Table::Brand)
                .find(|brand| brand.get("default") == &Value::Bool(true))
                .map_or(json!({}), |brand| model(brand, "Default brand")),
        });
        self.events.push(Event(event));
    }

    /// The entries that a query asks for, newest first unless it says otherwise.
    pub(crate) fn events(&self, query: &Query) -> Vec<&Value> {
        const EXACT: [(&str, &[&str]); 5] = [
            ("context_model_app", &["context", "model", "app"]),
            ("context_model_name", &["context", "model", "model_name"]),
            ("context_model_pk", &["context", "model", "pk"]),
            ("username", &["user", "username"]),
            ("client_ip", &["client_ip"]),
        ];
        let exact: Vec<(&[&str], String)> = EXACT
            .iter()
            .filter_map(|(name, path)| Some((name, path, query.get(name)?)))
            .map(|(name, path, wanted)| match *name {
                // Identifiers are kept without dashes, and asked for with or without them.
                "context_model_pk" => (*path, wanted.replace('-', "")),
                _ => (*path, wanted.to_owned()),
            })
            .collect();
        let part = query.get("action").unwrap_or_default().to_lowercase();
        let actions = query.all("actions");
        let mut found: Vec<&Value> = self
            .events
            .iter()
            .map(|event| &event.0)
            .filter(|event| {
                let action = event["action"].as_str().unwrap_or_default();
                action.contains(&part)
                    && (actions.is_empty() || actions.contains(&action))
                    && exact.iter().all(|(path, wanted)| {
                        let value = path.iter().fold(*event, |value, key| &value[*key]);
                        super::python::str(value) == *wanted
                    })
            })
            .collect();
        let order = query.get("ordering").into_iter().flat_map(|order| order.split(',')).map(str::trim);
        if order.clone().find(|order| order.ends_with("created")) != Some("created") {
            found.reverse();
        }
        found
    }
}

fn model(row: &Row, name: &str) -> Value {
    let Kind { app, model, .. } = row.kind;
    let pk = row.pk.parse::<u64>().map_or_else(|_| json!(row.pk.replace('-', "")), |number| json!(number));
    json!({"pk": pk, "app": app, "name": name, "model_name": model})
}
