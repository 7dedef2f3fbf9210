//! Each kind of fault, over real connections, and when they strike.

use std::time::{Duration, Instant};

use authentik_simulator::fault::{Action, Answer, Latency, Moment, Point, Spoilt};
use authentik_simulator::journal::Outcome;
use authentik_simulator::{Fault, Simulator};
use serde_json::json;

use crate::wire::{Calls, PATIENCE, Wire, answered, ask, echoing, request, write};

/// A simulator with a fault, and how often its service was called.
async fn with(fault: Fault) -> (Simulator, Calls) {
    let (simulator, calls) = echoing().await;
    simulator.inject(fault).expect("a good fault");
    (simulator, calls)
}

fn patch() -> String {
    write("PATCH", "/api/v3/flows/instances/a/", &json!({"title": "new"}))
}

fn last_outcome(simulator: &Simulator) -> (Outcome, Option<u16>, Vec<u64>) {
    let entry = simulator.requests().all().pop().expect("an entry");
    (entry.outcome, entry.status, entry.faults)
}

#[tokio::test]
async fn an_answer_in_place_of_authentiks() {
    let answer = Answer::status(429).header("Retry-After", "7").body("<h1>slow down</h1>");
    let (simulator, calls) = with(Fault::new(answer.header("content-type", "text/html").into())).await;
    let answer = answered(&simulator, patch()).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
    assert_eq!(
        (answer.header("content-type"), answer.body.as_slice()),
        (Some("text/html"), b"<h1>slow down</h1>".as_slice())
    );
    assert_eq!((calls.count(), answer.header("x-of-the-service")), (0, None));
    assert_eq!(last_outcome(&simulator), (Outcome::Answered, Some(429), vec![1]));
}

#[tokio::test]
async fn an_answer_after_the_change_took_hold() {
    let (simulator, calls) =
        with(Fault::new(Answer::status(504).json(json!({"a": 1})).applied().into())).await;
    let answer = answered(&simulator, patch()).await;
    assert_eq!((answer.status, answer.header("content-type")), (504, Some("application/json")));
    assert_eq!((answer.json(), calls.count()), (json!({"a": 1}), 1));
}

#[tokio::test]
async fn the_answers_that_authentik_and_its_front_server_give_in_need() {
    for (action, status, header, body) in [
        (Action::MaskedError, 405, ("content-type", "text/html; charset=utf-8"), ""),
        (Action::Starting, 503, ("retry-after", "5"), r#"{"error":"authentik starting"}"#),
        (
            Action::BadGateway,
            502,
            ("content-type", "application/json"),
            r#"{"error":"failed to connect to authentik backend: dial unix /dev/shm/authentik-core.sock: connect: connection refused"}"#,
        ),
    ] {
        let (simulator, calls) = with(Fault::new(action)).await;
        let answer = answered(&simulator, patch()).await;
        assert_eq!((answer.status, answer.header(header.0)), (status, Some(header.1)));
        assert_eq!((String::from_utf8_lossy(&answer.body).as_ref(), calls.count()), (body, 0));
    }
}

#[tokio::test]
async fn spoilt_bodies() {
    let whole = {
        let (simulator, _) = echoing().await;
        answered(&simulator, patch()).await.body
    };
    let (simulator, calls) = with(Fault::new(Action::Body(Spoilt::Html))).await;
    let html = answered(&simulator, patch()).await;
    assert_eq!(
        (html.status, html.header("content-type"), calls.count()),
        (200, Some("text/html; charset=utf-8"), 0)
    );
    assert!(html.body.starts_with(b"<!DOCTYPE html>"));

    let (simulator, calls) = with(Fault::new(Action::Body(Spoilt::Garbage))).await;
    let garbage = answered(&simulator, patch()).await;
    assert_eq!((garbage.status, garbage.header("x-of-the-service"), calls.count()), (200, Some("yes"), 1));
    assert!(std::str::from_utf8(&garbage.body).is_err());

    let (simulator, calls) = with(Fault::new(Action::Body(Spoilt::Truncated))).await;
    let truncated = answered(&simulator, patch()).await;
    assert_eq!((truncated.status, calls.count()), (200, 1));
    assert_eq!(truncated.body, whole[..whole.len() / 2]);
}

#[tokio::test]
async fn a_cut_before_and_after_the_change_took_hold() {
    for (point, called) in [(Point::Before, 0), (Point::After, 1)] {
        let (simulator, calls) = with(Fault::new(Action::Cut(point)).once()).await;
        let mut wire = Wire::connect(simulator.address()).await;
        wire.send(patch()).await;
        assert!(wire.rest().await.is_empty(), "not one byte");
        assert_eq!(calls.count(), called, "{point:?}");
        assert_eq!(last_outcome(&simulator), (Outcome::Cut, None, vec![1]));
        assert_eq!(answered(&simulator, patch()).await.status, 200);
    }
}

#[tokio::test]
async fn a_cut_in_the_midst_of_the_body() {
    let (simulator, calls) = with(Fault::new(Action::Cut(Point::Body)).once()).await;
    let mut wire = Wire::connect(simulator.address()).await;
    wire.send(patch()).await;
    let came = String::from_utf8(wire.rest().await).expect("ASCII");
    let (head, body) = came.split_once("\r\n\r\n").expect("the whole head");
    let whole = answered(&simulator, patch()).await;
    let length = whole.header("content-length").expect("a length");
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains(&format!("content-length: {length}")),
        "{head}"
    );
    assert_eq!(body.as_bytes(), &whole.body[..whole.body.len() / 2]);
    assert_eq!(calls.count(), 2);
    let entry = &simulator.requests().all()[0];
    assert_eq!((entry.outcome, entry.status), (Outcome::Cut, Some(200)));
}

#[tokio::test]
async fn a_head_cannot_be_cut_in_its_body_and_is_cut_before() {
    let (simulator, calls) = with(Fault::new(Action::Cut(Point::Body))).await;
    let mut wire = Wire::connect(simulator.address()).await;
    wire.send(request("HEAD", "/")).await;
    assert!(wire.rest().await.is_empty());
    assert_eq!(calls.count(), 1);
}

#[tokio::test]
async fn a_request_that_hangs() {
    for (moment, called) in [(Moment::Before, 0), (Moment::After, 1)] {
        let (simulator, calls) = with(Fault::new(Action::Hang(moment)).once()).await;
        let mut wire = Wire::connect(simulator.address()).await;
        wire.send(patch()).await;
        simulator
            .requests()
            .wait_for(|entries| entries.iter().any(|entry| entry.outcome == Outcome::Hung), PATIENCE)
            .await
            .expect("it hangs");
        assert_eq!(calls.count(), called, "{moment:?}");
        // Others are answered meanwhile, and clearing brings no answer.
        simulator.clear_faults();
        assert_eq!(answered(&simulator, patch()).await.status, 200);
        simulator.stop().await;
        assert!(wire.rest().await.is_empty());
    }
}

#[tokio::test]
async fn fields_that_are_not_stored_are_named_to_authentik() {
    let (simulator, _) =
        with(Fault::new(Action::Unstored(vec!["title".into(), "layout".into()])).once()).await;
    assert_eq!(answered(&simulator, patch()).await.json()["unstored"], json!(["title", "layout"]));
    assert_eq!(answered(&simulator, patch()).await.json()["unstored"], json!(null));
}

#[tokio::test]
async fn a_delay_is_before_authentik_and_latency_after() {
    let wait = Duration::from_millis(250);
    let (simulator, calls) = with(Fault::new(Action::DelayMs(250)).once()).await;
    let mut wire = Wire::connect(simulator.address()).await;
    let since = Instant::now();
    wire.send(patch()).await;
    simulator.requests().wait_for(|entries| entries.len() == 1, PATIENCE).await.expect("it arrived");
    let early = (calls.count(), since.elapsed());
    // On a machine that stood still meanwhile this says nothing.
    assert!(early.0 == 0 || early.1 >= wait, "{early:?}");
    assert_eq!(wire.answer().await.expect("an answer").status, 200);
    assert!(since.elapsed() >= wait);
    assert!(simulator.requests().all()[0].duration_ms.expect("a duration") >= 250.0);

    // The change took hold although the client's patience ended before the answer.
    let late = Latency { fixed_ms: 60_000, per_row_ms: 0 };
    let (simulator, calls) = with(Fault::new(Action::Latency(late))).await;
    let mut wire = Wire::connect(simulator.address()).await;
    wire.send(patch()).await;
    tokio::time::timeout(PATIENCE, async {
        while calls.count() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("authentik has it at once");
    assert_eq!(simulator.requests().all()[0].outcome, Outcome::Pending);
}

#[tokio::test]
async fn latency_grows_with_the_rows_and_adds_up() {
    let (simulator, _) = with(Fault::new(Action::Latency(Latency { fixed_ms: 30, per_row_ms: 10 }))).await;
    let path = "/api/v3/flows/bindings/";
    let own = Fault::new(Action::Latency(Latency { fixed_ms: 100, per_row_ms: 0 })).path(path);
    simulator.inject(own).expect("a good fault");
    for (target, expected) in
        [("/?rows=0", 30.0), ("/?rows=12", 150.0), ("/api/v3/flows/bindings/?rows=7", 200.0)]
    {
        answered(&simulator, request("GET", target)).await;
        let took = simulator.requests().all().pop().and_then(|entry| entry.duration_ms).expect("a duration");
        assert!(took >= expected, "{target} took {took} ms");
    }
    let faults: Vec<_> = simulator.requests().all().into_iter().map(|entry| entry.faults).collect();
    assert_eq!(faults, [vec![1], vec![1], vec![1, 2]]);
}

/// Which of so many requests are struck.
async fn struck(simulator: &Simulator, requests: usize) -> Vec<usize> {
    let mut struck = Vec::new();
    for number in 1..=requests {
        if answered(simulator, patch()).await.status == 500 {
            struck.push(number);
        }
    }
    struck
}

fn failing() -> Fault {
    Fault::new(Answer::status(500).into())
}

#[tokio::test]
async fn they_strike_when_they_are_to() {
    for (fault, expected) in [
        (failing(), vec![1, 2, 3, 4, 5]),
        (failing().once(), vec![1]),
        (failing().times(3), vec![1, 2, 3]),
        (failing().nth(4), vec![4]),
        (failing().random(0.0, 1), vec![]),
        (failing().random(1.0, 1), vec![1, 2, 3, 4, 5]),
    ] {
        let (simulator, _) = with(fault.clone()).await;
        assert_eq!(struck(&simulator, 5).await, expected, "{fault:?}");
        let injected = &simulator.faults()[0];
        assert_eq!((injected.matched, injected.fired), (5, expected.len() as u64));
    }
}

#[tokio::test]
async fn chance_is_a_matter_of_the_seed() {
    let (first, _) = with(failing().random(0.3, 42)).await;
    let struck_first = struck(&first, 100).await;
    assert!((15..=45).contains(&struck_first.len()), "about 30 of 100: {struck_first:?}");
    // The same, whatever other requests there are in between.
    let (again, _) = with(failing().method("PATCH").random(0.3, 42)).await;
    let mut struck_again = Vec::new();
    for number in 1..=100 {
        assert_eq!(answered(&again, request("GET", "/")).await.status, 200);
        if answered(&again, patch()).await.status == 500 {
            struck_again.push(number);
        }
    }
    assert_eq!(struck_first, struck_again);
    // Written down, since a seed that a user noted has to keep its meaning.
    assert_eq!(struck_first[..5], [2, 3, 5, 7, 11]);
    let (other, _) = with(failing().random(0.3, 43)).await;
    assert_ne!(struck(&other, 100).await, struck_first);
}

#[tokio::test]
async fn they_choose_by_method_path_and_client() {
    let fault = failing().method("PATCH").method("DELETE").path("/api/v3/flows/instances/*/").client("b");
    let (simulator, _) = with(fault).await;
    let named = |method: &str, path: &str, client: &str| {
        format!("{method} {path} HTTP/1.1\r\nhost: a\r\nx-client: {client}\r\n\r\n")
    };
    for (method, path, client, expected) in [
        ("PATCH", "/api/v3/flows/instances/a/", "b", 500),
        ("DELETE", "/api/v3/flows/instances/a/?x=1", "b", 500),
        ("PUT", "/api/v3/flows/instances/a/", "b", 200),
        ("PATCH", "/api/v3/flows/instances/a/", "a", 200),
        ("PATCH", "/api/v3/flows/instances/", "b", 200),
        ("PATCH", "/api/v3/flows/instances/a/used_by/", "b", 200),
    ] {
        let answer = answered(&simulator, named(method, path, client)).await;
        assert_eq!(answer.status, expected, "{method} {path} of {client}");
    }
}

#[tokio::test]
async fn of_two_that_end_a_request_the_older_strikes_and_the_other_waits() {
    let (simulator, _) = with(failing().once()).await;
    simulator.inject(Fault::new(Action::Cut(Point::Before)).once()).expect("a good fault");
    assert_eq!(answered(&simulator, patch()).await.status, 500);
    assert!(ask(&simulator, patch()).await.is_none());
    assert_eq!(answered(&simulator, patch()).await.status, 200);
    let met: Vec<_> = simulator.faults().into_iter().map(|fault| (fault.matched, fault.fired)).collect();
    assert_eq!(met, [(3, 1), (3, 1)]);
}

#[tokio::test]
async fn cleared_they_are_over() {
    let (simulator, _) = with(failing()).await;
    let second = simulator.inject(failing()).expect("a good fault");
    assert_eq!(second, 2);
    assert!(simulator.clear_fault(1) && !simulator.clear_fault(1));
    assert_eq!(answered(&simulator, patch()).await.status, 500);
    simulator.clear_faults();
    assert_eq!(answered(&simulator, patch()).await.status, 200);
    assert!(simulator.faults().is_empty());
    assert_eq!(simulator.inject(failing()).expect("a good fault"), 3);
}
