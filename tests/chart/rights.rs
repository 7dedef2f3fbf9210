//! What the operator and the cluster's users may do once the chart is installed.

use std::{collections::BTreeSet, time::Duration};

use authentik_operator::kinds::{Flow, REGISTRY};
use controlplane::ControlPlane;
use k8s_openapi::api::{
    authorization::v1::{ResourceRule, SelfSubjectRulesReview},
    coordination::v1::Lease,
    core::v1::Secret,
    events::v1::Event,
    rbac::v1::RoleBinding,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, WatchParams},
};
use serde_json::json;

use crate::{
    install::{RELEASE, installed},
    waiting::{answer, until},
};

/// A client as ServiceAccount `name` of `namespace`.
async fn account(plane: &ControlPlane, namespace: &str, name: &str) -> Client {
    let hour = Duration::from_secs(3600);
    let token = plane.service_account_token(namespace, name, &[], hour).await.expect("a token");
    let kubeconfig = plane.kubeconfig_for_token(&token, namespace).expect("a kubeconfig");
    plane.client_with(&kubeconfig).await.expect("a client")
}

/// Each right as `verb group/resource`.
type Rights = BTreeSet<String>;

/// Each of the verbs on each of the resources of `group`.
fn rights(group: &str, resources: &[impl AsRef<str>], verbs: &[impl AsRef<str>]) -> Rights {
    let resources = resources.iter().map(AsRef::as_ref);
    resources
        .flat_map(|resource| verbs.iter().map(move |verb| format!("{} {group}/{resource}", verb.as_ref())))
        .collect()
}

/// All that `client`'s user may do in `namespace`, as the API server sees it.
async fn allowed(client: &Client, namespace: &str) -> Rights {
    let mut review = SelfSubjectRulesReview::default();
    review.spec.namespace = Some(namespace.to_owned());
    let reviews: Api<SelfSubjectRulesReview> = Api::all(client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await.expect("a review");
    let of_rule = |rule: ResourceRule| {
        let resources = rule.resources.unwrap_or_default();
        let groups = rule.api_groups.unwrap_or_default();
        groups.into_iter().flat_map(move |group| rights(&group, &resources, &rule.verbs)).collect::<Vec<_>>()
    };
    answer.status.expect("a status").resource_rules.into_iter().flat_map(of_rule).collect()
}

/// The plurals of the kinds, with a suffix.
fn plurals(suffix: &str) -> Vec<String> {
    REGISTRY.iter().map(|kind| (kind.definition)().spec.names.plural + suffix).collect()
}

#[tokio::test]
async fn the_operator_may_what_it_needs_and_no_more() {
    let Some(plane) = installed("the_operator_may_what_it_needs_and_no_more").await else { return };
    // Any other than the operator's own.
    let namespace = plane.namespace("rights").await.expect("a namespace");
    let nobody = allowed(&account(&plane, &namespace, "nobody").await, &namespace).await;
    let mut wanted = rights("authentik-operator.dev", &plurals(""), &["get", "list", "watch", "patch"]);
    wanted.append(&mut rights("authentik-operator.dev", &plurals("/status"), &["patch"]));
    wanted.append(&mut rights("events.k8s.io", &["events"], &["create"]));
    let operator = account(&plane, RELEASE, "authentik-operator").await;
    let may = async |namespace: &str| {
        allowed(&operator, namespace).await.difference(&nobody).cloned().collect::<Rights>()
    };
    assert_eq!(answer(&wanted, async || may(&namespace).await).await, wanted);
    // The Lease is in its own namespace.
    wanted.append(&mut rights("coordination.k8s.io", &["leases"], &["create", "get", "update"]));
    assert_eq!(answer(&wanted, async || may(RELEASE).await).await, wanted);
}

#[tokio::test]
async fn the_operator_keeps_its_own_lease_and_no_other() {
    let Some(plane) = installed("the_operator_keeps_its_own_lease_and_no_other").await else { return };
    let client = account(&plane, RELEASE, "authentik-operator").await;
    let leases: Api<Lease> = Api::namespaced(client.clone(), RELEASE);
    let admin: Api<Lease> = Api::namespaced(plane.client().await.expect("a client"), RELEASE);
    let post = PostParams::default();
    let named = |name: &str| Lease {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        ..Lease::default()
    };
    until("the operator's rights hold", async || leases.get_opt("authentik-operator").await.is_ok()).await;
    let made = leases.create(&post, &named("authentik-operator")).await.expect("it makes the Lease");
    leases.replace("authentik-operator", &post, &made).await.expect("it renews the Lease");
    let other = admin.create(&post, &named("other")).await.expect("another's Lease");
    assert!(forbidden(leases.get("other").await), "it reads another's Lease");
    assert!(forbidden(leases.replace("other", &post, &other).await), "it takes another's Lease");
    assert!(forbidden(leases.list(&ListParams::default()).await), "it lists Leases");
    assert!(forbidden(leases.delete("authentik-operator", &DeleteParams::default()).await), "it deletes");
}

fn flow(name: &str) -> Flow {
    let flow = json!({"apiVersion": "authentik-operator.dev/v1alpha1", "kind": "Flow", "metadata": {"name": name},
        "spec": {"name": "Staff login", "title": "Welcome", "designation": "authentication"}});
    serde_json::from_value(flow).expect("a flow")
}

/// Whether the API server refused because of who asks.
fn forbidden<T>(answer: Result<T, kube::Error>) -> bool {
    matches!(answer, Err(kube::Error::Api(status)) if status.code == 403)
}

#[tokio::test]
async fn the_operator_writes_status_and_events_and_no_specs() {
    let Some(plane) = installed("the_operator_writes_status_and_events_and_no_specs").await else { return };
    let namespace = plane.namespace("operator").await.expect("a namespace");
    let admin: Api<Flow> = Api::namespaced(plane.client().await.expect("a client"), &namespace);
    let post = PostParams::default();
    let made = admin.create(&post, &flow("staff-login")).await.expect("a flow");

    let client = account(&plane, RELEASE, "authentik-operator").await;
    let flows: Api<Flow> = Api::namespaced(client.clone(), &namespace);
    // The API server's own caches follow.
    until("the operator's rights hold", async || flows.list(&ListParams::default()).await.is_ok()).await;
    flows.watch(&WatchParams::default(), "0").await.map(drop).expect("it watches");
    let merge = PatchParams::default();
    let finalizer = json!({"metadata": {"finalizers": ["authentik-operator.dev/finalizer"]}});
    flows.patch("staff-login", &merge, &Patch::Merge(&finalizer)).await.expect("it sets the finalizer");
    let status = json!({"status": {"observedGeneration": 1}});
    flows.patch_status("staff-login", &merge, &Patch::Merge(&status)).await.expect("it writes the status");
    let event = json!({"metadata": {"name": "created"}, "eventTime": "2026-01-01T00:00:00.000000Z",
        "type": "Normal", "reason": "Created", "action": "Create", "note": "created the flow",
        "reportingController": "authentik-operator", "reportingInstance": "authentik-operator",
        "regarding": {"apiVersion": "authentik-operator.dev/v1alpha1", "kind": "Flow", "namespace": namespace,
            "name": "staff-login", "uid": made.uid()}});
    let event: Event = serde_json::from_value(event).expect("an event");
    Api::namespaced(client.clone(), &namespace).create(&post, &event).await.expect("it tells of an event");

    assert!(forbidden(flows.create(&post, &flow("other")).await), "it creates resources");
    let read = flows.get("staff-login").await.expect("it reads");
    assert!(forbidden(flows.replace("staff-login", &post, &read).await), "it replaces resources");
    assert!(forbidden(flows.delete("staff-login", &DeleteParams::default()).await), "it deletes resources");
    for namespace in [RELEASE, "kube-system"] {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        assert!(forbidden(secrets.list(&ListParams::default()).await), "it lists Secrets in {namespace}");
        assert!(forbidden(secrets.get("authentik-token").await), "it reads Secrets in {namespace}");
    }
}

/// Lets the ServiceAccount that is called like `role` do what this ClusterRole of Kubernetes' own says, in its namespace.
async fn bind(plane: &ControlPlane, namespace: &str, role: &str) {
    let binding = json!({
        "metadata": {"name": role, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": role, "namespace": namespace}],
    });
    let binding: RoleBinding = serde_json::from_value(binding).expect("a binding");
    let bindings = Api::namespaced(plane.client().await.expect("a client"), namespace);
    bindings.create(&PostParams::default(), &binding).await.expect("a binding");
}

#[tokio::test]
async fn view_edit_and_admin_include_the_kinds() {
    let what = "view_edit_and_admin_include_the_kinds";
    let Some(plane) = installed(what).await else { return };
    if !plane.has_controllers_for(what) {
        return;
    }
    let namespace = plane.namespace("users").await.expect("a namespace");
    let read = rights("authentik-operator.dev", &plurals(""), &["get", "list", "watch"]);
    let write = ["create", "update", "patch", "delete", "deletecollection"];
    let all = &read | &rights("authentik-operator.dev", &plurals(""), &write);
    for (role, wanted) in [("view", read), ("edit", all.clone()), ("admin", all)] {
        bind(&plane, &namespace, role).await;
        let client = account(&plane, &namespace, role).await;
        let found = answer(&wanted, async || {
            let mut rights = allowed(&client, &namespace).await;
            rights.retain(|right| right.contains("authentik-operator.dev/"));
            rights
        });
        assert_eq!(found.await, wanted, "{role}");

        let flows: Api<Flow> = Api::namespaced(client, &namespace);
        let created = flows.create(&PostParams::default(), &flow(role)).await;
        if role == "view" {
            assert!(forbidden(created), "who may view things creates some");
        } else {
            created.expect("who may edit things creates some");
        }
    }
}
