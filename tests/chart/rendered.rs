//! What helm says of the chart without a cluster.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

use controlplane::{Environment, Program, Programs};
use serde_json::Value;

use crate::{CHART, REQUIRED, skipped};

/// helm, or why there is none.
static HELM: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let programs = Programs::find(&Environment::from_process()).map_err(|error| error.to_string())?;
    programs.path(Program::Helm).map(Path::to_owned).map_err(|error| error.to_string())
});

/// helm with caches and settings of its own. Without one, says that `what` is skipped.
pub(crate) fn helm(what: &str) -> Option<Command> {
    let path = HELM.as_ref().map_err(|reason| skipped(what, reason)).ok()?;
    let mut helm = Command::new(path);
    for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        helm.env(name, Path::new(env!("CARGO_TARGET_TMPDIR")).join("helm"));
    }
    Some(helm)
}

/// What helm has to say about these values on top of the required ones; `what` is the test.
pub(crate) fn template(what: &str, values: &[&str]) -> Option<Output> {
    let mut helm = helm(what)?;
    helm.args(["template", "authentik-operator", CHART, "--namespace=authentik-operator"]);
    Some(helm.args(REQUIRED).args(values).output().expect("helm runs"))
}

/// The resources of the chart with these values on top of the required ones.
pub(crate) fn resources(what: &str, values: &[&str]) -> Option<Vec<Value>> {
    let output = template(what, values)?;
    assert!(output.status.success(), "{values:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(documents(&String::from_utf8(output.stdout).expect("text")))
}

/// The documents of a YAML text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).expect("YAML")
}

/// The one resource of `kind` among `resources`.
pub(crate) fn one<'a>(resources: &'a [Value], kind: &str) -> &'a Value {
    let mut found = resources.iter().filter(|resource| resource["kind"] == kind);
    let (Some(one), None) = (found.next(), found.next()) else { panic!("not one {kind}") };
    one
}
