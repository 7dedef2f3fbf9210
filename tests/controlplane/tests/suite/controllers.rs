//! What kube-controller-manager does, and that it knows the definitions from its start.

use std::time::Duration;

use controlplane::{ControlPlane, Part};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, DynamicObject, GroupVersionKind, PostParams},
    core::ApiResource,
};
use serde_json::json;

use crate::{PLANE, watching::until};

fn widgets() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("controlplane.test", "v1", "Widget"))
}

#[tokio::test]
async fn definitions_of_a_folder_are_served() {
    let plane = PLANE.get().await.expect("a control plane");
    let namespace = plane.namespace("crds").await.expect("a namespace");
    let client = plane.client().await.expect("a client");
    for kind in ["Widget", "Gadget"] {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("controlplane.test", "v1", kind));
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource);
        let object = DynamicObject::new("one", &resource).data(json!({"spec": {"size": 1}}));
        api.create(&PostParams::default(), &object).await.expect("an object");
    }
    let api: Api<DynamicObject> = Api::namespaced_with(client, &namespace, &widgets());
    let object = DynamicObject::new("two", &widgets()).data(json!({"spec": {"size": 0}}));
    api.create(&PostParams::default(), &object).await.expect_err("the schema's minimum");
}

/// The collector reads the list of kinds every 30 seconds; a kind that it knew from the start is collected at once.
#[tokio::test]
async fn what_a_custom_resource_owns_is_collected_at_once() {
    let plane = PLANE.get().await.expect("a control plane");
    if !plane.has_controllers_for("garbage collection") {
        return;
    }
    let namespace = plane.namespace("owned").await.expect("a namespace");
    let client = plane.client().await.expect("a client");
    let owners: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &widgets());
    let maps: Api<ConfigMap> = Api::namespaced(client, &namespace);
    let owner = DynamicObject::new("owner", &widgets()).data(json!({"spec": {"size": 1}}));
    let owner = owners.create(&PostParams::default(), &owner).await.expect("the owner");
    let mut owned = ConfigMap::default();
    owned.meta_mut().name = Some("owned".to_owned());
    owned.meta_mut().owner_references =
        Some(vec![owner.controller_owner_ref(&widgets()).expect("a reference")]);
    maps.create(&PostParams::default(), &owned).await.expect("what it owns");
    owners.delete(&owner.name_any(), &DeleteParams::default()).await.expect("the deletion");
    let took =
        until("it is collected", async || maps.get_opt("owned").await.expect("an answer").is_none()).await;
    // An existing cluster got the definitions only now.
    if plane.has(Part::ControllerManager) {
        assert!(took < Duration::from_secs(15), "only after {took:?}: the collector did not know the kind");
    }
}

#[tokio::test]
async fn namespaces_get_an_account_and_can_be_deleted() {
    let plane = PLANE.get().await.expect("a control plane");
    if !plane.has_controllers_for("deletion of namespaces") {
        return;
    }
    let namespace = plane.namespace("doomed").await.expect("a namespace");
    let client = plane.client().await.expect("a client");
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &namespace);
    until("it has a default account", async || {
        accounts.get_opt("default").await.expect("an answer").is_some()
    })
    .await;
    let namespaces: Api<Namespace> = Api::all(client);
    namespaces.delete(&namespace, &DeleteParams::default()).await.expect("the deletion");
    until("it is gone", async || namespaces.get_opt(&namespace).await.expect("an answer").is_none()).await;
}

#[tokio::test]
async fn definitions_that_are_none_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = async || {
        let said = ControlPlane::builder()
            .crds(folder.path())
            .start()
            .await
            .expect_err("no definitions")
            .to_string();
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    };
    assert!(start().await.contains("holds no custom resource definition"));
    std::fs::write(folder.path().join("bad.yaml"), "kind: [").expect("a file");
    assert!(start().await.contains("bad.yaml: no custom resource definition"));
    let said = ControlPlane::builder().crds("nowhere").start().await.expect_err("no file").to_string();
    assert!(said.starts_with("nowhere: "), "{said}");
}
