//! The same life in authentiks of several versions.

use serde_json::json;

use crate::harness::{BINDING, FLOW, STAGE, World, bind, flow, stage};

async fn life(version: &str) {
    let world = World::of_version(version).await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    let line = operator.says("connected to authentik").await;
    assert!(line.contains(&format!("version={}", authentik.version())), "{line}");

    let all = [(FLOW, "staff"), (STAGE, "mfa"), (BINDING, "staff-10")];
    world.create(FLOW, "staff", flow(json!({"layout": "sidebar_left", "authentication": "none"}))).await;
    let spec = json!({"deviceClasses": ["webauthn", "totp"], "notConfiguredAction": "configure",
        "configurationStages": ["default-authenticator-totp-setup"], "webauthnUserVerification": "required"});
    world.create(STAGE, "mfa", stage(spec)).await;
    world.create(BINDING, "staff-10", bind("staff", "mfa", 10)).await;
    for (kind, name) in all {
        world.ready(kind, name).await;
    }
    let validate = format!("/stages/authenticator/validate/{}/", world.read(STAGE, "mfa").await.pk());
    let bound = format!("/flows/bindings/{}/", world.read(BINDING, "staff-10").await.pk());

    world.change(FLOW, "staff", json!({"title": "Hello"})).await;
    world.change(STAGE, "mfa", json!({"lastAuthThreshold": "hours=12"})).await;
    world.change(BINDING, "staff-10", json!({"order": 20, "evaluateOnPlan": true})).await;
    for (kind, name) in all {
        world.ready(kind, name).await;
    }
    assert_eq!(authentik.flow("staff").await["title"], "Hello");
    assert_eq!(authentik.get(&validate).await["last_auth_threshold"], "hours=12");
    let made = authentik.get(&bound).await;
    assert_eq!((&made["order"], &made["evaluate_on_plan"]), (&json!(20), &json!(true)));

    authentik.patch("/flows/instances/staff/", json!({"layout": "stacked"})).await;
    authentik.patch(&validate, json!({"device_classes": ["sms"]})).await;
    authentik.patch(&bound, json!({"order": 30})).await;
    for (kind, name) in all {
        world.event(kind, name, "DriftCorrected", &[]).await;
    }
    assert_eq!(authentik.flow("staff").await["layout"], "sidebar_left");
    assert_eq!(authentik.get(&validate).await["device_classes"], json!(["webauthn", "totp"]));
    assert_eq!(authentik.get(&bound).await["order"], 20);
    let then = authentik.now();
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), [], "and then there is peace");

    for (kind, name) in all {
        world.delete(kind, name).await;
    }
    for (kind, name) in all {
        world.gone(kind, name).await;
    }
    assert!(!authentik.has_flow("staff").await && authentik.validate_stages("mfa").await.is_empty());
}

#[tokio::test]
async fn in_2024_12() {
    life("2024.12").await;
}

#[tokio::test]
async fn in_2025_10() {
    life("2025.10").await;
}

#[tokio::test]
async fn in_2026_8() {
    life("2026.8").await;
}

#[tokio::test]
async fn what_came_with_2026_5_is_kept_there() {
    let world = World::of_version("2026.5").await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let newer = json!({"webauthnHints": ["hybrid", "security-key"], "emailOtpThrottlingFactor": 0,
        "smsOtpThrottlingFactor": 0.5, "totpOtpThrottlingFactor": 2, "staticOtpThrottlingFactor": 1.25});
    world.create(STAGE, "mfa", stage(newer)).await;
    let token = flow(json!({"authentication": "require_token", "background": "picture.jpg",
        "layout": "sidebar_right_frame_background"}));
    world.create(FLOW, "staff", token).await;
    world.ready(FLOW, "staff").await;
    let path = format!("/stages/authenticator/validate/{}/", world.ready(STAGE, "mfa").await.pk());
    let made = authentik.get(&path).await;
    assert_eq!(made["webauthn_hints"], json!(["hybrid", "security-key"]));
    assert_eq!(
        (made["email_otp_throttling_factor"].as_f64(), made["sms_otp_throttling_factor"].as_f64()),
        (Some(0.0), Some(0.5))
    );
    let then = authentik.now();
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    authentik.patch(&path, json!({"webauthn_hints": []})).await;
    world.event(STAGE, "mfa", "DriftCorrected", &["webauthnHints"]).await;
    assert_eq!(authentik.get(&path).await["webauthn_hints"], json!(["hybrid", "security-key"]));
}
