//! What the journal says of requests.

use std::time::Duration;

use authentik_simulator::Pattern;
use authentik_simulator::journal::{Filter, Outcome};
use serde_json::json;

use crate::wire::{PATIENCE, Wire, answered, echoing, request, write};

fn named(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer very-secret\r\n{headers}\r\n")
}

#[tokio::test]
async fn an_entry_says_what_was_asked_and_what_became_of_it_but_not_the_token() {
    let (simulator, _) = echoing().await;
    let body = json!({"name": "a", "slug": "b"}).to_string();
    let length = format!("user-agent: op/1\r\ncontent-length: {}\r\n", body.len());
    let text = named("PATCH", "/api/v3/flows/instances/b/?x=1", &length) + &body;
    let mut wire = Wire::connect(simulator.address()).await;
    wire.send(text).await;
    assert_eq!(wire.answer().await.expect("an answer").status, 200);
    let entry = simulator.requests().all().pop().expect("an entry");
    assert_eq!((entry.number, entry.client.as_str()), (1, "op/1"));
    assert_eq!((entry.method.as_str(), entry.path.as_str()), ("PATCH", "/api/v3/flows/instances/b/"));
    assert_eq!((entry.query.as_str(), entry.peer), ("x=1", wire.local()));
    assert_eq!(entry.body, Some(json!({"name": "a", "slug": "b"})));
    assert_eq!((entry.outcome, entry.status), (Outcome::Answered, Some(200)));
    assert!(entry.duration_ms.expect("a duration") > 0.0 && entry.time_ms > 1_700_000_000_000);
    let all = answered(&simulator, request("GET", "/-/simulator/requests")).await;
    let text = String::from_utf8(all.body).expect("UTF-8");
    assert!(text.contains("op/1") && !text.contains("very-secret"), "{text}");
}

#[tokio::test]
async fn clients_are_told_apart_by_header_then_by_agent() {
    let (simulator, _) = echoing().await;
    for headers in [
        "user-agent: op/1\r\nx-client: replica-a\r\n",
        "user-agent: op/1\r\nx-client: replica-b\r\n",
        "user-agent: op/1\r\nx-client: replica-b\r\n",
        "user-agent: op/1\r\n",
        "",
    ] {
        answered(&simulator, named("GET", "/api/v3/x/", headers)).await;
    }
    let counts: Vec<_> =
        simulator.requests().counts().into_iter().map(|count| (count.client, count.count)).collect();
    let expected = [("-", 1), ("op/1", 1), ("replica-a", 1), ("replica-b", 2)];
    assert_eq!(counts, expected.map(|(client, count)| (client.to_owned(), count)));
}

#[tokio::test]
async fn filters_choose() {
    let (simulator, _) = echoing().await;
    for (method, path) in [("GET", "/a/1/"), ("POST", "/a/"), ("GET", "/b/1/"), ("DELETE", "/a/1/")] {
        answered(&simulator, named(method, path, "x-client: a\r\n")).await;
    }
    answered(&simulator, named("GET", "/a/1/", "x-client: b\r\n")).await;
    let chosen = |filter: Filter| -> Vec<u64> {
        simulator.requests().select(&filter).into_iter().map(|entry| entry.number).collect()
    };
    let path = Some(Pattern::try_from("/a/**".to_owned()).expect("a pattern"));
    assert_eq!(chosen(Filter { since: 3, ..Filter::default() }), [4, 5]);
    assert_eq!(chosen(Filter { method: Some("GET".into()), ..Filter::default() }), [1, 3, 5]);
    assert_eq!(chosen(Filter { path: path.clone(), ..Filter::default() }), [1, 2, 4, 5]);
    assert_eq!(chosen(Filter { client: Some("b".into()), ..Filter::default() }), [5]);
    let filter = Filter { since: 1, method: Some("GET".into()), path, client: Some("b".into()) };
    assert_eq!(chosen(filter), [5]);
    assert_eq!(simulator.requests().last(), 5);
    simulator.requests().clear();
    assert!(simulator.requests().all().is_empty() && simulator.requests().counts().is_empty());
    answered(&simulator, request("GET", "/")).await;
    assert_eq!(simulator.requests().all()[0].number, 6);
}

#[tokio::test]
async fn a_body_that_is_large_or_not_json_is_not_kept() {
    let (simulator, _) = echoing().await;
    answered(&simulator, write("POST", "/x/", &json!({"title": "x".repeat(64 * 1024)}))).await;
    answered(&simulator, "POST /x/ HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n{a}").await;
    answered(&simulator, write("POST", "/x/", &json!({"title": "x"}))).await;
    let kept: Vec<_> = simulator
        .requests()
        .all()
        .into_iter()
        .map(|entry| (entry.body.is_some(), entry.body_bytes > 0))
        .collect();
    assert_eq!(kept, [(false, true), (false, true), (true, true)]);
}

#[tokio::test]
async fn waiting_ends_with_the_request_that_was_waited_for_or_says_what_came() {
    let (simulator, _) = echoing().await;
    let journal = simulator.requests().clone();
    let waiting = tokio::spawn(async move {
        journal
            .wait_for(
                |entries| entries.iter().filter(|entry| entry.status == Some(200)).count() == 2,
                PATIENCE,
            )
            .await
    });
    answered(&simulator, request("GET", "/1/")).await;
    assert!(!waiting.is_finished());
    answered(&simulator, request("GET", "/2/")).await;
    assert_eq!(waiting.await.expect("no panic").expect("two requests").len(), 2);
    let error = simulator
        .requests()
        .wait_for(|entries| entries.len() == 3, Duration::from_millis(20))
        .await
        .expect_err("no third request");
    assert_eq!(error.to_string(), "waited 20ms in vain; 2 requests, the last: GET /1/ 200; GET /2/ 200");
}
