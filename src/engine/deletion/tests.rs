use serde_json::json;

use crate::authentik::Object;
use crate::engine::fixtures::{BINDING, Draft, FLOW, STAGE, Scene};
use crate::engine::status::reason;

/// A flow with this slug, and a binding of a stage to it.
async fn bound(scene: &Scene, slug: &str) -> (Object, Object) {
    let body = json!({"slug": slug, "name": slug, "title": slug, "designation": "recovery"});
    let flow = scene.made(FLOW, body).await;
    let stage = scene.made(STAGE, json!({"name": format!("stage of {slug}")})).await;
    let binding = scene.made(BINDING, json!({"target": flow.pk, "stage": stage.pk, "order": 0})).await;
    scene.authentik.requests().clear();
    (flow, binding)
}

#[tokio::test]
async fn a_protected_flows_binding_is_not_deleted_even_before_the_flows_are_read() {
    let mut scene = Scene::protecting("default-*").await;
    let (_, binding) = bound(&scene, "default-login").await;
    scene.connect().await;
    let id = scene.put(Draft::binding("b").owning(&binding.pk).deleting());
    scene.reconcile(&id).await;
    assert!(scene.writes().is_empty());
    scene.woken();
    scene.read_lists().await;
    assert_eq!(scene.woken(), std::slice::from_ref(&id));
    scene.reconcile(&id).await;
    assert_eq!(reason(&scene.status(&id)), Some("Forbidden"));
    assert!(scene.writes().is_empty());
}

#[tokio::test]
async fn a_flow_that_took_the_slug_in_between_is_not_deleted_in_its_place() {
    let scene = Scene::running().await;
    let (flow, _) = bound(&scene, "login").await;
    let (other, _) = bound(&scene, "other").await;
    let id = scene.put(Draft::flow("a").spec("slug", "login").owning(&flow.pk).deleting());
    // Its users were looked for, and then both were renamed.
    for (from, to) in [("login", "former"), ("other", "login")] {
        let renamed = scene.somebody.patch::<Object>("flows/instances", from, &json!({"slug": to})).await;
        renamed.expect("renamed");
    }
    scene.engine.delete(&scene.pass(&id), &flow).await.ok().expect("deleted");
    let left: Vec<Object> = scene.somebody.list("flows/instances", &[], "slug").await.expect("a list");
    assert_eq!(left.iter().map(|flow| flow.pk.as_str()).collect::<Vec<_>>(), [other.pk.as_str()]);
}
