//! What already matches costs nothing: no write to authentik, none to Kubernetes, and few readings.

use std::collections::BTreeMap;

use serde_json::json;

use crate::harness::{BINDING, FLOW, Kind, LISTS, STAGE, World, bind, flow, is_page, stage};

/// The resourceVersion of everything.
async fn versions(world: &World) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    for kind in Kind::ALL {
        for resource in world.list(kind).await {
            versions.insert(format!("{} {}", kind.name, resource.name()), resource.version().to_owned());
        }
    }
    versions
}

/// A flow with two stages, all in authentik.
async fn in_sync(world: &World) {
    world.create(FLOW, "staff", flow(json!({"background": "", "compatibilityMode": false}))).await;
    let setup = json!({"notConfiguredAction": "configure", "deviceClasses": ["webauthn", "totp"],
        "configurationStages": ["default-authenticator-totp-setup", "default-authenticator-webauthn-setup"],
        "lastAuthThreshold": "hours=12", "webauthnAllowedDeviceTypes": []});
    world.create(STAGE, "mfa", stage(setup)).await;
    world.create(STAGE, "plain", stage(json!({}))).await;
    world.create(BINDING, "staff-10", bind("staff", "mfa", 10)).await;
    world.create(BINDING, "staff-20", bind("staff", "plain", 20)).await;
    for (kind, name) in
        [(FLOW, "staff"), (STAGE, "mfa"), (STAGE, "plain"), (BINDING, "staff-10"), (BINDING, "staff-20")]
    {
        world.ready(kind, name).await;
    }
}

#[tokio::test]
async fn a_restart_with_nothing_changed_reads_four_lists_and_writes_nothing() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    in_sync(&world).await;
    authentik.read_anew().await;
    operator.stop().await;
    let before = versions(&world).await;
    let then = authentik.now();

    // No refresh while the test looks.
    let operator = world.operator().flag("--refresh-at-most", "15m").start().await;
    operator.says("connected to authentik").await;
    let all_lists = |entries: &[_]| LISTS.iter().all(|list| entries.iter().any(|entry| is_page(entry, list)));
    authentik.until(then, "every list is to be read", all_lists).await;
    // What it says of a new resource comes after what it has to say of the old ones.
    world.create(BINDING, "last", bind("missing", "mfa", 0)).await;
    world.reason(BINDING, "last", "ReferenceNotFound").await;
    let mut after = versions(&world).await;
    after.remove("FlowStageBinding last");
    operator.stop().await;

    let requests = authentik.since(then);
    let of = |path: &str| requests.iter().filter(|entry| entry.path == format!("/api/v3{path}")).count();
    for path in LISTS.iter().chain(&["/admin/version/", "/core/users/me/"]) {
        assert_eq!(of(path), 1, "{path}: {requests:?}");
    }
    assert_eq!(requests.len(), 6, "and nothing else: {requests:?}");
    assert_eq!(after, before, "nothing is written to Kubernetes");
}

#[tokio::test]
async fn refreshes_without_a_difference_write_nothing() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    in_sync(&world).await;
    let then = authentik.now();
    let before = versions(&world).await;
    authentik.read_anew().await;
    authentik.read_anew().await;
    assert_eq!(versions(&world).await, before);
    let other: Vec<_> = authentik
        .since(then)
        .into_iter()
        .filter(|entry| !LISTS.iter().any(|list| is_page(entry, list)))
        .collect();
    let pending = |entry: &authentik_simulator::journal::Entry| entry.status.is_none();
    assert!(other.iter().all(pending), "only lists are read: {other:?}");
}

#[tokio::test]
async fn a_rebuilt_cluster_takes_over_what_matches_without_a_write() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    in_sync(&world).await;
    operator.stop().await;
    // The cluster is lost, authentik is not.
    let mut lost = Vec::new();
    for kind in Kind::ALL {
        for resource in world.list(kind).await {
            lost.push((kind, resource.name().to_owned(), resource.spec().clone(), resource.pk().to_owned()));
        }
    }
    world.forget_everything().await;
    let then = authentik.now();
    let _operator = world.operator().start().await;
    for (kind, name, spec, _) in lost.iter().rev() {
        world.create(*kind, name, spec.clone()).await;
    }
    for (kind, name, _, pk) in &lost {
        let back = world.ready(*kind, name).await;
        assert_eq!((back.pk(), back.origin()), (pk.as_str(), "Adopted"));
    }
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
}

#[tokio::test]
async fn annotations_and_labels_of_others_cost_nothing() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    in_sync(&world).await;
    let then = authentik.now();
    let annotated = world.annotate(FLOW, "staff", "example.com/note", Some("hello")).await;
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    assert_eq!(world.read(FLOW, "staff").await.version(), annotated.version());
}
