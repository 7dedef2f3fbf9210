//! Against the simulator: whole lives of objects, authentik's oddities, and its faults.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use authentik_operator::authentik::{Cause, Client, Error, Outcome, UsedByAction, Version};
use authentik_simulator::Simulator;
use authentik_simulator::authentik::Authentik;
use authentik_simulator::fault::{Action, Answer, Fault, Moment, Point, Spoilt};
use bytes::Bytes;
use http::Request;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::connection;

const FLOWS: &str = "flows/instances";
const BINDINGS: &str = "flows/bindings";

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Flow {
    pk: String,
    slug: String,
    title: String,
}

#[derive(Debug, Deserialize)]
struct Binding {
    pk: String,
    target: String,
    order: i64,
}

async fn simulator(version: &str) -> Simulator {
    Simulator::builder().version(version).token(crate::TOKEN).start().await.expect("a simulator")
}

fn client(simulator: &Simulator) -> Client {
    crate::client(&simulator.url())
}

/// A client that soon gives up, for what never answers.
fn hasty(simulator: &Simulator) -> Client {
    let mut settings = connection(&simulator.url());
    settings.request_timeout = Duration::from_millis(300);
    Client::new(settings).expect("good settings")
}

fn flow(slug: &str) -> Value {
    json!({"name": slug, "slug": slug, "title": "before", "designation": "authentication"})
}

#[tokio::test]
async fn an_objects_life_in_two_versions() {
    for version in ["2025.10", "2026.2"] {
        let simulator = simulator(version).await;
        let client = client(&simulator);
        let played: Version = simulator.version().parse().expect("a version");
        assert_eq!(client.version().await.expect("a version"), played);
        let me = client.me().await.expect("a user");
        assert_eq!((me.username.as_str(), me.is_superuser), ("akadmin", true));

        let made: Flow = client.create(FLOWS, &flow("mine")).await.expect("made");
        assert_eq!(client.get::<Flow>(FLOWS, "mine").await.expect("read"), made);
        let error = client.create::<Flow>(FLOWS, &flow("mine")).await.expect_err("a duplicate");
        assert!(error.to_string().ends_with("refused: slug: Flow with this slug already exists."), "{error}");
        let changed: Flow = client.patch(FLOWS, "mine", &json!({"title": "after"})).await.expect("changed");
        assert_eq!(changed, Flow { title: "after".to_owned(), ..made.clone() });
        let mut whole = flow("mine");
        whole["slug"] = json!("renamed");
        let renamed: Flow = client.replace(FLOWS, "mine", &whole).await.expect("replaced");
        assert_eq!((renamed.pk.as_str(), renamed.slug.as_str()), (made.pk.as_str(), "renamed"));
        let query = [("flow_uuid", made.pk.as_str())];
        let found = client.find::<Flow>(FLOWS, &query, |flow| flow.pk == made.pk).await.expect("found");
        assert_eq!(found, [renamed]);

        let stages =
            client.find::<Value>("stages/all", &[("name", "default-authentication-login")], |_| true);
        let stage = stages.await.expect("stages")[0]["pk"].clone();
        let body = json!({"target": made.pk, "stage": stage, "order": 5});
        let binding: Binding = client.create(BINDINGS, &body).await.expect("bound");
        let users = client.used_by(FLOWS, "renamed").await.expect("users");
        let bound = users.iter().find(|user| user.pk == binding.pk).expect("the binding");
        assert_eq!((bound.model_name.as_str(), &bound.action), ("flowstagebinding", &UsedByAction::Cascade));

        client.delete(FLOWS, "renamed").await.expect("deleted");
        for error in [
            client.delete(FLOWS, "renamed").await.expect_err("gone"),
            client.get::<Flow>(FLOWS, "renamed").await.expect_err("gone"),
            client.get::<Binding>(BINDINGS, &binding.pk).await.expect_err("gone along"),
        ] {
            assert!(matches!(error, Error::NotFound { .. }), "{error}");
        }
    }
}

#[tokio::test]
async fn lists_are_whole_whatever_the_versions_page_size() {
    for version in ["2025.10", "2026.2"] {
        let simulator = simulator(version).await;
        let client = client(&simulator);
        for number in 0..130 {
            let _: Flow = client.create(FLOWS, &flow(&format!("f-{number:03}"))).await.expect("made");
        }
        simulator.requests().clear();
        let flows: Vec<Flow> = client.list(FLOWS, &[], "slug").await.expect("flows");
        assert_eq!(flows.len(), 144);
        assert!(flows.is_sorted_by(|left, right| left.slug < right.slug));
        assert_eq!(flows.iter().map(|flow| &flow.pk).collect::<BTreeSet<_>>().len(), 144);
        assert_eq!(simulator.requests().all().len(), 2);
        let bindings: Vec<Binding> = client.list(BINDINGS, &[], "pk").await.expect("bindings");
        assert_eq!(bindings.len(), 20);
        assert!(
            bindings
                .iter()
                .all(|binding| flows.iter().any(|flow| flow.pk == binding.target) && binding.order >= 0)
        );
    }
}

#[tokio::test]
async fn a_deletion_between_two_pages_loses_nothing() {
    let authentik = Authentik::new("2026.2".parse().expect("a version"), crate::TOKEN);
    let lists = Arc::new(AtomicUsize::new(0));
    let (behind, counted) = (authentik.clone(), lists.clone());
    // Somebody else deletes a flow of the first page when the second page is asked for.
    let service = move |request: Request<Bytes>| {
        let (authentik, lists) = (behind.clone(), counted.clone());
        async move {
            let second = request.uri().query().is_some() && lists.fetch_add(1, Ordering::SeqCst) == 1;
            if second {
                let deletion = Request::delete("/api/v3/flows/instances/f-000/")
                    .header("authorization", format!("Bearer {}", crate::TOKEN))
                    .body(Bytes::new())
                    .expect("a request");
                assert_eq!(authentik.handle(deletion).await.status(), 204);
            }
            authentik.handle(request).await
        }
    };
    let simulator = Simulator::builder().service(service).start().await.expect("a simulator");
    let client = client(&simulator);
    for number in 0..100 {
        let _: Flow = client.create(FLOWS, &flow(&format!("f-{number:03}"))).await.expect("made");
    }
    let listed: BTreeSet<Flow> = client.list(FLOWS, &[], "slug").await.expect("flows").into_iter().collect();
    assert_eq!(lists.load(Ordering::SeqCst), 4, "two pages, twice");
    let now: BTreeSet<Flow> = client.list(FLOWS, &[], "slug").await.expect("flows").into_iter().collect();
    assert_eq!((listed.len(), listed == now), (113, true));
}

#[tokio::test]
async fn tokens_and_permissions_are_told_apart() {
    let simulator = simulator("2026.2").await;
    let admin = client(&simulator);
    let with = |token: &str| {
        let mut settings = connection(&simulator.url());
        settings.token = authentik_operator::authentik::TokenSource::Value(token.to_owned().into());
        Client::new(settings).expect("good settings")
    };
    let error = with("unknown").me().await.expect_err("unknown");
    assert!(
        matches!(&error, Error::Unauthorized { detail, .. } if detail == "Token invalid/expired"),
        "{error}"
    );

    let account = json!({"name": "op", "create_group": false, "expiring": false});
    let made: Value = admin.create("core/users/service_account", &account).await.expect("an account");
    let password = made["token"].as_str().expect("an app password");
    assert!(matches!(with(password).me().await, Err(Error::Unauthorized { .. })));
    let token = json!({"identifier": "op-api", "intent": "api", "user": made["user_pk"], "expiring": false});
    let _: Value = admin.create("core/tokens", &token).await.expect("a token");
    let key: Value = admin.get("core/tokens/op-api", "view_key").await.expect("a key");
    let operator = with(key["key"].as_str().expect("a key"));
    let me = operator.me().await.expect("any token may ask");
    assert_eq!((me.username.as_str(), me.is_superuser), ("op", false));
    operator.version().await.expect("any token may ask");
    for error in [
        operator.list::<Flow>(FLOWS, &[], "slug").await.expect_err("no permission"),
        operator.create::<Flow>(FLOWS, &flow("x")).await.expect_err("no permission"),
        operator.delete(FLOWS, "default-authentication-flow").await.expect_err("no permission"),
    ] {
        assert!(
            matches!(error, Error::Forbidden { .. }) && error.outcome() == Outcome::NotApplied,
            "{error}"
        );
    }
}

#[tokio::test]
async fn refusals_name_their_fields() {
    let simulator = simulator("2026.2").await;
    let client = client(&simulator);
    let stage = json!({"name": "x", "device_classes": ["totp", "bogus"]});
    let refused = client.create::<Value>("stages/authenticator/validate", &stage).await.expect_err("bogus");
    let text =
        "POST /stages/authenticator/validate/: refused: device_classes.1: \"bogus\" is not a valid choice.";
    assert_eq!(refused.to_string(), text);
    let unknown = ("target", "00000000-0000-4000-8000-000000000000");
    let refused = client.find::<Binding>(BINDINGS, &[unknown], |_| true).await.expect_err("unknown");
    assert!(matches!(refused, Error::Rejected { .. }), "{refused}");
    let error = client.create::<Value>("stages/all", &json!({})).await.expect_err("read-only");
    assert!(matches!(error, Error::MethodNotAllowed { .. }), "{error}");
    let error = client.get::<Value>("no/such", "endpoint").await.expect_err("no such endpoint");
    assert!(matches!(error, Error::WrongPath { .. }), "{error}");
    let error = client.create::<Value>("no/such", &json!({})).await.expect_err("no such endpoint");
    assert!(
        matches!(error, Error::Unreachable { cause: Cause::Masked, outcome: Outcome::Unknown, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn the_base_path_is_part_of_the_url() {
    let builder = Simulator::builder().token(crate::TOKEN).base_path("/auth");
    let simulator = builder.start().await.expect("a simulator");
    assert!(simulator.url().ends_with("/auth"));
    for suffix in ["", "/", "/api/v3/"] {
        crate::client(&format!("{}{suffix}", simulator.url())).me().await.expect("a user");
    }
    let error = crate::client(&simulator.url().replace("/auth", "")).me().await.expect_err("the wrong path");
    assert!(matches!(error, Error::WrongPath { .. }), "{error}");
}

#[tokio::test]
async fn an_outage_ends_by_itself_for_the_same_client() {
    let simulator = simulator("2026.2").await;
    let client = client(&simulator);
    let _: Flow = client.create(FLOWS, &flow("mine")).await.expect("made");
    simulator.stop().await;
    let error = client.patch::<Flow>(FLOWS, "mine", &json!({"title": "x"})).await.expect_err("an outage");
    assert!(
        matches!(error, Error::Unreachable { cause: Cause::Connect(_), outcome: Outcome::NotApplied, .. }),
        "{error}"
    );
    simulator.start().await.expect("started");
    assert_eq!(client.get::<Flow>(FLOWS, "mine").await.expect("read").title, "before");
}

/// The faults that a write can meet, each with its cause as `Debug` begins it.
fn faults() -> Vec<(Action, &'static str)> {
    let html = |status| Answer::status(status).header("content-type", "text/html").body("<html>");
    vec![
        (Action::MaskedError, "Masked"),
        (Action::Starting, "Status"),
        (Action::BadGateway, "Status"),
        (html(500).into(), "Status"),
        (html(504).applied().into(), "Status"),
        (html(403).into(), "Foreign"),
        (Answer::status(301).header("location", "https://elsewhere.test/").into(), "Redirect"),
        (Action::Body(Spoilt::Html), "Foreign"),
        (Action::Body(Spoilt::Garbage), "Garbage"),
        (Action::Body(Spoilt::Truncated), "Garbage"),
        (Action::Cut(Point::Before), "Cut"),
        (Action::Cut(Point::After), "Cut"),
        (Action::Cut(Point::Body), "Cut"),
        (Action::Hang(Moment::Before), "Timeout"),
        (Action::Hang(Moment::After), "Timeout"),
    ]
}

#[tokio::test]
async fn no_fault_hides_whether_a_write_may_have_taken_hold() {
    let simulator = simulator("2026.2").await;
    let hasty = hasty(&simulator);
    let client = client(&simulator);
    for (number, (action, expected)) in faults().into_iter().enumerate() {
        let slug = format!("f-{number}");
        let _: Flow = client.create(FLOWS, &flow(&slug)).await.expect("made");
        let shown = format!("{action:?}");
        simulator.requests().clear();
        let id = simulator.inject(Fault::new(action).method("PATCH")).expect("a fault");
        let writer = if expected == "Timeout" { &hasty } else { &client };
        let changed = writer.patch::<Flow>(FLOWS, &slug, &json!({"title": "after"})).await;
        simulator.clear_fault(id);
        let error = changed.expect_err(&shown);
        let Error::Unreachable { cause, outcome, .. } = &error else { panic!("{shown}: {error}") };
        assert!(format!("{cause:?}").starts_with(expected), "{shown}: {cause:?}");
        assert_eq!(simulator.requests().all().len(), 1, "{shown}: a write is sent once");
        // What the client promises must be so; what it leaves open may be either.
        let title = client.get::<Flow>(FLOWS, &slug).await.expect("read").title;
        assert!(
            *outcome == Outcome::Unknown || title == "before",
            "{shown}: {error} ({outcome:?}), but {title}"
        );
    }
}

#[tokio::test]
async fn readings_are_never_in_doubt_and_succeed_once_the_fault_is_over() {
    let simulator = simulator("2026.2").await;
    let hasty = hasty(&simulator);
    let client = client(&simulator);
    for (action, expected) in faults() {
        let shown = format!("{action:?}");
        let id = simulator.inject(Fault::new(action).method("GET")).expect("a fault");
        let reader = if expected == "Timeout" { &hasty } else { &client };
        for error in [
            reader.list::<Flow>(FLOWS, &[], "slug").await.expect_err(&shown),
            reader.get::<Flow>(FLOWS, "default-authentication-flow").await.expect_err(&shown),
            reader.used_by(FLOWS, "default-authentication-flow").await.expect_err(&shown),
        ] {
            let Error::Unreachable { cause, outcome, .. } = &error else { panic!("{shown}: {error}") };
            assert!(format!("{cause:?}").starts_with(expected), "{shown}: {cause:?}");
            assert_eq!(*outcome, Outcome::NotApplied, "{shown}");
        }
        simulator.clear_fault(id);
        assert_eq!(client.list::<Flow>(FLOWS, &[], "slug").await.expect("flows").len(), 14, "{shown}");
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_once_does_not_fail_a_reading() {
    let simulator = simulator("2026.2").await;
    let client = client(&simulator);
    for point in [Point::Before, Point::After] {
        simulator.inject(Fault::new(Action::Cut(point)).once()).expect("a fault");
        simulator.requests().clear();
        assert_eq!(client.list::<Flow>(FLOWS, &[], "slug").await.expect("flows").len(), 14);
        assert_eq!(simulator.requests().all().len(), 2);
    }
}

#[tokio::test]
async fn retry_after_reaches_the_caller() {
    let simulator = simulator("2026.2").await;
    let client = client(&simulator);
    simulator.inject(Fault::new(Action::Starting).once()).expect("a fault");
    let error = client.me().await.expect_err("starting");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
    let limited = Answer::status(429).header("retry-after", "7");
    simulator.inject(Fault::new(Action::Answer(limited)).once()).expect("a fault");
    let error = client.me().await.expect_err("limited");
    assert_eq!((error.class(), error.retry_after()), ("limited", Some(Duration::from_secs(7))));
}
