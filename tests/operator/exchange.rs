//! Resources that take each other's places.

use authentik_simulator::fault::{Action, Fault, Moment};
use authentik_simulator::journal::{Entry, Outcome};
use serde_json::{Value, json};

use crate::harness::{BINDING, FLOW, STAGE, World, bind, flow, stage};

/// A flow and a stage, and bindings of them by name and order. Their identifiers, in the same order.
async fn bound(world: &World, bindings: &[(&str, i32)]) -> Vec<String> {
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    let mut identifiers = Vec::new();
    for (name, order) in bindings {
        world.create(BINDING, name, bind("staff", "mfa", *order)).await;
        identifiers.push(world.ready(BINDING, name).await.pk().to_owned());
    }
    identifiers
}

/// That each binding is the object that it was, at its new place, and that bindings were only moved for that.
async fn moved(world: &World, then: u64, bindings: &[(&str, i32)], identifiers: &[String]) {
    for ((name, order), pk) in bindings.iter().zip(identifiers) {
        assert_eq!(world.ready(BINDING, name).await.pk(), pk);
        assert_eq!(world.authentik.get(&format!("/flows/bindings/{pk}/")).await["order"], *order, "{name}");
    }
    let writes = world.authentik.writes(then);
    assert!(writes.iter().all(|write| write.method() == "PUT"), "none is deleted nor made again: {writes:?}");
}

#[tokio::test]
async fn two_bindings_exchange_their_orders() {
    let world = World::new().await;
    let _operator = world.operator().start().await;
    let identifiers = bound(&world, &[("first", 10), ("second", 20)]).await;
    let then = world.authentik.now();
    let turned = [("first", 20), ("second", 10)];
    for (name, order) in turned {
        world.change(BINDING, name, json!({"order": order})).await;
    }
    moved(&world, then, &turned, &identifiers).await;
    world.authentik.read_anew().await;
    let writes = world.authentik.writes(then);
    assert_eq!(writes.len(), 3, "by way of a free order: {writes:?}");
}

#[tokio::test]
async fn a_whole_round_of_bindings_moves_on() {
    let world = World::new().await;
    let _operator = world.operator().start().await;
    let orders = [("a", 10), ("b", 20), ("c", 30), ("d", 40)];
    let identifiers = bound(&world, &orders).await;
    let then = world.authentik.now();
    let turned = [("a", 20), ("b", 30), ("c", 40), ("d", 10)];
    for (name, order) in turned {
        world.change(BINDING, name, json!({"order": order})).await;
    }
    moved(&world, then, &turned, &identifiers).await;
}

#[tokio::test]
async fn an_exchange_goes_on_after_a_crash() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let mut operator = world.operator().start().await;
    let identifiers = bound(&world, &[("first", 10), ("second", 20)]).await;
    let mut turned = [("first", 10), ("second", 20)];
    let then = authentik.now();
    // At each of the three steps, which took hold.
    for step in 1..=3 {
        turned = [(turned[0].0, turned[1].1), (turned[1].0, turned[0].1)];
        let fault = Fault::new(Action::Hang(Moment::After)).method("PUT").nth(step);
        let id = authentik.break_with(fault);
        let begun = authentik.now();
        for (name, order) in turned {
            world.change(BINDING, name, json!({"order": order})).await;
        }
        let hangs = |entries: &[Entry]| entries.iter().any(|it| it.outcome == Outcome::Hung);
        authentik.until(begun, "the step hangs", hangs).await;
        operator.crash().await;
        authentik.clear_fault(id);
        operator = world.operator().start().await;
        moved(&world, then, &turned, &identifiers).await;
    }
    operator.stop().await;
}

#[tokio::test]
async fn a_place_that_nobodys_binding_has_is_not_taken() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let identifiers = bound(&world, &[("first", 10)]).await;
    let (target, bound) =
        (world.read(FLOW, "staff").await.pk().to_owned(), world.read(STAGE, "mfa").await.pk().to_owned());
    let theirs =
        authentik.post("/flows/bindings/", json!({"target": target, "stage": bound, "order": 20})).await;
    authentik.read_anew().await;
    let then = authentik.now();
    world.change(BINDING, "first", json!({"order": 20})).await;
    let refused = world.reason(BINDING, "first", "AlreadyExists").await;
    assert_eq!(refused.pk(), identifiers[0]);
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    authentik.delete(&format!("/flows/bindings/{theirs}/")).await;
    moved(&world, then, &[("first", 20)], &identifiers).await;
}

#[tokio::test]
async fn a_flow_waits_for_the_slug_that_another_is_about_to_free() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    for name in ["left", "right"] {
        world.create(FLOW, name, flow(json!({}))).await;
        world.ready(FLOW, name).await;
    }
    // left declares right's slug, and right keeps it for now.
    world.change(FLOW, "left", json!({"slug": "right"})).await;
    let waiting =
        world.wait(FLOW, "left", "cannot have it", |it| it.is_current() && it.is("Ready") == "False").await;
    assert!(waiting.message().contains("right"), "{}", waiting.message());
    let pk: Value = world.read(FLOW, "left").await.pk().into();
    world.change(FLOW, "right", json!({"slug": "elsewhere"})).await;
    world.ready(FLOW, "right").await;
    world.ready(FLOW, "left").await;
    assert_eq!(authentik.flow("right").await["pk"], pk);
    assert!(authentik.writes(0).iter().all(|write| write.method() != "DELETE"));
}

#[tokio::test]
async fn flows_that_exchange_slugs_in_one_step_wait_and_name_the_holder() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    for name in ["left", "right"] {
        world.create(FLOW, name, flow(json!({}))).await;
        world.ready(FLOW, name).await;
    }
    operator.stop().await;
    world.change(FLOW, "left", json!({"slug": "right"})).await;
    world.change(FLOW, "right", json!({"slug": "left"})).await;
    let then = authentik.now();
    let _operator = world.operator().start().await;
    for (name, holder) in [("left", "right"), ("right", "left")] {
        let waiting = world.reason(FLOW, name, "ReferenceNotReady").await;
        assert!(waiting.message().contains(holder), "{}", waiting.message());
    }
    assert_eq!(authentik.writes(then), []);
}
