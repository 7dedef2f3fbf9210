//! The rights with which the operator runs: those that its chart gives it, and no others.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use controlplane::ControlPlane;
use serde_json::{Value, json};

const CHART: &str = "charts/authentik-operator";
const NAME: &str = "authentik-operator";

/// Longer than any run of the tests.
const LIFETIME: Duration = Duration::from_secs(4 * 60 * 60);

/// A kubeconfig for the operator's ServiceAccount, which is given its rights here.
pub(super) async fn kubeconfig(plane: &ControlPlane) -> PathBuf {
    let namespace = plane.namespace(NAME).await.expect("a namespace");
    let objects = rights(plane, &namespace).await;
    let account = objects.iter().find(|it| it["kind"] == "ServiceAccount").expect("a ServiceAccount");
    let account = account["metadata"]["name"].as_str().expect("its name").to_owned();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let mut kubectl = plane.kubectl().expect("a kubectl");
    kubectl.args(["apply", "--server-side", "--namespace", &namespace, "--filename=-"]);
    succeed(kubectl, list).await;
    let token = plane.service_account_token(&namespace, &account, &[], LIFETIME).await.expect("a token");
    plane.kubeconfig_for_token(&token, &namespace).expect("a kubeconfig")
}

/// The ServiceAccount and what RBAC needs for it.
async fn rights(plane: &ControlPlane, namespace: &str) -> Vec<Value> {
    if !Path::new(CHART).join("Chart.yaml").exists() {
        return by_hand(namespace);
    }
    let mut helm = plane.helm().expect("a helm");
    helm.args(["template", NAME, CHART, "--namespace", namespace]);
    helm.args(["--set", "authentik.url=http://authentik.example.com,authentik.tokenSecret.name=authentik"]);
    let rendered = succeed(helm, String::new()).await;
    let documents = serde_saphyr::from_multiple::<Value>(&rendered).expect("the chart renders YAML");
    let wanted = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
    documents
        .into_iter()
        .filter(|it| it["kind"].as_str().is_some_and(|kind| wanted.contains(&kind)))
        .collect()
}

/// What the operator needs, as long as no chart says it.
fn by_hand(namespace: &str) -> Vec<Value> {
    let rbac = "rbac.authorization.k8s.io";
    let kinds = ["flows", "flowstagebindings", "authenticatorvalidatestages"];
    let statuses = kinds.map(|kind| format!("{kind}/status"));
    let group = "authentik-operator.dev";
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": namespace}}),
        json!({"apiVersion": format!("{rbac}/v1"), "kind": "ClusterRole", "metadata": {"name": NAME}, "rules": [
            {"apiGroups": [group], "resources": kinds, "verbs": ["get", "list", "watch", "patch"]},
            {"apiGroups": [group], "resources": statuses, "verbs": ["patch"]},
            {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]},
        ]}),
        json!({"apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": NAME},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": NAME},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": namespace}]}),
    ]
}

/// The standard output of a command that has to succeed.
async fn succeed(command: Command, input: String) -> String {
    let shown = format!("{command:?}");
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || run(command, &input)).await.expect("no panic").expect("it runs");
    assert!(status.success(), "{shown}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("text")
}

/// Runs a command with this standard input.
fn run(mut command: Command, input: &str) -> std::io::Result<Output> {
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = streams.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    child.wait_with_output()
}
