//! What is generated is as new as what it is generated from.

use std::{collections::BTreeMap, fs};

use crate::{
    CHART,
    rendered::{documents, resources, template},
};

/// The files of a folder and what they hold.
fn files(folder: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| {
            let text = fs::read_to_string(entry.path()).expect("text");
            (entry.file_name().into_string().expect("a name"), text)
        })
        .collect()
}

#[test]
fn the_chart_has_the_definitions_of_the_repository() {
    // Not assert_eq!, which would print both.
    assert!(
        files("crds") == files(&format!("{CHART}/files/crds")),
        "the chart's definitions are others than those of crds/: run `cargo xtask crds`"
    );
}

#[test]
fn the_definitions_pass_through_the_chart_unchanged() {
    let what = "the_definitions_pass_through_the_chart_unchanged";
    let wanted: Vec<_> = files("crds").into_values().flat_map(|text| documents(&text)).collect();
    for (value, policy) in [("true", Some("keep")), ("false", None)] {
        let Some(mut resources) = resources(what, &[&format!("--set=crds.keep={value}")]) else { return };
        resources.retain(|resource| resource["kind"] == "CustomResourceDefinition");
        for resource in &mut resources {
            assert_eq!(resource["metadata"]["annotations"]["helm.sh/resource-policy"].as_str(), policy);
            let metadata = resource["metadata"].as_object_mut().expect("metadata");
            metadata.retain(|field, _| field == "name");
        }
        assert!(resources == wanted, "the chart's template changes the definitions");
    }
}

#[test]
fn the_chart_has_the_version_of_the_program() {
    let chart = fs::read_to_string(format!("{CHART}/Chart.yaml")).expect("the file");
    let chart = &documents(&chart)[0];
    for field in ["version", "appVersion"] {
        assert_eq!(chart[field], env!("CARGO_PKG_VERSION"), "{field} in Chart.yaml");
    }
}

#[test]
fn the_manifests_are_what_the_chart_says() {
    let what = "the_manifests_are_what_the_chart_says";
    let Some(output) = template(what, &["--set=crds.keep=false"]) else { return };
    let rendered = String::from_utf8(output.stdout).expect("text");
    let manifests = fs::read_to_string("deploy/install.yaml").expect("the file");
    let Some((namespace, manifests)) = manifests.split_once("---\n") else { panic!("one document only") };
    assert!(
        rendered.strip_prefix("---\n") == Some(manifests),
        "deploy/install.yaml is not what the chart says: run `cargo xtask manifests`"
    );
    let namespace = &documents(namespace)[0];
    assert_eq!(
        (namespace["kind"].as_str(), namespace["metadata"]["name"].as_str()),
        (Some("Namespace"), Some("authentik-operator"))
    );
}
