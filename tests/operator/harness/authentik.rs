//! The simulated authentik: what somebody does there by hand, and what the operator asked of it.

use std::fmt::Write as _;
use std::ops::Deref;

use authentik_simulator::fault::{Action, Fault};
use authentik_simulator::journal::{Entry, Filter, Outcome};
use authentik_simulator::{Pattern, Simulator};
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::{PATIENCE, TOKEN};

const API: &str = "/api/v3";

/// The lists that the operator keeps copies of.
pub(crate) const LISTS: [&str; 4] =
    ["/flows/instances/", "/flows/bindings/", "/stages/authenticator/validate/", "/stages/all/"];

/// What an operator's token needs to be permitted.
pub(crate) const PERMISSIONS: [&str; 13] = [
    "authentik_flows.view_flow",
    "authentik_flows.add_flow",
    "authentik_flows.change_flow",
    "authentik_flows.delete_flow",
    "authentik_flows.view_flowstagebinding",
    "authentik_flows.add_flowstagebinding",
    "authentik_flows.change_flowstagebinding",
    "authentik_flows.delete_flowstagebinding",
    "authentik_stages_authenticator_validate.view_authenticatorvalidatestage",
    "authentik_stages_authenticator_validate.add_authenticatorvalidatestage",
    "authentik_stages_authenticator_validate.change_authenticatorvalidatestage",
    "authentik_stages_authenticator_validate.delete_authenticatorvalidatestage",
    "authentik_flows.view_stage",
];

/// A simulated authentik. What is done by its own methods is done by hand: past network, faults and journal.
pub(crate) struct Authentik(Simulator);

/// A request that changes something.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Write {
    method: String,
    /// Below `/api/v3`.
    path: String,
    body: Value,
}

/// A request to compare with; without a body it is null.
pub(crate) fn write(method: &str, path: &str, body: Value) -> Write {
    Write { method: method.to_owned(), path: path.to_owned(), body }
}

impl Write {
    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn body(&self) -> &Value {
        &self.body
    }
}

/// Somebody who may not do everything.
pub(crate) struct Account {
    pub(crate) token: String,
    role: String,
}

impl Account {
    /// Gives it one more permission.
    pub(crate) async fn grant(&self, authentik: &Authentik, permission: &str) {
        self.permit(authentik, json!({"permissions": [permission]})).await;
    }

    /// Gives it a permission over one flow.
    pub(crate) async fn grant_over_flow(&self, authentik: &Authentik, permission: &str, pk: &str) {
        let over = json!({"permissions": [permission], "model": "authentik_flows.flow", "object_pk": pk});
        self.permit(authentik, over).await;
    }

    /// Takes a permission away.
    pub(crate) async fn revoke(&self, authentik: &Authentik, permission: &str) {
        let path = format!("/rbac/permissions/assigned_by_roles/{}/unassign/", self.role);
        authentik.succeed("PATCH", &path, json!({"permissions": [permission]})).await;
    }

    async fn permit(&self, authentik: &Authentik, body: Value) {
        let path = format!("/rbac/permissions/assigned_by_roles/{}/assign/", self.role);
        authentik.succeed("POST", &path, body).await;
    }
}

impl Deref for Authentik {
    type Target = Simulator;

    fn deref(&self) -> &Simulator {
        &self.0
    }
}

impl Authentik {
    pub(super) fn new(simulator: Simulator) -> Self {
        Self(simulator)
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(format!("{API}{path}"))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .body(body);
        let answer = self.0.authentik().handle(request.expect("a request")).await;
        (answer.status(), serde_json::from_slice(answer.body()).unwrap_or_default())
    }

    async fn succeed(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        answer
    }

    /// What is at this path, if anything.
    pub(crate) async fn find(&self, path: &str) -> Option<Value> {
        let (status, answer) = self.ask("GET", path, Value::Null).await;
        assert!(status.is_success() || status == StatusCode::NOT_FOUND, "GET {path}: {status} {answer}");
        status.is_success().then_some(answer)
    }

    /// What is at this path, where something has to be.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.succeed("GET", path, Value::Null).await
    }

    /// All rows of a list.
    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (mut rows, mut next) = (Vec::new(), Value::from(1));
        while next != 0 {
            let page = self.get(&format!("{path}{separator}page_size=100&page={next}")).await;
            rows.extend(page["results"].as_array().expect("rows").iter().cloned());
            next = page["pagination"]["next"].clone();
        }
        rows
    }

    /// Makes an object; tells its identifier.
    pub(crate) async fn post(&self, path: &str, body: Value) -> String {
        let made = self.succeed("POST", path, body).await;
        made["pk"].as_str().map_or_else(|| made["pk"].to_string(), str::to_owned)
    }

    /// Makes an object; tells its path, whatever addresses it.
    pub(crate) async fn create_in(&self, collection: &str, body: Value) -> String {
        let made = self.succeed("POST", collection, body).await;
        let key = made["slug"].as_str().or(made["pk"].as_str()).or(made["brand_uuid"].as_str());
        let key = key.map_or_else(|| made["pk"].to_string(), str::to_owned);
        format!("{collection}{key}/")
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Value {
        self.succeed("PATCH", path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) {
        self.succeed("DELETE", path, Value::Null).await;
    }

    /// The flow with this slug, which has to be there.
    pub(crate) async fn flow(&self, slug: &str) -> Value {
        self.get(&format!("/flows/instances/{slug}/")).await
    }

    /// Whether there is a flow with this slug.
    pub(crate) async fn has_flow(&self, slug: &str) -> bool {
        self.find(&format!("/flows/instances/{slug}/")).await.is_some()
    }

    /// The identifier of the stage with this name, of whatever kind; it has to be there.
    pub(crate) async fn stage(&self, name: &str) -> String {
        let found = self.list(&format!("/stages/all/?name={name}")).await;
        found[0]["pk"].as_str().expect("an identifier").to_owned()
    }

    /// The validate stages with this name.
    pub(crate) async fn validate_stages(&self, name: &str) -> Vec<Value> {
        self.list(&format!("/stages/authenticator/validate/?name={name}")).await
    }

    /// The bindings of the flow with this identifier.
    pub(crate) async fn bindings(&self, flow: &str) -> Vec<Value> {
        self.list(&format!("/flows/bindings/?target={flow}")).await
    }

    /// A new service account that has these permissions and no others.
    pub(crate) async fn account(&self, name: &str, permissions: &[&str]) -> Account {
        let account = json!({"name": name, "create_group": false, "expiring": false});
        let account = self.succeed("POST", "/core/users/service_account/", account).await;
        let user = &account["user_pk"];
        let token = json!({"identifier": name, "intent": "api", "user": user, "expiring": false});
        self.post("/core/tokens/", token).await;
        let role = self.post("/rbac/roles/", json!({"name": name})).await;
        self.succeed("POST", &format!("/rbac/roles/{role}/add_user/"), json!({"pk": user})).await;
        let key = self.get(&format!("/core/tokens/{name}/view_key/")).await;
        let account = Account { token: key["key"].as_str().expect("a key").to_owned(), role };
        account.permit(self, json!({"permissions": permissions})).await;
        account
    }

    /// Lets something go wrong from now on.
    pub(crate) fn break_with(&self, fault: Fault) -> u64 {
        self.inject(fault).expect("a fault that can be")
    }

    /// Lets everything go wrong in this way from now on.
    pub(crate) fn break_all(&self, action: Action) -> u64 {
        self.break_with(Fault::new(action))
    }

    /// The present: what comes after it can be asked for with it.
    pub(crate) fn now(&self) -> u64 {
        self.requests().last()
    }

    /// All requests since then.
    pub(crate) fn since(&self, then: u64) -> Vec<Entry> {
        self.requests().select(&Filter { since: then, ..Filter::default() })
    }

    /// Requests of this method since then, whose path below `/api/v3` fits the pattern.
    pub(crate) fn matching(&self, then: u64, method: &str, pattern: &str) -> Vec<Entry> {
        let path = Pattern::try_from(format!("{API}{pattern}")).expect("a pattern");
        let method = Some(method.to_owned());
        self.requests().select(&Filter { since: then, method, path: Some(path), ..Filter::default() })
    }

    /// The requests since then that change something.
    pub(crate) fn writes(&self, then: u64) -> Vec<Write> {
        let changing = |entry: &Entry| entry.method != "GET" && entry.method != "HEAD";
        let below = |entry: Entry| Write {
            method: entry.method,
            path: entry.path.strip_prefix(API).unwrap_or(&entry.path).to_owned(),
            body: entry.body.unwrap_or_default(),
        };
        self.since(then).into_iter().filter(changing).map(below).collect()
    }

    /// Waits until the journal is as the predicate says, and returns it from then on.
    pub(crate) async fn until(&self, then: u64, what: &str, holds: impl Fn(&[Entry]) -> bool) -> Vec<Entry> {
        let all = |entries: &[Entry]| {
            let first = entries.partition_point(|entry| entry.number <= then);
            holds(&entries[first..])
        };
        if let Err(error) = self.requests().wait_for(all, PATIENCE).await {
            panic!("{what}: {error}");
        }
        self.since(then)
    }

    /// Waits until the operator has read every list anew, twice: so it has seen all that was there to see, and had the
    /// time between two readings to act on it.
    pub(crate) async fn read_anew(&self) {
        let then = self.now();
        let twice = |entries: &[Entry]| {
            LISTS.iter().all(|list| entries.iter().filter(|entry| is_page(entry, list)).count() >= 2)
        };
        self.until(then, "the operator is to read every list twice", twice).await;
    }

    /// The newest requests, a line each.
    pub(super) fn last_requests(&self, shown: usize) -> String {
        let entries = self.requests().all();
        let mut text = String::new();
        for entry in &entries[entries.len().saturating_sub(shown)..] {
            let Entry { number, method, path, query, status, outcome, .. } = entry;
            let body = entry.body.as_ref().map(Value::to_string).unwrap_or_default();
            let _ = writeln!(text, "{number} {method} {path} {query} {body} -> {status:?} {outcome:?}");
        }
        text
    }
}

/// Whether it is an answered request for a page of the whole list.
pub(crate) fn is_page(entry: &Entry, list: &str) -> bool {
    entry.method == "GET"
        && entry.path.strip_prefix(API) == Some(list)
        && entry.outcome == Outcome::Answered
        && entry.query.split('&').all(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            ["page", "page_size", "ordering"].contains(&name)
        })
}
