//! Kubernetes loses what it knew, and authentik does not: everything is Ready again without a write to authentik.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::harness::{
    BINDING, FLOW, Kind, Namespace, Resource, STAGE, World, bind, binding, eventually, flow, stage,
};

/// One of everything: a flow, a stage, a binding of both, a binding of what authentik has.
fn all() -> [(Kind, &'static str, Value); 4] {
    let login = json!({"policyEngineMode": "any", "evaluateOnPlan": true, "reEvaluatePolicies": false});
    [
        (FLOW, "staff", flow(json!({"layout": "content_left"}))),
        (
            STAGE,
            "mfa",
            stage(json!({"deviceClasses": ["webauthn", "totp"], "lastAuthThreshold": "hours=12"})),
        ),
        (BINDING, "staff-10", bind("staff", "mfa", 10)),
        (BINDING, "login", binding(login)),
    ]
}

/// Applies all of them.
async fn apply(namespace: &Namespace) {
    for (kind, name, spec) in all() {
        namespace.create(kind, name, spec).await;
    }
}

/// Waits until all of them are Ready.
async fn ready(namespace: &Namespace) -> Vec<Resource> {
    let mut ready = Vec::new();
    for (kind, name, _) in all() {
        ready.push(namespace.ready(kind, name).await);
    }
    ready
}

/// Overwrites a status as no operator does.
async fn set_status(namespace: &Namespace, kind: Kind, name: &str, status: &Value) {
    let patch = Patch::Merge(json!({"status": status}));
    let params = PatchParams::default();
    namespace.api(kind).patch_status(name, &params, &patch).await.expect("the status is accepted");
}

fn identifiers(resources: &[Resource]) -> Vec<&str> {
    resources.iter().map(Resource::pk).collect()
}

fn origins(resources: &[Resource]) -> Vec<&str> {
    resources.iter().map(Resource::origin).collect()
}

#[tokio::test]
async fn lost_statuses_are_found_again_while_the_operator_runs() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    apply(&world).await;
    let before = ready(&world).await;
    let then = authentik.now();
    for (kind, name, _) in all() {
        set_status(&world, kind, name, &Value::Null).await;
    }
    let after = ready(&world).await;
    assert_eq!(identifiers(&after), identifiers(&before));
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
}

#[tokio::test]
async fn lost_statuses_are_found_again_after_a_restart() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    apply(&world).await;
    let before = ready(&world).await;
    operator.stop().await;
    for (kind, name, _) in all() {
        set_status(&world, kind, name, &Value::Null).await;
    }
    let then = authentik.now();
    let _operator = world.operator().start().await;
    let after = ready(&world).await;
    assert_eq!(identifiers(&after), identifiers(&before));
    // Who made it is not known any more, so a deletion retains.
    assert_eq!(origins(&after), ["Adopted"; 4]);
    for (kind, name, _) in all() {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    assert_eq!(authentik.writes(then), []);
}

#[tokio::test]
async fn what_is_applied_in_another_namespace_and_deleted_here_moves() {
    let mut world = World::new().await;
    let other = world.add_namespace().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    apply(&world).await;
    let before = ready(&world).await;
    let then = authentik.now();
    apply(&other).await;
    other.reason(FLOW, "staff", "Conflict").await;
    // All at once: what a binding refers to changes hands as well.
    for (kind, name, _) in all().into_iter().rev() {
        world.delete(kind, name).await;
    }
    for (kind, name, _) in all() {
        world.gone(kind, name).await;
    }
    assert_eq!(identifiers(&ready(&other).await), identifiers(&before));
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
}

#[tokio::test]
async fn what_moves_while_the_operator_is_away_is_found_there() {
    let mut world = World::new().await;
    let other = world.add_namespace().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    apply(&world).await;
    let before = ready(&world).await;
    operator.stop().await;
    apply(&other).await;
    for (kind, name, _) in all() {
        world.delete(kind, name).await;
    }
    let then = authentik.now();
    let _operator = world.operator().start().await;
    for (kind, name, _) in all() {
        world.gone(kind, name).await;
    }
    assert_eq!(identifiers(&ready(&other).await), identifiers(&before));
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
}

/// Loses everything, and restores specs and the statuses given, with no operator running.
async fn restore(world: &World, statuses: &[Value]) {
    world.forget_everything().await;
    for ((kind, name, spec), status) in all().into_iter().zip(statuses) {
        world.create(kind, name, spec).await;
        set_status(world, kind, name, status).await;
    }
}

/// Waits until all statuses speak of the specs that are there: a restored one may speak of a later generation.
async fn observed(world: &World) {
    for (kind, name, _) in all() {
        let current = async || {
            let object = world.api(kind).get(name).await.expect("it is there");
            let generation = object.metadata.generation.unwrap_or_default();
            (object.data["status"]["observedGeneration"] == generation).then_some(())
        };
        eventually(current, async || format!("{name} is to be observed anew")).await;
    }
}

#[tokio::test]
async fn a_backup_with_old_statuses_is_taken_up_where_it_was() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    apply(&world).await;
    let before = ready(&world).await;
    operator.stop().await;
    // Generations begin anew, and the backup speaks of late ones.
    let mut statuses: Vec<Value> = before.iter().map(|resource| resource.status().clone()).collect();
    for status in &mut statuses {
        status["observedGeneration"] = 7.into();
    }
    restore(&world, &statuses).await;
    let then = authentik.now();
    let _operator = world.operator().start().await;
    observed(&world).await;
    let after = ready(&world).await;
    assert_eq!(identifiers(&after), identifiers(&before));
    assert_eq!(origins(&after), ["Created"; 4]);
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
}

#[tokio::test]
async fn a_backup_whose_objects_were_made_again_since_finds_them() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    apply(&world).await;
    let before = ready(&world).await;
    let old: Vec<Value> = before.iter().map(|resource| resource.status().clone()).collect();
    for (kind, name, _) in all() {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    apply(&world).await;
    let now = ready(&world).await;
    assert!(identifiers(&now).iter().zip(identifiers(&before)).all(|(now, before)| *now != before));
    operator.stop().await;
    restore(&world, &old).await;
    let then = authentik.now();
    let _operator = world.operator().start().await;
    for ((kind, name, _), now) in all().into_iter().zip(&now) {
        world
            .wait(kind, name, "is to find what there is now", |it| it.is_ready() && it.pk() == now.pk())
            .await;
    }
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
}
