//! The verbs: what is sent, and what becomes of the answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use authentik_operator::authentik::{Client, Error, Outcome, UsedByAction, Version};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::scripted::{Scripted, Step, answer, json};
use crate::{TOKEN, client, connection};

#[derive(Debug, PartialEq, Deserialize)]
struct Flow {
    pk: String,
    slug: String,
}

/// Answers every request with one flow, a DELETE with nothing.
async fn one_flow() -> Scripted {
    Scripted::start(|seen| match seen.method.as_str() {
        "DELETE" => vec![Step::Send(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())],
        "POST" => json(201, &json!({"pk": "1", "slug": "new", "stages": [], "unknown": {}})),
        _ => json(200, &json!({"pk": "1", "slug": "old", "stages": [], "unknown": {}})),
    })
    .await
}

#[tokio::test]
async fn each_verb_sends_what_authentik_wants() {
    let server = one_flow().await;
    let client = client(&format!("{}/auth", server.url()));
    let body = json!({"slug": "new"});
    let made: Flow = client.create("flows/instances", &body).await.expect("made");
    assert_eq!(made, Flow { pk: "1".to_owned(), slug: "new".to_owned() });
    let _: Flow = client.get("flows/instances", "old").await.expect("read");
    let _: Flow = client.replace("flows/instances", "old", &body).await.expect("replaced");
    let _: Flow = client.patch("flows/instances", "old", &body).await.expect("changed");
    client.delete("flows/instances", "old").await.expect("deleted");
    let sent: Vec<String> =
        server.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    let expected = [
        "POST /auth/api/v3/flows/instances/",
        "GET /auth/api/v3/flows/instances/old/",
        "PUT /auth/api/v3/flows/instances/old/",
        "PATCH /auth/api/v3/flows/instances/old/",
        "DELETE /auth/api/v3/flows/instances/old/",
    ];
    assert_eq!(sent, expected);
    for seen in server.seen() {
        assert_eq!(seen.header("authorization"), Some(format!("bearer {TOKEN}").as_str()));
        assert_eq!(
            (seen.header("accept"), seen.header("accept-language")),
            (Some("application/json"), Some("en"))
        );
        assert_eq!(
            seen.header("user-agent"),
            Some(concat!("authentik-operator/", env!("CARGO_PKG_VERSION")))
        );
        let with_body = matches!(seen.method.as_str(), "POST" | "PUT" | "PATCH");
        assert_eq!(seen.header("content-type"), with_body.then_some("application/json"), "{}", seen.method);
        assert_eq!(seen.body, if with_body { br#"{"slug":"new"}"#.as_slice() } else { b"" });
    }
}

#[tokio::test]
async fn keys_are_encoded_and_those_that_a_url_cannot_name_are_refused() {
    let server = one_flow().await;
    let client = client(&server.url());
    for (key, path) in [
        ("a b/c", "a%20b%2Fc"),
        ("50%", "50%25"),
        ("%2e%2e", "%252e%252e"),
        ("ä?#", "%C3%A4%3F%23"),
        ("...", "..."),
    ] {
        let _: Flow = client.get("flows/instances", key).await.expect("read");
        let seen = server.seen();
        assert_eq!(seen.last().expect("sent").target, format!("/api/v3/flows/instances/{path}/"));
    }
    let before = server.seen().len();
    for key in ["", ".", ".."] {
        let error = client.delete("flows/instances", key).await.expect_err("cannot be named");
        assert!(
            matches!(error, Error::Unsendable { .. }) && error.outcome() == Outcome::NotApplied,
            "{error}"
        );
    }
    for collection in ["", "/flows", "flows/", "flows/../core"] {
        assert_eq!(client.get::<Flow>(collection, "x").await.expect_err(collection).class(), "unsendable");
    }
    assert_eq!(server.seen().len(), before);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_not_sent() {
    let server = one_flow().await;
    let body = std::collections::HashMap::from([((1, 2), 3)]);
    let error = client(&server.url()).create::<Flow>("flows/instances", &body).await.expect_err("no JSON");
    assert_eq!((error.class(), error.outcome()), ("unsendable", Outcome::NotApplied));
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn used_by_version_and_me_are_typed() {
    let brand = json!({"app": "b", "model_name": "brand", "pk": "b", "name": "", "action": "set_null"});
    let user = json!({"username": "op", "is_superuser": true, "pk": 5});
    let server = Scripted::start(move |seen| match seen.target.as_str() {
        "/api/v3/flows/instances/x/used_by/" => json(200, &json!([brand])),
        "/api/v3/admin/version/" => json(200, &json!({"version_current": "2026.5.0-rc1", "outdated": false})),
        "/api/v3/core/users/me/" => json(200, &json!({"user": user})),
        other => panic!("unexpected {other}"),
    })
    .await;
    let client = client(&server.url());
    let used_by = client.used_by("flows/instances", "x").await.expect("used by");
    assert_eq!((used_by.len(), &used_by[0].action), (1, &UsedByAction::SetNull));
    assert_eq!(
        client.version().await.expect("a version"),
        "2026.5.0-rc1".parse::<Version>().expect("a version")
    );
    let me = client.me().await.expect("a user");
    assert_eq!((me.username.as_str(), me.is_superuser), ("op", true));
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_told_apart_from_garbage() {
    let server = Scripted::start(|_| json(200, &json!({"pk": 7, "version_current": "latest"}))).await;
    let client = client(&server.url());
    let error = client.patch::<Flow>("flows/instances", "x", &json!({})).await.expect_err("pk is a number");
    assert!(matches!(error, Error::Undecodable { pk: None, .. }), "{error:?}");
    // authentik did accept it.
    assert_eq!(error.outcome(), Outcome::Unknown);
    let text = error.to_string();
    assert!(text.starts_with("PATCH /flows/instances/x/: the answer cannot be read: invalid type"), "{text}");
    let error = client.version().await.expect_err("no version");
    let text = error.to_string();
    assert!(
        text.contains(" cannot be read: “latest” is not a version of authentik, such as 2026.2.2"),
        "{text}"
    );
}

#[tokio::test]
async fn an_authentik_that_is_starting_is_not_taken_for_an_answer() {
    // As some versions of its front server say it to clients that accept JSON.
    let headers = "content-type: application/json\r\nretry-after: 5\r\n";
    let server =
        Scripted::start(move |_| vec![answer(200, headers, "{\"error\":\"authentik starting\"}\n")]).await;
    let client = client(&server.url());
    let errors = [
        client.delete("flows/instances", "x").await.expect_err("starting"),
        client.patch::<Value>("flows/instances", "x", &json!({})).await.expect_err("starting"),
        client.get::<Value>("flows/instances", "x").await.expect_err("starting"),
        client.list::<Value>("flows/instances", &[], "slug").await.expect_err("starting"),
    ];
    for error in errors {
        assert!(
            error.to_string().ends_with("gives no usable answer: status 200: authentik starting"),
            "{error}"
        );
        assert_eq!(
            (error.outcome(), error.retry_after()),
            (Outcome::NotApplied, Some(Duration::from_secs(5)))
        );
    }
}

#[tokio::test]
async fn a_deletion_is_done_when_authentik_says_204_and_not_when_a_proxy_smiles() {
    for headers in ["content-type: text/html\r\n", "content-type: application/json\r\n", ""] {
        let server = Scripted::start(move |_| vec![answer(200, headers, "{}")]).await;
        let error = client(&server.url()).delete("flows/instances", "x").await.expect_err("no deletion");
        assert_eq!((error.class(), error.outcome()), ("unreachable", Outcome::Unknown));
    }
}

#[tokio::test]
async fn refusals_carry_authentiks_words_and_the_requests_id() {
    let server = Scripted::start(|_| {
        let headers = "content-type: application/json\r\nx-authentik-id: 72d8d42e\r\n";
        vec![answer(400, headers, r#"{"slug":["Flow with this slug already exists."]}"#)]
    })
    .await;
    let error =
        client(&server.url()).create::<Flow>("flows/instances", &json!({})).await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        "POST /flows/instances/: refused: slug: Flow with this slug already exists."
    );
    assert_eq!(error.at().request_id.as_deref(), Some("72d8d42e"));
    let Error::Rejected { errors, .. } = error else { panic!("not a refusal") };
    assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["slug"]);
}

#[tokio::test]
async fn the_observer_is_told_of_each_exchange_without_identifiers() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    let server = Scripted::start(|seen| match seen.method.as_str() {
        "DELETE" => vec![Step::Close],
        "PATCH" => json(404, &json!({"detail": "Not found."})),
        _ => vec![answer(200, "content-type: application/json\r\nx-authentik-id: abc\r\n", "[]")],
    })
    .await;
    let mut settings = connection(&server.url());
    settings.observer = Some(Arc::new(move |exchange| {
        let id = exchange.request_id.unwrap_or("-");
        let line = format!(
            "{} {} {:?} {id} {}",
            exchange.method, exchange.endpoint, exchange.status, exchange.complete
        );
        log.lock().expect("unpoisoned").push(line);
    }));
    let client = Client::new(settings).expect("good settings");
    client.used_by("flows/instances", "secret-slug").await.expect("an answer");
    client.patch::<Value>("flows/bindings", "uuid", &json!({})).await.expect_err("gone");
    client.delete("flows/instances", "secret-slug").await.expect_err("cut");
    let expected = [
        "GET /flows/instances/{key}/used_by/ Some(200) abc true",
        "PATCH /flows/bindings/{key}/ Some(404) - true",
        "DELETE /flows/instances/{key}/ None - false",
    ];
    assert_eq!(*told.lock().expect("unpoisoned"), expected);
}
