//! Natural keys: what an object is called by, where its identifier is not known.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

/// The values of the fields that name an object. No two objects of a collection have the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Vec<(&'static str, String)>);

impl Key {
    /// The key with these `names` among `fields`; none when one is missing.
    #[must_use]
    pub fn of(names: &[&'static str], fields: &Map<String, Value>) -> Option<Self> {
        names.iter().map(|name| Some((*name, text(fields.get(*name)?)))).collect::<Option<_>>().map(Self)
    }

    /// The key of one field.
    #[must_use]
    pub fn named(name: &'static str, value: impl Into<String>) -> Self {
        Self(vec![(name, value.into())])
    }

    /// The key as it was recorded by [`Key::record`].
    #[must_use]
    pub fn recorded(names: &[&'static str], record: &BTreeMap<String, String>) -> Option<Self> {
        names.iter().map(|name| Some((*name, record.get(*name)?.clone()))).collect::<Option<_>>().map(Self)
    }

    /// Names and values, to be kept and read by [`Key::recorded`].
    #[must_use]
    pub fn record(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    /// The filters of a list that leave the object with this key.
    #[must_use]
    pub fn query(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (name, value)) in self.0.iter().enumerate() {
            let gap = if position > 0 { ", " } else { "" };
            write!(f, "{gap}{name} {value}")?;
        }
        Ok(())
    }
}

/// A value as a person writes it: a text as it is, anything else as JSON.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
