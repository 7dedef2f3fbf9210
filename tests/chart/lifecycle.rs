//! A release from its installation to its end.

use std::process::Command;

use authentik_operator::kinds::{Flow, REGISTRY};
use controlplane::ControlPlane;
use k8s_openapi::{
    api::apps::v1::Deployment,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use serde_json::json;

use crate::{
    CHART, REQUIRED,
    install::{RELEASE, helm, starts_for, succeeded},
    waiting::until,
};

/// Has helm do this.
async fn act(mut helm: Command, arguments: &[&str]) {
    helm.args(arguments);
    succeeded(helm).await.unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
}

#[tokio::test]
async fn definitions_and_resources_outlive_a_release_unless_told() {
    let what = "definitions_and_resources_outlive_a_release_unless_told";
    if !starts_for(what) {
        return;
    }
    let plane = ControlPlane::builder().start().await.expect("a control plane");
    if helm(&plane, what).is_none() {
        return;
    }
    let helm = || plane.helm().expect("a helm");
    let client = plane.client().await.expect("a client");
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    // That they are to be deleted is said at once, the deletion takes a moment.
    let defined = async || {
        let list = definitions.list(&ListParams::default()).await.expect("the definitions");
        let ours = list.iter().filter(|definition| definition.spec.group == "authentik-operator.dev");
        ours.filter(|definition| definition.metadata.deletion_timestamp.is_none()).count()
    };
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), RELEASE);
    let flows: Api<Flow> = Api::namespaced(client, "default");

    let [url, secret] = REQUIRED;
    let namespace = format!("--namespace={RELEASE}");
    let install = ["install", RELEASE, CHART, &namespace, "--create-namespace", url, secret];
    let uninstall = ["uninstall", RELEASE, &namespace];
    act(helm(), &install).await;
    let flow = json!({"apiVersion": "authentik-operator.dev/v1alpha1", "kind": "Flow",
        "metadata": {"name": "staff-login"},
        "spec": {"name": "Staff login", "title": "Welcome", "designation": "authentication"}});
    let flow: Flow = serde_json::from_value(flow).expect("a flow");
    until("flows are served", async || flows.create(&PostParams::default(), &flow).await.is_ok()).await;

    act(helm(), &uninstall).await;
    assert!(deployments.get_opt("authentik-operator").await.expect("an answer").is_none());
    assert_eq!(defined().await, REGISTRY.len());
    flows.get("staff-login").await.expect("the flow is still there");

    act(helm(), &install).await;
    let reuse = "--reset-then-reuse-values";
    act(helm(), &["upgrade", RELEASE, CHART, &namespace, reuse, "--set=adopt=none"]).await;
    let deployment = deployments.get("authentik-operator").await.expect("the Deployment");
    let deployment = serde_json::to_value(deployment).expect("JSON");
    let variables =
        deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().expect("a list");
    for (name, value) in
        [("AUTHENTIK_OPERATOR_ADOPT", "none"), ("AUTHENTIK_URL", "https://authentik.example.com")]
    {
        assert!(variables.contains(&json!({"name": name, "value": value})), "{variables:?}");
    }
    act(helm(), &uninstall).await;
    assert_eq!(defined().await, REGISTRY.len());
    flows.get("staff-login").await.expect("the flow is still there");

    // Another release takes over the definitions, and does not keep them.
    let other = ["install", "other", CHART, "--namespace=default", url, secret];
    act(helm(), &[&other[..], &["--take-ownership", "--set=crds.keep=false"]].concat()).await;
    flows.get("staff-login").await.expect("the flow is still there");
    act(helm(), &["uninstall", "other", "--namespace=default"]).await;
    assert_eq!(defined().await, 0);
    let flows = "flows.authentik-operator.dev";
    until("flows are gone", async || definitions.get_opt(flows).await.expect("an answer").is_none()).await;
}
