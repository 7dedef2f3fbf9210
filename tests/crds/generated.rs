//! The files in `crds/` are what the program prints.

use std::{fs, process::Command};

use authentik_operator::kinds::REGISTRY;

fn printed() -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_authentik-operator")).arg("crd").output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("YAML is UTF-8")
}

#[test]
fn the_folder_holds_what_the_program_prints() {
    let printed = printed();
    let documents: Vec<&str> = printed.split("---\n").skip(1).collect();
    assert_eq!(documents.len(), REGISTRY.len());
    for (entry, document) in REGISTRY.iter().zip(documents) {
        let path = format!("crds/{}.yaml", (entry.definition)().spec.names.plural);
        let file = fs::read_to_string(&path).unwrap_or_default();
        // Not assert_eq!, which would print both.
        assert!(file == document, "{path} is not what the kinds in src/kinds say: run `cargo xtask crds`");
    }
    let files = fs::read_dir("crds")
        .expect("the folder")
        .filter_map(|file| file.ok()?.file_name().into_string().ok());
    let yaml = files.filter(|name| name.ends_with(".yaml")).count();
    assert_eq!(yaml, REGISTRY.len(), "crds/ has files of kinds that are no more: run `cargo xtask crds`");
}

#[test]
fn no_field_may_be_null_or_has_a_default() {
    let printed = printed();
    for word in ["nullable:", "default:", "format: uint", "title:"] {
        let found: Vec<&str> = printed
            .lines()
            .filter(|line| line.trim_start_matches([' ', '-']).starts_with(word))
            // A flow's title is a field.
            .filter(|line| *line != "              title:")
            .collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
