//! Front and model together: faults show in what authentik knows afterwards.

use authentik_simulator::fault::{Action, Answer, Latency, Moment, Point, Spoilt};
use authentik_simulator::{DEFAULT_TOKEN, Fault, Simulator};
use serde_json::{Value, json};

use crate::wire::{self, Wire, answered, ask};

const FLOWS: &str = "/api/v3/flows/instances/";

fn request(method: &str, target: &str, body: &Value) -> String {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = body.len();
    format!(
        "{method} {target} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {DEFAULT_TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn create(slug: &str) -> String {
    let flow = json!({"name": slug, "slug": slug, "title": "Old", "designation": "authentication"});
    request("POST", FLOWS, &flow)
}

fn get(path: &str) -> String {
    request("GET", path, &Value::Null)
}

async fn title(simulator: &Simulator, slug: &str) -> Option<Value> {
    let answer = answered(simulator, get(&format!("{FLOWS}{slug}/"))).await;
    (answer.status == 200).then(|| answer.json()["title"].clone())
}

async fn simulator() -> Simulator {
    Simulator::builder().start().await.expect("a free port")
}

#[tokio::test]
async fn a_fault_says_whether_the_change_took_hold() {
    for (action, took_hold) in [
        (Action::Cut(Point::Before), false),
        (Action::Cut(Point::After), true),
        (Action::Cut(Point::Body), true),
        (Action::MaskedError, false),
        (Action::Starting, false),
        (Action::BadGateway, false),
        (Answer::status(500).into(), false),
        (Answer::status(504).applied().into(), true),
        (Action::Body(Spoilt::Html), false),
        (Action::Body(Spoilt::Garbage), true),
        (Action::Body(Spoilt::Truncated), true),
    ] {
        let simulator = simulator().await;
        simulator.inject(Fault::new(action.clone()).method("POST").once()).expect("a good fault");
        let spoilt = ask(&simulator, create("a")).await;
        assert!(spoilt.is_none_or(
            |answer| answer.status != 201 || serde_json::from_slice::<Value>(&answer.body).is_err()
        ));
        assert_eq!(title(&simulator, "a").await.is_some(), took_hold, "{action:?}");
    }
}

#[tokio::test]
async fn a_request_that_hangs_took_hold_or_not() {
    for (moment, took_hold) in [(Moment::Before, false), (Moment::After, true)] {
        let simulator = simulator().await;
        simulator.inject(Fault::new(Action::Hang(moment)).method("POST")).expect("a good fault");
        let mut wire = Wire::connect(simulator.address()).await;
        wire.send(create("a")).await;
        let hung = |entries: &[authentik_simulator::journal::Entry]| {
            entries.iter().any(|entry| entry.outcome == authentik_simulator::journal::Outcome::Hung)
        };
        simulator.requests().wait_for(hung, wire::PATIENCE).await.expect("it hangs");
        assert_eq!(title(&simulator, "a").await.is_some(), took_hold, "{moment:?}");
    }
}

#[tokio::test]
async fn a_field_that_is_not_stored_is_answered_as_it_is_stored() {
    let simulator = simulator().await;
    assert_eq!(answered(&simulator, create("a")).await.status, 201);
    simulator.inject(Fault::new(Action::Unstored(vec!["title".into()]))).expect("a good fault");
    let patch = json!({"title": "New", "name": "renamed"});
    let answer = answered(&simulator, request("PATCH", &format!("{FLOWS}a/"), &patch)).await;
    assert_eq!(answer.status, 200);
    assert_eq!((&answer.json()["title"], &answer.json()["name"]), (&json!("Old"), &json!("renamed")));
    assert_eq!(title(&simulator, "a").await, Some(json!("Old")));
}

#[tokio::test]
async fn latency_counts_the_rows_of_a_list() {
    let simulator = simulator().await;
    let latency = Latency { fixed_ms: 0, per_row_ms: 10 };
    simulator.inject(Fault::new(Action::Latency(latency))).expect("a good fault");
    let list = answered(&simulator, get(&format!("{FLOWS}?page_size=7"))).await;
    assert_eq!(list.json()["results"].as_array().map(Vec::len), Some(7));
    let took = simulator.requests().all()[0].duration_ms.expect("a duration");
    assert!(took >= 70.0, "{took} ms");
}

#[tokio::test]
async fn an_outage_leaves_what_authentik_knows() {
    let simulator = simulator().await;
    assert_eq!(answered(&simulator, create("a")).await.status, 201);
    simulator.stop().await;
    simulator.start().await.expect("the same port");
    assert_eq!(title(&simulator, "a").await, Some(json!("Old")));
}

#[tokio::test]
async fn version_token_seed_and_base_path_reach_it() {
    let simulator = Simulator::builder()
        .version("2025.10")
        .token("secret")
        .empty()
        .base_path("/auth")
        .start()
        .await
        .expect("a free port");
    assert!(simulator.version().starts_with("2025.10."));
    assert_eq!(simulator.authentik().version().to_string(), simulator.version());
    let flows = |token: &str| {
        format!("GET /auth{FLOWS} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n")
    };
    let list = answered(&simulator, flows("secret")).await;
    assert_eq!((list.status, &list.json()["results"]), (200, &json!([])));
    assert_eq!(answered(&simulator, flows("wrong")).await.status, 403);
}

#[tokio::test]
async fn answers_have_the_headers_of_authentik_and_none_of_ours() {
    let simulator = simulator().await;
    let answer = answered(&simulator, get(FLOWS)).await;
    for name in ["allow", "content-type", "vary", "x-authentik-id", "date", "content-length"] {
        assert!(answer.header(name).is_some(), "{name}: {answer:?}");
    }
    let missing = answered(&simulator, wire::request("GET", "//api/v3/flows/instances/")).await;
    assert_eq!(missing.status, 404);
}
