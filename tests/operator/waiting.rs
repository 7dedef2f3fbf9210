//! States that end by themselves: what the operator waits for, and that it goes on.

use std::time::Duration;

use authentik_simulator::fault::{Action, Answer, Fault, Moment, Spoilt};
use serde_json::{Value, json};

use crate::harness::{BINDING, FLOW, STAGE, TOKEN, World, binding, flow, stage, write};

#[tokio::test]
async fn a_resource_says_that_it_is_about_to_be_made_before_it_is() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let recording = world.record(FLOW).await;
    authentik.break_with(Fault::new(Action::DelayMs(2_000)).method("POST"));
    world.create(FLOW, "staff", flow(json!({}))).await;
    let first = world.reason(FLOW, "staff", "Progressing").await;
    assert!(!authentik.has_flow("staff").await, "the status comes first");
    let intention = &first.status()["creating"];
    assert_eq!(intention["key"], json!({"slug": "staff"}), "the intention is part of it");
    assert!(intention["bodyHash"].is_string() && intention["id"].is_string(), "{intention}");
    assert!(!first.finalizers().is_empty(), "the finalizer comes before");

    let ready = world.ready(FLOW, "staff").await;
    assert_eq!(ready.status()["creating"], Value::Null, "what is done is no intention");
    let reasons: Vec<_> = recording.statuses("staff").await.iter().map(|it| it.reason().to_owned()).collect();
    assert_eq!(reasons, ["Progressing", "InSync"]);
}

/// An outage: nothing answers, or not as authentik does.
async fn outage(world: &World, begin: impl AsyncFnOnce(), words: &[&str], end: impl AsyncFnOnce()) {
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "steady", flow(json!({}))).await;
    world.create(STAGE, "changed", stage(json!({}))).await;
    world.ready(STAGE, "changed").await;
    let steady = world.ready(FLOW, "steady").await;

    begin().await;
    world.change(STAGE, "changed", json!({"lastAuthThreshold": "hours=1"})).await;
    world.create(FLOW, "new", flow(json!({}))).await;
    for (kind, name) in [(STAGE, "changed"), (FLOW, "new")] {
        let waiting = world.reason(kind, name, "Unreachable").await;
        let message = waiting.message();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
        assert!(!message.contains(TOKEN), "{message}");
    }
    let still = world.read(FLOW, "steady").await;
    assert_eq!(still.version(), steady.version(), "who has nothing to write stays as it is");

    end().await;
    world.ready(FLOW, "new").await;
    world.ready(STAGE, "changed").await;
    assert_eq!(world.read(FLOW, "steady").await.version(), steady.version());
    assert_eq!(authentik.flow("new").await["title"], "Welcome");
}

#[tokio::test]
async fn an_authentik_that_is_down_is_waited_for() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let begin = async || authentik.stop().await;
    outage(&world, begin, &[], async || authentik.start().await.expect("started")).await;
}

#[tokio::test]
async fn a_page_of_something_else_is_no_answer() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let begin = async || {
        authentik.break_all(Action::Body(Spoilt::Html));
    };
    outage(&world, begin, &[], async || authentik.clear_faults()).await;
}

#[tokio::test]
async fn an_authentik_that_starts_is_waited_for() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let begin = async || {
        authentik.break_all(Action::Starting);
    };
    outage(&world, begin, &["503"], async || authentik.clear_faults()).await;
}

#[tokio::test]
async fn a_refused_token_is_an_outage_that_a_new_one_ends() {
    let world = World::new().await;
    let begin = async || {
        world.write("token", "not-a-token-of-authentik");
    };
    let end = async || {
        world.write("token", TOKEN);
    };
    outage(&world, begin, &["token"], end).await;
    assert!(!world.logs().contains("not-a-token-of-authentik"));
}

#[tokio::test]
async fn an_operator_that_finds_nobody_waits_until_authentik_is_there() {
    let world = World::new().await;
    let authentik = &world.authentik;
    authentik.stop().await;
    let operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let waiting = world.reason(FLOW, "staff", "Unreachable").await;
    assert_eq!(waiting.pk(), "");
    assert_eq!(operator.get("/livez").await.0, 200);
    authentik.start().await.expect("started");
    world.ready(FLOW, "staff").await;
    operator.says("connected to authentik").await;
}

#[tokio::test]
async fn an_outage_costs_one_probe_now_and_then_not_one_for_each_resource() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    authentik.read_anew().await;
    authentik.break_all(Action::BadGateway);
    let then = authentik.now();
    for number in 0..30 {
        world.create(FLOW, &format!("flow-{number}"), flow(json!({}))).await;
    }
    for number in 0..30 {
        world.reason(FLOW, &format!("flow-{number}"), "Unreachable").await;
    }
    // Some seconds of it.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let asked = authentik.since(then).len();
    assert!(asked < 30, "{asked} requests for 30 resources");
    authentik.clear_faults();
    for number in 0..30 {
        world.ready(FLOW, &format!("flow-{number}")).await;
    }
}

#[tokio::test]
async fn a_server_that_asks_for_patience_gets_it() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    authentik.read_anew().await;
    let limited = Answer::status(429).header("retry-after", "3");
    authentik.break_with(Fault::new(Action::Answer(limited)).method("POST").once());
    let then = authentik.now();
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    let posts = authentik.matching(then, "POST", "/flows/instances/");
    let [first, second] = posts.as_slice() else { panic!("one more time: {posts:?}") };
    let waited = second.time_ms - first.time_ms;
    assert!(waited >= 2_900, "{waited} ms");
}

#[tokio::test]
async fn a_wrong_path_is_said_to_be_one() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let wrong = format!("{}/not-here", authentik.url());
    let operator = world.operator().flag("--authentik-url", &wrong).start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let waiting = world.reason(FLOW, "staff", "Unreachable").await;
    assert!(waiting.message().contains("URL") || waiting.message().contains("path"), "{}", waiting.message());
    assert!(operator.log().contains("URL"), "{}", operator.log());
}

#[tokio::test]
async fn a_deletion_under_way_says_so() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    let hold = authentik.break_with(Fault::new(Action::MaskedError).method("DELETE"));
    world.delete(FLOW, "staff").await;
    let leaving = world.reason(FLOW, "staff", "Deleting").await;
    assert_ne!(leaving.pk(), "");
    authentik.clear_fault(hold);
    world.gone(FLOW, "staff").await;
    assert!(!authentik.has_flow("staff").await);
}

#[tokio::test]
async fn a_deletion_waits_for_an_authentik_that_is_down() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    authentik.stop().await;
    world.delete(FLOW, "staff").await;
    let waits = world
        .wait(FLOW, "staff", "is to say that it waits", |it| {
            it.is_current() && ["Deleting", "Unreachable"].contains(&it.reason())
        })
        .await;
    assert_eq!(waits.is("Reconciling"), "True");
    authentik.start().await.expect("started");
    world.gone(FLOW, "staff").await;
    assert!(!authentik.has_flow("staff").await);
}

#[tokio::test]
async fn one_slow_object_holds_up_no_other() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "slow", flow(json!({}))).await;
    world.ready(FLOW, "slow").await;
    authentik.break_with(
        Fault::new(Action::Hang(Moment::Before)).method("PATCH").path("/api/v3/flows/instances/slow/").once(),
    );
    let then = authentik.now();
    world.change(FLOW, "slow", json!({"title": "Late"})).await;
    authentik
        .until(then, "the change is sent", |entries| entries.iter().any(|it| it.method == "PATCH"))
        .await;
    world.create(STAGE, "quick", stage(json!({}))).await;
    world.create(BINDING, "quick", binding(json!({}))).await;
    world.ready(STAGE, "quick").await;
    world.ready(BINDING, "quick").await;
    assert_ne!(authentik.flow("slow").await["title"], "Late", "it is still on its way");
    world.ready(FLOW, "slow").await;
    let changes: Vec<_> = authentik.writes(then).into_iter().filter(|it| it.method() == "PATCH").collect();
    let change = write("PATCH", "/flows/instances/slow/", json!({"title": "Late"}));
    assert_eq!(changes, [change.clone(), change]);
}
