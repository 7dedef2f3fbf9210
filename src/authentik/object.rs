//! An object as authentik's answers show it.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::{Map, Number, Value};

/// What is kept of an object of any kind: its identifier, and the fields whose values are flat (texts, numbers,
/// booleans, lists of these). Everything nested is skipped while it is read: a binding carries each flow of its stage
/// along, as often as that is bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// authentik's identifier, which stays when name, slug or order change.
    pub pk: String,
    /// The fields by authentik's names.
    pub fields: Map<String, Value>,
}

impl Object {
    /// The object with no fields but these.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        self.fields.retain(|name, _| names.contains(&name.as_str()));
        self
    }

    /// A field that is a text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a pk")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if let Flat(Some(value)) = map.next_value()? {
                fields.insert(name, value);
            }
        }
        let pk = match fields.remove("pk") {
            Some(Value::String(pk)) => pk,
            Some(Value::Number(pk)) => pk.to_string(),
            _ => return Err(de::Error::missing_field("pk")),
        };
        Ok(Object { pk, fields })
    }
}

/// A flat value; none for what is nested.
struct Flat(Option<Value>);

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlatVisitor).map(Self)
    }
}

struct FlatVisitor;

impl<'de> Visitor<'de> for FlatVisitor {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Some(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(value).map(Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Some(Vec::new());
        while let Some(Flat(item)) = items.next_element()? {
            list = match (list, item) {
                (Some(mut list), Some(item)) if !item.is_array() => {
                    list.push(item);
                    Some(list)
                }
                _ => None,
            };
        }
        Ok(list.map(Value::Array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Object;

    #[test]
    fn what_is_flat_is_kept_and_what_is_nested_is_not() {
        let answer = json!({"name": "x", "pk": "u-1", "order": -3, "factor": 0.5, "on": false, "none": null,
            "stage_obj": {"pk": "other", "flow_set": [{"pk": 1}]}, "flow_set": [{"slug": "a"}, "b"],
            "configuration_stages": ["b", "a"], "empty": [], "deep": [[1]]});
        let object: Object = serde_json::from_value(answer).expect("an object");
        assert_eq!(object.pk, "u-1");
        assert_eq!(
            serde_json::Value::from(object.fields.clone()),
            json!({"name": "x", "order": -3, "factor": 0.5, "on": false, "none": null,
                "configuration_stages": ["b", "a"], "empty": []})
        );
        let fields = object.only(&["order", "name"]).fields;
        assert_eq!(serde_json::Value::from(fields), json!({"name": "x", "order": -3}));
    }

    #[test]
    fn identifiers_may_be_numbers_and_must_be_there() {
        let number: Object = serde_json::from_value(json!({"pk": 12})).expect("an object");
        assert_eq!(number.pk, "12");
        for answer in [json!({"name": "x"}), json!({"pk": null}), json!({"pk": {}}), json!([])] {
            serde_json::from_value::<Object>(answer).expect_err("no identifier");
        }
    }
}
