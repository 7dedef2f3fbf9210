//! Bindings of one flow change places, again and again: after every single request all of them are there.

use std::collections::{BTreeMap, BTreeSet};

use authentik_simulator::journal::Entry;
use serde_json::json;

use crate::harness::{BINDING, FLOW, STAGE, World, bind, flow, stage};

/// So many bindings.
const BINDINGS: usize = 5;
/// So many times they change places.
const ROUNDS: usize = 8;

/// The orders that they may have: as many as there are bindings, and a few more, so that some places are free.
const ORDERS: [i32; BINDINGS + 2] = [-7, 0, 10, 20, 30, 40, 2_147_483_647];

fn name(number: usize) -> String {
    format!("staff-{number}")
}

/// Follows the requests since then, one by one, from where each binding was: none goes, none leaves its flow or stage, and
/// no two are at one place. Returns where each is at the end.
fn follow(world: &World, then: u64, from: &BTreeMap<String, i32>, seed: u64) -> BTreeMap<String, i32> {
    let flow = &world.authentik.matching(0, "POST", "/flows/bindings/")[0].body.clone().expect("a body");
    let mut now = from.clone();
    let changing = |it: &Entry| it.method != "GET" && it.method != "HEAD";
    for request in world.authentik.since(then).into_iter().filter(changing) {
        let context = format!("seed {seed}: {request:?}");
        assert_eq!((request.method.as_str(), request.status), ("PUT", Some(200)), "{context}");
        let pk = request.path.trim_end_matches('/').rsplit('/').next().expect("a path").to_owned();
        let body = request.body.unwrap_or_default();
        assert_eq!((&body["target"], &body["stage"]), (&flow["target"], &flow["stage"]), "{context}");
        let order = body["order"].as_i64().and_then(|order| order.try_into().ok()).expect("an order");
        assert!(now.insert(pk, order).is_some(), "{context}: a binding that nobody declares");
        let places: BTreeSet<&i32> = now.values().collect();
        assert_eq!(places.len(), BINDINGS, "{context}: two at one place in {now:?}");
    }
    now
}

async fn change_places(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let world = World::new().await;
    let authentik = &world.authentik;
    let mut operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    let mut identifiers = Vec::new();
    let mut now = BTreeMap::new();
    for (number, order) in ORDERS.into_iter().take(BINDINGS).enumerate() {
        world.create(BINDING, &name(number), bind("staff", "mfa", order)).await;
        let pk = world.ready(BINDING, &name(number)).await.pk().to_owned();
        now.insert(pk.clone(), order);
        identifiers.push(pk);
    }
    let target = world.ready(FLOW, "staff").await.pk().to_owned();
    for round in 0..ROUNDS {
        let mut orders = ORDERS;
        random.shuffle(&mut orders);
        let then = authentik.now();
        // Some while it runs, some all at once for a fresh start.
        let running = match random.bool() {
            true => Some(operator),
            false => {
                operator.stop().await;
                None
            }
        };
        for (number, order) in orders.into_iter().take(BINDINGS).enumerate() {
            world.change(BINDING, &name(number), json!({"order": order})).await;
        }
        operator = match running {
            Some(operator) => operator,
            None => world.operator().start().await,
        };
        for (number, pk) in identifiers.iter().enumerate() {
            assert_eq!(world.ready(BINDING, &name(number)).await.pk(), pk, "seed {seed}, round {round}");
        }
        now = follow(&world, then, &now, seed);
        let declared: BTreeMap<String, i32> = identifiers.iter().cloned().zip(orders).collect();
        assert_eq!(now, declared, "seed {seed}, round {round}");
        let there: BTreeMap<String, i32> = authentik
            .bindings(&target)
            .await
            .iter()
            .map(|it| {
                (it["pk"].as_str().unwrap_or_default().to_owned(), it["order"].as_i64().unwrap_or_default())
            })
            .map(|(pk, order)| (pk, order.try_into().expect("an int32")))
            .collect();
        assert_eq!(there, declared, "seed {seed}, round {round}");
    }
}

#[tokio::test]
async fn bindings_change_places_at_random() {
    change_places(1).await;
}

#[tokio::test]
async fn bindings_change_places_at_random_in_another_way() {
    change_places(20_260_101).await;
}
