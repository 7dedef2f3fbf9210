//! Every version against its OpenAPI schema: fields and values that it has are taken, others are not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use authentik_simulator::authentik::{Authentik, Version};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::client::{TOKEN, ask, created, flow};

const KINDS: [(&str, &str); 3] = [
    ("Flow", "/flows/instances/"),
    ("FlowStageBinding", "/flows/bindings/"),
    ("AuthenticatorValidateStage", "/stages/authenticator/validate/"),
];

/// The schemas, which lie beside the repository where its knowledge base is.
fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/authentik/schema");
    folder.is_dir().then_some(folder)
}

fn schema(folder: &Path, version: &Version) -> Value {
    let minor = version.minor();
    let path = folder.join(format!("{}.{}.json", minor.0, minor.1));
    let text = std::fs::read_to_string(&path).expect("a schema for each version");
    serde_json::from_str(&text).expect("a schema is JSON")
}

/// A schema with its references followed.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    match reference.and_then(|reference| reference.rsplit('/').next()) {
        Some(name) => resolve(document, &document["components"]["schemas"][name]),
        None => schema,
    }
}

fn properties<'a>(document: &'a Value, name: &str) -> &'a Map<String, Value> {
    document["components"]["schemas"][name]["properties"].as_object().expect("a schema with properties")
}

/// The values of a field that is an enumeration or a list of one.
fn values(document: &Value, property: &Value) -> Option<(Vec<String>, bool)> {
    let schema = resolve(document, property);
    let (schema, many) = match schema["type"].as_str() {
        Some("array") => (resolve(document, &schema["items"]), true),
        _ => (schema, false),
    };
    let all =
        schema["enum"].as_array()?.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect();
    Some((all, many))
}

/// A value that the field takes.
fn sample(document: &Value, name: &str, property: &Value, target: &str, stage: &str) -> Value {
    if let Some((values, many)) = values(document, property) {
        return if many { json!([values[0]]) } else { json!(values[0]) };
    }
    match (name, resolve(document, property)["type"].as_str()) {
        ("target", _) => json!(target),
        ("stage", _) => json!(stage),
        ("last_auth_threshold", _) => json!("hours=1"),
        ("background", _) => json!("bg.png"),
        (_, Some("boolean")) => json!(true),
        (_, Some("integer")) => json!(7),
        (_, Some("number")) => json!(2.5),
        (_, Some("array")) => json!([]),
        _ => json!("schema-test"),
    }
}

#[tokio::test]
async fn every_version_takes_and_answers_what_its_schema_says() {
    let Some(folder) = folder() else {
        println!("skipped: the schemas are not here");
        return;
    };
    let schemas: Vec<(Version, Value)> =
        Version::all().map(|version| (version.clone(), schema(&folder, &version))).collect();
    for (version, document) in &schemas {
        for (name, path) in KINDS {
            let authentik = Authentik::new(version.clone(), TOKEN).with_write_gap(Duration::ZERO);
            let target = flow(&authentik, "target").await;
            let stage = created(&authentik, "/stages/dummy/", json!({"name": "stage"})).await;
            let request = properties(document, &format!("{name}Request"));
            let body: Map<String, Value> = request
                .iter()
                .filter(|(field, _)| *field != "flow_set")
                .map(|(field, property)| (field.clone(), sample(document, field, property, &target, &stage)))
                .collect();
            let (status, answer) = ask(&authentik, "POST", path, Value::Object(body.clone())).await;
            assert_eq!(status, StatusCode::CREATED, "{version} {name}: {answer}");

            let shown: BTreeSet<&String> = answer.as_object().expect("an object").keys().collect();
            let promised: BTreeSet<&String> = properties(document, name).keys().collect();
            assert_eq!(shown, promised, "{version} {name}: the fields of an answer");
            for (field, value) in &body {
                assert_eq!(&answer[field], value, "{version} {name}: {field} is stored");
            }

            let object = match name {
                "Flow" => format!("{path}{}/", answer["slug"].as_str().expect("a slug")),
                _ => format!("{path}{}/", answer["pk"].as_str().expect("a pk")),
            };
            for (field, property) in every_property(&schemas, name) {
                assert_value_by_value(
                    &authentik,
                    &object,
                    version,
                    (&field, request.get(&field)),
                    document,
                    &property,
                )
                .await;
            }
        }
    }
}

/// Each field that any version has, with the values that it has anywhere.
fn every_property(schemas: &[(Version, Value)], name: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut all: Vec<(String, BTreeSet<String>)> = Vec::new();
    for (_, document) in schemas {
        for (field, property) in properties(document, &format!("{name}Request")) {
            let known = values(document, property).map(|(values, _)| values).unwrap_or_default();
            match all.iter_mut().find(|(other, _)| other == field) {
                Some((_, values)) => values.extend(known),
                None => all.push((field.clone(), known.into_iter().collect())),
            }
        }
    }
    all
}

/// Values of the version are taken, those of other versions refused, and a field that it lacks is ignored.
async fn assert_value_by_value(
    authentik: &Authentik,
    object: &str,
    version: &Version,
    (field, property): (&str, Option<&Value>),
    document: &Value,
    anywhere: &BTreeSet<String>,
) {
    let own = property.and_then(|property| values(document, property));
    for value in anywhere {
        let many = matches!(own, Some((_, true)));
        let body = match (field, many) {
            // Needs its partner, whatever the version.
            ("not_configured_action", _) => continue,
            (_, true) => json!({field: [value]}),
            _ => json!({field: value}),
        };
        let (status, answer) = ask(authentik, "PATCH", object, body).await;
        let expected = match &own {
            Some((values, _)) if values.contains(value) => StatusCode::OK,
            Some(_) => StatusCode::BAD_REQUEST,
            None => StatusCode::OK,
        };
        assert_eq!(status, expected, "{version} {object} {field}={value}: {answer}");
    }
    if property.is_none() {
        let (status, answer) = ask(authentik, "PATCH", object, json!({field: "nonsense"})).await;
        let shown = answer.get(field).is_some_and(|value| value == "nonsense");
        assert!(
            status == StatusCode::OK && !shown,
            "{version}: {field} is not known and not ignored: {answer}"
        );
    }
}
