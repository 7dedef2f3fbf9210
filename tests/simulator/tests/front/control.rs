//! The control endpoint.

use serde_json::{Value, json};

use crate::wire::{Answer, answered, echo, echoing, request, write};
use authentik_simulator::{Fault, Simulator};

const FAULTS: &str = "/-/simulator/faults";

async fn post(simulator: &Simulator, body: &Value) -> Answer {
    answered(simulator, write("POST", FAULTS, body)).await
}

#[tokio::test]
async fn faults_come_go_and_are_shown() {
    let (simulator, _) = echoing().await;
    let one = json!({"methods": ["PATCH"], "path": "/api/v3/**", "client": "a", "when": {"times": 2}, "do": {"cut": "after"}});
    let answer = post(&simulator, &one).await;
    assert_eq!((answer.status, answer.json()["faults"][0]["id"].clone()), (201, json!(1)));
    let answer =
        post(&simulator, &json!([{"do": "starting", "when": "once"}, {"do": {"delay_ms": 1}}])).await;
    assert_eq!(answer.json()["faults"].as_array().map(Vec::len), Some(2));
    assert_eq!(answered(&simulator, request("GET", "/")).await.status, 503);

    let all = answered(&simulator, request("GET", FAULTS)).await.json();
    let shown = |id: u64, matched: u64, fired: u64, fault: &Value| {
        let mut shown = json!({"id": id, "matched": matched, "fired": fired, "path": "**", "when": "always"});
        for (name, value) in fault.as_object().expect("an object") {
            shown[name] = value.clone();
        }
        shown
    };
    let expected = json!({"faults": [
        shown(1, 0, 0, &one),
        shown(2, 1, 1, &json!({"do": "starting", "when": "once"})),
        shown(3, 1, 1, &json!({"do": {"delay_ms": 1}})),
    ]});
    assert_eq!(all, expected);
    let second = answered(&simulator, request("GET", "/-/simulator/faults/2")).await.json();
    assert_eq!(second, expected["faults"][1]);

    assert_eq!(answered(&simulator, request("DELETE", "/-/simulator/faults/2/")).await.status, 204);
    assert_eq!(answered(&simulator, request("DELETE", "/-/simulator/faults/2")).await.status, 404);
    assert_eq!(simulator.faults().len(), 2);
    assert_eq!(answered(&simulator, request("DELETE", FAULTS)).await.status, 204);
    assert!(simulator.faults().is_empty());
}

#[tokio::test]
async fn every_kind_of_fault_can_be_said_in_json_and_comes_back_the_same() {
    for (when, action) in [
        (
            json!("always"),
            json!({"answer": {"status": 500, "headers": {"a": "b"}, "body": "x", "applied": true}}),
        ),
        (json!("once"), json!({"answer": {"status": 429, "json": {"a": [1]}, "applied": false}})),
        (json!({"times": 3}), json!("masked_error")),
        (json!({"nth": 3}), json!("starting")),
        (json!({"random": {"probability": 0.25, "seed": 7}}), json!("bad_gateway")),
        (json!("always"), json!({"body": "html"})),
        (json!("always"), json!({"body": "garbage"})),
        (json!("always"), json!({"body": "truncated"})),
        (json!("always"), json!({"cut": "before"})),
        (json!("always"), json!({"cut": "body"})),
        (json!("always"), json!({"hang": "before"})),
        (json!("always"), json!({"hang": "after"})),
        (json!("always"), json!({"unstored": ["title"]})),
        (json!("always"), json!({"latency": {"fixed_ms": 50, "per_row_ms": 25}})),
    ] {
        let said = json!({"path": "/a/**", "when": when, "do": action});
        let fault: Fault = said.to_string().parse().expect("a good fault");
        assert_eq!(serde_json::to_value(fault).expect("it can be written"), said);
    }
}

/// The first cells of the README's table rows that are code and JSON, below a row that begins with `heading`.
fn readme_cells(heading: &str) -> Vec<Value> {
    let lines =
        include_str!("../../README.md").lines().map(str::trim).skip_while(|line| !line.starts_with(heading));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('`').nth(1));
    cells.map(|cell| serde_json::from_str(cell).expect(cell)).collect()
}

#[test]
fn what_the_readme_shows_can_be_said() {
    let (moments, actions) = (readme_cells("| `when` |"), readme_cells("| `do` |"));
    assert_eq!((moments.len(), actions.len()), (5, 16));
    for when in &moments {
        for action in &actions {
            let said = json!({"when": when, "do": action}).to_string();
            said.parse::<Fault>().expect(&said);
        }
    }
}

#[tokio::test]
async fn what_is_no_fault_is_refused_in_one_line_that_says_what_is_allowed() {
    let (simulator, calls) = echoing().await;
    let fine = json!("starting");
    for (body, expected) in [
        (json!({"do": "explode"}), "unknown variant `explode`, expected one of `answer`, `masked_error`"),
        (json!({"do": fine, "pth": "/"}), "unknown field `pth`, expected one of `methods`, `path`"),
        (json!({"path": "/"}), "missing field `do`"),
        (json!({"do": fine, "methods": ["PTACH"]}), "unknown method \"PTACH\", expected some of GET"),
        (json!({"do": fine, "methods": "GET"}), "expected a sequence"),
        (json!({"do": fine, "path": "api/"}), "has to start with `/` or `*`"),
        (
            json!({"do": fine, "when": "sometimes"}),
            "unknown variant `sometimes`, expected one of `always`, `once`",
        ),
        (json!({"do": fine, "when": {"nth": 0}}), "count from 1"),
        (json!({"do": fine, "when": {"times": -1}}), "expected u64"),
        (json!({"do": fine, "when": {"random": {"probability": 1.5}}}), "from 0 to 1"),
        (json!({"do": fine, "when": {"random": {"probability": 1, "sed": 1}}}), "unknown field `sed`"),
        (
            json!({"do": {"cut": "during"}}),
            "unknown variant `during`, expected one of `before`, `after`, `body`",
        ),
        (json!({"do": {"cut": "after", "hang": "after"}}), "expected"),
        (json!({"do": {"answer": {"status": 99}}}), "from 200 to 599"),
        (json!({"do": {"answer": {"status": 500, "bdy": ""}}}), "unknown field `bdy`"),
        (json!({"do": {"answer": {"status": 500, "body": "", "json": 1}}}), "exclude each other"),
        (json!({"do": {"answer": {"status": 500, "headers": {"a b": "c"}}}}), "is not a header"),
        (json!({"do": {"answer": {"status": 500, "headers": {"a": "b\n"}}}}), "is not a header"),
        (
            json!({"do": {"answer": {"status": 500, "headers": {"Content-Length": "5"}}}}),
            "not a fault's to set",
        ),
        (json!({"do": {"unstored": []}}), "names no field"),
        (
            json!({"do": {"latency": {"fixed": 5}}}),
            "unknown field `fixed`, expected `fixed_ms` or `per_row_ms`",
        ),
        (json!([{"do": "starting"}, {"do": "explode"}]), "unknown variant `explode`"),
        (json!("starting"), "not a fault"),
    ] {
        let answer = post(&simulator, &body).await;
        let error = answer.json()["error"].as_str().expect("a line").to_owned();
        assert_eq!(answer.status, 400, "{body}");
        assert!(error.contains(expected) && !error.contains('\n'), "{body}: {error}");
        assert!(body.to_string().parse::<Fault>().is_err() || body.is_array());
    }
    let answer =
        answered(&simulator, "POST /-/simulator/faults HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{]")
            .await;
    assert_eq!(answer.status, 400);
    assert!(simulator.faults().is_empty(), "of a list with one bad fault none is taken");
    assert_eq!(calls.count(), 0);
}

#[tokio::test]
async fn requests_and_counts_are_shown_and_forgotten() {
    let (simulator, _) = echoing().await;
    for target in ["/a/", "/a/", "/b/"] {
        answered(&simulator, request("GET", target)).await;
    }
    let shown =
        answered(&simulator, request("GET", "/-/simulator/requests?since=1&method=GET&path=/a/&client=-"))
            .await;
    assert_eq!((shown.status, shown.json()["last"].clone()), (200, json!(3)));
    let shown = shown.json()["requests"].clone();
    assert_eq!(shown.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&shown[0]["number"], &shown[0]["outcome"], &shown[0]["status"]),
        (&json!(2), &json!("answered"), &json!(200))
    );
    let encoded = answered(&simulator, request("GET", "/-/simulator/requests?path=%2Fa%2F")).await;
    assert_eq!(encoded.json()["requests"].as_array().map(Vec::len), Some(2));
    let counts = answered(&simulator, request("GET", "/-/simulator/counts")).await.json();
    let expected = json!({"counts": [
        {"client": "-", "method": "GET", "path": "/a/", "count": 2},
        {"client": "-", "method": "GET", "path": "/b/", "count": 1},
    ]});
    assert_eq!(counts, expected);
    assert_eq!(answered(&simulator, request("DELETE", "/-/simulator/requests")).await.status, 204);
    let empty = answered(&simulator, request("GET", "/-/simulator/requests")).await.json();
    assert_eq!(empty, json!({"last": 3, "requests": []}));
}

#[tokio::test]
async fn it_is_subject_neither_to_faults_nor_to_the_journal_nor_to_a_base_path() {
    let (builder, calls) = echo();
    let simulator = builder.base_path("/auth").start().await.expect("a free port");
    simulator.inject("{\"do\": {\"cut\": \"before\"}}".parse().expect("a fault")).expect("a good fault");
    for target in ["/-/simulator/", "/auth/-/simulator/", "/-/simulator/counts/"] {
        assert_eq!(answered(&simulator, request("GET", target)).await.status, 200, "{target}");
    }
    assert!(simulator.requests().all().is_empty());
    assert_eq!((simulator.faults()[0].matched, calls.count()), (0, 0));
}

#[tokio::test]
async fn what_is_not_there_says_what_is() {
    let (simulator, _) = echoing().await;
    for (method, target, status, expected) in [
        ("GET", "/-/simulator/fault", 404, "expected faults"),
        ("GET", "/-/simulator/faults/x", 404, "no fault x"),
        ("PUT", "/-/simulator/faults", 405, "expected DELETE, GET, POST"),
        ("POST", "/-/simulator/requests", 405, "expected DELETE, GET"),
        ("DELETE", "/-/simulator/counts", 405, "expected GET"),
        ("GET", "/-/simulator/requests?sinc=1", 400, "unknown filter \"sinc\", expected since"),
        ("GET", "/-/simulator/requests?since=x", 400, "not the number"),
        ("GET", "/-/simulator/requests?path=a", 400, "has to start"),
    ] {
        let answer = answered(&simulator, request(method, target)).await;
        let error = answer.json()["error"].as_str().expect("a line").to_owned();
        assert_eq!(answer.status, status, "{method} {target}");
        assert!(error.contains(expected), "{method} {target}: {error}");
    }
}
