//! Asks a simulated authentik without a network in between.

use authentik_simulator::authentik::Authentik;
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "token-of-the-test";

/// The answer to a request of the administrator: status, and body where there is one.
pub(crate) async fn ask(authentik: &Authentik, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    ask_as(authentik, TOKEN, method, path, body).await
}

/// The answer to a request with a token.
pub(crate) async fn ask_as(
    authentik: &Authentik,
    token: &str,
    method: &str,
    path: &str,
    body: Value,
) -> (StatusCode, Value) {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    send(authentik, token, method, path, "application/json", body).await
}

/// The answer to a request with a body of any kind.
pub(crate) async fn send(
    authentik: &Authentik,
    token: &str,
    method: &str,
    path: &str,
    content_type: &str,
    body: impl Into<Bytes>,
) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v3{path}"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", content_type)
        .body(body.into());
    let response = authentik.handle(request.expect("a request")).await;
    (response.status(), serde_json::from_slice(response.body()).unwrap_or_default())
}

pub(crate) async fn get(authentik: &Authentik, path: &str) -> (StatusCode, Value) {
    ask(authentik, "GET", path, Value::Null).await
}

/// Creates a flow and returns its identifier.
pub(crate) async fn flow(authentik: &Authentik, slug: &str) -> String {
    let body = json!({"name": slug, "slug": slug, "title": slug, "designation": "authentication"});
    created(authentik, "/flows/instances/", body).await
}

/// Creates an object and returns its identifier.
pub(crate) async fn created(authentik: &Authentik, path: &str, body: Value) -> String {
    let (status, answer) = ask(authentik, "POST", path, body).await;
    assert_eq!(status, StatusCode::CREATED, "POST {path}: {answer}");
    answer["pk"].as_str().expect("an identifier").to_owned()
}
