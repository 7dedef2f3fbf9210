//! That a new kind is a file and a line: the engine keeps one that it was not made for.

use std::fs;
use std::time::Duration;

use authentik_simulator::Simulator;
use controlplane::ControlPlane;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::status::READY;
use super::{Engine, Policy, run};
use crate::authentik::{Client, Connection, Error, TokenSource};
use crate::config::ProtectedSlugs;
use crate::kinds::deny_stage::{DenyStage, DenyStageSpec};
use crate::kinds::{Adoption, Entry, Management, Origin, REGISTRY};
use crate::metrics::Metrics;
use crate::serve::Readiness;

/// The line that a new kind takes.
const KINDS: &[Entry] = &[REGISTRY[0], REGISTRY[1], REGISTRY[2], Entry::of::<DenyStage>()];

const TOKEN: &str = "a-token";
const STAGES: &str = "stages/deny";
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until the resource is as `wanted` says.
async fn wait(api: &Api<DenyStage>, what: &str, wanted: impl Fn(&DenyStage) -> bool) {
    let condition = |stage: Option<&DenyStage>| stage.is_some_and(&wanted);
    let waited = tokio::time::timeout(PATIENCE, await_condition(api.clone(), "no-entry", condition)).await;
    waited.unwrap_or_else(|_| panic!("not {what} in time")).expect("a watch");
}

fn is_ready(stage: &DenyStage) -> bool {
    let ready = stage.status.iter().flat_map(|status| &status.conditions).find(|it| it.type_ == READY);
    let now =
        stage.status.as_ref().and_then(|status| status.observed_generation) == stage.metadata.generation;
    now && ready.is_some_and(|ready| ready.status == "True")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_kind_is_kept_like_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in KINDS {
        let yaml = serde_saphyr::to_string(&(entry.definition)()).expect("a definition is YAML");
        fs::write(folder.path().join(format!("{}.yaml", entry.name)), yaml).expect("written");
    }
    let plane = ControlPlane::builder().crds(folder.path()).start().await.expect("a control plane");
    let simulator = Simulator::builder().token(TOKEN).start().await.expect("a simulator");
    let authentik =
        Client::new(Connection::new(simulator.url(), TokenSource::Value(SecretString::from(TOKEN))));
    let authentik = authentik.expect("good settings");
    let kubernetes = plane.client().await.expect("a client");

    let soon = Duration::from_millis(200);
    let policy = Policy { adopt: Adoption::Force, protected: ProtectedSlugs::default() };
    let (engine, events) =
        Engine::new(KINDS, kubernetes.clone(), &authentik, policy, soon, Metrics::default());
    let events = tokio::spawn(events);
    let shutdown = CancellationToken::new();
    let readiness = watch::Sender::new(Readiness::default());
    let url = simulator.url();
    let (stop, cluster) = (shutdown.clone(), kubernetes.clone());
    let running = tokio::spawn(async move { run(engine, cluster, &url, readiness, stop).await });

    let namespace = plane.namespace("new-kind").await.expect("a namespace");
    let api: Api<DenyStage> = Api::namespaced(kubernetes, &namespace);
    let spec = DenyStageSpec {
        name: None,
        deny_message: Some("Not here".to_owned()),
        management: Management::default(),
    };
    api.create(&PostParams::default(), &DenyStage::new("no-entry", spec)).await.expect("made");
    wait(&api, "ready", is_ready).await;
    let stage = api.get("no-entry").await.expect("the resource");
    let status = stage.status.expect("a status");
    assert_eq!(status.origin, Some(Origin::Created));
    let pk = status.pk.expect("an identifier");
    let stored: Value = authentik.get(STAGES, &pk).await.expect("authentik has it");
    assert_eq!((&stored["name"], &stored["deny_message"]), (&json!("no-entry"), &json!("Not here")));

    authentik
        .patch::<Value>(STAGES, &pk, &json!({"deny_message": "by hand"}))
        .await
        .expect("changed by hand");
    let repaired = |requests: &[authentik_simulator::journal::Entry]| {
        let path = format!("/api/v3/{STAGES}/{pk}/");
        requests.iter().filter(|it| it.method == "PATCH" && it.path == path && it.status == Some(200)).count()
            == 2
    };
    simulator.requests().wait_for(repaired, PATIENCE).await.expect("changed back");
    let stored: Value = authentik.get(STAGES, &pk).await.expect("authentik has it");
    assert_eq!(stored["deny_message"], "Not here");

    let renamed = Patch::Merge(json!({"spec": {"name": "keep-out"}}));
    api.patch("no-entry", &PatchParams::default(), &renamed).await.expect("changed");
    let has_name = |stage: &DenyStage| {
        is_ready(stage) && stage.status.as_ref().is_some_and(|it| it.slug.as_deref() == Some("keep-out"))
    };
    wait(&api, "renamed", has_name).await;

    api.delete("no-entry", &DeleteParams::default()).await.expect("deleted");
    let gone = await_condition(api, "no-entry", |stage: Option<&DenyStage>| stage.is_none());
    tokio::time::timeout(PATIENCE, gone).await.expect("gone in time").expect("a watch");
    let read = authentik.get::<Value>(STAGES, &pk).await;
    assert!(matches!(read, Err(Error::NotFound { .. })), "{read:?}");

    shutdown.cancel();
    running.await.expect("no panic").expect("ended well");
    events.await.expect("all events are sent");
}
