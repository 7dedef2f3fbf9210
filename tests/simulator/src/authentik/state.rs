//! Everything that one simulated authentik remembers.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::events::Event;
use super::permissions::Grant;
use super::store::{Identifiers, Store};
use super::version::Version;

/// The state behind the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) version: Version,
    pub(crate) store: Store,
    pub(crate) identifiers: Identifiers,
    pub(crate) grants: Vec<Grant>,
    /// Oldest first.
    pub(crate) events: Vec<Event>,
    /// What `/admin/settings/` holds.
    pub(crate) settings: Map<String, Value>,
}

impl State {
    pub(crate) fn new(version: Version) -> Self {
        let mut settings = json!({
            "avatars": "initials",
            "default_user_change_name": true,
            "default_user_change_email": false,
            "default_user_change_username": false,
            "event_retention": "days=365",
            "reputation_lower_limit": -5,
            "reputation_upper_limit": 5,
            "footer_links": [],
            "gdpr_compliance": true,
            "impersonation": true,
            "impersonation_require_reason": true,
            "default_token_duration": "minutes=30",
            "default_token_length": 60,
            "flags": {},
        });
        if let Some(maximum) = version.maximum_page_size() {
            settings["pagination_default_page_size"] = json!(version.default_page_size());
            settings["pagination_max_page_size"] = json!(maximum);
        }
        let settings = match settings {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        State {
            version,
            store: Store::default(),
            identifiers: Identifiers::default(),
            grants: Vec::new(),
            events: Vec::new(),
            settings,
        }
    }
}

/// Now, as authentik prints times: with microseconds.
pub(crate) fn now() -> String {
    print(Timestamp::now())
}

/// A time from now.
pub(crate) fn in_minutes(minutes: i64) -> String {
    print(Timestamp::now().saturating_add(SignedDuration::from_mins(minutes)).unwrap_or(Timestamp::MAX))
}

fn print(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Whether a printed time lies behind us.
pub(crate) fn is_past(time: &str) -> bool {
    time.parse::<Timestamp>().is_ok_and(|time| time < Timestamp::now())
}
