//! Specs, short.

use serde_json::{Value, json};

/// `fields` over `least`; null takes a field away.
pub(crate) fn over(least: Value, fields: Value) -> Value {
    let (Value::Object(mut merged), Value::Object(fields)) = (least, fields) else {
        panic!("a spec is an object")
    };
    for (field, value) in fields {
        match value {
            Value::Null => merged.remove(&field),
            value => merged.insert(field, value),
        };
    }
    merged.into()
}

/// A flow: these fields over the least that it needs.
pub(crate) fn flow(fields: Value) -> Value {
    over(json!({"name": "Staff login", "title": "Welcome", "designation": "authentication"}), fields)
}

/// A validate stage, which needs nothing.
pub(crate) fn stage(fields: Value) -> Value {
    over(json!({}), fields)
}

/// A binding of a flow and a stage that are resources.
pub(crate) fn bind(flow: &str, stage: &str, order: i32) -> Value {
    json!({"targetRef": {"name": flow}, "stageRef": {"kind": "AuthenticatorValidateStage", "name": stage}, "order": order})
}

/// A binding: these fields over one of a flow and a stage that every authentik has, at an order that is free.
pub(crate) fn binding(fields: Value) -> Value {
    over(
        json!({"target": "default-authentication-flow", "stage": "default-authentication-login", "order": 500}),
        fields,
    )
}
