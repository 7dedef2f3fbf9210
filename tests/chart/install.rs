//! The chart on a real API server, installed once for all tests that only look at it.

use std::process::Command;

use controlplane::{ControlPlane, Environment, Shared, SharedPlane};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, api::PostParams};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::{CHART, REQUIRED, skipped};

/// The release, and the namespace that it is installed into.
pub(crate) const RELEASE: &str = "authentik-operator";

/// Without definitions: they come from the chart.
static PLANE: Shared = Shared::new(ControlPlane::builder);
static INSTALLED: OnceCell<Result<String, String>> = OnceCell::const_new();

/// Whether there can be control planes with the chart. If not, says that `what` is skipped.
pub(crate) fn starts_for(what: &str) -> bool {
    let starts = Environment::from_process().kubeconfig.is_none();
    if !starts {
        let reason =
            "it needs a control plane of its own, since the chart's names are those of the whole cluster";
        skipped(what, reason);
    }
    starts
}

/// helm for `plane`. Without one, says that `what` is skipped.
pub(crate) fn helm(plane: &ControlPlane, what: &str) -> Option<Command> {
    plane.helm().map_err(|error| skipped(what, error)).ok()
}

/// A control plane with the chart, in a namespace where Pods must be restricted. Where that cannot be, says that `what`
/// is skipped.
pub(crate) async fn installed(what: &str) -> Option<SharedPlane> {
    if !starts_for(what) {
        return None;
    }
    let plane = PLANE.get().await.expect("a control plane");
    let mut helm = helm(&plane, what)?;
    let installed = INSTALLED.get_or_init(|| async {
        let namespace = json!({"metadata": {
            "name": RELEASE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
        let namespace: Namespace = serde_json::from_value(namespace).expect("a namespace");
        let namespaces = Api::all(plane.client().await.expect("a client"));
        namespaces.create(&PostParams::default(), &namespace).await.expect("the namespace is made");
        helm.args(["install", RELEASE, CHART, "--namespace", RELEASE]).args(REQUIRED);
        succeeded(helm).await
    });
    installed.await.as_ref().expect("the chart is installed");
    Some(plane)
}

/// What `command` prints when it succeeds, or what it says of its failure.
pub(crate) async fn succeeded(mut command: Command) -> Result<String, String> {
    let output =
        tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[tokio::test]
async fn helm_tells_what_to_do_next() {
    if installed("helm_tells_what_to_do_next").await.is_none() {
        return;
    }
    let Some(Ok(notes)) = INSTALLED.get() else { panic!("the chart is not installed") };
    for words in [
        "is installed, for the flows of https://authentik.example.com",
        "--namespace authentik-operator create secret generic authentik-token --from-file=token=",
        "logs deployment/authentik-operator",
        "Before `helm uninstall`, delete the resources",
    ] {
        assert!(notes.contains(words), "{notes}");
    }
}
