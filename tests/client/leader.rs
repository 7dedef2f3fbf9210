//! Changes are sent only while another process cannot have taken over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use authentik_operator::authentik::{Client, Connection, Error, MayWrite, Outcome};
use serde_json::{Value, json};

use crate::connection;
use crate::scripted::{Scripted, Step, json as answer};

/// Says yes so many times, and no from then on.
fn yes(times: usize) -> MayWrite {
    let asked = AtomicUsize::new(0);
    Arc::new(move || asked.fetch_add(1, Ordering::SeqCst) < times)
}

fn client(url: &str, may_write: MayWrite) -> Client {
    Client::new(Connection { may_write: Some(may_write), ..connection(url) }).expect("the settings are good")
}

/// What becomes of each kind of change.
async fn changes(client: &Client) -> [Result<Value, Error>; 4] {
    let (flows, body) = ("flows/instances", json!({}));
    [
        client.create(flows, &body).await,
        client.replace(flows, "x", &body).await,
        client.patch(flows, "x", &body).await,
        client.delete(flows, "x").await.map(Value::from),
    ]
}

#[tokio::test]
async fn who_may_not_write_sends_no_change_and_goes_on_reading() {
    let server = Scripted::start(|_| answer(200, &json!({"pk": "x"}))).await;
    let client = client(&server.url(), yes(0));
    for change in changes(&client).await {
        let error = change.expect_err("it must not be sent");
        assert!(matches!(error, Error::NotLeader { .. }), "{error:?}");
        assert_eq!(error.outcome(), Outcome::NotApplied);
    }
    assert_eq!(server.seen().len(), 0);
    client.get::<Value>("flows/instances", "x").await.expect("reading is free");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn it_is_asked_again_between_connecting_and_sending() {
    let server = Scripted::start(|_| vec![Step::Hang]).await;
    // Before anything, and when connecting begins.
    let client = client(&server.url(), yes(2));
    let change = client.create::<Value>("flows/instances", &json!({})).await;
    let error = change.expect_err("it must not be sent");
    assert!(matches!(error, Error::NotLeader { .. }), "{error:?}");
    assert_eq!(error.outcome(), Outcome::Unknown, "it might have been sent");
    // What came later is all that came.
    client.create::<Value>("flows/instances", &json!({})).await.expect_err("not sent either");
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn it_is_asked_again_when_the_connection_takes_the_request() {
    let server = Scripted::start(|_| answer(200, &json!({"pk": "x"}))).await;
    // The HTTP library writes to a connection in a task of its own, and this test is none.
    let client = client(&server.url(), Arc::new(|| tokio::task::try_id().is_none()));
    let (flows, body) = ("flows/instances", json!({}));
    client.create::<Value>(flows, &body).await.expect_err("it must not be sent");
    client.replace::<Value>(flows, "x", &body).await.expect_err("it must not be sent");
    client.patch::<Value>(flows, "x", &body).await.expect_err("it must not be sent");
    client.get::<Value>(flows, "x").await.expect("reading is free");
    assert_eq!(server.seen().len(), 1, "only that it read");
}

#[tokio::test]
async fn who_may_write_does() {
    let server = Scripted::start(|seen| match seen.method.as_str() {
        "DELETE" => vec![Step::Send(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n".to_vec())],
        _ => answer(200, &json!({"pk": "x"})),
    })
    .await;
    for change in changes(&client(&server.url(), yes(usize::MAX))).await {
        change.expect("it is sent");
    }
    assert_eq!(server.seen().len(), 4);
}
