//! Resources for tests, as JSON.

use authentik_operator::kinds::{AuthenticatorValidateStage, Flow, FlowStageBinding, Kind, REGISTRY};
use kube::{
    Api, Client,
    api::DynamicObject,
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};

/// `spec` over the least that the kind needs; null takes a field away, and instead of all of them there is no spec.
pub(crate) fn spec(kind: &str, spec: &Value) -> Value {
    if spec.is_null() {
        return Value::Null;
    }
    let least = match kind {
        Flow::NAME => json!({"name": "Staff login", "title": "Welcome", "designation": "authentication"}),
        FlowStageBinding::NAME => {
            json!({"target": "default-authentication-flow", "stage": "default-authentication-login", "order": 0})
        }
        AuthenticatorValidateStage::NAME => json!({}),
        other => panic!("there is no kind {other}"),
    };
    let (Value::Object(mut fields), Value::Object(over)) = (least, spec) else {
        panic!("a spec is an object")
    };
    for (field, value) in over {
        match value {
            Value::Null => fields.remove(field),
            value => fields.insert(field.clone(), value.clone()),
        };
    }
    fields.into()
}

/// A resource of `kind` with this spec.
pub(crate) fn resource(kind: &str, name: &str, spec: Value) -> DynamicObject {
    let resource = json!({"apiVersion": "authentik-operator.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name}, "spec": spec});
    serde_json::from_value(resource).expect("a resource")
}

/// The resources of `kind` in `namespace`.
pub(crate) fn api(client: Client, namespace: &str, kind: &str) -> Api<DynamicObject> {
    let entry = REGISTRY.iter().find(|entry| entry.name == kind).expect("a kind");
    let names = (entry.definition)().spec.names;
    let kind = GroupVersionKind::gvk("authentik-operator.dev", "v1alpha1", kind);
    Api::namespaced_with(client, namespace, &ApiResource::from_gvk_with_plural(&kind, &names.plural))
}
