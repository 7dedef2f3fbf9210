//! When what authentik has is what was declared, field by field.

use serde_json::{Number, Value};
use sha2::{Digest as _, Sha256};

use crate::authentik::{Object, cut, text};
use crate::kinds::{Body, Drift, Entry, Field};

/// So many characters of a value are kept in a status. authentik has no limit, the API server has.
const VALUE: usize = 2_000;

/// A declared field that authentik has otherwise.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    /// The field.
    pub(crate) field: &'static Field,
    /// What is declared.
    pub(crate) declared: Value,
    /// What authentik has; none when its answers lack the field.
    pub(crate) actual: Option<Value>,
}

impl Difference {
    /// For a status.
    #[must_use]
    pub(crate) fn drift(&self) -> Drift {
        Drift {
            field: self.field.declared_name(),
            declared: cut(&text(&self.declared), VALUE),
            actual: cut(&self.actual.as_ref().map(text).unwrap_or_default(), VALUE),
        }
    }
}

/// The declared fields in which `object` differs, in the order of the kind's fields.
#[must_use]
pub(crate) fn differences(entry: &Entry, declared: &Body, object: &Object) -> Vec<Difference> {
    let differing = entry.fields.iter().filter_map(|field| {
        let wanted = declared.get(field.name)?;
        let actual = object.fields.get(field.name);
        let same = actual.is_some_and(|actual| canonical(field, wanted) == canonical(field, actual));
        (!same).then(|| Difference { field, declared: wanted.clone(), actual: actual.cloned() })
    });
    differing.collect()
}

/// What each declared field would be compared with, if authentik had nothing.
#[must_use]
pub(crate) fn all_missing(entry: &Entry, declared: &Body) -> Vec<Difference> {
    let fields = entry.fields.iter().filter_map(|field| {
        Some(Difference { field, declared: declared.get(field.name)?.clone(), actual: None })
    });
    fields.collect()
}

/// The names of fields as a spec has them, for a message.
#[must_use]
pub(crate) fn names(differences: &[Difference]) -> String {
    let names: Vec<String> = differences.iter().map(|it| it.field.declared_name()).collect();
    names.join(", ")
}

/// A hash over the fields with these names, the same for a request's body and for the object that authentik makes of it.
#[must_use]
pub(crate) fn hash(entry: &Entry, fields: &Body, names: &[String]) -> String {
    let mut hasher = Sha256::new();
    for field in entry.fields.iter().filter(|field| names.iter().any(|name| name == field.name)) {
        let value = fields.get(field.name).map(|value| canonical(field, value));
        hasher.update(field.name);
        hasher.update([0]);
        hasher.update(value.unwrap_or_default().to_string());
        hasher.update([0]);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A value in the one form that all values with its meaning have: numbers as numbers, sets sorted, texts without blanks at
/// the ends.
fn canonical(field: &Field, value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            number.as_f64().and_then(Number::from_f64).map_or_else(|| value.clone(), Value::Number)
        }
        Value::String(text) => text.trim().into(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| canonical(field, item)).collect();
            if field.set {
                items.sort_by_key(Value::to_string);
                items.dedup();
            }
            Value::Array(items)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{VALUE, differences, hash, names};
    use crate::authentik::Object;
    use crate::kinds::{AuthenticatorValidateStage, Body, Entry};

    const STAGE: Entry = Entry::of::<AuthenticatorValidateStage>();

    fn fields(value: Value) -> Body {
        value.as_object().expect("an object").clone()
    }

    fn object(value: Value) -> Object {
        Object { pk: "u-1".to_owned(), fields: fields(value) }
    }

    fn differing(declared: Value, actual: Value) -> String {
        names(&differences(&STAGE, &fields(declared), &object(actual)))
    }

    #[test]
    fn what_means_the_same_is_the_same() {
        let declared = json!({"name": "MFA", "configuration_stages": ["a", "b"], "email_otp_throttling_factor": 1,
            "last_auth_threshold": "hours=1", "device_classes": ["totp", "static"]});
        let actual = json!({"name": "MFA ", "configuration_stages": ["b", "a"], "email_otp_throttling_factor": 1.0,
            "last_auth_threshold": "hours=1", "device_classes": ["totp", "static"], "not_configured_action": "deny"});
        assert_eq!(differing(declared, actual), "");
        let twice = json!({"webauthn_allowed_device_types": ["a", "b", "a"]});
        assert_eq!(differing(twice, json!({"webauthn_allowed_device_types": ["b", "a"]})), "");
    }

    #[test]
    fn what_does_not_is_named_as_the_spec_names_it() {
        let declared = json!({"name": "MFA", "configuration_stages": [], "last_auth_threshold": "hours=1",
            "device_classes": ["totp", "static"], "webauthn_hints": []});
        let actual = json!({"name": "mfa", "configuration_stages": ["a"], "last_auth_threshold": "HOURS=1",
            "device_classes": ["static", "totp"]});
        assert_eq!(
            differing(declared, actual),
            "name, deviceClasses, configurationStages, lastAuthThreshold, webauthnHints"
        );
    }

    #[test]
    fn a_status_holds_the_beginning_of_long_values() {
        let differences = differences(
            &STAGE,
            &fields(json!({"name": "MFA"})),
            &object(json!({"name": "ü".repeat(3_000_000)})),
        );
        let drift = differences[0].drift();
        assert_eq!((drift.field.as_str(), drift.declared.as_str()), ("name", "MFA"));
        assert_eq!(drift.actual, format!("{}…", "ü".repeat(VALUE)));
    }

    #[test]
    fn a_body_and_the_object_made_of_it_have_one_hash() {
        let body = fields(
            json!({"name": "MFA", "configuration_stages": ["b", "a"], "sms_otp_throttling_factor": 2}),
        );
        let stored = fields(json!({"pk": "u-1", "name": "MFA", "configuration_stages": ["a", "b"],
            "sms_otp_throttling_factor": 2.0, "not_configured_action": "skip"}));
        let names: Vec<String> = body.keys().cloned().collect();
        assert_eq!(hash(&STAGE, &body, &names), hash(&STAGE, &stored, &names));
        for (field, value) in [("name", json!("other")), ("configuration_stages", json!(["a"]))] {
            let mut other = stored.clone();
            other.insert(field.to_owned(), value);
            assert_ne!(hash(&STAGE, &body, &names), hash(&STAGE, &other, &names), "{field}");
        }
    }
}
