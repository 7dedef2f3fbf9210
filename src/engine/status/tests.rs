use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::{
    Facts, MESSAGE, READY, RECONCILING, STALLED, Verdict, compose, condition, is_ready, is_settled, reason,
};
use crate::engine::fixtures::Draft;
use crate::engine::resource::Resource;
use crate::engine::retry::Retry;
use crate::kinds::{Creating, Drift, Origin, Progress, Reason, Status};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn drift() -> Vec<Drift> {
    vec![Drift { field: "title".to_owned(), declared: "a".to_owned(), actual: "b".to_owned() }]
}

/// The resource `a` of this generation, with what was said of it before.
fn flow(generation: i64, status: &Status) -> Resource {
    let status = serde_json::to_value(status).expect("a status is JSON");
    Draft::flow("a").meta("generation", generation).status(status).read()
}

fn said(verdict: &Verdict, second: i64, before: &Status) -> Status {
    compose(before, 1, &Facts::default(), verdict, at(second))
}

/// Types and values of the conditions, in their order.
fn conditions(status: &Status) -> Vec<(&str, &str)> {
    status.conditions.iter().map(|it| (it.type_.as_str(), it.status.as_str())).collect()
}

/// When each condition came about, in seconds.
fn times(status: &Status) -> Vec<(&str, i64)> {
    let since = |time: Timestamp| time.as_second() - at(0).as_second();
    status.conditions.iter().map(|it| (it.type_.as_str(), since(it.last_transition_time.0))).collect()
}

#[test]
fn each_reason_has_its_conditions() {
    use Reason::*;
    let reconciling = Some(RECONCILING);
    let stalled = Some(STALLED);
    let table = [
        (InSync, Vec::new(), "True", None),
        (Observed, Vec::new(), "True", None),
        (Observed, drift(), "False", stalled),
        (Progressing, Vec::new(), "Unknown", reconciling),
        (ReferenceNotFound, Vec::new(), "False", reconciling),
        (ReferenceNotReady, Vec::new(), "False", reconciling),
        (Unreachable, Vec::new(), "False", reconciling),
        (Invalid, drift(), "False", stalled),
        (Forbidden, Vec::new(), "False", stalled),
        (AlreadyExists, drift(), "False", stalled),
        (Conflict, Vec::new(), "False", stalled),
        (NotApplied, Vec::new(), "False", stalled),
        (Unsupported, Vec::new(), "False", stalled),
        (Contested, Vec::new(), "False", stalled),
        (InUse, Vec::new(), "False", stalled),
        (Deleting, Vec::new(), "False", reconciling),
    ];
    for known in Reason::ALL {
        assert!(table.iter().any(|(reason, ..)| *reason == known), "{known} has a row");
    }
    for (reason, drift, ready, also) in table {
        let verdict = Verdict::new(reason, "because").drift(drift.clone());
        let status = said(&verdict, 0, &Status::default());
        let mut expected = vec![(READY, ready)];
        expected.extend(also.map(|also| (also, "True")));
        assert_eq!(conditions(&status), expected, "{reason}");
        for condition in &status.conditions {
            assert_eq!((condition.reason.as_str(), condition.message.as_str()), (reason.as_str(), "because"));
        }
        assert_eq!(status.drift, drift);
    }
}

#[test]
fn a_condition_keeps_the_time_at_which_it_came_about() {
    let mut status = Status::default();
    for (second, reason, drift, expected) in [
        (1, Reason::Progressing, Vec::new(), vec![(READY, 1), (RECONCILING, 1)]),
        (2, Reason::Unreachable, Vec::new(), vec![(READY, 2), (RECONCILING, 1)]),
        (3, Reason::ReferenceNotFound, Vec::new(), vec![(READY, 2), (RECONCILING, 1)]),
        (4, Reason::Invalid, Vec::new(), vec![(READY, 2), (STALLED, 4)]),
        (5, Reason::Conflict, Vec::new(), vec![(READY, 2), (STALLED, 4)]),
        (6, Reason::InSync, Vec::new(), vec![(READY, 6)]),
        (7, Reason::Observed, Vec::new(), vec![(READY, 6)]),
        (8, Reason::Observed, drift(), vec![(READY, 8), (STALLED, 8)]),
        (9, Reason::Deleting, Vec::new(), vec![(READY, 8), (RECONCILING, 9)]),
    ] {
        status = said(&Verdict::new(reason, "because").drift(drift), second, &status);
        assert_eq!(times(&status), expected, "{reason}");
    }
}

#[test]
fn saying_the_same_again_says_nothing_new() {
    let verdict = Verdict::new(Reason::Observed, "differs").drift(drift());
    let status = said(&verdict, 1, &Status::default());
    assert_eq!(said(&verdict, 2, &status), status);
    let other = Verdict::new(Reason::Observed, "differs otherwise").drift(drift());
    assert_ne!(said(&other, 2, &status), status);
}

#[test]
fn the_generation_is_said_with_each_condition_and_once_more() {
    let verdict = Verdict::new(Reason::Invalid, "because");
    let status = compose(&Status::default(), 7, &Facts::default(), &verdict, at(0));
    assert_eq!(status.observed_generation, Some(7));
    assert!(status.conditions.iter().all(|it| it.observed_generation == Some(7)), "{status:?}");
    assert_eq!(status.conditions.len(), 2);
}

#[test]
fn long_messages_are_cut_between_characters() {
    let message = |text: &str| said(&Verdict::new(Reason::Invalid, text), 0, &Status::default());
    for (text, kept) in [
        ("ü".repeat(MESSAGE), "ü".repeat(MESSAGE)),
        ("ü".repeat(MESSAGE + 1), format!("{}…", "ü".repeat(MESSAGE))),
    ] {
        assert!(message(&text).conditions.iter().all(|it| it.message == kept));
    }
}

#[test]
fn what_is_known_of_the_object_is_said_and_nothing_that_was_known_before() {
    let facts = Facts {
        pk: Some("u-1".to_owned()),
        slug: Some("a".to_owned()),
        origin: Some(Origin::Adopted),
        creating: Some(Creating {
            key: [("slug".to_owned(), "a".to_owned())].into(),
            fields: vec!["slug".to_owned()],
            body_hash: "hash".to_owned(),
            id: "id".to_owned(),
        }),
        last_handled_reconcile_at: Some("now".to_owned()),
    };
    let verdict = Verdict::new(Reason::InSync, "because");
    let status = compose(&Status::default(), 1, &facts, &verdict, at(0));
    assert_eq!(Facts::of(&status), facts);
    assert_eq!(Facts::of(&said(&verdict, 0, &status)), Facts::default());
}

#[test]
fn a_resource_is_ready_only_for_what_it_declares_now() {
    let in_sync = said(&Verdict::new(Reason::InSync, "because"), 0, &Status::default());
    assert!(is_ready(&flow(1, &in_sync)));
    assert!(!is_ready(&flow(2, &in_sync)));
    assert!(!is_ready(&flow(1, &Status::default())));
    let invalid = said(&Verdict::new(Reason::Invalid, "because"), 0, &Status::default());
    assert!(!is_ready(&flow(1, &invalid)));
    assert_eq!((reason(&in_sync), reason(&invalid)), (Some("InSync"), Some("Invalid")));
    assert_eq!(reason(&Status::default()), None);
    assert!(condition(&in_sync, STALLED).is_none() && condition(&invalid, STALLED).is_some());
}

#[test]
fn a_resource_is_settled_when_it_is_ready_or_stalled() {
    assert!(!is_settled(&flow(1, &Status::default())));
    for reason in Reason::ALL {
        let status = said(&Verdict::new(reason, "because"), 0, &Status::default());
        let under_way = reason.progress() == Some(Progress::Reconciling);
        assert_eq!(is_settled(&flow(1, &status)), !under_way, "{reason}");
        assert!(!is_settled(&flow(2, &status)), "{reason}");
    }
}

#[test]
fn a_verdict_stands_until_something_changes_unless_it_says_otherwise() {
    let verdict = Verdict::new(Reason::Invalid, "because");
    assert_eq!(verdict.retry, Retry::WhenWoken);
    assert_eq!(verdict.retry(Retry::Slowly).retry, Retry::Slowly);
}

#[test]
fn what_the_operator_writes_it_reads_again() {
    let verdict = Verdict::new(Reason::Observed, "differs").drift(drift());
    let status = said(&verdict, 0, &Status::default());
    let read = Draft::flow("a").status(json!(status)).read().status;
    assert_eq!(read, status);
}
