//! Which version of authentik knows which field and which value.
//!
//! Read from the OpenAPI schemas of the versions in [`COLUMNS`]. Each kind has a row for every field that any of them
//! lets a client write, its [`Kind::FIELDS`](super::Kind::FIELDS).

use std::fmt;

use serde_json::Value;

use super::Body;
use crate::authentik::Version;

/// Year and month of a release.
pub type Minor = (u16, u16);

/// The versions that the table knows. Older ones count as the first, newer ones as the last.
pub const COLUMNS: [Minor; 10] = [
    (2024, 12),
    (2025, 2),
    (2025, 4),
    (2025, 6),
    (2025, 8),
    (2025, 10),
    (2025, 12),
    (2026, 2),
    (2026, 5),
    (2026, 8),
];

/// A field that authentik lets clients write: a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// authentik's name of it.
    pub name: &'static str,
    /// The first version that has it.
    pub since: Minor,
    /// Values that came later than the field. Others are as old as it.
    pub newer: &'static [(&'static str, Minor)],
    /// How many characters versions before the given one take; later ones have no limit.
    pub short_before: Option<(Minor, usize)>,
    /// Whether it is a list whose order authentik does not keep.
    pub set: bool,
}

impl Field {
    /// A field that all versions have.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, since: COLUMNS[0], newer: &[], short_before: None, set: false }
    }

    /// The first version that has it.
    #[must_use]
    pub const fn since(mut self, year: u16, month: u16) -> Self {
        self.since = (year, month);
        self
    }

    /// Values that came later than the field.
    #[must_use]
    pub const fn newer(mut self, values: &'static [(&'static str, Minor)]) -> Self {
        self.newer = values;
        self
    }

    /// Versions before `minor` take at most `length` characters.
    #[must_use]
    pub const fn short_before(mut self, minor: Minor, length: usize) -> Self {
        self.short_before = Some((minor, length));
        self
    }

    /// authentik does not keep the order of this list.
    #[must_use]
    pub const fn set(mut self) -> Self {
        self.set = true;
        self
    }

    /// The spec's name of it: `denied_action` is `deniedAction`.
    #[must_use]
    pub fn declared_name(&self) -> String {
        let mut words = self.name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| {
            let (initial, rest) = word.split_at(word.len().min(1));
            name + &initial.to_ascii_uppercase() + rest
        })
    }

    /// The first version that knows `value`.
    #[must_use]
    pub fn value_since(&self, value: &str) -> Minor {
        self.newer.iter().find(|(name, _)| *name == value).map_or(self.since, |(_, since)| *since)
    }
}

/// Something declared that the connected authentik does not know. Its text names the field as the spec does, and the
/// versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// The field, as the spec names it.
    pub field: String,
    /// What of it is not known.
    pub what: What,
    /// The first version that knows it.
    pub since: Minor,
    /// The connected authentik's version.
    pub version: Version,
}

/// What is not known of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The field itself.
    Field,
    /// This value.
    Value(String),
    /// Texts of more than so many characters.
    Longer(usize),
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, what, since: (year, month), version } = self;
        match what {
            What::Field => write!(f, "spec.{field}")?,
            What::Value(value) => write!(f, "the value {value} of spec.{field}")?,
            What::Longer(length) => write!(f, "spec.{field} with more than {length} characters")?,
        }
        write!(f, " needs authentik {year}.{month} or newer, this one is {version}")
    }
}

/// What of `body` an authentik of this version does not know, in the order of `fields`.
#[must_use]
pub fn unsupported(fields: &[Field], body: &Body, version: &Version) -> Vec<Unsupported> {
    let minor = column(version);
    let mut found = Vec::new();
    for field in fields {
        let Some(value) = body.get(field.name) else { continue };
        let mut report = |what, since| {
            found.push(Unsupported { field: field.declared_name(), what, since, version: version.clone() });
        };
        if minor < field.since {
            report(What::Field, field.since);
            continue;
        }
        for text in texts(value) {
            let since = field.value_since(text);
            if minor < since {
                report(What::Value(text.to_owned()), since);
            }
            match field.short_before {
                Some((since, length)) if minor < since && text.chars().count() > length => {
                    report(What::Longer(length), since);
                }
                _ => {}
            }
        }
    }
    found
}

/// The column that speaks of a version: the latest that is not newer. A release candidate is as its release.
fn column(version: &Version) -> Minor {
    let known = COLUMNS.iter().rev().find(|column| **column <= version.minor());
    known.copied().unwrap_or(COLUMNS[0])
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::unsupported;
    use crate::kinds::{AuthenticatorValidateStage, Body, Field, Flow, Kind};

    fn body(value: Value) -> Body {
        value.as_object().expect("an object").clone()
    }

    fn lines(fields: &[Field], value: Value, version: &str) -> Vec<String> {
        let version = version.parse().expect("a version");
        unsupported(fields, &body(value), &version).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_a_version_lacks_is_named_with_versions() {
        let flow = json!({"slug": "a", "background": "", "layout": "sidebar_left_frame_background",
            "authentication": "require_token"});
        assert_eq!(
            lines(Flow::FIELDS, flow.clone(), "2025.10.4"),
            [
                "spec.background needs authentik 2025.12 or newer, this one is 2025.10.4",
                "the value sidebar_left_frame_background of spec.layout needs authentik 2026.2 or newer, \
                 this one is 2025.10.4",
                "the value require_token of spec.authentication needs authentik 2026.5 or newer, \
                 this one is 2025.10.4",
            ]
        );
        assert_eq!(lines(Flow::FIELDS, flow.clone(), "2026.2.2").len(), 1);
        assert_eq!(lines(Flow::FIELDS, flow, "2026.5.0-rc1").len(), 0);
    }

    #[test]
    fn a_list_is_judged_value_by_value() {
        let stage = json!({"device_classes": ["totp", "email"], "webauthn_hints": [],
            "totp_otp_throttling_factor": 0});
        assert_eq!(
            lines(AuthenticatorValidateStage::FIELDS, stage, "2024.12.3"),
            [
                "the value email of spec.deviceClasses needs authentik 2025.2 or newer, this one is 2024.12.3",
                "spec.webauthnHints needs authentik 2026.5 or newer, this one is 2024.12.3",
                "spec.totpOtpThrottlingFactor needs authentik 2026.5 or newer, this one is 2024.12.3",
            ]
        );
    }

    #[test]
    fn slugs_were_short() {
        let flow = |length: usize| json!({"slug": "s".repeat(length)});
        assert_eq!(lines(Flow::FIELDS, flow(50), "2025.10.4").len(), 0);
        assert_eq!(
            lines(Flow::FIELDS, flow(51), "2025.10.4"),
            [
                "spec.slug with more than 50 characters needs authentik 2025.12 or newer, this one is 2025.10.4"
            ]
        );
        assert_eq!(lines(Flow::FIELDS, flow(300), "2025.12.0").len(), 0);
    }

    #[test]
    fn versions_beside_the_table_count_as_its_ends() {
        let flow = json!({"layout": "sidebar_right_frame_background", "authentication": "require_token"});
        assert_eq!(lines(Flow::FIELDS, flow.clone(), "2031.1.0").len(), 0);
        assert_eq!(lines(Flow::FIELDS, flow.clone(), "2026.4.0").len(), 1);
        assert_eq!(lines(Flow::FIELDS, flow, "2023.10.0").len(), 2);
    }
}
