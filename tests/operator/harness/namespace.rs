//! A namespace: resources made, changed, waited for.

use std::fmt::Write as _;

use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::recording::Recording;
use super::{Kind, Resource, eventually};

/// A namespace, as its administrator sees it.
#[derive(Clone)]
pub(crate) struct Namespace {
    pub(super) client: Client,
    pub(crate) name: String,
}

impl Namespace {
    pub(super) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.name, &kind.api_resource())
    }

    /// Creates a resource, which the API server has to accept.
    pub(crate) async fn create(&self, kind: Kind, name: &str, spec: Value) -> Resource {
        self.create_with(kind, json!({"name": name}), spec).await
    }

    /// Creates a resource with this metadata.
    pub(crate) async fn create_with(&self, kind: Kind, metadata: Value, spec: Value) -> Resource {
        let object = json!({"apiVersion": "authentik-operator.dev/v1alpha1", "kind": kind.name,
            "metadata": metadata, "spec": spec});
        let object: DynamicObject = serde_json::from_value(object).expect("a resource");
        self.api(kind).create(&PostParams::default(), &object).await.expect("the resource is accepted").into()
    }

    /// Changes these fields of a resource's spec; null takes one away.
    pub(crate) async fn change(&self, kind: Kind, name: &str, fields: Value) -> Resource {
        self.merge(kind, name, json!({"spec": fields})).await
    }

    /// Sets an annotation, or takes it away.
    pub(crate) async fn annotate(
        &self,
        kind: Kind,
        name: &str,
        annotation: &str,
        value: Option<&str>,
    ) -> Resource {
        self.merge(kind, name, json!({"metadata": {"annotations": {annotation: value}}})).await
    }

    async fn merge(&self, kind: Kind, name: &str, patch: Value) -> Resource {
        let params = PatchParams::default();
        self.api(kind)
            .patch(name, &params, &Patch::Merge(&patch))
            .await
            .expect("the change is accepted")
            .into()
    }

    /// Asks for a resource's deletion.
    pub(crate) async fn delete(&self, kind: Kind, name: &str) {
        self.api(kind).delete(name, &DeleteParams::default()).await.expect("the deletion is accepted");
    }

    /// The resource, if it is there.
    pub(crate) async fn get(&self, kind: Kind, name: &str) -> Option<Resource> {
        self.api(kind).get_opt(name).await.expect("the API server answers").map(Resource::from)
    }

    /// The resource, which has to be there.
    pub(crate) async fn read(&self, kind: Kind, name: &str) -> Resource {
        self.get(kind, name).await.unwrap_or_else(|| panic!("there is no {} {name}", kind.name))
    }

    /// All resources of a kind, by name.
    pub(crate) async fn list(&self, kind: Kind) -> Vec<Resource> {
        let list = self.api(kind).list(&ListParams::default()).await.expect("a list");
        list.items.into_iter().map(Resource::from).collect()
    }

    /// Waits until the resource is as `until` says.
    pub(crate) async fn wait(
        &self,
        kind: Kind,
        name: &str,
        what: &str,
        until: impl Fn(&Resource) -> bool,
    ) -> Resource {
        let look = async || self.get(kind, name).await.filter(|resource| until(resource));
        eventually(look, async || format!("{} {name} {what}\n{}", kind.name, self.explain(kind, name).await))
            .await
    }

    /// Waits until authentik has what the resource now declares.
    pub(crate) async fn ready(&self, kind: Kind, name: &str) -> Resource {
        self.wait(kind, name, "is to be Ready", Resource::is_ready).await
    }

    /// Waits until the resource, as it is now, is in the state that the contract calls by this reason.
    pub(crate) async fn reason(&self, kind: Kind, name: &str, reason: &str) -> Resource {
        let what = format!("is to be {reason}");
        self.wait(kind, name, &what, |it| it.is_current() && it.reason() == reason).await
    }

    /// Waits until the resource is gone.
    pub(crate) async fn gone(&self, kind: Kind, name: &str) {
        let look = async || self.get(kind, name).await.is_none().then_some(());
        let explain =
            async || format!("{} {name} is to be gone\n{}", kind.name, self.explain(kind, name).await);
        eventually(look, explain).await;
    }

    /// Records the resources of a kind from now on, as each write left them.
    pub(crate) async fn record(&self, kind: Kind) -> Recording {
        Recording::start(self.api(kind)).await
    }

    /// The resource and its events, for who reads a failure.
    pub(super) async fn explain(&self, kind: Kind, name: &str) -> String {
        let mut text = match self.api(kind).get_opt(name).await {
            Ok(Some(mut object)) => {
                object.managed_fields_mut().clear();
                serde_json::to_string_pretty(&object).unwrap_or_default()
            }
            Ok(None) => "it is not there".to_owned(),
            Err(error) => error.to_string(),
        };
        for event in self.events(kind, name).await {
            let _ = write!(text, "\nevent: {event:?}");
        }
        text
    }

    /// Loses all resources, as with a cluster that is gone: nobody tells the operator, which is not to run meanwhile.
    pub(crate) async fn forget_everything(&self) {
        self.sweep().await.expect("the API server answers");
    }

    /// Removes all resources of the operator's kinds, whoever holds on to them.
    pub(super) async fn sweep(&self) -> kube::Result<()> {
        let free = json!({"metadata": {"finalizers": null}});
        for kind in Kind::ALL {
            let api = self.api(kind);
            for object in api.list(&ListParams::default()).await? {
                let name = object.name_any();
                for done in [
                    api.patch(&name, &PatchParams::default(), &Patch::Merge(&free)).await.map(drop),
                    api.delete(&name, &DeleteParams::default()).await.map(drop),
                ] {
                    match done {
                        Err(kube::Error::Api(status)) if status.is_not_found() => {}
                        done => done?,
                    }
                }
            }
        }
        Ok(())
    }
}
