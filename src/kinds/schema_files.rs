//! The kinds and the table of versions against authentik's OpenAPI schemas.
//!
//! The schemas are not part of the repository. Where they do not lie beside it, the test says that it is skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use super::{Entry, REGISTRY, support::COLUMNS, support::Minor};

/// What a version has of a field: its values when it is an enumeration, and the length of its texts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shape {
    values: Option<BTreeSet<String>>,
    length: Option<u64>,
}

type Fields = BTreeMap<String, Shape>;

/// A schema with its references followed.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    match reference.and_then(|reference| reference.rsplit('/').next()) {
        Some(name) => resolve(document, &document["components"]["schemas"][name]),
        None => schema,
    }
}

/// The values of an enumeration, or of a list of one.
fn values(document: &Value, schema: &Value) -> Option<BTreeSet<String>> {
    let schema = if schema["type"] == "array" { resolve(document, &schema["items"]) } else { schema };
    Some(schema["enum"].as_array()?.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect())
}

/// What authentik's schema lets a client write, but for `flow_set`: no value of it ever works.
fn of_authentik(document: &Value, entry: &Entry) -> Fields {
    let request = format!("{}Request", entry.name);
    let properties = &document["components"]["schemas"][&request]["properties"];
    let properties = properties.as_object().expect("a schema with properties");
    let fields = properties.iter().filter(|(name, _)| *name != "flow_set").map(|(name, property)| {
        let schema = resolve(document, property);
        let shape = Shape { values: values(document, schema), length: schema["maxLength"].as_u64() };
        (name.clone(), shape)
    });
    fields.collect()
}

/// What kind and table together say of a version.
fn of_kind(spec: &Value, entry: &Entry, minor: Minor) -> Fields {
    let fields = entry.fields.iter().filter(|field| field.since <= minor).map(|field| {
        let property = &spec["properties"][field.declared_name()];
        let values = values(spec, property)
            .map(|all| all.into_iter().filter(|value| field.value_since(value) <= minor).collect());
        let length = field.short_before.filter(|(since, _)| minor < *since).map(|(_, length)| length as u64);
        (field.name.to_owned(), Shape { values, length })
    });
    fields.collect()
}

#[test]
fn kinds_and_table_are_what_the_schemas_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/authentik/schema");
    if !folder.is_dir() {
        // Past the capture of a test's output, which would hide it as the test passes.
        let line = "skipped: kinds_and_table_are_what_the_schemas_say needs authentik's schemas beside the repository";
        let _ = writeln!(std::io::stderr(), "{line}");
        return;
    }
    let mut files: Vec<Minor> = std::fs::read_dir(&folder)
        .expect("the folder of schemas")
        .filter_map(|file| {
            let name = file.ok()?.file_name();
            let (year, month) = name.to_str()?.strip_suffix(".json")?.split_once('.')?;
            Some((year.parse().ok()?, month.parse().ok()?))
        })
        .collect();
    files.sort_unstable();
    assert_eq!(files, COLUMNS, "the versions of schemas and table");

    for entry in REGISTRY {
        let spec = spec(entry);
        for minor in COLUMNS {
            let file = folder.join(format!("{}.{}.json", minor.0, minor.1));
            let text = std::fs::read_to_string(file).expect("a schema");
            let document: Value = serde_json::from_str(&text).expect("a schema is JSON");
            assert_eq!(
                of_kind(&spec, entry, minor),
                of_authentik(&document, entry),
                "{} in {minor:?}",
                entry.name
            );
        }
    }
}

/// The schema of a kind's spec.
fn spec(entry: &Entry) -> Value {
    let definition = serde_json::to_value((entry.definition)()).expect("a definition is JSON");
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

#[test]
fn a_spec_has_the_fields_of_the_table_and_those_that_all_kinds_have() {
    let shared = ["adoption", "deletionPolicy", "mode"];
    let references = ["targetRef", "stageRef", "configurationStageRefs"];
    for entry in REGISTRY {
        let spec = spec(entry);
        let properties: BTreeSet<&str> =
            spec["properties"].as_object().expect("properties").keys().map(String::as_str).collect();
        let mut named: BTreeSet<String> = entry.fields.iter().map(|field| field.declared_name()).collect();
        named.extend(shared.map(str::to_owned));
        let beside: BTreeSet<&str> =
            properties.iter().copied().filter(|name| !named.contains(*name)).collect();
        assert!(
            beside.iter().all(|name| references.contains(name)),
            "{}: {beside:?} have no row",
            entry.name
        );
        let absent: Vec<_> = named.iter().filter(|name| !properties.contains(name.as_str())).collect();
        assert!(absent.is_empty(), "{}: the spec lacks {absent:?}", entry.name);
        for field in entry.fields {
            let known = values(&spec, &spec["properties"][field.declared_name()]).unwrap_or_default();
            let stray = field.newer.iter().find(|(value, _)| !known.contains(*value));
            assert_eq!(stray, None, "{}: {} has no such value", entry.name, field.name);
        }
    }
}

#[test]
fn names_and_collections_are_those_of_the_definitions() {
    for entry in REGISTRY {
        let definition = (entry.definition)();
        assert_eq!(definition.spec.names.kind, entry.name);
        assert_eq!(definition.spec.names.plural, format!("{}s", entry.name.to_lowercase()));
        assert!(!entry.endpoint.collection.starts_with('/') && !entry.endpoint.collection.ends_with('/'));
    }
}
