//! The operator is killed at the worst of moments: nothing is made twice, nothing is lost.

use authentik_simulator::fault::{Action, Answer, Fault, Moment, Point};
use authentik_simulator::journal::{Entry, Outcome};
use controlplane::Part;
use serde_json::{Value, json};

use crate::harness::{BINDING, FLOW, Kind, Operator, STAGE, World, bind, binding, eventually, flow, stage};

/// A resource, and a change of it.
struct Life {
    kind: Kind,
    /// Its collection.
    path: &'static str,
    spec: Value,
    change: Value,
    /// The change as authentik has it.
    changed: (&'static str, Value),
}

/// One of each kind.
fn lives() -> [Life; 3] {
    [
        Life {
            kind: FLOW,
            path: "/flows/instances/",
            spec: flow(json!({})),
            change: json!({"title": "Hello"}),
            changed: ("title", json!("Hello")),
        },
        Life {
            kind: BINDING,
            path: "/flows/bindings/",
            spec: binding(json!({})),
            change: json!({"order": 501}),
            changed: ("order", json!(501)),
        },
        Life {
            kind: STAGE,
            path: "/stages/authenticator/validate/",
            spec: stage(json!({})),
            change: json!({"lastAuthThreshold": "hours=1"}),
            changed: ("last_auth_threshold", json!("hours=1")),
        },
    ]
}

/// Creates the resource and kills the operator while it waits for the answer to its creation, which took hold or not.
async fn killed_while_creating(world: &World, kind: Kind, path: &str, spec: Value, moment: Moment) {
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    authentik.break_with(Fault::new(Action::Hang(moment)).method("POST").once());
    let then = authentik.now();
    world.create(kind, "staff", spec).await;
    let hangs =
        |entries: &[_]| entries.iter().any(|it: &Entry| it.method == "POST" && it.outcome == Outcome::Hung);
    authentik.until(then, "the creation hangs", hangs).await;
    operator.crash().await;
    authentik.clear_faults();
    let made = !authentik.matching(then, "POST", path).is_empty();
    assert!(made, "one creation");
}

/// How many objects the resource has in authentik.
async fn objects(world: &World, kind: Kind) -> usize {
    let rows = match kind.name {
        "Flow" => world.authentik.list("/flows/instances/?slug=staff").await,
        "FlowStageBinding" => {
            let all = world.authentik.list("/flows/bindings/").await;
            all.into_iter()
                .filter(|it| [500, 501].contains(&it["order"].as_i64().unwrap_or_default()))
                .collect()
        }
        _ => world.authentik.validate_stages("staff").await,
    };
    rows.len()
}

#[tokio::test]
async fn what_was_made_right_before_a_crash_is_known_as_its_own() {
    for Life { kind, path, spec, .. } in lives() {
        let world = World::new().await;
        killed_while_creating(&world, kind, path, spec, Moment::After).await;
        assert_eq!(objects(&world, kind).await, 1);
        let _operator = world.operator().start().await;
        let ready = world.ready(kind, "staff").await;
        assert_eq!(ready.origin(), "Created");
        world.event(kind, "staff", "Created", &[]).await;
        assert_eq!(objects(&world, kind).await, 1);
        assert_eq!(world.authentik.writes(0).len(), 1, "it is not sent again");
    }
}

#[tokio::test]
async fn what_was_not_made_before_a_crash_is_made_after_it() {
    for Life { kind, path, spec, .. } in lives() {
        let world = World::new().await;
        killed_while_creating(&world, kind, path, spec, Moment::Before).await;
        assert_eq!(objects(&world, kind).await, 0);
        let _operator = world.operator().start().await;
        assert_eq!(world.ready(kind, "staff").await.origin(), "Created");
        assert_eq!(objects(&world, kind).await, 1);
    }
}

#[tokio::test]
async fn a_change_during_the_crash_comes_after_the_recovery() {
    for Life { kind, path, spec, change, changed: (field, value) } in lives() {
        let world = World::new().await;
        let authentik = &world.authentik;
        killed_while_creating(&world, kind, path, spec, Moment::After).await;
        world.change(kind, "staff", change).await;
        let then = authentik.now();
        let _operator = world.operator().start().await;
        let ready = world.ready(kind, "staff").await;
        assert_eq!(ready.origin(), "Created");
        assert_eq!(objects(&world, kind).await, 1);
        let key = if kind == FLOW { "staff" } else { ready.pk() };
        assert_eq!(authentik.get(&format!("{path}{key}/")).await[field], value);
        let writes = authentik.writes(then);
        assert!(writes.len() == 1 && writes[0].method() != "POST", "{writes:?}");
    }
}

#[tokio::test]
async fn a_rename_during_the_crash_does_not_leave_the_first_object_behind() {
    let world = World::new().await;
    let authentik = &world.authentik;
    killed_while_creating(&world, FLOW, "/flows/instances/", flow(json!({})), Moment::After).await;
    let pk = authentik.flow("staff").await["pk"].clone();
    world.change(FLOW, "staff", json!({"slug": "people"})).await;
    let _operator = world.operator().start().await;
    let ready = world.ready(FLOW, "staff").await;
    assert_eq!((Value::from(ready.pk()), ready.origin()), (pk, "Created"));
    assert!(!authentik.has_flow("staff").await && authentik.has_flow("people").await);
}

#[tokio::test]
async fn what_somebody_changed_meanwhile_is_a_matter_of_adoption() {
    let world = World::new().await;
    let authentik = &world.authentik;
    killed_while_creating(&world, FLOW, "/flows/instances/", flow(json!({})), Moment::After).await;
    authentik.patch("/flows/instances/staff/", json!({"title": "By hand"})).await;
    let then = authentik.now();
    let _operator = world.operator().start().await;
    let refused = world.reason(FLOW, "staff", "AlreadyExists").await;
    assert!(refused.message().contains("title"), "{}", refused.message());
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
}

#[tokio::test]
async fn a_deletion_after_a_crash_finds_what_was_made() {
    for Life { kind, path, spec, .. } in lives() {
        let world = World::new().await;
        killed_while_creating(&world, kind, path, spec, Moment::After).await;
        assert_eq!(world.read(kind, "staff").await.pk(), "");
        world.delete(kind, "staff").await;
        let _operator = world.operator().start().await;
        world.gone(kind, "staff").await;
        assert_eq!(objects(&world, kind).await, 0, "{}", kind.name);
    }
}

/// Kills the operator while it waits for the answer to a request of this method, and starts another.
async fn killed_while(world: &World, operator: Operator, method: &str, act: impl AsyncFnOnce()) -> Operator {
    let authentik = &world.authentik;
    authentik.break_with(Fault::new(Action::Hang(Moment::After)).method(method).once());
    let then = authentik.now();
    act().await;
    let hangs =
        |entries: &[_]| entries.iter().any(|it: &Entry| it.method == method && it.outcome == Outcome::Hung);
    authentik.until(then, "the request hangs", hangs).await;
    operator.crash().await;
    world.operator().start().await
}

#[tokio::test]
async fn a_crash_while_changing_or_deleting_loses_nothing() {
    let world = World::new().await;
    let mut operator = world.operator().start().await;
    for Life { kind, spec, change, .. } in lives() {
        world.create(kind, "staff", spec).await;
        world.ready(kind, "staff").await;
        let method = if kind == BINDING { "PUT" } else { "PATCH" };
        operator = killed_while(&world, operator, method, async || {
            world.change(kind, "staff", change).await;
        })
        .await;
        world.ready(kind, "staff").await;
        operator = killed_while(&world, operator, "DELETE", async || world.delete(kind, "staff").await).await;
        world.gone(kind, "staff").await;
        assert_eq!(objects(&world, kind).await, 0);
    }
}

#[tokio::test]
async fn without_a_crash_a_lost_answer_is_looked_up() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    for Life { kind, path, spec, .. } in lives() {
        authentik.break_with(Fault::new(Action::Cut(Point::After)).method("POST").once());
        let then = authentik.now();
        world.create(kind, "staff", spec).await;
        assert_eq!(world.ready(kind, "staff").await.origin(), "Created");
        assert_eq!(objects(&world, kind).await, 1);
        assert_eq!(authentik.matching(then, "POST", path).len(), 1, "it is not sent again");
    }
}

#[tokio::test]
async fn a_creation_that_takes_hold_late_is_its_own_although_the_next_is_refused() {
    for Life { kind, path, spec, .. } in lives() {
        let world = World::new().await;
        let authentik = &world.authentik;
        // Nothing is known of the first. It takes hold when the second arrives, which is a duplicate then.
        authentik.break_with(Fault::new(Action::Cut(Point::Before)).method("POST").once());
        let duplicate = match kind {
            BINDING => {
                json!({"non_field_errors": ["The fields target, stage, order must make a unique set."]})
            }
            STAGE => json!({"name": ["This field must be unique."]}),
            _ => json!({"slug": ["Flow with this slug already exists."]}),
        };
        let refused = Answer::status(400).json(duplicate).applied();
        authentik.break_with(Fault::new(refused.into()).method("POST").nth(2));
        let then = authentik.now();
        let _operator = world.operator().start().await;
        world.create(kind, "staff", spec).await;
        assert_eq!(world.ready(kind, "staff").await.origin(), "Created");
        assert_eq!(objects(&world, kind).await, 1);
        assert_eq!(authentik.matching(then, "POST", path).len(), 2);
        world.delete(kind, "staff").await;
        world.gone(kind, "staff").await;
        assert_eq!(objects(&world, kind).await, 0, "{}", kind.name);
    }
}

#[tokio::test]
async fn an_api_server_that_goes_while_something_is_made_leaves_one_object() {
    let world = World::new().await;
    if !world.plane().has(Part::ApiServer) {
        eprintln!("skipped: an API server that goes needs a control plane of our own");
        return;
    }
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    authentik.read_anew().await;
    authentik.break_with(Fault::new(Action::DelayMs(1_500)).method("POST"));
    let then = authentik.now();
    world.create(FLOW, "staff", flow(json!({}))).await;
    authentik.until(then, "the creation is sent", |it| it.iter().any(|it| it.method == "POST")).await;
    world.plane().kill(Part::ApiServer).await.expect("it ends");
    let made = async || authentik.has_flow("staff").await.then_some(());
    eventually(made, async || "the flow is to be made".to_owned()).await;
    authentik.read_anew().await;
    world.plane().start(Part::ApiServer).await.expect("it is back");
    assert_eq!(world.ready(FLOW, "staff").await.origin(), "Created");
    assert_eq!(authentik.writes(then).len(), 1);
    // And goes on as before.
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.ready(STAGE, "mfa").await;
    operator.stop().await;
}

#[tokio::test]
async fn crashes_in_a_row_make_nothing_twice() {
    let world = World::new().await;
    let authentik = &world.authentik;
    const COUNT: usize = 8;
    for number in 0..COUNT {
        let name = format!("staff-{number}");
        world.create(FLOW, &name, flow(json!({}))).await;
        world.create(STAGE, &name, stage(json!({}))).await;
        world.create(BINDING, &name, bind(&name, &name, 0)).await;
    }
    // Killed each time that some more requests have come, wherever they are.
    for more in [1, 2, 3, 4, 5] {
        let then = authentik.now();
        let operator = world.operator().start().await;
        let some = |entries: &[Entry]| entries.iter().filter(|it| it.method == "POST").count() >= more;
        authentik.until(then, "some creations", some).await;
        operator.crash().await;
    }
    let operator = world.operator().start().await;
    for number in 0..COUNT {
        for kind in [FLOW, STAGE, BINDING] {
            let ready = world.ready(kind, &format!("staff-{number}")).await;
            assert_eq!(ready.origin(), "Created", "{} {}", kind.name, ready.name());
        }
        let target = world.read(FLOW, &format!("staff-{number}")).await.pk().to_owned();
        assert_eq!(authentik.bindings(&target).await.len(), 1);
    }
    let made =
        authentik.since(0).into_iter().filter(|it| it.method == "POST" && it.status == Some(201)).count();
    assert_eq!(made, 3 * COUNT, "each is made once");
    operator.stop().await;
}
