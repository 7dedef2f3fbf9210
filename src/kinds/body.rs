//! From a spec to what authentik is sent.

use serde::Serialize;
use serde_json::{Map, Value};

use super::Field;

/// The fields of a request by authentik's names.
pub type Body = Map<String, Value>;

/// What `spec` sets of `fields`, by authentik's names. What it does not set is not in it; `false`, 0, `""` and `[]`
/// are.
///
/// # Panics
/// When `spec` is not written as a JSON object, which no spec is.
pub(super) fn declared(spec: &impl Serialize, fields: &[Field]) -> Body {
    let written = serde_json::to_value(spec).expect("a spec can be written as JSON");
    let mut spec = match written {
        Value::Object(spec) => spec,
        other => panic!("a spec is an object, not {other}"),
    };
    fields
        .iter()
        .filter_map(|field| Some((field.name.to_owned(), spec.remove(&field.declared_name())?)))
        .collect()
}
