//! What a resource says of itself, for people and for tools.

use authentik_simulator::fault::{Action, Answer, Fault, Latency};
use authentik_simulator::journal::Entry;
use serde_json::{Value, json};

use crate::harness::{BINDING, FLOW, STAGE, World, bind, flow, stage};

#[tokio::test]
async fn every_status_of_a_life_keeps_to_the_contract() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let recordings = [world.record(FLOW).await, world.record(STAGE).await, world.record(BINDING).await];
    let _operator = world.operator().start().await;
    world.create(BINDING, "staff-10", bind("staff", "mfa", 10)).await;
    world.reason(BINDING, "staff-10", "ReferenceNotFound").await;
    world.create(STAGE, "mfa", stage(json!({"notConfiguredAction": "configure"}))).await;
    world.reason(STAGE, "mfa", "Invalid").await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    world.reason(BINDING, "staff-10", "ReferenceNotReady").await;
    world.change(STAGE, "mfa", json!({"notConfiguredAction": "skip"})).await;
    world.ready(BINDING, "staff-10").await;
    world.change(FLOW, "staff", json!({"mode": "Observe", "title": "Hello"})).await;
    world.reason(FLOW, "staff", "Observed").await;
    world.change(FLOW, "staff", json!({"mode": null})).await;
    world.ready(FLOW, "staff").await;
    let hold = authentik.break_with(Fault::new(Action::MaskedError).method("DELETE"));
    world.delete(FLOW, "staff").await;
    world.reason(FLOW, "staff", "Deleting").await;

    // Reading them holds each against the contract.
    let reasons = async |recording: usize, name: &str| -> Vec<String> {
        recordings[recording].statuses(name).await.iter().map(|it| it.reason().to_owned()).collect()
    };
    let flow = reasons(0, "staff").await;
    assert_eq!(flow[0], "Progressing", "{flow:?}");
    assert_eq!(flow.last().map(String::as_str), Some("Deleting"), "{flow:?}");
    assert!(flow.contains(&"Observed".to_owned()) && flow.contains(&"InSync".to_owned()), "{flow:?}");
    let stage = reasons(1, "mfa").await;
    assert_eq!(stage.first().map(String::as_str), Some("Invalid"), "{stage:?}");
    let binding = reasons(2, "staff-10").await;
    assert_eq!(binding.first().map(String::as_str), Some("ReferenceNotFound"), "{binding:?}");
    authentik.clear_fault(hold);
    world.gone(FLOW, "staff").await;
}

#[tokio::test]
async fn kubectl_waits_for_ready() {
    let world = World::new().await;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.create(BINDING, "staff-10", bind("staff", "mfa", 10)).await;
    let wait = ["wait", "--for=condition=Ready", "--timeout=30s", "aflow/staff", "aavs/mfa", "afsb/staff-10"];
    let shown = world.kubectl(&wait).await;
    assert_eq!(shown.matches("condition met").count(), 3, "{shown}");
}

#[tokio::test]
async fn kubectl_shows_what_matters() {
    let world = World::new().await;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"slug": "people"}))).await;
    world.create(FLOW, "broken", flow(json!({"background": "/absolute"}))).await;
    world.create(STAGE, "mfa", stage(json!({"name": "mfa of staff"}))).await;
    world.create(BINDING, "staff-10", bind("staff", "mfa", 10)).await;
    let pk = world.ready(FLOW, "staff").await.pk().to_owned();
    world.ready(BINDING, "staff-10").await;
    world.reason(FLOW, "broken", "Invalid").await;

    let shown = world.kubectl(&["get", "authentik"]).await;
    let line = |start: &str| -> Vec<String> {
        let found = shown.lines().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("{start} in\n{shown}")).split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(
        line("flow.authentik-operator.dev/staff")[1..5],
        ["True", "InSync", "people", "authentication"]
    );
    assert_eq!(line("flow.authentik-operator.dev/broken")[1..3], ["False", "Invalid"]);
    assert_eq!(line("authenticatorvalidatestage")[1..6], ["True", "InSync", "mfa", "of", "staff"]);
    assert_eq!(line("flowstagebinding")[1..4], ["True", "InSync", "10"]);
    let wide = world.kubectl(&["get", "aflow", "--output=wide"]).await;
    assert!(wide.contains(&pk) && wide.contains("Absolute paths are not allowed"), "{wide}");
}

#[tokio::test]
async fn a_new_generation_is_observed_even_when_nothing_is_to_do() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    for (kind, spec) in [(FLOW, flow(json!({}))), (STAGE, stage(json!({})))] {
        world.create(kind, "staff", spec).await;
        world.ready(kind, "staff").await;
    }
    let then = authentik.now();
    // What authentik has already.
    world.change(FLOW, "staff", json!({"layout": "stacked", "deniedAction": "message_continue"})).await;
    world.change(STAGE, "staff", json!({"notConfiguredAction": "skip"})).await;
    for kind in [FLOW, STAGE] {
        let ready = world.ready(kind, "staff").await;
        assert_eq!(ready.generation(), 2);
        for condition in ready.status()["conditions"].as_array().expect("conditions") {
            assert_eq!(condition["observedGeneration"], 2, "{condition}");
        }
    }
    assert_eq!(authentik.writes(then), []);
}

#[tokio::test]
async fn a_transition_has_the_time_of_the_transition() {
    let world = World::new().await;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let time = |status: &Value| status["conditions"][0]["lastTransitionTime"].clone();
    let first = world.ready(FLOW, "staff").await;
    // From True to True is none, however much was done.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    world.change(FLOW, "staff", json!({"title": "Hello"})).await;
    let second = world.ready(FLOW, "staff").await;
    assert_eq!(time(second.status()), time(first.status()));
    world.change(FLOW, "staff", json!({"background": "/absolute"})).await;
    let third = world.reason(FLOW, "staff", "Invalid").await;
    assert_ne!(time(third.status()), time(first.status()));
    assert_eq!(third.status()["conditions"][0]["type"], "Ready", "the one that matters comes first");
}

#[tokio::test]
async fn the_operator_never_writes_to_a_spec() {
    let world = World::new().await;
    let _operator = world.operator().start().await;
    let specs = [
        (FLOW, flow(json!({}))),
        (STAGE, stage(json!({"configurationStages": ["default-authenticator-totp-setup"]}))),
        (BINDING, crate::harness::binding(json!({}))),
    ];
    for (kind, spec) in &specs {
        world.create(*kind, "staff", spec.clone()).await;
    }
    for (kind, spec) in &specs {
        let ready = world.ready(*kind, "staff").await;
        assert_eq!((ready.spec(), ready.generation()), (spec, 1), "{}", kind.name);
        assert_eq!(ready.finalizers(), ["authentik-operator.dev/finalizer"]);
    }
}

#[tokio::test]
async fn a_change_that_comes_in_between_is_not_said_to_be_done() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().flag("--refresh-at-most", "15m").start().await;
    // Refused at first: the resource has all that it takes but an object.
    let refusal = Answer::status(400).json(json!({"policy_engine_mode": ["Not today."]}));
    let refusal = authentik.break_with(Fault::new(Action::Answer(refusal)).method("POST"));
    world.create(BINDING, "late", crate::harness::binding(json!({}))).await;
    world.reason(BINDING, "late", "Invalid").await;
    authentik.clear_fault(refusal);

    // A stage that takes long to be found, and a change while it is looked for.
    authentik.post("/stages/dummy/", json!({"name": "late stage"})).await;
    let slow = Latency { fixed_ms: 1_500, per_row_ms: 0 };
    authentik.break_with(Fault::new(Action::Latency(slow)).method("GET").path("/api/v3/stages/all/"));
    authentik.break_with(Fault::new(Action::DelayMs(1_500)).method("PUT"));
    let then = authentik.now();
    world.change(BINDING, "late", json!({"stage": "late stage"})).await;
    let looked = |entries: &[Entry]| entries.iter().any(|it| it.path.ends_with("/stages/all/"));
    authentik.until(then, "the stage is looked for", looked).await;
    world.change(BINDING, "late", json!({"order": 501})).await;

    let ordered = |entries: &[Entry]| {
        let sent = |it: &Entry| {
            ["POST", "PUT"].contains(&it.method.as_str())
                && it.body.as_ref().is_some_and(|body| body["order"] == 501)
        };
        entries.iter().any(sent)
    };
    authentik.until(then, "the change is sent", ordered).await;
    let meanwhile = world.read(BINDING, "late").await;
    let target = authentik.flow("default-authentication-flow").await["pk"].clone();
    let orders: Vec<_> = authentik.bindings(target.as_str().expect("an identifier")).await;
    let done = orders.iter().any(|it| it["order"] == 501);
    assert!(done || !meanwhile.is_ready(), "not there yet, and said to be:\n{}", meanwhile.shown());
    world.ready(BINDING, "late").await;
    let events = world.events(BINDING, "late").await;
    assert!(events.iter().all(|it| it.reason != "DriftCorrected"), "nobody changed it by hand: {events:?}");
}
