//! What Kubernetes says to the operator's Pod.

use controlplane::SharedPlane;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
};

use crate::{
    install::{RELEASE, installed, succeeded},
    rendered::template,
    waiting::until,
};

/// The Pod that the Deployment would have made.
async fn pod(plane: &SharedPlane) -> Pod {
    let deployments: Api<Deployment> = Api::namespaced(plane.client().await.expect("a client"), RELEASE);
    let deployment = deployments.get("authentik-operator").await.expect("the Deployment");
    let template = deployment.spec.template;
    let mut pod = Pod { metadata: template.metadata.unwrap_or_default(), spec: template.spec, status: None };
    pod.metadata.name = Some("operator".to_owned());
    pod
}

#[tokio::test]
async fn it_is_restricted() {
    let Some(plane) = installed("it_is_restricted").await else { return };
    let pods: Api<Pod> = Api::namespaced(plane.client().await.expect("a client"), RELEASE);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let pod = pod(&plane).await;
    pods.create(&dry, &pod).await.expect("the Pod is accepted");

    let mut looser = pod.clone();
    let container = looser.spec.as_mut().and_then(|spec| spec.containers.first_mut()).expect("a container");
    let context = container.security_context.as_mut().expect("a security context");
    assert_eq!(context.read_only_root_filesystem, Some(true));
    context.allow_privilege_escalation = Some(true);
    let refusal = pods.create(&dry, &looser).await.expect_err("a looser Pod is refused").to_string();
    assert!(refusal.contains("violates PodSecurity \"restricted"), "{refusal}");
}

#[tokio::test]
async fn the_deployment_makes_it() {
    let what = "the_deployment_makes_it";
    let Some(plane) = installed(what).await else { return };
    if !plane.has_controllers_for(what) {
        return;
    }
    let pods: Api<Pod> = Api::namespaced(plane.client().await.expect("a client"), RELEASE);
    until("there is a Pod", async || {
        let list = pods.list(&ListParams::default()).await.expect("the Pods");
        list.iter().any(|pod| pod.name_any().starts_with("authentik-operator-"))
    })
    .await;
}

#[tokio::test]
async fn kubernetes_understands_every_value() {
    let what = "kubernetes_understands_every_value";
    let Some(plane) = installed(what).await else { return };
    let values = [
        "--set=crds.enabled=false",
        "--set=authentik.ca.configMapName=trust",
        "--set=protectSlugs={default-*}",
        "--set=extraEnv[0].name=HTTPS_PROXY",
        "--set=extraEnv[0].valueFrom.secretKeyRef.name=proxy",
        "--set=extraEnv[0].valueFrom.secretKeyRef.key=url",
        "--set=imagePullSecrets[0].name=registry",
        "--set=resources.limits.cpu=1",
        r"--set=nodeSelector.kubernetes\.io/os=linux",
        "--set=tolerations[0].key=identity",
        "--set=tolerations[0].operator=Exists",
        "--set=tolerations[0].effect=NoExecute",
        "--set=tolerations[0].tolerationSeconds=60",
        "--set=serviceAccount.annotations.example=x",
        "--set=rbac.aggregate=false",
    ];
    let Some(rendered) = template(what, &values) else { return };
    let file = plane.folder().join("every-value.yaml");
    std::fs::write(&file, rendered.stdout).expect("the file is written");
    let mut kubectl = plane.kubectl().expect("a kubectl");
    kubectl.args(["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename"]).arg(file);
    let said = succeeded(kubectl).await.expect("the API server accepts them");
    assert!(said.contains("deployment.apps/authentik-operator serverside-applied"), "{said}");
}
