//! Requests of one moment, as the recordings `concurrency` and `delete-races` sum them up.

use std::time::Duration;

use authentik_simulator::authentik::{Authentik, Version};
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{TOKEN, ask, created, flow, get};

const ROUNDS: usize = 25;

/// With a gap that is long beside what a busy machine takes to turn from one request to the next: else all gaps of one
/// round end in the same turn, and in the same order in each round.
fn authentik() -> Authentik {
    Authentik::new(Version::default(), TOKEN).with_write_gap(Duration::from_millis(20))
}

/// A masked server error: 405 without a body.
fn is_masked(status: StatusCode, body: &Value) -> bool {
    status == StatusCode::METHOD_NOT_ALLOWED && body.is_null()
}

/// Three requests at once: how many were answered 201, with errors of fields, with a masked error.
async fn three_posts(authentik: &Authentik, path: &str, body: &Value) -> (usize, usize, usize) {
    let post = || ask(authentik, "POST", path, body.clone());
    let (a, b, c) = tokio::join!(post(), post(), post());
    let mut counts = (0, 0, 0);
    for (status, answer) in [a, b, c] {
        match status {
            StatusCode::CREATED => counts.0 += 1,
            StatusCode::BAD_REQUEST => counts.1 += 1,
            _ if is_masked(status, &answer) => counts.2 += 1,
            _ => panic!("{path}: {status} {answer}"),
        }
    }
    counts
}

#[tokio::test]
async fn of_three_posts_with_one_key_one_wins_and_the_others_may_be_masked_errors() {
    let authentik = authentik();
    let target = flow(&authentik, "race-target").await;
    let stage = created(&authentik, "/stages/dummy/", json!({"name": "race-stage"})).await;
    let mut masked = 0;
    for round in 0..ROUNDS {
        let slug = format!("race-{round}");
        let cases = [
            (
                "/flows/instances/",
                json!({"name": slug, "slug": slug, "title": "t", "designation": "recovery"}),
            ),
            ("/flows/bindings/", json!({"target": target, "stage": stage, "order": round})),
            ("/stages/authenticator/validate/", json!({"name": slug})),
        ];
        for (path, body) in cases {
            let (won, refused, broken) = three_posts(&authentik, path, &body).await;
            assert_eq!((won, refused + broken), (1, 2), "{path}");
            masked += broken;
        }
    }
    assert!(masked > 0, "no loser was a masked error in {ROUNDS} rounds");
}

#[tokio::test]
async fn patches_of_different_fields_at_once_lose_updates() {
    let authentik = authentik();
    let mut lost = 0;
    for round in 0..ROUNDS {
        let slug = format!("lost-{round}");
        flow(&authentik, &slug).await;
        let path = format!("/flows/instances/{slug}/");
        let changes = [
            json!({"title": "new"}),
            json!({"layout": "content_left"}),
            json!({"denied_action": "continue"}),
        ];
        let [a, b, c] = changes.clone();
        let patch = |body| ask(&authentik, "PATCH", &path, body);
        let (a, b, c) = tokio::join!(patch(a), patch(b), patch(c));
        assert!([a, b, c].iter().all(|(status, _)| *status == StatusCode::OK));
        let (_, stored) = get(&authentik, &path).await;
        let kept = changes.iter().filter(|change| {
            change.as_object().into_iter().flatten().all(|(field, value)| stored[field] == *value)
        });
        lost += usize::from(kept.count() < 3);
    }
    assert!(lost > ROUNDS / 2, "updates were lost in {lost} of {ROUNDS} rounds only");
}

#[tokio::test]
async fn a_patch_can_bring_a_deleted_flow_back_without_its_bindings() {
    let authentik = authentik();
    let stage = created(&authentik, "/stages/dummy/", json!({"name": "resurrection"})).await;
    let mut back = 0;
    for round in 0..ROUNDS {
        let slug = format!("back-{round}");
        let pk = flow(&authentik, &slug).await;
        let binding =
            created(&authentik, "/flows/bindings/", json!({"target": pk, "stage": stage, "order": 0})).await;
        let path = format!("/flows/instances/{slug}/");
        let (patched, deleted) = tokio::join!(
            ask(&authentik, "PATCH", &path, json!({"title": "again"})),
            ask(&authentik, "DELETE", &path, Value::Null)
        );
        assert_eq!((patched.0, deleted.0), (StatusCode::OK, StatusCode::NO_CONTENT));
        let (status, flow) = get(&authentik, &path).await;
        if status == StatusCode::OK {
            back += 1;
            assert_eq!(
                (&flow["pk"], &flow["title"], &flow["stages"]),
                (&json!(pk), &json!("again"), &json!([]))
            );
        }
        let (status, _) = get(&authentik, &format!("/flows/bindings/{binding}/")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "the binding went with the flow");
    }
    assert!((1..ROUNDS).contains(&back), "the flow came back in {back} of {ROUNDS} rounds");
}

#[tokio::test]
async fn deletes_at_once_all_succeed() {
    let authentik = authentik();
    flow(&authentik, "thrice").await;
    let delete = || ask(&authentik, "DELETE", "/flows/instances/thrice/", Value::Null);
    let (a, b, c) = tokio::join!(delete(), delete(), delete());
    assert_eq!([a.0, b.0, c.0], [StatusCode::NO_CONTENT; 3]);
}

#[tokio::test]
async fn a_binding_never_outlives_its_flow_when_both_are_written_at_once() {
    let authentik = authentik();
    let stage = created(&authentik, "/stages/dummy/", json!({"name": "orphan"})).await;
    let (mut flows_left, mut both_done) = (0, 0);
    for round in 0..ROUNDS {
        let slug = format!("orphan-{round}");
        let pk = flow(&authentik, &slug).await;
        let path = format!("/flows/instances/{slug}/");
        let (deleted, posted) = tokio::join!(
            ask(&authentik, "DELETE", &path, Value::Null),
            ask(&authentik, "POST", "/flows/bindings/", json!({"target": pk, "stage": stage, "order": 0}))
        );
        let gone = deleted.0 == StatusCode::NO_CONTENT;
        assert!(gone || is_masked(deleted.0, &deleted.1), "DELETE: {deleted:?}");
        let bound = posted.0 == StatusCode::CREATED;
        assert!(bound || is_masked(posted.0, &posted.1), "POST: {posted:?}");
        both_done += usize::from(gone && bound);
        let (status, _) = get(&authentik, &path).await;
        assert_eq!(status == StatusCode::NOT_FOUND, gone);
        flows_left += usize::from(!gone);
    }
    assert_eq!(both_done, 0, "a binding to a flow that is gone was kept");
    assert!(flows_left > 0, "no deletion was refused for a new binding in {ROUNDS} rounds");
}
