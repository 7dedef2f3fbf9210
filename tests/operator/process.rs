//! The operator as a process: what it says at its start, what it serves, how it ends, and what it never shows.

use std::time::{Duration, Instant};

use authentik_simulator::fault::{Action, Answer, Fault, Moment};
use controlplane::Part;
use rustix::process::Signal;
use serde_json::json;

use crate::harness::{BINDING, FLOW, Kind, STAGE, TOKEN, World, bind, binding, eventually, flow, stage};

#[tokio::test]
async fn it_says_in_one_line_what_it_reached_and_as_whom() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    let line = operator.says("connected to authentik").await;
    let url = format!("url={}", authentik.url());
    for words in ["version=2026.2", url.as_str(), "user=akadmin", "superuser=true"] {
        assert!(line.contains(words), "{words} in {line}");
    }
    let log = operator.log();
    assert!(!log.contains('\u{1b}'), "colours are for terminals: {log}");
}

#[tokio::test]
async fn probes_tell_whether_it_lives_and_is_ready() {
    let world = World::new().await;
    // It does not depend on authentik.
    world.authentik.stop().await;
    let operator = world.operator().start().await;
    assert_eq!(operator.get("/livez").await.0, 200);
    let ready = async || (operator.get("/readyz").await.0 == 200).then_some(());
    eventually(ready, async || "it is to be ready without authentik".to_owned()).await;
    assert_eq!(operator.get("/nonsense").await.0, 404);
    assert_eq!(operator.get("/livez").await.0, 200);
}

#[tokio::test]
async fn it_is_not_ready_before_it_has_read_all_kinds() {
    let world = World::new().await;
    if !world.plane().has(Part::ApiServer) {
        eprintln!("skipped: an API server that stands still needs a control plane of our own");
        return;
    }
    world.plane().freeze(Part::ApiServer).expect("it stands still");
    let operator = world.operator().start().await;
    let (status, _) = operator.get("/readyz").await;
    world.plane().thaw(Part::ApiServer).expect("it goes on");
    assert_ne!(status, 200);
    let ready = async || (operator.get("/readyz").await.0 == 200).then_some(());
    eventually(ready, async || "it is to be ready".to_owned()).await;
}

#[tokio::test]
async fn metrics_tell_of_requests_reconciles_and_copies() {
    let world = World::new().await;
    let operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    let (status, text) = operator.get("/metrics").await;
    assert_eq!(status, 200);
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for part in ["request", "reconcile", "mirror"] {
        let of_part = samples
            .iter()
            .filter(|line| line.split(['{', ' ']).next().is_some_and(|name| name.contains(part)));
        let above_zero = |line: &&&str| {
            line.rsplit(' ')
                .next()
                .and_then(|value| value.parse::<f64>().ok())
                .is_some_and(|value| value > 0.0)
        };
        assert!(of_part.clone().any(|line| above_zero(&line)), "{part} in\n{text}");
    }
    assert!(samples.iter().all(|line| line.starts_with("authentik_operator_")), "{text}");
    // Labels are few, whatever there is: no slugs, names or identifiers.
    let pk = world.read(FLOW, "staff").await.pk().to_owned();
    assert!(!text.contains(&pk) && !text.contains("\"staff\""), "{text}");
}

#[tokio::test]
async fn a_signal_ends_it_at_once_and_well() {
    let world = World::new().await;
    for signal in [Signal::TERM, Signal::INT] {
        let mut operator = world.operator().start().await;
        operator.says("connected to authentik").await;
        let asked = Instant::now();
        operator.signal(signal);
        assert_eq!(operator.end().await.code(), Some(0));
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    }
}

#[tokio::test]
async fn what_is_under_way_is_finished_before_it_ends() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let mut operator = world.operator().start().await;
    authentik.break_with(Fault::new(Action::DelayMs(1_500)).method("POST"));
    let then = authentik.now();
    world.create(FLOW, "staff", flow(json!({}))).await;
    authentik.until(then, "the creation is under way", |it| it.iter().any(|it| it.method == "POST")).await;
    operator.signal(Signal::TERM);
    assert_eq!(operator.end().await.code(), Some(0));
    let made = world.read(FLOW, "staff").await;
    assert!(made.is_ready() && authentik.has_flow("staff").await, "{}", made.shown());
}

#[tokio::test]
async fn an_authentik_that_is_silent_does_not_keep_it_from_ending() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let mut operator = world.operator().flag("--request-timeout", "60s").start().await;
    authentik.read_anew().await;
    authentik.break_all(Action::Hang(Moment::Before));
    let then = authentik.now();
    world.create(FLOW, "staff", flow(json!({}))).await;
    authentik.until(then, "somebody waits", |it| !it.is_empty()).await;
    operator.signal(Signal::TERM);
    // It gives what is under way 20 seconds.
    assert_eq!(operator.end().await.code(), Some(0));
}

#[tokio::test]
async fn flags_that_cannot_be_meant_end_it_with_2_and_a_line() {
    let world = World::new().await;
    let wrong: [(&str, &str); 5] = [
        ("--adopt", "sometimes"),
        ("--refresh-at-most", "soon"),
        ("--listen", "nowhere"),
        ("--authentik-url", "not a url"),
        ("--protect-slug", "[broken"),
    ];
    for (flag, value) in wrong {
        let mut operator = world.operator().flag(flag, value).spawn();
        assert_eq!(operator.end().await.code(), Some(2), "{flag} {value}: {}", operator.log());
        assert!(operator.log().contains(value), "{value} in {}", operator.log());
    }
    let mut operator = world.operator().without("--authentik-url").spawn();
    assert_eq!(operator.end().await.code(), Some(2), "{}", operator.log());
    let mut operator = world.operator().without("--authentik-token-file").spawn();
    assert_eq!(operator.end().await.code(), Some(2), "{}", operator.log());
}

#[tokio::test]
async fn a_port_that_is_taken_ends_it_with_1_and_a_line() {
    let world = World::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut operator = world.operator().flag("--listen", &address).spawn();
    assert_eq!(operator.end().await.code(), Some(1), "{}", operator.log());
    assert!(operator.log().contains(&address), "{}", operator.log());
}

#[tokio::test]
async fn everything_can_be_said_by_the_environment() {
    let world = World::new().await;
    let flags =
        ["--authentik-url", "--authentik-token-file", "--listen", "--refresh-at-most", "--request-timeout"];
    let bare = flags.iter().fold(world.operator(), |launch, flag| launch.without(flag));
    let operator = bare
        .variable("AUTHENTIK_URL", &world.authentik.url())
        .variable("AUTHENTIK_TOKEN", TOKEN)
        .variable("AUTHENTIK_OPERATOR_LISTEN", "127.0.0.1:0")
        .variable("AUTHENTIK_OPERATOR_REFRESH_AT_MOST", "1s")
        .variable("AUTHENTIK_OPERATOR_REQUEST_TIMEOUT", "5s")
        .variable("AUTHENTIK_OPERATOR_PROTECT_SLUGS", "default-*,other-*")
        .variable("AUTHENTIK_OPERATOR_LOG", "debug")
        .variable("AUTHENTIK_OPERATOR_LOG_FORMAT", "text")
        .start()
        .await;
    operator.says("connected to authentik").await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    world.create(FLOW, "other-one", flow(json!({}))).await;
    world.wait(FLOW, "other-one", "is protected", |it| it.is("Stalled") == "True").await;
    world.authentik.read_anew().await;
    assert!(operator.log().contains("DEBUG"));
    assert!(!operator.log().contains(TOKEN));
}

#[tokio::test]
async fn a_token_file_wins_over_a_token() {
    let world = World::new().await;
    let operator = world.operator().variable("AUTHENTIK_TOKEN", "another-token").start().await;
    operator.says("connected to authentik").await;
}

#[tokio::test]
async fn authentik_may_have_a_path_of_its_own() {
    let world = World::with(|builder| builder.base_path("/sso")).await;
    let operator = world.operator().start().await;
    operator.says("connected to authentik").await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
}

#[tokio::test]
async fn a_proxy_is_used_for_authentik() {
    let world = World::new().await;
    // It takes requests for any host, as a proxy does.
    let operator = world
        .operator()
        .flag("--authentik-url", "http://authentik.invalid")
        .variable("HTTP_PROXY", &world.authentik.url())
        .start()
        .await;
    operator.says("connected to authentik").await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
}

#[tokio::test]
async fn a_newer_authentik_is_taken_as_the_newest_that_is_known() {
    let world = World::of_version("2026.8").await;
    let authentik = &world.authentik;
    let newer = json!({"version_current": "2027.10.0-rc1"});
    let newer = Fault::new(Action::Answer(Answer::status(200).json(newer)));
    authentik.break_with(newer.path("/api/v3/admin/version/"));
    let operator = world.operator().start().await;
    let line = operator.says("connected to authentik").await;
    assert!(line.contains("version=2027.10.0-rc1"), "{line}");
    world.create(STAGE, "mfa", stage(json!({"webauthnHints": ["hybrid"]}))).await;
    world.ready(STAGE, "mfa").await;
}

#[tokio::test]
async fn the_version_is_read_again_after_an_outage() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let older = json!({"version_current": "2025.10.4"});
    let older = Fault::new(Action::Answer(Answer::status(200).json(older)));
    let older = authentik.break_with(older.path("/api/v3/admin/version/"));
    let operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"background": "picture.jpg"}))).await;
    world.reason(FLOW, "staff", "Unsupported").await;
    authentik.clear_fault(older);
    authentik.stop().await;
    operator.says("authentik cannot be used").await;
    authentik.start().await.expect("started");
    world.ready(FLOW, "staff").await;
    operator.says("version=2026.2").await;
}

#[tokio::test]
async fn logs_in_json_are_an_object_a_line() {
    let world = World::new().await;
    let operator = world.operator().flag("--log-format", "json").spawn();
    let line = operator.says("serving probes and metrics").await;
    let parsed: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert!(parsed.to_string().contains("127.0.0.1:"), "{line}");
    operator.says("connected to authentik").await;
    for line in operator.log().lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

#[tokio::test]
async fn the_token_is_nowhere_to_be_seen() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().flag("--log", "trace").start().await;
    let spec = flow(json!({"background": "/absolute"}));
    world.create(FLOW, "invalid", spec).await;
    world.reason(FLOW, "invalid", "Invalid").await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.create(BINDING, "staff-0", bind("staff", "mfa", 0)).await;
    world.create(BINDING, "login", binding(json!({}))).await;
    for (kind, name) in [(FLOW, "staff"), (STAGE, "mfa"), (BINDING, "staff-0"), (BINDING, "login")] {
        world.ready(kind, name).await;
    }
    // Even when authentik repeats it.
    let echo = json!({"title": [format!("Bearer {TOKEN} says no")]});
    let echo = Answer::status(400).json(echo);
    authentik.break_with(Fault::new(Action::Answer(echo)).method("PATCH"));
    world.change(FLOW, "staff", json!({"title": "Hello"})).await;
    world.reason(FLOW, "staff", "Invalid").await;
    let metrics = operator.get("/metrics").await.1;
    operator.stop().await;
    assert!(!world.logs().contains(TOKEN), "in the log");
    assert!(!metrics.contains(TOKEN), "in the metrics");
    for kind in Kind::ALL {
        for resource in world.list(kind).await {
            assert!(!resource.shown().contains(TOKEN), "{}", resource.shown());
            for event in world.events(kind, resource.name()).await {
                assert!(!event.note.contains(TOKEN), "{event:?}");
            }
        }
    }
}
