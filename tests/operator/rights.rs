//! What the operator may do in the cluster: what it needs, and nothing else.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::{Api, PostParams};

use crate::harness::{Kind, World};

#[tokio::test]
async fn the_operators_account_may_keep_the_kinds_and_nothing_else() {
    let world = World::new().await;
    let client = world.plane().client_with(world.kubeconfig()).await.expect("a client");
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client);
    let may = async |verb: &str, group: &str, resource: &str, subresource: Option<&str>| {
        let attributes = ResourceAttributes {
            verb: Some(verb.to_owned()),
            group: Some(group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource: subresource.map(str::to_owned),
            namespace: Some(world.name.clone()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let answer = reviews.create(&PostParams::default(), &review).await.expect("an answer");
        answer.status.is_some_and(|status| status.allowed)
    };
    let group = "authentik-operator.dev";
    for kind in Kind::ALL.map(|kind| kind.plural) {
        for verb in ["get", "list", "watch", "patch"] {
            assert!(may(verb, group, kind, None).await, "{verb} {kind}");
        }
        assert!(may("patch", group, kind, Some("status")).await, "{kind}/status");
        for verb in ["create", "update", "delete", "deletecollection"] {
            assert!(!may(verb, group, kind, None).await, "{verb} {kind}");
        }
    }
    assert!(may("create", "events.k8s.io", "events", None).await);
    for (verb, group, resource) in [
        ("get", "", "secrets"),
        ("list", "", "secrets"),
        ("list", "", "configmaps"),
        ("list", "", "pods"),
        ("list", "events.k8s.io", "events"),
        ("create", "", "serviceaccounts"),
        ("get", "apiextensions.k8s.io", "customresourcedefinitions"),
        ("bind", "rbac.authorization.k8s.io", "clusterroles"),
    ] {
        assert!(!may(verb, group, resource, None).await, "{verb} {resource}");
    }
}
