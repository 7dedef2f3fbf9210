//! The event list as a feed of changes.

use authentik_simulator::authentik::{Authentik, Version};
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{TOKEN, ask, created, flow, get};

/// Action and model of the events that a query gives, in its order.
async fn events(authentik: &Authentik, query: &str) -> Vec<String> {
    let (status, page) = get(authentik, &format!("/events/events/?page_size=100&{query}")).await;
    assert_eq!(status, StatusCode::OK);
    let rows = page["results"].as_array().expect("rows");
    let told = |row: &Value| {
        format!("{} {}", row["action"], row["context"]["model"]["model_name"]).replace(['"', '_'], "")
    };
    rows.iter().map(told).collect()
}

#[tokio::test]
async fn each_write_that_took_hold_is_told_and_no_other() {
    let authentik = Authentik::empty(Version::default(), TOKEN);
    let pk = flow(&authentik, "told").await;
    let stage = created(&authentik, "/stages/authenticator/validate/", json!({"name": "v"})).await;
    created(&authentik, "/flows/bindings/", json!({"target": pk, "stage": stage, "order": 0})).await;
    let path = "/flows/instances/told/";
    ask(&authentik, "PATCH", path, json!({})).await;
    let (status, _) = ask(&authentik, "PATCH", path, json!({"designation": "nope"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let overflow = json!({"last_auth_threshold": "hours=inf"});
    let (status, _) =
        ask(&authentik, "PATCH", &format!("/stages/authenticator/validate/{stage}/"), overflow).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    ask(&authentik, "DELETE", path, Value::Null).await;
    let mut all = vec![
        "modelcreated flow",
        "modelcreated authenticatorvalidatestage",
        "modelcreated flowstagebinding",
        "modelupdated flow",
        "modeldeleted flowstagebinding",
        "modeldeleted flow",
    ];
    assert_eq!(events(&authentik, "ordering=created").await, all);
    all.reverse();
    for query in ["", "ordering=-created", "ordering=nonsense", "ordering=-created,pk", "bogus=1"] {
        assert_eq!(events(&authentik, query).await, all, "{query}");
    }
    let bare = pk.replace('-', "");
    for (query, count) in [
        ("actions=model_deleted".to_owned(), 2),
        ("actions=model_deleted&actions=model_updated".to_owned(), 3),
        ("action=model_created".to_owned(), 3),
        ("action=MODEL".to_owned(), 6),
        ("context_model_name=flow".to_owned(), 3),
        ("context_model_app=authentik_flows".to_owned(), 5),
        (format!("context_model_pk={bare}"), 3),
        (format!("context_model_pk={pk}"), 3),
        ("username=akadmin".to_owned(), 6),
        ("username=nobody".to_owned(), 0),
    ] {
        assert_eq!(events(&authentik, &query).await.len(), count, "{query}");
    }
}
