//! An existing cluster, other people's programs, and a port that is taken.

use std::time::Duration;

use controlplane::{ControlPlane, Environment, Part, Program, Programs, programs::Source};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{Api, api::ListParams};

use crate::{
    crds,
    fakes::{Fakes, script},
    starts_for,
    watching::until,
};

/// Some of the programs that this process would use, as a folder of assets.
fn link(fakes: &Fakes, programs: &[Program]) {
    let real = Programs::find(&Environment::from_process()).expect("the programs");
    for program in programs {
        let path = real.path(*program).expect("a program");
        std::os::unix::fs::symlink(path, fakes.assets().join(program.name())).expect("a link");
    }
}

fn found(fakes: &Fakes) -> Programs {
    Programs::find(&Environment { assets: Some(fakes.assets()), ..fakes.environment() }).expect("assets")
}

#[tokio::test]
async fn an_existing_cluster_is_used_and_left_as_it_was() {
    if !starts_for("an_existing_cluster_is_used_and_left_as_it_was") {
        return;
    }
    let cluster = ControlPlane::builder().start().await.expect("a cluster");
    let environment =
        Environment { kubeconfig: Some(cluster.kubeconfig().to_owned()), ..Environment::from_process() };
    let programs = Programs::find(&environment).expect("the tools");
    assert_eq!(*programs.source(), Source::Cluster(cluster.kubeconfig().to_owned()));
    let plane = ControlPlane::builder()
        .programs(programs)
        .crds(crds().join("widgets.yaml"))
        .start()
        .await
        .expect("a connection");

    let namespace = plane.namespace("guest").await.expect("a namespace");
    let namespaces: Api<Namespace> = Api::all(cluster.client().await.expect("a client"));
    namespaces.get(&namespace).await.expect("it is that cluster");
    let kept = cluster.namespace("host").await.expect("a namespace");
    let token = plane
        .service_account_token(&namespace, "one", &[], Duration::from_secs(3600))
        .await
        .expect("a token");
    let kubeconfig = plane.kubeconfig_for_token(&token, &namespace).expect("a kubeconfig");
    let guest: Api<ConfigMap> =
        Api::default_namespaced(plane.client_with(&kubeconfig).await.expect("a client"));
    let refused = guest.list(&ListParams::default()).await.expect_err("no rights");
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 403));

    let said = plane.stop(Part::ApiServer).await.expect_err("not ours").to_string();
    assert_eq!(said, "kube-apiserver is not there: the cluster is an existing one");
    assert!(plane.has_controllers_for("anything"));

    let folder = plane.folder().to_owned();
    drop(plane);
    assert!(!folder.exists());
    // Without kube-controller-manager it remains in deletion.
    until("the guest's namespace is deleted", async || {
        let found = namespaces.get_opt(&namespace).await.expect("an answer");
        found.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some())
    })
    .await;
    let kept = namespaces.get(&kept).await.expect("others remain");
    assert_eq!(kept.metadata.deletion_timestamp, None);
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_one_line() {
    let fakes = Fakes::new();
    let kubeconfig = fakes.folder().join("kubeconfig");
    let text = r#"{"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "a", "user": {}}]}"#;
    std::fs::write(&kubeconfig, text).expect("a file");
    let environment = Environment { kubeconfig: Some(kubeconfig), ..fakes.environment() };
    let programs = Programs::find(&environment).expect("no tools");
    let said = ControlPlane::builder().programs(programs).start().await.expect_err("no cluster").to_string();
    assert!(said.starts_with("cannot reach the cluster of ") && said.lines().count() == 1, "{said}");
}

#[tokio::test]
async fn without_a_controller_manager_the_rest_works() {
    if !starts_for("without_a_controller_manager_the_rest_works") {
        return;
    }
    let fakes = Fakes::new();
    link(&fakes, &[Program::Etcd, Program::KubeApiserver, Program::Kubectl]);
    let plane = ControlPlane::builder().programs(found(&fakes)).start().await.expect("a control plane");
    assert!(!plane.has(Part::ControllerManager));
    assert!(!plane.has_controllers_for("this line"));
    let namespace = plane.namespace("lonely").await.expect("a namespace");
    let token = plane
        .service_account_token(&namespace, "one", &[], Duration::from_secs(3600))
        .await
        .expect("a token");
    assert!(!token.is_empty());
    let said = plane.kill(Part::ControllerManager).await.expect_err("it is not there").to_string();
    assert_eq!(said, "kube-controller-manager is not there: KUBEBUILDER_ASSETS lacks it");
    assert!(plane.helm().is_err());
    assert!(plane.kubectl().is_ok());
}

#[tokio::test]
async fn a_port_that_was_taken_meanwhile_is_replaced() {
    if !starts_for("a_port_that_was_taken_meanwhile_is_replaced") {
        return;
    }
    let fakes = Fakes::new();
    link(&fakes, &[Program::Etcd, Program::KubeApiserver]);
    let real = std::fs::read_link(fakes.assets().join("kube-apiserver")).expect("the real one");
    std::fs::remove_file(fakes.assets().join("kube-apiserver")).expect("the link");
    let (real, mark) = (real.display(), fakes.folder().join("mark"));
    let mark = mark.display();
    let body = format!(
        r#"[ "$1" != --version ] || exec '{real}' --version
if [ ! -e '{mark}' ]; then
  echo "failed to create listener: listen tcp 127.0.0.1:1: bind: address already in use" >&2
  : >'{mark}'
  exit 1
fi
exec '{real}' "$@""#
    );
    script(&fakes.assets().join("kube-apiserver"), &body);
    let plane = ControlPlane::builder().programs(found(&fakes)).start().await.expect("a second try");
    plane.ready(Part::ApiServer).await.expect("it is ready");
}

#[tokio::test]
async fn a_program_that_fails_is_not_tried_again() {
    if !starts_for("a_program_that_fails_is_not_tried_again") {
        return;
    }
    let fakes = Fakes::new();
    link(&fakes, &[Program::Etcd]);
    let tries = fakes.folder().join("tries");
    let body = format!(
        r#"[ "$1" != --version ] || {{ echo Kubernetes v1.37.2; exit 0; }}
echo x >>'{}'
echo "unknown flag: --whatever" >&2
exit 2"#,
        tries.display()
    );
    script(&fakes.assets().join("kube-apiserver"), &body);
    let said =
        ControlPlane::builder().programs(found(&fakes)).start().await.expect_err("a failure").to_string();
    assert_eq!(said, "kube-apiserver ended with exit status: 2 before it was ready");
    assert_eq!(std::fs::read_to_string(tries).expect("a file"), "x\n");
}

#[tokio::test]
async fn a_program_that_never_gets_ready_is_given_up() {
    if !starts_for("a_program_that_never_gets_ready_is_given_up") {
        return;
    }
    let fakes = Fakes::new();
    link(&fakes, &[Program::Etcd]);
    let body = r#"[ "$1" != --version ] || { echo Kubernetes v1.37.2; exit 0; }
exec sleep 1000"#;
    script(&fakes.assets().join("kube-apiserver"), body);
    let builder = ControlPlane::builder().programs(found(&fakes)).deadline(Duration::from_secs(3));
    let said = builder.start().await.expect_err("a failure").to_string();
    assert_eq!(said, "kube-apiserver was not ready within 3 s");
}
