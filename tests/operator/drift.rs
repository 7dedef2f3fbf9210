//! What somebody changes by hand in authentik is found and put right; what nobody declares is left alone.

use std::time::{Duration, Instant};

use authentik_simulator::fault::{Action, Answer, Fault};
use serde_json::{Value, json};

use crate::harness::{BINDING, FLOW, Kind, Resource, STAGE, World, binding, flow, stage, write};

#[tokio::test]
async fn fields_changed_by_hand_are_put_right_and_named() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"layout": "stacked"}))).await;
    world.create(STAGE, "mfa", stage(json!({"deviceClasses": ["totp"]}))).await;
    world.create(BINDING, "login", binding(json!({"policyEngineMode": "all"}))).await;
    world.ready(FLOW, "staff").await;
    let stage = format!("/stages/authenticator/validate/{}/", world.ready(STAGE, "mfa").await.pk());
    let bound = format!("/flows/bindings/{}/", world.ready(BINDING, "login").await.pk());

    let then = authentik.now();
    let by_hand = Instant::now();
    authentik.patch("/flows/instances/staff/", json!({"title": "By hand", "layout": "content_left"})).await;
    world.event(FLOW, "staff", "DriftCorrected", &["title", "layout"]).await;
    let took = by_hand.elapsed();
    // At the next refresh, a second from the last, and within a second of it; the rest is for a busy machine.
    assert!(took < Duration::from_secs(6), "{took:?}");
    authentik.patch(&stage, json!({"device_classes": ["totp", "sms"]})).await;
    world.event(STAGE, "mfa", "DriftCorrected", &["device"]).await;
    authentik.patch(&bound, json!({"policy_engine_mode": "any"})).await;
    world.event(BINDING, "login", "DriftCorrected", &["olicy"]).await;

    let writes = authentik.writes(then);
    let [first, second, third] = writes.as_slice() else { panic!("one for each: {writes:?}") };
    let patch = json!({"title": "Welcome", "layout": "stacked"});
    assert_eq!(*first, write("PATCH", "/flows/instances/staff/", patch));
    assert_eq!(*second, write("PATCH", &stage, json!({"device_classes": ["totp"]})));
    assert_eq!((third.method(), third.path()), ("PUT", bound.as_str()));
    assert_eq!(authentik.get(&bound).await["policy_engine_mode"], "all");
    for (kind, name) in [(FLOW, "staff"), (STAGE, "mfa"), (BINDING, "login")] {
        world.ready(kind, name).await;
        let drifted: Vec<_> = world.events(kind, name).await;
        let drifted: Vec<_> = drifted.iter().filter(|it| it.reason == "DriftCorrected").collect();
        assert_eq!((drifted.len(), drifted[0].kind.as_str()), (1, "Normal"), "{drifted:?}");
    }
}

#[tokio::test]
async fn what_nobody_declares_is_left_as_it_is() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.create(BINDING, "login", binding(json!({}))).await;
    world.ready(FLOW, "staff").await;
    let validate = format!("/stages/authenticator/validate/{}/", world.ready(STAGE, "mfa").await.pk());
    let bound = format!("/flows/bindings/{}/", world.ready(BINDING, "login").await.pk());
    let then = authentik.now();
    let by_hand = [
        (
            "/flows/instances/staff/",
            json!({"layout": "content_left", "compatibility_mode": true, "denied_action": "message",
                "authentication": "require_superuser", "policy_engine_mode": "all", "background": "by-hand.jpg"}),
        ),
        (
            validate.as_str(),
            json!({"not_configured_action": "deny", "device_classes": ["sms"], "last_auth_threshold": "days=3",
                "webauthn_user_verification": "required"}),
        ),
        (
            bound.as_str(),
            json!({"evaluate_on_plan": true, "re_evaluate_policies": false, "policy_engine_mode": "all",
                "invalid_response_action": "restart"}),
        ),
    ];
    for (path, fields) in &by_hand {
        authentik.patch(path, fields.clone()).await;
    }
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);

    // Nor does a change of something else touch them.
    world.change(FLOW, "staff", json!({"title": "Hello"})).await;
    world.ready(FLOW, "staff").await;
    world.change(STAGE, "mfa", json!({"name": "mfa of staff"})).await;
    world.ready(STAGE, "mfa").await;
    world.change(BINDING, "login", json!({"order": 501})).await;
    world.ready(BINDING, "login").await;
    for (path, fields) in &by_hand {
        let now = authentik.get(path).await;
        for (field, value) in fields.as_object().expect("fields") {
            assert_eq!(now[field], *value, "{field} of {path}");
        }
    }
}

#[tokio::test]
async fn a_field_that_is_no_longer_declared_stays_as_it_was() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"layout": "content_right"}))).await;
    world.ready(FLOW, "staff").await;
    let then = authentik.now();
    world.change(FLOW, "staff", json!({"layout": null})).await;
    world.ready(FLOW, "staff").await;
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    assert_eq!(authentik.flow("staff").await["layout"], "content_right");
}

#[tokio::test]
async fn values_that_mean_the_same_are_no_difference() {
    let world = World::of_version("2026.5").await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let spec = stage(json!({"totpOtpThrottlingFactor": 1, "lastAuthThreshold": "HOURS=1",
        "configurationStages": ["default-authenticator-totp-setup", "default-authenticator-static-setup"]}));
    world.create(STAGE, "mfa", spec).await;
    let path = format!("/stages/authenticator/validate/{}/", world.ready(STAGE, "mfa").await.pk());
    let mut stages = authentik.get(&path).await["configuration_stages"].clone();
    stages.as_array_mut().expect("a list").reverse();
    let then = authentik.now();
    authentik.patch(&path, json!({"configuration_stages": stages, "totp_otp_throttling_factor": 1.0})).await;
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    world.ready(STAGE, "mfa").await;
}

#[tokio::test]
async fn what_was_deleted_by_hand_is_made_again_with_a_warning() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    let spec = json!({"targetRef": {"name": "staff"},
        "stageRef": {"kind": "AuthenticatorValidateStage", "name": "mfa"}, "order": 0});
    world.create(BINDING, "staff-0", spec).await;
    let before = world.ready(BINDING, "staff-0").await.pk().to_owned();
    let flow = world.ready(FLOW, "staff").await.pk().to_owned();
    let validate = world.ready(STAGE, "mfa").await.pk().to_owned();

    authentik.delete(&format!("/flows/bindings/{before}/")).await;
    let event = world.event(BINDING, "staff-0", "Recreated", &[]).await;
    assert_eq!(event.kind, "Warning");
    let another = |than: String| move |it: &Resource| it.is_ready() && it.pk() != than;
    let second = world.wait(BINDING, "staff-0", "is another", another(before)).await;
    assert_eq!(second.origin(), "Created");

    // A flow takes its bindings along.
    authentik.delete("/flows/instances/staff/").await;
    let event = world.event(FLOW, "staff", "Recreated", &[]).await;
    assert_eq!(event.kind, "Warning");
    let other = world.wait(FLOW, "staff", "is another", another(flow)).await;
    world.wait(BINDING, "staff-0", "is another", another(second.pk().to_owned())).await;
    assert_eq!(authentik.bindings(other.pk()).await.len(), 1);

    authentik.delete(&format!("/stages/authenticator/validate/{validate}/")).await;
    let event = world.event(STAGE, "mfa", "Recreated", &[]).await;
    assert_eq!(event.kind, "Warning");
    world.wait(STAGE, "mfa", "is another", another(validate)).await;
    authentik.read_anew().await;
    world.ready(BINDING, "staff-0").await;
    let bindings = authentik.bindings(other.pk()).await;
    assert_eq!(bindings.len(), 1, "{bindings:?}");
    assert_eq!(bindings[0]["stage"], world.ready(STAGE, "mfa").await.pk());
}

/// Lists that answer that there is nothing, although single objects are there to be read.
async fn an_empty_list(kind: Kind, list: &str, spec: Value) {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(kind, "staff", spec).await;
    let before = world.ready(kind, "staff").await;
    let nothing = json!({"pagination": {"next": 0, "previous": 0, "count": 0, "current": 1, "total_pages": 1,
        "start_index": 0, "end_index": 0}, "results": [], "autocomplete": {}});
    let then = authentik.now();
    let lie = Fault::new(Action::Answer(Answer::status(200).json(nothing)));
    authentik.break_with(lie.method("GET").path(format!("/api/v3{list}")));
    authentik.read_anew().await;
    authentik.clear_faults();
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    let after = world.ready(kind, "staff").await;
    assert_eq!((after.pk(), after.origin(), after.version()), (before.pk(), "Created", before.version()));
    assert!(world.events(kind, "staff").await.iter().all(|event| event.reason != "Recreated"));
}

#[tokio::test]
async fn a_flow_that_only_lists_lack_is_not_made_again() {
    an_empty_list(FLOW, "/flows/instances/", flow(json!({}))).await;
}

#[tokio::test]
async fn a_binding_that_only_lists_lack_is_not_made_again() {
    an_empty_list(BINDING, "/flows/bindings/", binding(json!({}))).await;
}

#[tokio::test]
async fn a_stage_that_only_lists_lack_is_not_made_again() {
    an_empty_list(STAGE, "/stages/authenticator/validate/", stage(json!({}))).await;
}
