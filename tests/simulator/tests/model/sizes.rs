//! Answers of real size, and what faults keep from being stored.

use authentik_simulator::Unstored;
use authentik_simulator::authentik::{Authentik, Version};
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::client::{TOKEN, ask, created, flow, get};

/// A page of bindings grows with the square of how often a stage is shared: each row holds every flow of its stage, once
/// for each binding.
#[tokio::test]
async fn a_binding_carries_every_flow_of_its_stage() {
    let authentik = Authentik::empty(Version::default(), TOKEN);
    let stage = created(&authentik, "/stages/dummy/", json!({"name": "shared"})).await;
    for number in 0..50 {
        let target = flow(&authentik, &format!("flow-{number}")).await;
        for order in 0..2 {
            created(
                &authentik,
                "/flows/bindings/",
                json!({"target": target, "stage": stage, "order": order}),
            )
            .await;
        }
    }
    let (_, page) = get(&authentik, "/flows/bindings/?page_size=100").await;
    let rows = page["results"].as_array().expect("rows");
    assert_eq!(rows.len(), 100);
    assert!(rows.iter().all(|row| row["stage_obj"]["flow_set"].as_array().map(Vec::len) == Some(100)));
    assert!(page.to_string().len() > 3_000_000, "{} bytes", page.to_string().len());
}

#[tokio::test]
async fn what_is_not_to_be_stored_is_answered_as_it_was() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    flow(&authentik, "silent").await;
    let request = Request::builder()
        .method("PATCH")
        .uri("/api/v3/flows/instances/silent/")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .extension(Unstored(vec!["title".to_owned()]))
        .body(Bytes::from(json!({"title": "new", "layout": "content_left"}).to_string()))
        .expect("a request");
    let response = authentik.handle(request).await;
    let answer: Value = serde_json::from_slice(response.body()).expect("JSON");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!((&answer["title"], &answer["layout"]), (&json!("silent"), &json!("content_left")));
}

#[tokio::test]
async fn an_empty_authentik_holds_an_administrator_and_nothing_else() {
    let authentik = Authentik::empty(Version::default(), TOKEN);
    for path in ["/flows/instances/", "/flows/bindings/", "/stages/all/", "/core/brands/"] {
        let (status, page) = get(&authentik, path).await;
        assert_eq!((status, &page["pagination"]["count"]), (StatusCode::OK, &json!(0)), "{path}");
    }
    let (_, me) = get(&authentik, "/core/users/me/").await;
    assert_eq!(me["user"]["is_superuser"], true);
    let (status, _) = ask(&authentik, "POST", "/stages/dummy/", json!({"name": "first"})).await;
    assert_eq!(status, StatusCode::CREATED);
}
