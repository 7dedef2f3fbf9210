//! What a network and its proxies can do to a request.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use authentik_operator::authentik::{Cause, Client, Error, Outcome};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::sync::Notify;

use crate::scripted::{Scripted, Seen, Step, answer, json};
use crate::{PATIENCE, client, connection};

/// Cause and outcome of an outage.
fn outage(error: &Error) -> (&Cause, Outcome) {
    match error {
        Error::Unreachable { cause, outcome, .. } => (cause, *outcome),
        other => panic!("not an outage: {other}"),
    }
}

async fn get(client: &Client) -> Result<Value, Error> {
    client.get("flows/instances", "x").await
}

async fn post(client: &Client) -> Error {
    client.create::<Value>("flows/instances", &json!({})).await.expect_err("the write must fail")
}

/// Answers the first request of each connection, and closes it when a second one comes.
fn closes_kept_alive(seen: &Seen, served: &AtomicUsize) -> Vec<Step> {
    match served.swap(seen.connection + 1, Ordering::SeqCst) {
        before if before == seen.connection + 1 => vec![Step::Close],
        _ => json(200, &json!({"connection": seen.connection})),
    }
}

#[tokio::test]
async fn a_reading_survives_that_its_kept_alive_connection_was_closed() {
    let served = AtomicUsize::new(0);
    let server = Scripted::start(move |seen| closes_kept_alive(seen, &served)).await;
    let client = client(&server.url());
    assert_eq!(get(&client).await.expect("the first")["connection"], 0);
    assert_eq!(get(&client).await.expect("repeated on a new connection")["connection"], 1);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_write_on_a_closed_connection_is_not_repeated_and_its_outcome_is_unknown() {
    let served = AtomicUsize::new(0);
    let server = Scripted::start(move |seen| closes_kept_alive(seen, &served)).await;
    let client = client(&server.url());
    get(&client).await.expect("the first");
    let error = post(&client).await;
    assert!(matches!(outage(&error), (Cause::Cut(_), Outcome::Unknown)), "{error:?}");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_connection_that_a_server_is_about_to_close_is_not_used_for_a_write() {
    let server = Scripted::start(|seen| json(200, &json!({"connection": seen.connection}))).await;
    let client = client(&server.url());
    get(&client).await.expect("the first");
    let made: Value = client.create("flows/instances", &json!({})).await.expect("at once");
    assert_eq!(made["connection"], 0);
    // gunicorn closes after 2 s.
    tokio::time::sleep(Duration::from_millis(1800)).await;
    let made: Value = client.create("flows/instances", &json!({})).await.expect("later");
    assert_eq!(made["connection"], 1);
}

#[tokio::test]
async fn a_reading_is_repeated_once_and_no_more() {
    let server = Scripted::start(|_| vec![Step::Close]).await;
    let error = get(&client(&server.url())).await.expect_err("always cut");
    assert!(matches!(outage(&error), (Cause::Cut(_), Outcome::NotApplied)), "{error:?}");
    assert_eq!(server.seen().len(), 2);
    assert!(
        error
            .to_string()
            .starts_with("GET /flows/instances/x/: authentik gives no usable answer: the connection broke: ")
    );
}

#[tokio::test]
async fn a_refused_connection_is_surely_no_write() {
    // Bound, so that nobody else gets the port, and not listening.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let url = format!("http://{}", socket.local_addr().expect("an address"));
    let error = post(&client(&url)).await;
    assert!(matches!(outage(&error), (Cause::Connect(_), Outcome::NotApplied)), "{error:?}");
    let text = "gives no usable answer: no connection: tcp connect error: Connection refused";
    assert!(error.to_string().contains(text), "{error}");
}

#[tokio::test]
async fn an_unknown_host_is_surely_no_write() {
    let error = post(&client("http://authentik.invalid")).await;
    assert!(matches!(outage(&error), (Cause::Connect(_), Outcome::NotApplied)), "{error:?}");
}

#[tokio::test]
async fn a_body_that_is_cut_is_an_outage_however_it_is_framed() {
    for head in ["content-length: 100\r\n", "transfer-encoding: chunked\r\n"] {
        let text =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{head}\r\n6\r\n{{\"pk\":\r\n");
        let server = Scripted::start(move |_| vec![Step::Send(text.clone().into_bytes()), Step::Close]).await;
        let client = client(&server.url());
        let error = get(&client).await.expect_err("cut");
        assert!(matches!(outage(&error), (Cause::Cut(_), Outcome::NotApplied)), "{head}: {error:?}");
        let error = client.list::<Value>("flows/instances", &[], "slug").await.expect_err("cut");
        assert!(matches!(outage(&error), (Cause::Cut(_), Outcome::NotApplied)), "{head}: {error:?}");
        let error = post(&client).await;
        assert!(matches!(outage(&error), (Cause::Cut(_), Outcome::Unknown)), "{head}: {error:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_shorter_than_its_json_is_garbage() {
    let server =
        Scripted::start(|_| vec![answer(201, "content-type: application/json\r\n", "{\"pk\": \"a")]).await;
    let error = post(&client(&server.url())).await;
    assert!(matches!(outage(&error), (Cause::Garbage(_), Outcome::Unknown)), "{error:?}");
    let listed = client(&server.url()).list::<Value>("flows/instances", &[], "slug").await;
    let error = listed.expect_err("garbage");
    assert!(matches!(outage(&error), (Cause::Garbage(_), Outcome::NotApplied)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_runs_into_the_limit() {
    let server = Scripted::start(|_| vec![Step::Hang]).await;
    let mut settings = connection(&server.url());
    settings.request_timeout = Duration::from_millis(200);
    let client = Client::new(settings).expect("good settings");
    let error = post(&client).await;
    assert_eq!(outage(&error), (&Cause::Timeout(Duration::from_millis(200)), Outcome::Unknown));
    let error = get(&client).await.expect_err("no answer");
    assert_eq!(outage(&error).1, Outcome::NotApplied);
    // What took too long once is not tried again.
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn an_answer_that_falls_silent_runs_into_the_limit_between_pieces() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let server = Scripted::start(|_| vec![Step::Send(head.to_vec()), Step::Hang]).await;
    let mut settings = connection(&server.url());
    settings.stall_timeout = Duration::from_millis(200);
    let client = Client::new(settings).expect("good settings");
    let error = get(&client).await.expect_err("silence");
    assert_eq!(outage(&error), (&Cause::Stalled(Duration::from_millis(200)), Outcome::NotApplied));
    assert_eq!(outage(&post(&client).await).1, Outcome::Unknown);
}

#[tokio::test]
async fn what_does_not_speak_http_is_an_outage() {
    let server =
        Scripted::start(|_| vec![Step::Send(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()), Step::Close]).await;
    let error = post(&client(&server.url())).await;
    assert!(matches!(outage(&error), (Cause::Cut(_), Outcome::Unknown)), "{error:?}");
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let start = "{\"pagination\":{\"next\":0,\"count\":1},\"results\":[";
    let server = Scripted::start(move |_| {
        let mut steps = vec![Step::Send(format!("{head}{:x}\r\n{start}\r\n", start.len()).into_bytes())];
        steps.extend((0..300).map(|_| Step::Send(format!("1000\r\n{}\r\n", " ".repeat(4096)).into_bytes())));
        steps.push(Step::Hang);
        steps
    })
    .await;
    let mut settings = connection(&server.url());
    settings.max_answer = 1024 * 1024;
    let client = Client::new(settings).expect("good settings");
    let error = client.list::<Value>("flows/bindings", &[], "pk").await.expect_err("too long");
    assert_eq!(error.to_string(), "GET /flows/bindings/: the answer is longer than 1048576 bytes");
    let error = post(&client).await;
    assert_eq!((error.class(), error.outcome()), ("too_large", Outcome::Unknown));
}

#[tokio::test]
async fn the_limit_counts_what_compression_hides() {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(json!({"pk": "a".repeat(200_000)}).to_string().as_bytes()).expect("written");
    let packed = packer.finish().expect("packed");
    assert!(packed.len() < 1000);
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length:";
    let packed = [format!("{head} {}\r\n\r\n", packed.len()).as_bytes(), &packed].concat();
    let server = Scripted::start(move |_| vec![Step::Send(packed.clone())]).await;
    let unpacked = get(&client(&server.url())).await.expect("unpacked");
    assert_eq!(unpacked["pk"].as_str().map(str::len), Some(200_000));
    let mut settings = connection(&server.url());
    settings.max_answer = 100_000;
    let error = get(&Client::new(settings).expect("good settings")).await.expect_err("too long");
    assert_eq!(error.class(), "too_large");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Scripted::start(|_| json(200, &json!({"pk": "stolen"}))).await;
    let location = format!("location: {}/api/v3/flows/instances/x/\r\n", elsewhere.url());
    let server = Scripted::start(move |_| vec![answer(302, &location, "")]).await;
    let error = get(&client(&server.url())).await.expect_err("a redirect");
    let target = elsewhere.url();
    assert_eq!(outage(&error).0, &Cause::Redirect { status: 302, target });
    assert_eq!(elsewhere.seen().len(), 0);
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_allowed() {
    let gate = Arc::new(Notify::new());
    let held = gate.clone();
    let server = Scripted::start(move |_| {
        let mut steps = vec![Step::Wait(held.clone())];
        steps.extend(json(200, &json!({})));
        steps
    })
    .await;
    let mut settings = connection(&server.url());
    settings.concurrency = 2;
    let client = Client::new(settings).expect("good settings");
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let client = client.clone();
        waiting.spawn(async move { get(&client).await.map(drop) });
    }
    for answered in 0..5 {
        server.arrived((answered + 2).min(5)).await;
        // One more would have come with the others, had it been sent.
        let more = tokio::time::timeout(Duration::from_millis(50), server.arrived(answered + 3));
        assert!(answered > 2 || more.await.is_err(), "a third request is under way");
        gate.notify_one();
        waiting.join_next().await.expect("a request").expect("no panic").expect("an answer");
    }
}

#[tokio::test]
async fn a_slot_is_held_until_the_answer_is_read() {
    let gate = Arc::new(Notify::new());
    let held = gate.clone();
    let server = Scripted::start(move |_| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{";
        vec![Step::Send(head.into()), Step::Wait(held.clone()), Step::Send(b"}".to_vec())]
    })
    .await;
    let mut settings = connection(&server.url());
    settings.concurrency = 1;
    let client = Client::new(settings).expect("good settings");
    let second = client.clone();
    let first = tokio::spawn(async move { get(&client).await });
    server.arrived(1).await;
    let second = tokio::spawn(async move { get(&second).await });
    let early = tokio::time::timeout(Duration::from_millis(100), server.arrived(2)).await;
    assert!(early.is_err(), "the second was sent while the first was being read");
    gate.notify_one();
    first.await.expect("no panic").expect("an answer");
    server.arrived(2).await;
    gate.notify_one();
    tokio::time::timeout(PATIENCE, second).await.expect("in time").expect("no panic").expect("an answer");
}

#[tokio::test]
async fn a_slot_comes_back_after_failures_and_after_callers_that_went_away() {
    let server = Scripted::start(|seen| match seen.target.contains("hang") {
        true => vec![Step::Hang],
        false => json(500, &json!({})),
    })
    .await;
    let mut settings = connection(&server.url());
    settings.concurrency = 1;
    let client = Client::new(settings).expect("good settings");
    for count in 1..4 {
        let gone = client.clone();
        let gone = tokio::spawn(async move { gone.get::<Value>("flows/instances", "hang").await });
        server.arrived(2 * count - 1).await;
        gone.abort();
        let error = tokio::time::timeout(PATIENCE, get(&client)).await.expect("a slot").expect_err("500");
        assert!(matches!(outage(&error).0, Cause::Status { status: 500, .. }));
    }
}
