//! The bodies of 400 answers, made flat: which field, and what is wrong with it.

use std::fmt;

use serde_json::Value;

use super::text::Cleaner;

/// So many errors are kept.
const KEPT: usize = 100;
/// So many characters of a message are kept; authentik repeats what was sent, which has no bound.
const KEPT_MESSAGE: usize = 500;
/// So many characters of a field's path are kept.
const KEPT_FIELD: usize = 120;
/// So many errors are shown.
const SHOWN: usize = 5;

/// What authentik refused, field by field, in the order of the answer's keys. Empty when it gave no reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldErrors(Vec<FieldError>);

/// One complaint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field, with dots into lists and objects (`device_classes.1`, `flow_set.0.slug`); empty for what
    /// concerns the whole object.
    pub field: String,
    /// authentik's words; English, since the client asks for that.
    pub message: String,
}

impl FieldErrors {
    /// Reads the body of a 400 answer, in each of the shapes that authentik uses: lists of messages by field,
    /// objects keyed by index, lists of objects, `non_field_errors`, `detail`, or a bare list. Anything else
    /// becomes messages as well.
    pub(crate) fn from_body(body: &Value, cleaner: Cleaner<'_>) -> Self {
        let mut errors = Self::default();
        errors.collect(body, String::new(), cleaner);
        errors
    }

    /// Each complaint.
    pub fn iter(&self) -> impl Iterator<Item = &FieldError> {
        self.0.iter()
    }

    /// Whether authentik gave no reason.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn collect(&mut self, value: &Value, field: String, cleaner: Cleaner<'_>) {
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    self.collect(value, below(&field, key, cleaner), cleaner);
                }
            }
            // A list of texts is a list of messages; objects in it stand for the items of a list field.
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let field = if item.is_object() || item.is_array() {
                        below(&field, &index.to_string(), cleaner)
                    } else {
                        field.clone()
                    };
                    self.collect(item, field, cleaner);
                }
            }
            Value::String(message) => self.add(field, message, cleaner),
            Value::Null => {}
            other => self.add(field, &other.to_string(), cleaner),
        }
    }

    fn add(&mut self, field: String, message: &str, cleaner: Cleaner<'_>) {
        if self.0.len() < KEPT {
            self.0.push(FieldError { field, message: cleaner.clean(message, KEPT_MESSAGE) });
        }
    }
}

/// The path of `key` within `field`. The keys that speak of the whole object add nothing.
fn below(field: &str, key: &str, cleaner: Cleaner<'_>) -> String {
    let key = if key == "non_field_errors" || (field.is_empty() && key == "detail") { "" } else { key };
    let joined = match (field, key) {
        ("", key) => key.to_owned(),
        (field, "") => field.to_owned(),
        (field, key) => format!("{field}.{key}"),
    };
    cleaner.clean(&joined, KEPT_FIELD)
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("authentik gives no reason");
        }
        for (position, FieldError { field, message }) in self.0.iter().take(SHOWN).enumerate() {
            let gap = if position > 0 { "; " } else { "" };
            match field.as_str() {
                "" => write!(f, "{gap}{message}")?,
                field => write!(f, "{gap}{field}: {message}")?,
            }
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Cleaner, FieldErrors, KEPT};

    fn read(body: serde_json::Value) -> Vec<(String, String)> {
        let errors = FieldErrors::from_body(&body, Cleaner::new("hidden"));
        errors.iter().map(|error| (error.field.clone(), error.message.clone())).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(field, message)| ((*field).to_owned(), (*message).to_owned())).collect()
    }

    #[test]
    fn every_shape_of_authentik_is_flattened() {
        let shapes = [
            (
                json!({"slug": ["a", "b"], "name": ["c"]}),
                pairs(&[("name", "c"), ("slug", "a"), ("slug", "b")]),
            ),
            (json!({"device_classes": {"1": ["bad"]}}), pairs(&[("device_classes.1", "bad")])),
            (json!({"non_field_errors": ["unique"]}), pairs(&[("", "unique")])),
            (json!({"detail": "JSON parse error"}), pairs(&[("", "JSON parse error")])),
            (json!(["Null characters"]), pairs(&[("", "Null characters")])),
            (json!({"flow_set": [{}, {"slug": ["taken"]}]}), pairs(&[("flow_set.1.slug", "taken")])),
            (json!({"flow_set": [{"non_field_errors": ["no"]}]}), pairs(&[("flow_set.0", "no")])),
            (json!({"flow_set": {"non_field_errors": ["no list"]}}), pairs(&[("flow_set", "no list")])),
            (json!({"logs": [], "success": false}), pairs(&[("success", "false")])),
            (json!({"settings": {"detail": ["x"]}}), pairs(&[("settings.detail", "x")])),
            (json!(null), pairs(&[])),
            (json!({}), pairs(&[])),
        ];
        for (body, expected) in shapes {
            assert_eq!(read(body.clone()), expected, "{body}");
        }
    }

    #[test]
    fn the_text_is_one_bounded_line_without_the_token() {
        let many = (0..1000).map(|n| (format!("f{n:04}"), json!(["ä\n hidden ".repeat(1000)]))).collect();
        let errors = FieldErrors::from_body(&serde_json::Value::Object(many), Cleaner::new("hidden"));
        assert_eq!(errors.iter().count(), KEPT);
        let text = errors.to_string();
        assert!(text.starts_with("f0000: ä [token] ä [token]"), "{text}");
        assert!(text.ends_with("…; and 95 more"), "{text}");
        assert!(!text.contains('\n') && text.chars().count() < 2700, "{}", text.len());
    }

    #[test]
    fn no_reason_is_said_so() {
        assert_eq!(FieldErrors::default().to_string(), "authentik gives no reason");
    }
}
