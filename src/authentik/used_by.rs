//! What `used_by` tells: who refers to an object, and what a deletion would do to them.

use serde::Deserialize;

use super::page::text_or_number;

/// One reference to an object. authentik repeats entries, leaves relations out and shows only what the token
/// may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct UsedBy {
    /// The Django application of the referrer, for instance `authentik_flows`.
    pub app: String,
    /// The referrer's model, for instance `flowstagebinding`.
    pub model_name: String,
    /// The referrer's primary key; for models with integer keys, the digits.
    #[serde(deserialize_with = "text_or_number")]
    pub pk: String,
    /// What the referrer calls itself.
    #[serde(default)]
    pub name: String,
    /// What happens to the referrer when the object is deleted.
    pub action: UsedByAction,
}

/// What a deletion does to a referrer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "String")]
pub enum UsedByAction {
    /// The referrer is deleted along.
    Cascade,
    /// The referrer stays, the link goes.
    CascadeMany,
    /// The referrer's field becomes null.
    SetNull,
    /// The referrer's field becomes its default, for the relations seen so far: null.
    SetDefault,
    /// The referrer keeps a reference to nothing; since 2025.12.
    LeftDangling,
    /// An action that this client does not know.
    Other(String),
}

impl From<String> for UsedByAction {
    fn from(text: String) -> Self {
        match text.as_str() {
            "cascade" => Self::Cascade,
            "cascade_many" => Self::CascadeMany,
            "set_null" => Self::SetNull,
            "set_default" => Self::SetDefault,
            "left_dangling" => Self::LeftDangling,
            _ => Self::Other(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{UsedBy, UsedByAction};

    #[test]
    fn actions_of_the_future_are_kept_as_they_are() {
        let text = r#"[
            {"app": "x", "model_name": "flowstagebinding", "pk": "1", "name": "x", "action": "cascade"},
            {"app": "authentik_x", "model_name": "y", "pk": 2, "name": "", "action": "set_on_fire", "new": 1}
        ]"#;
        let entries: Vec<UsedBy> = serde_json::from_str(text).expect("both entries");
        assert_eq!(entries[0].action, UsedByAction::Cascade);
        assert_eq!(entries[1].pk, "2");
        assert_eq!(entries[1].action, UsedByAction::Other("set_on_fire".to_owned()));
    }
}
