//! Answers that are none: whatever comes back, nothing is lost, nothing is made twice, and in the end all is as declared.

use authentik_simulator::fault::{Action, Answer, Fault, Latency, Moment, Point, Spoilt};
use authentik_simulator::journal::Entry;
use serde_json::{Value, json};

use crate::harness::{BINDING, FLOW, STAGE, World, binding, flow, stage};

/// What can come back of a request, with and without it having taken hold.
fn faults() -> Vec<Action> {
    let html = |status| Answer::status(status).header("content-type", "text/html").body("<html>Oops</html>");
    vec![
        html(500).into(),
        html(502).into(),
        html(504).applied().into(),
        html(403).into(),
        Action::MaskedError,
        Action::BadGateway,
        Action::Body(Spoilt::Html),
        Action::Body(Spoilt::Garbage),
        Action::Body(Spoilt::Truncated),
        Action::Cut(Point::Before),
        Action::Cut(Point::After),
        Action::Cut(Point::Body),
        Action::Hang(Moment::Before),
        Action::Hang(Moment::After),
        Action::Latency(Latency { fixed_ms: 1_500, per_row_ms: 0 }),
    ]
}

/// The name of the resource that meets the fault with this number.
fn numbered(number: usize) -> String {
    format!("staff-{number}")
}

#[tokio::test]
async fn creations_are_made_once_whatever_is_answered() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().flag("--request-timeout", "2s").start().await;
    authentik.read_anew().await;
    // Each strikes one creation: what ends a request leaves the others for the next one.
    for action in faults() {
        authentik.break_with(Fault::new(action).method("POST").once());
    }
    let count = faults().len();
    for number in 0..count {
        let name = numbered(number);
        match number % 3 {
            0 => world.create(FLOW, &name, flow(json!({}))).await,
            1 => world.create(STAGE, &name, stage(json!({}))).await,
            _ => world.create(BINDING, &name, binding(json!({"order": 500 + number}))).await,
        };
    }
    for number in 0..count {
        let kind = [FLOW, STAGE, BINDING][number % 3];
        let ready = world.ready(kind, &numbered(number)).await;
        assert_eq!(ready.origin(), "Created", "{number}");
    }
    assert!(authentik.faults().iter().all(|fault| fault.fired == 1), "each struck: {:?}", authentik.faults());
    let flows = authentik.list("/flows/instances/?search=staff-").await;
    let stages = authentik.list("/stages/authenticator/validate/?search=staff-").await;
    let bindings = authentik.list("/flows/bindings/").await;
    let bindings = bindings.iter().filter(|it| it["order"].as_i64().is_some_and(|order| order >= 500));
    assert_eq!((flows.len(), stages.len(), bindings.count()), (count / 3, count / 3, count / 3));
}

#[tokio::test]
async fn changes_come_through_whatever_is_answered() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().flag("--request-timeout", "2s").start().await;
    let count = faults().len();
    for number in 0..count {
        world.create(FLOW, &numbered(number), flow(json!({}))).await;
        world.create(STAGE, &numbered(number), stage(json!({}))).await;
        world.create(BINDING, &numbered(number), binding(json!({"order": 500 + number}))).await;
    }
    let mut paths = Vec::new();
    for number in 0..count {
        let name = numbered(number);
        paths.push([
            format!("/flows/instances/{name}/"),
            format!("/stages/authenticator/validate/{}/", world.ready(STAGE, &name).await.pk()),
            format!("/flows/bindings/{}/", world.ready(BINDING, &name).await.pk()),
        ]);
        world.ready(FLOW, &name).await;
    }
    for (paths, action) in paths.iter().zip(faults()) {
        for path in paths {
            let fault = Fault::new(action.clone()).method("PATCH").method("PUT");
            authentik.break_with(fault.path(format!("/api/v3{path}")).once());
        }
    }
    for number in 0..count {
        let name = numbered(number);
        world.change(FLOW, &name, json!({"title": "Hello"})).await;
        world.change(STAGE, &name, json!({"lastAuthThreshold": "hours=1"})).await;
        world.change(BINDING, &name, json!({"policyEngineMode": "all"})).await;
    }
    for (number, [flow, stage, bound]) in paths.iter().enumerate() {
        let name = numbered(number);
        for kind in [FLOW, STAGE, BINDING] {
            world.ready(kind, &name).await;
        }
        assert_eq!(authentik.get(flow).await["title"], "Hello", "{number}");
        assert_eq!(authentik.get(stage).await["last_auth_threshold"], "hours=1", "{number}");
        assert_eq!(authentik.get(bound).await["policy_engine_mode"], "all", "{number}");
    }
    assert!(authentik.faults().iter().all(|fault| fault.fired == 1), "each struck: {:?}", authentik.faults());
}

#[tokio::test]
async fn deletions_come_through_whatever_is_answered() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().flag("--request-timeout", "2s").start().await;
    let count = faults().len();
    for number in 0..count {
        world.create(FLOW, &numbered(number), flow(json!({}))).await;
    }
    for (number, action) in faults().into_iter().enumerate() {
        world.ready(FLOW, &numbered(number)).await;
        let path = format!("/api/v3/flows/instances/{}/", numbered(number));
        authentik.break_with(Fault::new(action).method("DELETE").path(path).once());
    }
    for number in 0..count {
        world.delete(FLOW, &numbered(number)).await;
    }
    for number in 0..count {
        world.gone(FLOW, &numbered(number)).await;
        assert!(!authentik.has_flow(&numbered(number)).await, "{number}");
    }
    assert!(authentik.faults().iter().all(|fault| fault.fired == 1), "each struck: {:?}", authentik.faults());
}

#[tokio::test]
async fn readings_that_fail_are_made_again() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().flag("--request-timeout", "2s").start().await;
    authentik.read_anew().await;
    // One of each sort, each at another list.
    for (number, action) in faults().into_iter().step_by(2).enumerate() {
        let list =
            ["flows/instances", "flows/bindings", "stages/authenticator/validate", "stages/all"][number % 4];
        let fault = Fault::new(action).method("GET").path(format!("/api/v3/{list}/")).once();
        let id = authentik.break_with(fault);
        let struck = |entries: &[Entry]| entries.iter().any(|it| it.faults.contains(&id));
        authentik.until(0, "the list is asked for", struck).await;
        world.create(FLOW, &numbered(number), flow(json!({}))).await;
        world.ready(FLOW, &numbered(number)).await;
        let posts = authentik.writes(0);
        assert_eq!(posts.len(), number + 1, "a creation each: {posts:?}");
    }
}

#[tokio::test]
async fn a_list_that_is_no_list_makes_nothing_again() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().flag("--request-timeout", "2s").start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let before = world.ready(FLOW, "staff").await;
    let then = authentik.now();
    let no_lists = [
        Answer::status(200).json(json!([])),
        Answer::status(200).json(json!({})),
        Answer::status(200).json(json!({"pagination": {"next": 0}, "results": null})),
        Answer::status(200).json(json!({"error": "authentik starting"})).header("retry-after", "1"),
        Answer::status(404).json(json!({"detail": "Not found."})),
        Answer::status(403).json(json!({"detail": "You do not have permission to perform this action."})),
    ];
    for (number, answer) in no_lists.into_iter().enumerate() {
        let fault = Fault::new(Action::Answer(answer)).method("GET").path("/api/v3/flows/instances/");
        let id = authentik.break_with(fault);
        let since = authentik.now();
        let struck = |entries: &[Entry]| entries.iter().any(|it| it.faults.contains(&id));
        authentik.until(since, "the list is asked for", struck).await;
        authentik.clear_fault(id);
        authentik.read_anew().await;
        assert_eq!(authentik.writes(then), [], "{number}");
    }
    let after = world.ready(FLOW, "staff").await;
    assert_eq!((after.pk(), after.version()), (before.pk(), before.version()));
}

#[tokio::test]
async fn a_page_that_vanishes_while_the_list_is_read_loses_nothing() {
    let world = World::new().await;
    let authentik = &world.authentik;
    authentik.patch("/admin/settings/", json!({"pagination_max_page_size": 10})).await;
    // The stages that bindings refer to come on the last page of two.
    let gone = Answer::status(404).json(json!({"detail": "Invalid page."}));
    for list in ["/api/v3/stages/all/", "/api/v3/flows/instances/", "/api/v3/flows/bindings/"] {
        authentik.break_with(Fault::new(Action::Answer(gone.clone())).method("GET").path(list).nth(2));
    }
    let _operator = world.operator().start().await;
    let last = authentik.list("/stages/all/?ordering=name&page=2").await;
    let last = last.last().expect("a stage")["name"].as_str().expect("a name").to_owned();
    world.create(BINDING, "last", binding(json!({"stage": last}))).await;
    let bound = world.ready(BINDING, "last").await;
    assert_eq!(authentik.get(&format!("/flows/bindings/{}/", bound.pk())).await["stage_obj"]["name"], last);
    assert!(authentik.faults().iter().all(|fault| fault.fired == 1), "{:?}", authentik.faults());
    assert_eq!(authentik.writes(0).len(), 1);
}

#[tokio::test]
async fn requests_that_fail_at_random_only_take_longer() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().flag("--request-timeout", "2s").start().await;
    authentik.read_anew().await;
    for (seed, action) in [Action::Cut(Point::After), Action::MaskedError, Action::Body(Spoilt::Truncated)]
        .into_iter()
        .enumerate()
    {
        let writes = ["POST", "PUT", "PATCH", "DELETE"];
        let fault = Fault::new(action).random(0.15, seed as u64 + 1);
        authentik.break_with(writes.into_iter().fold(fault, Fault::method));
    }
    for number in 0..6 {
        let name = numbered(number);
        world.create(FLOW, &name, flow(json!({}))).await;
        world.create(STAGE, &name, stage(json!({}))).await;
        world.create(BINDING, &name, crate::harness::bind(&name, &name, 0)).await;
    }
    for number in 0..6 {
        world.ready(BINDING, &numbered(number)).await;
        world.change(FLOW, &numbered(number), json!({"title": "Hello"})).await;
    }
    for number in 0..6 {
        let target = world.ready(FLOW, &numbered(number)).await.pk().to_owned();
        assert_eq!(authentik.bindings(&target).await.len(), 1);
        assert_eq!(authentik.flow(&numbered(number)).await["title"], "Hello");
    }
    for kind in [BINDING, FLOW, STAGE] {
        for number in 0..6 {
            world.delete(kind, &numbered(number)).await;
        }
    }
    for kind in [BINDING, FLOW, STAGE] {
        for number in 0..6 {
            world.gone(kind, &numbered(number)).await;
        }
    }
    let left: Vec<Value> = authentik.list("/flows/instances/?search=staff-").await;
    assert_eq!(left, Vec::<Value>::new());
}
