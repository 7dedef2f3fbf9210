//! `cargo xtask manifests`: renders the plain manifests from the chart.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};
use controlplane::{Environment, Program, Programs};

use crate::cargo;

/// Helm makes the namespace itself and kubectl does not.
const NAMESPACE: &str = "\
# Rendered from charts/authentik-operator by `cargo xtask manifests`.
apiVersion: v1
kind: Namespace
metadata:
  name: authentik-operator
  labels:
    pod-security.kubernetes.io/enforce: restricted
";

/// The chart's arguments: what README.md next to the manifests has its readers change or make. Only Helm heeds
/// `crds.keep`.
const VALUES: [&str; 3] = [
    "--set=authentik.url=https://authentik.example.com",
    "--set=authentik.tokenSecret.name=authentik-token",
    "--set=crds.keep=false",
];

/// Replaces `deploy/install.yaml` by what the chart says.
pub(crate) fn run() -> Result<()> {
    let programs = Programs::find(&Environment::from_process())?;
    let output = Command::new(programs.path(Program::Helm)?)
        .current_dir(cargo::workspace())
        .args(["template", "authentik-operator", "charts/authentik-operator"])
        .arg("--namespace=authentik-operator")
        .args(VALUES)
        .output()
        .context("cannot run helm")?;
    ensure!(
        output.status.success(),
        "helm does not render the chart ({}): {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let rendered = String::from_utf8(output.stdout).context("the manifests are not text")?;
    let path = cargo::workspace().join("deploy/install.yaml");
    fs::write(&path, NAMESPACE.to_owned() + &rendered)
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}
