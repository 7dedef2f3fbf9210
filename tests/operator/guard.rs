//! What keeps an object from being deleted by mistake, and a resource from being kept for nothing.

use std::time::Duration;

use authentik_simulator::fault::{Action, Fault};
use serde_json::{Value, json};

use crate::harness::{BINDING, FLOW, PERMISSIONS, STAGE, World, binding, eventually, flow, stage, write};

const FORCE_DELETE: &str = "authentik-operator.dev/force-delete";
const RECONCILE_AT: &str = "authentik-operator.dev/reconcile-at";

#[tokio::test]
async fn what_may_use_it_unseen_keeps_it() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let account = authentik.account("operator", &PERMISSIONS).await;
    world.write("token", &account.token);
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    let then = authentik.now();
    world.delete(FLOW, "staff").await;
    // Each round names what is missing still.
    for round in 0..3 {
        let kept = world.reason(FLOW, "staff", "InUse").await;
        authentik.read_anew().await;
        assert_eq!(authentik.writes(then), []);
        let words = kept.message().split([' ', ',', ';', '(', ')']);
        let missing: Vec<&str> = words.filter(|word| word.starts_with("authentik_")).collect();
        assert!(!missing.is_empty() && missing.iter().all(|it| it.contains(".view_")), "{}", kept.message());
        if round == 0 {
            let identification = "authentik_stages_identification.view_identificationstage";
            assert!(missing.contains(&identification), "{missing:?}");
        }
        for permission in missing {
            account.grant(authentik, permission).await;
        }
        world.annotate(FLOW, "staff", RECONCILE_AT, Some(&format!("round {round}"))).await;
        let decided = async || {
            let now = world.get(FLOW, "staff").await;
            now.is_none_or(|now| now.message() != kept.message()).then_some(())
        };
        eventually(decided, async || "the guard is to look again".to_owned()).await;
        if world.get(FLOW, "staff").await.is_none() {
            break;
        }
    }
    world.gone(FLOW, "staff").await;
    assert!(!authentik.has_flow("staff").await);
}

#[tokio::test]
async fn an_identification_stage_that_leads_to_a_flow_keeps_it() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "recovery", flow(json!({"designation": "recovery"}))).await;
    let pk = world.ready(FLOW, "recovery").await.pk().to_owned();
    let identification = authentik.stage("default-authentication-identification").await;
    let identification = format!("/stages/identification/{identification}/");
    authentik.patch(&identification, json!({"recovery_flow": pk, "user_fields": ["email"]})).await;
    let then = authentik.now();
    world.delete(FLOW, "recovery").await;
    // authentik's own used_by does not tell of it.
    let kept = world.reason(FLOW, "recovery", "InUse").await;
    assert!(kept.message().contains("default-authentication-identification"), "{}", kept.message());
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    authentik.patch(&identification, json!({"recovery_flow": null, "user_fields": ["email"]})).await;
    world.annotate(FLOW, "recovery", RECONCILE_AT, Some("now")).await;
    world.gone(FLOW, "recovery").await;
}

#[tokio::test]
async fn force_that_was_there_before_the_deletion_is_no_answer_to_a_refusal() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    let pk = world.ready(STAGE, "mfa").await.pk().to_owned();
    let target = authentik.flow("default-authentication-flow").await["pk"].clone();
    authentik.post("/flows/bindings/", json!({"target": target, "stage": pk, "order": 700})).await;
    world.annotate(STAGE, "mfa", FORCE_DELETE, Some("true")).await;
    // The API server tells seconds apart.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let then = authentik.now();
    world.delete(STAGE, "mfa").await;
    world.reason(STAGE, "mfa", "InUse").await;
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    world.annotate(STAGE, "mfa", FORCE_DELETE, None).await;
    world.annotate(STAGE, "mfa", FORCE_DELETE, Some("true")).await;
    world.gone(STAGE, "mfa").await;
    assert!(authentik.validate_stages("mfa").await.is_empty());
}

#[tokio::test]
async fn what_is_retained_is_let_go_without_authentik() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"deletionPolicy": "Retain"}))).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.ready(FLOW, "staff").await;
    world.ready(STAGE, "mfa").await;
    authentik.stop().await;
    // Also by somebody who changes their mind during the outage.
    world.change(STAGE, "mfa", json!({"deletionPolicy": "Retain"})).await;
    for (kind, name) in [(FLOW, "staff"), (STAGE, "mfa")] {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    authentik.start().await.expect("started");
    assert!(authentik.has_flow("staff").await);
    assert_eq!(authentik.validate_stages("mfa").await.len(), 1);
}

#[tokio::test]
async fn what_was_adopted_is_let_go_without_authentik_even_after_a_restart() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let slug = "default-authentication-flow";
    let theirs = authentik.flow(slug).await;
    authentik.post("/stages/authenticator/validate/", json!({"name": "mfa"})).await;
    let operator = world.operator().start().await;
    let same = json!({"slug": slug, "name": theirs["name"], "title": theirs["title"]});
    world.create(FLOW, "adopted", flow(same)).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.create(FLOW, "created", flow(json!({"deletionPolicy": "Retain"}))).await;
    for (kind, name, origin) in
        [(FLOW, "adopted", "Adopted"), (STAGE, "mfa", "Adopted"), (FLOW, "created", "Created")]
    {
        assert_eq!(world.ready(kind, name).await.origin(), origin, "{name}");
    }
    operator.stop().await;
    let then = authentik.now();
    authentik.stop().await;
    // One that never reached authentik.
    let _operator = world.operator().start().await;
    for (kind, name) in [(FLOW, "adopted"), (STAGE, "mfa"), (FLOW, "created")] {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    authentik.start().await.expect("started");
    assert_eq!(authentik.writes(then), []);
    assert!(authentik.has_flow(slug).await && authentik.has_flow("created").await);
    assert_eq!(authentik.validate_stages("mfa").await.len(), 1);
}

#[tokio::test]
async fn what_others_hold_on_to_is_let_go_and_not_made_again() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let metadata = json!({"name": "staff", "finalizers": ["example.com/wait"]});
    world.create_with(FLOW, metadata, flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    let then = authentik.now();
    world.delete(FLOW, "staff").await;
    let left = |it: &crate::harness::Resource| it.finalizers() == ["example.com/wait"];
    world.wait(FLOW, "staff", "is to be left to others", left).await;
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), [write("DELETE", "/flows/instances/staff/", Value::Null)]);
    assert!(world.get(FLOW, "staff").await.is_some(), "the others' finalizer is theirs");
}

#[tokio::test]
async fn a_resource_that_comes_back_under_its_name_is_another_one() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    for round in 0..3 {
        world.create(FLOW, "staff", flow(json!({}))).await;
        let ready = world.ready(FLOW, "staff").await;
        assert_eq!(ready.origin(), "Created", "{round}");
        world.delete(FLOW, "staff").await;
        world.gone(FLOW, "staff").await;
        assert!(!authentik.has_flow("staff").await);
    }
    assert_eq!(authentik.writes(0).len(), 6);
}

#[tokio::test]
async fn an_object_that_comes_back_during_its_deletion_is_deleted_again() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(BINDING, "login", binding(json!({}))).await;
    let pk = world.ready(BINDING, "login").await.pk().to_owned();
    // authentik says that it is gone, and it is not: so it is after a change that raced the deletion.
    let lie = authentik_simulator::fault::Answer::status(204);
    authentik.break_with(Fault::new(Action::Answer(lie)).method("DELETE").once());
    world.delete(BINDING, "login").await;
    world.gone(BINDING, "login").await;
    assert!(authentik.find(&format!("/flows/bindings/{pk}/")).await.is_none());
}
