//! What all definitions have in common, and what is taken away from what is derived.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
    JSONSchemaPropsOrBool,
};

/// A kind's definition as it is to be installed, from the derived one.
pub(super) fn finish(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|it| it.open_api_v3_schema.as_mut()) {
            clean(schema);
        }
        let own = version.additional_printer_columns.take().unwrap_or_default();
        version.additional_printer_columns = Some(columns(own));
    }
    definition
}

/// The columns of `kubectl get`: the kind's own between those that all kinds have. Those after it, but for the age, are only
/// in the wide output.
fn columns(own: Vec<CustomResourceColumnDefinition>) -> Vec<CustomResourceColumnDefinition> {
    let column = |name: &str, type_: &str, path: &str, priority| CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: type_.to_owned(),
        json_path: path.to_owned(),
        priority,
        ..CustomResourceColumnDefinition::default()
    };
    let ready = |part: &str| format!(r#".status.conditions[?(@.type=="Ready")].{part}"#);
    let mut columns = vec![
        column("Ready", "string", &ready("status"), None),
        column("Reason", "string", &ready("reason"), None),
    ];
    columns.extend(own);
    columns.extend([
        column("PK", "string", ".status.pk", Some(1)),
        column("Message", "string", &ready("message"), Some(1)),
        column("Age", "date", ".metadata.creationTimestamp", None),
    ]);
    columns
}

/// Removes what schemars says of optional fields, that they may be null: authentik takes null for nothing, and without
/// that the API server drops a null before it looks at it. Titles, which repeat Rust's names, go as well.
fn clean(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.title = None;
    if let Some(values) = &mut schema.enum_ {
        values.retain(|value| !value.0.is_null());
    }
    schema.properties.iter_mut().flat_map(|it| it.values_mut()).for_each(clean);
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => clean(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(clean),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        clean(values);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::kinds::REGISTRY;

    #[test]
    fn all_kinds_share_status_management_and_group() {
        let definitions: Vec<Value> = REGISTRY
            .iter()
            .map(|entry| serde_json::to_value((entry.definition)()).expect("a definition is JSON"))
            .collect();
        let shared = [
            "/spec/group",
            "/spec/scope",
            "/spec/names/categories",
            "/spec/versions/0/name",
            "/spec/versions/0/subresources/status",
            "/spec/versions/0/schema/openAPIV3Schema/properties/status",
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/mode",
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/adoption",
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/deletionPolicy",
        ];
        for path in shared {
            let first = definitions[0].pointer(path);
            assert!(first.is_some(), "{path} is there");
            for definition in &definitions {
                assert_eq!(definition.pointer(path), first, "{path} of {}", definition["metadata"]["name"]);
            }
        }
    }
}
