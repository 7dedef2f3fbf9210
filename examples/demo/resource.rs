//! Resources as kubectl prints them.

use anyhow::{Context, Result};
use authentik_operator::kinds::Status;
use serde::Deserialize;

/// One of the operator's resources.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Resource {
    pub(crate) kind: String,
    metadata: Metadata,
    #[serde(default)]
    pub(crate) status: Status,
}

#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    name: String,
}

impl Resource {
    /// The resources of a list, which kubectl printed as JSON.
    pub(crate) fn list(json: &str) -> Result<Vec<Self>> {
        #[derive(Deserialize)]
        struct List {
            items: Vec<Resource>,
        }
        let list: List = serde_json::from_str(json).context("kubectl printed no list of resources")?;
        Ok(list.items)
    }

    pub(crate) fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Kind and name.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.kind, self.name())
    }

    /// Whether the condition of this name is true.
    pub(crate) fn is(&self, condition: &str) -> bool {
        self.status.conditions.iter().any(|it| it.type_ == condition && it.status == "True")
    }

    /// What it says of itself: `Flow staff-login: Forbidden: the token lacks …`.
    pub(crate) fn says(&self) -> String {
        match self.status.conditions.iter().find(|it| it.type_ == "Ready") {
            Some(ready) => format!("{}: {}: {}", self.title(), ready.reason, ready.message),
            None => format!("{} has no status: the operator has not looked at it", self.title()),
        }
    }
}
