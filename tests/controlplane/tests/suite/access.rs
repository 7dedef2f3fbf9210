//! Clients, namespaces, tokens, kubeconfigs and tools, on one control plane.

use std::{fs, os::unix::fs::PermissionsExt, process::Command, time::Duration};

use k8s_openapi::api::{
    authentication::v1::{TokenReview, TokenReviewSpec},
    core::v1::{ConfigMap, Namespace, Secret},
};
use kube::{
    Api, Client,
    api::{ListParams, PostParams},
};
use serde_json::json;

use crate::{PLANE, skipped, starts_for, watching::until};

const HOUR: Duration = Duration::from_secs(3600);

fn code(error: kube::Error) -> u16 {
    match error {
        kube::Error::Api(status) => status.code,
        other => panic!("not an answer: {other}"),
    }
}

async fn grant(client: &Client, namespace: &str, account: &str, resource: &str) {
    let metadata = json!({"name": account, "namespace": namespace});
    let post = PostParams::default();
    let role = json!({
        "metadata": metadata,
        "rules": [{"apiGroups": [""], "resources": [resource], "verbs": ["get", "list"]}],
    });
    Api::namespaced(client.clone(), namespace)
        .create(&post, &serde_json::from_value::<k8s_openapi::api::rbac::v1::Role>(role).expect("a role"))
        .await
        .expect("a role");
    let binding = json!({
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    });
    Api::namespaced(client.clone(), namespace)
        .create(
            &post,
            &serde_json::from_value::<k8s_openapi::api::rbac::v1::RoleBinding>(binding).expect("a binding"),
        )
        .await
        .expect("a binding");
}

#[tokio::test]
async fn a_service_account_may_what_its_role_grants() {
    let plane = PLANE.get().await.expect("a control plane");
    let namespace = plane.namespace("rbac").await.expect("a namespace");
    let admin = plane.client().await.expect("a client");
    let token = plane.service_account_token(&namespace, "reader", &[], HOUR).await.expect("a token");
    let kubeconfig = plane.kubeconfig_for_token(&token, &namespace).expect("a kubeconfig");
    let reader = plane.client_with(&kubeconfig).await.expect("a client");
    assert_eq!(reader.default_namespace(), namespace);

    let maps: Api<ConfigMap> = Api::default_namespaced(reader.clone());
    let list = ListParams::default();
    assert_eq!(code(maps.list(&list).await.expect_err("no rights yet")), 403);
    grant(&admin, &namespace, "reader", "configmaps").await;
    // The API server's own caches follow.
    until("the grant holds", async || maps.list(&list).await.is_ok()).await;

    let map = serde_json::from_value(json!({"metadata": {"name": "new"}})).expect("a map");
    assert_eq!(code(maps.create(&PostParams::default(), &map).await.expect_err("read only")), 403);
    let secrets: Api<Secret> = Api::default_namespaced(reader.clone());
    assert_eq!(code(secrets.list(&list).await.expect_err("other resources")), 403);
    let elsewhere: Api<ConfigMap> = Api::namespaced(reader, "default");
    assert_eq!(code(elsewhere.list(&list).await.expect_err("other namespaces")), 403);
}

#[tokio::test]
async fn a_token_that_nobody_gave_is_refused() {
    let plane = PLANE.get().await.expect("a control plane");
    let kubeconfig = plane.kubeconfig_for_token("made.up.token", "default").expect("a kubeconfig");
    let nobody = plane.client_with(&kubeconfig).await.expect("a client");
    let maps: Api<ConfigMap> = Api::default_namespaced(nobody);
    assert_eq!(code(maps.list(&ListParams::default()).await.expect_err("no right")), 401);
}

#[tokio::test]
async fn a_token_is_for_its_audience() {
    let plane = PLANE.get().await.expect("a control plane");
    let namespace = plane.namespace("audience").await.expect("a namespace");
    // Twice: the account is there the second time.
    plane.service_account_token(&namespace, "one", &[], HOUR).await.expect("a token");
    let token = plane.service_account_token(&namespace, "one", &["elsewhere"], HOUR).await.expect("a token");
    let reviews: Api<TokenReview> = Api::all(plane.client().await.expect("a client"));
    for (audiences, valid) in [(None, false), (Some(vec!["elsewhere".to_owned()]), true)] {
        let review = TokenReview {
            spec: TokenReviewSpec { token: token.clone(), audiences: audiences.clone() },
            ..TokenReview::default()
        };
        let answer = reviews.create(&PostParams::default(), &review).await.expect("a review");
        let status = answer.status.expect("a status");
        assert_eq!(status.authenticated.unwrap_or(false), valid, "{audiences:?}: {status:?}");
    }
}

#[tokio::test]
async fn namespaces_are_new_each_time() {
    let plane = PLANE.get().await.expect("a control plane");
    let one = plane.namespace("twin").await.expect("a namespace");
    let two = plane.namespace("twin").await.expect("a namespace");
    assert_ne!(one, two);
    let api: Api<Namespace> = Api::all(plane.client().await.expect("a client"));
    for name in [&one, &two] {
        assert!(name.starts_with("twin-"));
        api.get(name).await.expect("a namespace");
    }
    let said = plane.namespace("Not_a_name").await.expect_err("no name").to_string();
    assert!(said.contains("Not_a_name") && said.lines().count() == 1, "{said}");
}

#[tokio::test]
async fn what_is_secret_is_private() {
    if !starts_for("what_is_secret_is_private") {
        return;
    }
    let plane = PLANE.get().await.expect("a control plane");
    let token_file = plane.kubeconfig_for_token("token", "default").expect("a kubeconfig");
    for file in [
        plane.kubeconfig(),
        &token_file,
        &plane.folder().join("server.key"),
        &plane.folder().join("tokens.key"),
    ] {
        assert_eq!(fs::metadata(file).expect("a file").permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    assert_eq!(fs::metadata(plane.folder()).expect("a folder").permissions().mode() & 0o777, 0o700);
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn kubectl_works_and_keeps_its_cache_to_itself() {
    let plane = PLANE.get().await.expect("a control plane");
    let mut kubectl = match plane.kubectl() {
        Ok(kubectl) => kubectl,
        Err(error) => return skipped("kubectl_works_and_keeps_its_cache_to_itself", error),
    };
    let namespace = plane.namespace("kubectl").await.expect("a namespace");
    let found = output(kubectl.args(["get", "namespace", &namespace, "--output=name"]));
    assert_eq!(found.trim(), format!("namespace/{namespace}"));
    assert!(plane.folder().join("kubectl").is_dir());
}

#[tokio::test]
async fn helm_installs_a_chart() {
    let plane = PLANE.get().await.expect("a control plane");
    let mut helm = match plane.helm() {
        Ok(helm) => helm,
        Err(error) => return skipped("helm_installs_a_chart", error),
    };
    let namespace = plane.namespace("helm").await.expect("a namespace");
    let chart = plane.folder().join("chart");
    fs::create_dir_all(chart.join("templates")).expect("a folder");
    fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: one\nversion: 0.1.0\n").expect("a file");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-helm}\ndata: {size: {{ .Values.size | quote }}}\n";
    fs::write(chart.join("templates/map.yaml"), map).expect("a file");
    output(helm.args(["install", "one", "--set=size=3", "--namespace", &namespace]).arg(&chart));
    let maps: Api<ConfigMap> = Api::namespaced(plane.client().await.expect("a client"), &namespace);
    let map = maps.get("from-helm").await.expect("the chart's map");
    assert_eq!(map.data.expect("data")["size"], "3");
}
