//! `cargo xtask crds`: writes the custom resource definitions, one file for each.

use std::{fs, io, path::Path};

use anyhow::{Context, Result, ensure};

use crate::cargo;

/// Where they are: for users of kubectl and for the tests, and for the chart, which cannot reach out of its folder.
const FOLDERS: [&str; 2] = ["crds", "charts/authentik-operator/files/crds"];

/// Replaces the folders' files by what the operator prints.
pub(crate) fn run() -> Result<()> {
    let output = cargo::cargo()
        .args(["run", "--quiet", "--package", "authentik-operator", "--", "crd"])
        .stderr(io::stderr())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "the operator does not print its definitions ({})", output.status);
    let printed = String::from_utf8(output.stdout).context("the definitions are not text")?;
    for folder in FOLDERS {
        write(&printed, &cargo::workspace().join(folder))?;
    }
    Ok(())
}

/// Replaces the YAML files of `folder` by the documents of `printed`.
fn write(printed: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "yaml") {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    for document in printed.split("---\n").filter(|document| !document.is_empty()) {
        let name = document.lines().find_map(|line| line.strip_prefix("  name: "));
        let plural = name.and_then(|name| name.split('.').next()).context("a definition has no name")?;
        let path = folder.join(format!("{plural}.yaml"));
        fs::write(&path, document).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
