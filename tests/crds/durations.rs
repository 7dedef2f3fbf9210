//! The durations that the API server accepts are those that authentik reads.

use serde_json::json;

use crate::case::{STAGE, accepted, judge, refused};

/// As authentik was recorded to take and refuse them (`validate-patch-threshold-*`), and more of the kind.
#[tokio::test]
async fn durations_are_what_authentik_reads() {
    const SHAPE: &[&str] = &["spec.lastAuthThreshold", "pairs of a unit and a number", "such as hours=12"];
    const UNIT: &[&str] = &["spec.lastAuthThreshold", "needs a unit that authentik knows"];
    const LONG: &[&str] = &["spec.lastAuthThreshold", "more than 999999999 days", "take a shorter one"];
    const BLANKS: &[&str] = &["spec.lastAuthThreshold", "remove blanks"];
    let mut cases = Vec::new();
    for text in [
        "hours=1",
        "days=0;hours=2",
        "hours=1;minutes=30;seconds=5",
        "HOURS=1",
        "hours= 1",
        "seconds=0",
        "seconds=-5",
        "hours=1.5",
        "microseconds=5",
        "milliseconds=5",
        "weeks=2",
        "months=1;hours=2",
        "months=garbage;hours=2",
        "hours=1;hours=2",
        "days=1e99;DAYS=1",
        "days=999999999",
        "days=999999999;hours=23",
        "days=-999999999",
        "weeks=142857142",
        "hours=23999999999",
        "minutes=1439999999999",
        "seconds=86399999999999",
        "milliseconds=86399999999999000",
        "microseconds=86399999999999000000",
        "weeks=1e9;days=-7e9",
        "hours=+1",
        "hours=.5",
        "hours=5.",
        "hours=1e3",
        "hours=1E-3",
        "hours=1_000",
        "hours=1e0009",
        "microseconds=1e1_0",
        "=5;hours=1",
    ] {
        cases.push(accepted(STAGE, json!({"lastAuthThreshold": text})));
    }
    for (text, words) in [
        ("hours=1;", SHAPE),
        (";hours=1", SHAPE),
        ("hours=1;;hours=1", SHAPE),
        ("hours = 1", UNIT),
        ("months=1", UNIT),
        ("=5", UNIT),
        ("hour=1", UNIT),
        ("0", SHAPE),
        ("garbage", SHAPE),
        ("1h", SHAPE),
        ("hours=", SHAPE),
        ("hours=abc", SHAPE),
        ("hours=1 2", SHAPE),
        ("hours=1,minutes=2", SHAPE),
        ("hours=1 minutes=2", SHAPE),
        ("hours=nan", SHAPE),
        ("hours=inf", SHAPE),
        ("hours=-Infinity", SHAPE),
        ("hours=1e400", SHAPE),
        ("hours=0x10", SHAPE),
        ("hours=1__0", SHAPE),
        ("hours=1_", SHAPE),
        ("hours=1e1_", SHAPE),
        ("hours=1=2", SHAPE),
        ("Hours=x;minutes=1", SHAPE),
        ("days=9999999999", LONG),
        ("days=1000000000", LONG),
        ("days=-1000000000", LONG),
        ("days=999999999;hours=24", LONG),
        ("weeks=142857143", LONG),
        ("hours=24000000000", LONG),
        ("MINUTES=1440000000000", LONG),
        ("seconds=86400000000000", LONG),
        ("milliseconds=86400000000000000", LONG),
        ("microseconds=86400000000000000000", LONG),
        ("hours=1e99", LONG),
        ("days=1;Days=1e99", LONG),
        ("days=-999999999;seconds=-1", LONG),
        (" hours=1", BLANKS),
        ("hours=3  ", BLANKS),
    ] {
        cases.push(refused(STAGE, json!({"lastAuthThreshold": text}), words));
    }
    cases.push(refused(
        STAGE,
        json!({"lastAuthThreshold": ""}),
        &["spec.lastAuthThreshold", "at least 1 char"],
    ));
    cases.push(refused(STAGE, json!({"lastAuthThreshold": 5}), &["spec.lastAuthThreshold", "string"]));
    let long = |zeros: usize| json!({"lastAuthThreshold": format!("hours={}", "0".repeat(zeros))});
    cases.push(accepted(STAGE, long(122)));
    cases.push(refused(STAGE, long(123), &["spec.lastAuthThreshold", "Too long", "128"]));
    judge(cases).await;
}
