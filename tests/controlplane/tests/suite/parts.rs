//! Stopping, freezing, killing and restarting each part, as a client sees it.

use std::time::Duration;

use controlplane::{ControlPlane, Error, Part};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::{Api, Client, ResourceExt, api::PostParams};
use tokio::time::timeout;

use crate::{starts_for, watching::until};

/// Shorter than any of the client's own limits, longer than an answer takes on a busy machine.
const MOMENT: Duration = Duration::from_secs(5);

struct Setting {
    plane: ControlPlane,
    namespace: String,
    /// One client throughout: it has to recover by itself.
    client: Client,
}

impl Setting {
    async fn new() -> Self {
        let plane = ControlPlane::builder().start().await.expect("a control plane");
        let namespace = plane.namespace("parts").await.expect("a namespace");
        let client = plane.client().await.expect("a client");
        Self { plane, namespace, client }
    }

    /// Whether something can be stored in a moment.
    async fn writable(&self, name: &str) -> bool {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut map = ConfigMap::default();
        map.metadata.name = Some(name.to_owned());
        matches!(timeout(MOMENT, maps.create(&PostParams::default(), &map)).await, Ok(Ok(_)))
    }

    async fn recovers(&self, name: &str) {
        until(name, async || self.writable(name).await).await;
    }

    async fn names(&self) -> Vec<String> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let list = maps.list(&Default::default()).await.expect("a list");
        list.iter().map(ResourceExt::name_any).filter(|name| name != "kube-root-ca.crt").collect()
    }
}

#[tokio::test]
async fn the_api_server_goes_and_comes_back() {
    if !starts_for("the_api_server_goes_and_comes_back") {
        return;
    }
    let setting = Setting::new().await;
    let plane = &setting.plane;
    let first = plane.process(Part::ApiServer).expect("it runs");
    assert!(setting.writable("a-before").await);

    plane.stop(Part::ApiServer).await.expect("a stop");
    assert_eq!(plane.process(Part::ApiServer), None);
    assert!(!setting.writable("never").await);
    let said = plane.stop(Part::ApiServer).await.expect_err("it is stopped").to_string();
    assert_eq!(said, "kube-apiserver is not running");
    plane.start(Part::ApiServer).await.expect("a start");
    setting.recovers("b-started").await;

    plane.kill(Part::ApiServer).await.expect("a kill");
    assert!(!setting.writable("never").await);
    plane.restart(Part::ApiServer).await.expect("a restart of a dead one");
    setting.recovers("c-killed").await;

    let second = plane.process(Part::ApiServer).expect("it runs");
    plane.restart(Part::ApiServer).await.expect("a restart of a running one");
    setting.recovers("d-restarted").await;
    let third = plane.process(Part::ApiServer).expect("it runs");
    assert!(first != second && second != third);

    plane.freeze(Part::ApiServer).expect("a freeze");
    assert!(!setting.writable("e-frozen").await);
    plane.thaw(Part::ApiServer).expect("a thaw");
    until("what it took frozen or later is there", async || {
        setting.writable("e-frozen").await || setting.names().await.contains(&"e-frozen".to_owned())
    })
    .await;
    // A frozen one hears SIGTERM too.
    plane.freeze(Part::ApiServer).expect("a freeze");
    plane.stop(Part::ApiServer).await.expect("a stop");
    plane.start(Part::ApiServer).await.expect("a start");

    setting.recovers("f-last").await;
    let expected = ["a-before", "b-started", "c-killed", "d-restarted", "e-frozen", "f-last"];
    assert_eq!(setting.names().await, expected);
    assert!(plane.logs(Part::ApiServer).lines().count() > 5);
}

#[tokio::test]
async fn etcd_goes_and_comes_back_with_its_data() {
    if !starts_for("etcd_goes_and_comes_back_with_its_data") {
        return;
    }
    let setting = Setting::new().await;
    let plane = &setting.plane;
    assert!(setting.writable("a-before").await);

    plane.stop(Part::Etcd).await.expect("a stop");
    assert!(!setting.writable("never-1").await);
    plane.start(Part::Etcd).await.expect("a start");
    setting.recovers("b-started").await;

    plane.kill(Part::Etcd).await.expect("a kill");
    assert!(!setting.writable("never-2").await);
    plane.restart(Part::Etcd).await.expect("a restart");
    setting.recovers("c-restarted").await;

    plane.freeze(Part::Etcd).expect("a freeze");
    assert!(!setting.writable("d-frozen").await);
    plane.thaw(Part::Etcd).expect("a thaw");
    setting.recovers("e-thawed").await;
    let names = setting.names().await;
    for name in ["a-before", "b-started", "c-restarted", "e-thawed"] {
        assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
    }
}

#[tokio::test]
async fn the_controllers_go_and_come_back() {
    if !starts_for("the_controllers_go_and_come_back") {
        return;
    }
    let setting = Setting::new().await;
    let plane = &setting.plane;
    if !plane.has_controllers_for("a restart of the controllers") {
        return;
    }
    let has_account = async |namespace: &str| {
        let accounts: Api<ServiceAccount> = Api::namespaced(setting.client.clone(), namespace);
        accounts.get_opt("default").await.expect("an answer").is_some()
    };
    until("the first namespace has an account", async || has_account(&setting.namespace).await).await;
    for how in ["stopped", "killed", "frozen"] {
        match how {
            "stopped" => plane.stop(Part::ControllerManager).await.expect("a stop"),
            "killed" => plane.kill(Part::ControllerManager).await.expect("a kill"),
            _ => plane.freeze(Part::ControllerManager).expect("a freeze"),
        }
        let namespace = plane.namespace(how).await.expect("a namespace");
        // Normally there within a tenth of a second.
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(!has_account(&namespace).await, "{how}, yet at work");
        }
        if how == "frozen" {
            plane.thaw(Part::ControllerManager).expect("a thaw");
        } else {
            plane.start(Part::ControllerManager).await.expect("a start");
        }
        until("the new namespace has an account", async || has_account(&namespace).await).await;
    }
}

#[tokio::test]
async fn two_control_planes_know_nothing_of_each_other() {
    if !starts_for("two_control_planes_know_nothing_of_each_other") {
        return;
    }
    let (one, two) = tokio::join!(ControlPlane::builder().start(), ControlPlane::builder().start());
    let (one, two) = (one.expect("a control plane"), two.expect("a control plane"));
    let namespace = one.namespace("here").await.expect("a namespace");
    let namespaces = async |plane: &ControlPlane| -> Api<k8s_openapi::api::core::v1::Namespace> {
        Api::all(plane.client().await.expect("a client"))
    };
    assert!(namespaces(&one).await.get_opt(&namespace).await.expect("an answer").is_some());
    assert!(namespaces(&two).await.get_opt(&namespace).await.expect("an answer").is_none());
    // The certificates of one do not open the other.
    let mut kubeconfig: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(one.kubeconfig()).expect("a file"))
            .expect("a kubeconfig");
    let other: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(two.kubeconfig()).expect("a file"))
            .expect("a kubeconfig");
    kubeconfig["clusters"] = other["clusters"].clone();
    let crossed = one.folder().join("crossed.kubeconfig");
    std::fs::write(&crossed, kubeconfig.to_string()).expect("a file");
    let client = one.client_with(&crossed).await.expect("a client");
    let maps: Api<ConfigMap> = Api::namespaced(client, "default");
    assert!(matches!(maps.get("any").await, Err(kube::Error::Api(status)) if status.code == 401));

    let gone = one.folder().to_owned();
    drop(one);
    assert!(!gone.exists());
    two.ready(Part::ApiServer).await.expect("the other goes on");
    let said = two.start(Part::Etcd).await;
    assert!(matches!(said, Ok(()) | Err(Error::NotReady { .. })), "{said:?}");
}
