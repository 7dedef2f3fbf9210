use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::*;

const TOKEN: &str = "s3cret-token";

/// The error for an answer to `method`.
fn error(method: Method, status: u16, headers: &[(&'static str, &str)], body: &str) -> Error {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_str(value).expect("a header"));
    }
    classify(Reply {
        at: At { method, path: "/flows/instances/x/".into(), request_id: None },
        status: StatusCode::from_u16(status).expect("a status"),
        headers: &map,
        body: body.as_bytes(),
        url: &Url::parse("http://authentik.test/api/v3/flows/instances/x/").expect("a URL"),
        cleaner: Cleaner::new(TOKEN),
    })
}

fn html(method: Method, status: u16) -> Error {
    error(method, status, &[("content-type", "text/html; charset=utf-8")], "<!DOCTYPE html><title>no</title>")
}

fn json(method: Method, status: u16, body: &Value) -> Error {
    error(method, status, &[("content-type", "application/json")], &body.to_string())
}

/// The class; for [`Error::Unreachable`] with the cause.
fn class(error: &Error) -> String {
    match error {
        Error::Unreachable { cause, .. } => {
            let cause = format!("{cause:?}");
            format!("unreachable {}", cause.split([' ', '(']).next().unwrap_or_default())
        }
        other => other.class().to_owned(),
    }
}

/// Every exchange of the recordings that failed, classified: status, kind of body, class, how many in
/// 2025.10.4 and in 2026.2.2.
const RECORDED: &str = "\
400 empty rejected 3 0
400 html unreachable Foreign 1 1
400 json rejected 260 242
403 json forbidden 62 50
403 json unauthorized 13 13
404 html wrong_path 11 7
404 json not_found 59 48
405 empty unreachable Masked 36 15
405 json method_not_allowed 11 9
406 json content_type 2 2
415 json content_type 6 4
500 html unreachable Status 1 1
";

#[test]
fn every_recorded_refusal_has_its_class() {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut table: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for (column, version) in ["2025.10.4", "2026.2.2"].into_iter().enumerate() {
        for file in fs::read_dir(recordings.join(version)).expect("recordings") {
            let path = file.expect("an entry").path();
            // Beside the recordings lie notes about them.
            if path.extension().is_none_or(|extension| extension != "jsonl") {
                continue;
            }
            let text = fs::read_to_string(path).expect("a recording");
            for line in text.lines() {
                let exchange: Value = serde_json::from_str(line).expect("a line of JSON");
                // Some lines are summaries of races, or tell of what was not recorded.
                let Some(response) = exchange.get("response") else { continue };
                if let Some(line) = recorded(&exchange["request"], response) {
                    table.entry(line).or_default()[column] += 1;
                }
            }
        }
    }
    let mut shown = String::new();
    for (line, [older, newer]) in table {
        writeln!(shown, "{line} {older} {newer}").expect("written");
    }
    assert_eq!(shown, RECORDED, "\n{shown}");
}

/// Checks one recorded exchange; its line of the table, when its status is a refusal.
fn recorded(request: &Value, response: &Value) -> Option<String> {
    let status = u16::try_from(response["status"].as_u64().expect("a status")).expect("a status");
    if status < 400 {
        return None;
    }
    let content_type = response["headers_relevant"]["content-type"].as_str().expect("a content type");
    let (kind, body) = match &response["body"] {
        Value::Null => ("empty", String::new()),
        Value::String(page) => ("html", page.clone()),
        body => ("json", body.to_string()),
    };
    let method: Method = request["method"].as_str().expect("a method").parse().expect("a method");
    let error = error(method.clone(), status, &[("content-type", content_type)], &body);
    match &error {
        Error::Rejected { errors, .. } => {
            assert_eq!(errors.is_empty(), kind == "empty", "{response}");
            assert!(errors.iter().all(|error| !error.message.is_empty()), "{response}");
        }
        Error::Unreachable { outcome, .. } => {
            let expected = if method.is_safe() { Outcome::NotApplied } else { Outcome::Unknown };
            assert_eq!(*outcome, expected, "{response}");
        }
        _ => assert_eq!(error.outcome(), Outcome::NotApplied, "{response}"),
    }
    let text = error.to_string();
    assert!(text.starts_with(&format!("{method} /flows/instances/x/: ")), "{text}");
    assert!(!text.contains('\n') && text.chars().count() < 3000, "{text}");
    Some(format!("{status} {kind} {}", class(&error)))
}

#[test]
fn a_write_that_surely_did_not_arrive_is_told_from_one_that_may_have() {
    let starting = json!({"error": "authentik starting"});
    let backend = |error| json!({"error": format!("failed to connect to authentik backend: {error}")});
    let dial = backend("dial unix /run/a.sock: connect: connection refused");
    let booting = backend("authentik starting");
    let midway = backend("EOF");
    let reset = backend("read unix @->/run/a.sock: read: connection reset by peer");
    for (status, body, outcome) in [
        (503, &starting, Outcome::NotApplied),
        (502, &dial, Outcome::NotApplied),
        (502, &booting, Outcome::NotApplied),
        (502, &midway, Outcome::Unknown),
        (502, &reset, Outcome::Unknown),
        (502, &starting, Outcome::Unknown),
        (500, &starting, Outcome::Unknown),
        (503, &json!({"error": "other"}), Outcome::Unknown),
        (502, &json!({"error": "authentik starting..."}), Outcome::Unknown),
        (200, &starting, Outcome::NotApplied),
    ] {
        let error = json(Method::POST, status, body);
        assert_eq!(
            (class(&error).as_str(), error.outcome()),
            ("unreachable Status", outcome),
            "{status} {body}"
        );
        assert_eq!(json(Method::GET, status, body).outcome(), Outcome::NotApplied);
    }
    let headers = [("content-type", "text/plain"), ("retry-after", "5")];
    let plain = error(Method::PATCH, 503, &headers, "authentik starting");
    assert_eq!((plain.outcome(), plain.retry_after()), (Outcome::NotApplied, Some(Duration::from_secs(5))));
    // Some versions send JSON without a content type, so that Go's guess stands.
    let guessed = [("content-type", "text/plain; charset=utf-8")];
    assert_eq!(error(Method::POST, 502, &guessed, &dial.to_string()).outcome(), Outcome::NotApplied);
    for status in [502, 503, 504, 500, 408] {
        assert_eq!(html(Method::DELETE, status).outcome(), Outcome::Unknown, "{status}");
        assert_eq!(class(&html(Method::DELETE, status)), "unreachable Status", "{status}");
    }
    assert_eq!(error(Method::PUT, 405, &[("content-type", "text/html")], "").outcome(), Outcome::Unknown);
}

#[test]
fn a_proxys_pages_are_not_taken_for_authentiks_words() {
    for status in [400, 403, 405, 200, 201] {
        assert_eq!(class(&html(Method::PATCH, status)), "unreachable Foreign", "{status}");
        assert_eq!(html(Method::PATCH, status).outcome(), Outcome::Unknown, "{status}");
    }
    assert_eq!(class(&html(Method::GET, 404)), "wrong_path");
    // A gateway without a route for the host may well speak JSON.
    assert_eq!(class(&json(Method::DELETE, 404, &json!({"message": "no Route matched"}))), "wrong_path");
    assert_eq!(class(&json(Method::GET, 403, &json!({"message": "blocked"}))), "unreachable Foreign");
    assert_eq!(class(&html(Method::GET, 401)), "unauthorized");
    let header = [("content-type", "application/json")];
    assert_eq!(class(&error(Method::GET, 404, &header, "{\"detail\": \"cut")), "wrong_path");
    assert_eq!(class(&error(Method::POST, 400, &header, "{\"slug\": [\"cut")), "rejected");
    assert_eq!(class(&error(Method::GET, 502, &[], "")), "unreachable Status");
}

#[test]
fn limits_and_oddities() {
    let limited = error(Method::POST, 429, &[("retry-after", "7")], "");
    assert_eq!((limited.class(), limited.outcome()), ("limited", Outcome::NotApplied));
    assert_eq!(
        limited.to_string(),
        "POST /flows/instances/x/: too many requests, to be tried again after 7 s"
    );
    assert_eq!(limited.retry_after(), Some(Duration::from_secs(7)));
    let teapot = error(Method::POST, 418, &[("content-type", "text/plain")], "short\nand stout");
    assert_eq!(teapot.to_string(), "POST /flows/instances/x/: unexpected answer 418: short and stout");
    assert_eq!((teapot.class(), teapot.outcome()), ("unexpected", Outcome::Unknown));
    assert_eq!(class(&html(Method::POST, 413)), "unexpected");
}

#[test]
fn a_redirect_names_scheme_and_host_and_nothing_else() {
    for (location, target) in [
        ("https://authentik.test/api/v3/?ticket=1", "https://authentik.test"),
        ("https://sso.test:8443/start?rd=x", "https://sso.test:8443"),
        ("/if/flow/login/?next=/", "http://authentik.test"),
        ("https://s3cret-token.test/", "https://[token].test"),
        ("http://[broken", "nowhere"),
    ] {
        let error = error(Method::GET, 302, &[("location", location)], "");
        let expected = format!("a redirect (302) to {target}: check scheme and path of the URL");
        let text = error.to_string();
        assert_eq!(text.split_once("usable answer: ").map(|(_, cause)| cause), Some(expected.as_str()));
    }
    assert_eq!(error(Method::POST, 308, &[], "").outcome(), Outcome::NotApplied);
    assert_eq!(error(Method::POST, 303, &[], "").outcome(), Outcome::Unknown);
}

#[test]
fn the_token_is_hidden_wherever_a_server_repeats_it() {
    let echo = format!("you sent Bearer {TOKEN}");
    for (status, body) in [
        (400, json!({"field": [&echo]})),
        (400, json!({&echo: ["bad"]})),
        (401, json!({"detail": &echo})),
        (403, json!({"detail": &echo})),
        (404, json!({"detail": &echo})),
        (418, json!({"echo": &echo})),
        (502, json!({"error": &echo})),
        (503, json!([&echo])),
    ] {
        let error = json(Method::POST, status, &body);
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("[token]") && !shown.contains(TOKEN), "{shown}");
    }
    for content_type in ["text/plain", TOKEN] {
        let error = error(Method::POST, 500, &[("content-type", content_type)], &echo);
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("[token]") && !shown.contains(TOKEN), "{shown}");
    }
}
