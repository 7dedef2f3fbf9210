//! States that somebody has to end: what authentik or the operator refuses, in words that say what to do.

use authentik_simulator::fault::{Action, Answer, Fault};
use serde_json::json;

use crate::harness::{BINDING, FLOW, PERMISSIONS, STAGE, World, binding, flow, stage, write};

#[tokio::test]
async fn what_authentik_refuses_is_invalid_in_its_own_words() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"background": "/absolute.jpg"}))).await;
    let invalid = world.reason(FLOW, "staff", "Invalid").await;
    let words = "Absolute paths are not allowed";
    assert!(
        invalid.message().contains(words) && invalid.message().contains("background"),
        "{}",
        invalid.message()
    );
    assert_eq!(invalid.pk(), "");
    world.event(FLOW, "staff", "Invalid", &[words]).await;
    let then = authentik.now();
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), [], "it is not asked again and again");

    world.change(FLOW, "staff", json!({"background": "picture.jpg"})).await;
    world.ready(FLOW, "staff").await;
    // A change is refused as a creation is, and leaves everything as it was.
    world.change(FLOW, "staff", json!({"background": "a//b.jpg", "title": "Hello"})).await;
    let invalid = world.reason(FLOW, "staff", "Invalid").await;
    assert!(invalid.message().contains("File name cannot contain duplicate /"), "{}", invalid.message());
    let flow = authentik.flow("staff").await;
    assert_eq!((&flow["background"], &flow["title"]), (&json!("picture.jpg"), &json!("Welcome")));
}

#[tokio::test]
async fn every_field_that_is_refused_is_named() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let answer = json!({"name": ["No."], "device_classes": {"1": ["Never.", "Not today."]},
        "non_field_errors": ["These do not go together."]});
    let refusal = Fault::new(Action::Answer(Answer::status(400).json(answer)));
    authentik.break_with(refusal.method("POST").path("/api/v3/stages/authenticator/validate/"));
    world.create(STAGE, "mfa", stage(json!({"deviceClasses": ["totp", "sms"]}))).await;
    let invalid = world.reason(STAGE, "mfa", "Invalid").await;
    for words in ["name", "No.", "device_classes", "Never.", "Not today.", "These do not go together."] {
        assert!(invalid.message().contains(words), "{words} in {}", invalid.message());
    }
}

#[tokio::test]
async fn a_refusal_to_who_sees_everything_is_no_missing_permission() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let refusal = Answer::status(400).json(json!({"non_field_errors": ["Not today."]}));
    authentik.break_with(Fault::new(Action::Answer(refusal)).method("POST").path("/api/v3/flows/bindings/"));
    world.create(BINDING, "login", binding(json!({}))).await;
    let refused = world.wait(BINDING, "login", "is to be refused", |it| it.is("Stalled") == "True").await;
    assert_eq!(refused.reason(), "Invalid", "{}", refused.message());
    assert!(refused.message().contains("Not today."), "{}", refused.message());
}

#[tokio::test]
async fn a_pair_that_cannot_be_is_invalid_before_anything_is_sent() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    // authentik begins without configuration stages, and none are declared.
    world.create(STAGE, "mfa", stage(json!({"notConfiguredAction": "configure"}))).await;
    let invalid = world.reason(STAGE, "mfa", "Invalid").await;
    assert!(invalid.message().contains("configur"), "{}", invalid.message());
    // authentik begins with policies evaluated when the stage is presented.
    world.create(BINDING, "login", binding(json!({"reEvaluatePolicies": false}))).await;
    let invalid = world.reason(BINDING, "login", "Invalid").await;
    assert!(invalid.message().to_lowercase().contains("evaluat"), "{}", invalid.message());
    authentik.read_anew().await;
    assert_eq!(authentik.writes(0), []);
    world.change(BINDING, "login", json!({"evaluateOnPlan": true})).await;
    world.ready(BINDING, "login").await;
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let may_all_but = |missing: &[&str]| -> Vec<&str> {
        PERMISSIONS.iter().copied().filter(|it| !missing.iter().any(|name| it.ends_with(name))).collect()
    };
    let may = may_all_but(&["add_flow", "change_authenticatorvalidatestage"]);
    let account = authentik.account("operator", &may).await;
    world.write("token", &account.token);
    let operator = world.operator().start().await;
    let line = operator.says("connected to authentik").await;
    assert!(line.contains("superuser=false"), "{line}");

    world.create(FLOW, "staff", flow(json!({}))).await;
    let forbidden = world.reason(FLOW, "staff", "Forbidden").await;
    assert!(forbidden.message().contains("authentik_flows.add_flow"), "{}", forbidden.message());
    world.event(FLOW, "staff", "Forbidden", &["authentik_flows.add_flow"]).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.ready(STAGE, "mfa").await;
    world.change(STAGE, "mfa", json!({"lastAuthThreshold": "hours=1"})).await;
    let forbidden = world.reason(STAGE, "mfa", "Forbidden").await;
    let permission = "authentik_stages_authenticator_validate.change_authenticatorvalidatestage";
    assert!(forbidden.message().contains(permission), "{}", forbidden.message());
    // Who is permitted is not held up.
    world.create(BINDING, "login", binding(json!({}))).await;
    world.ready(BINDING, "login").await;
}

#[tokio::test]
async fn thirteen_permissions_are_enough() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let account = authentik.account("operator", &PERMISSIONS).await;
    world.write("token", &account.token);
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.create(BINDING, "login", binding(json!({}))).await;
    for (kind, name) in [(FLOW, "staff"), (STAGE, "mfa"), (BINDING, "login")] {
        world.ready(kind, name).await;
    }
    world.change(FLOW, "staff", json!({"title": "Hello"})).await;
    world.change(STAGE, "mfa", json!({"lastAuthThreshold": "hours=1"})).await;
    world.change(BINDING, "login", json!({"order": 501})).await;
    for (kind, name) in [(FLOW, "staff"), (STAGE, "mfa"), (BINDING, "login")] {
        world.ready(kind, name).await;
    }
}

#[tokio::test]
async fn a_list_that_may_not_be_read_is_forbidden() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let may: Vec<&str> = PERMISSIONS.iter().copied().filter(|it| !it.ends_with(".view_flow")).collect();
    let account = authentik.account("operator", &may).await;
    world.write("token", &account.token);
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let forbidden = world.reason(FLOW, "staff", "Forbidden").await;
    assert!(forbidden.message().contains("authentik_flows.view_flow"), "{}", forbidden.message());
    authentik.until(0, "lists are read", |entries| !entries.is_empty()).await;
    assert_eq!(authentik.writes(0), [], "nobody writes what cannot be looked at");
}

#[tokio::test]
async fn a_permission_that_is_granted_later_is_noticed() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let may: Vec<&str> = PERMISSIONS.iter().copied().filter(|it| !it.ends_with(".add_flow")).collect();
    let account = authentik.account("operator", &may).await;
    world.write("token", &account.token);
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.reason(FLOW, "staff", "Forbidden").await;
    account.grant(authentik, "authentik_flows.add_flow").await;
    world.ready(FLOW, "staff").await;
}

#[tokio::test]
async fn a_duplicate_of_what_may_not_be_seen_is_forbidden() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let may: Vec<&str> = PERMISSIONS.iter().copied().filter(|it| !it.ends_with("_flow")).collect();
    let account = authentik.account("operator", &may).await;
    account.grant(authentik, "authentik_flows.add_flow").await;
    let own = json!({"name": "Own", "slug": "own", "title": "Own", "designation": "recovery"});
    let own = authentik.post("/flows/instances/", own).await;
    account.grant_over_flow(authentik, "authentik_flows.view_flow", &own).await;
    let hidden = json!({"name": "Hidden", "slug": "hidden", "title": "Hidden", "designation": "recovery"});
    authentik.post("/flows/instances/", hidden).await;
    world.write("token", &account.token);
    let _operator = world.operator().start().await;
    world.create(FLOW, "hidden", flow(json!({}))).await;
    let forbidden = world.reason(FLOW, "hidden", "Forbidden").await;
    assert!(forbidden.message().contains("authentik_flows.view_flow"), "{}", forbidden.message());
    assert_eq!(forbidden.pk(), "");
    assert_eq!(authentik.flow("hidden").await["title"], "Hidden");
}

#[tokio::test]
async fn what_cannot_be_seen_for_a_while_stays_its_own() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let account = authentik.account("operator", &PERMISSIONS).await;
    let other = authentik.flow("default-authentication-flow").await["pk"].clone();
    let other = other.as_str().expect("an identifier");
    account.grant_over_flow(authentik, "authentik_flows.view_flow", other).await;
    world.write("token", &account.token);
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let before = world.ready(FLOW, "staff").await;
    // Lists lack it now, and reading it says 404.
    account.revoke(authentik, "authentik_flows.view_flow").await;
    world.reason(FLOW, "staff", "Forbidden").await;
    world.change(FLOW, "staff", json!({"title": "Hello"})).await;
    authentik.read_anew().await;
    account.grant(authentik, "authentik_flows.view_flow").await;
    let after = world.ready(FLOW, "staff").await;
    assert_eq!((after.pk(), after.origin()), (before.pk(), "Created"));
    assert_eq!(authentik.flow("staff").await["title"], "Hello");
}

#[tokio::test]
async fn what_is_accepted_and_not_stored_is_not_applied() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    authentik.break_with(Fault::new(Action::Unstored(vec!["title".to_owned()])).method("PATCH"));
    world.change(FLOW, "staff", json!({"title": "Hello"})).await;
    let stalled = world.reason(FLOW, "staff", "NotApplied").await;
    for words in ["title", "Hello", "Welcome"] {
        assert!(stalled.message().contains(words), "{words} in {}", stalled.message());
    }
    authentik.clear_faults();
    world.annotate(FLOW, "staff", "authentik-operator.dev/reconcile-at", Some("now")).await;
    world.ready(FLOW, "staff").await;
    assert_eq!(authentik.flow("staff").await["title"], "Hello");
}

#[tokio::test]
async fn what_this_authentik_does_not_know_is_unsupported_and_nothing_of_it_is_sent() {
    for (version, kind, spec, words) in [
        ("2025.10", FLOW, flow(json!({"background": "picture.jpg"})), ["background", "2025.12"]),
        ("2025.12", FLOW, flow(json!({"layout": "sidebar_left_frame_background"})), ["layout", "2026.2"]),
        ("2025.10", FLOW, flow(json!({"slug": "s".repeat(51)})), ["slug", "2025.12"]),
        ("2026.2", FLOW, flow(json!({"authentication": "require_token"})), ["require_token", "2026.5"]),
        ("2026.2", STAGE, stage(json!({"webauthnHints": ["hybrid"]})), ["webauthnHints", "2026.5"]),
        ("2026.2", STAGE, stage(json!({"smsOtpThrottlingFactor": 2})), ["smsOtpThrottlingFactor", "2026.5"]),
        ("2024.12", STAGE, stage(json!({"deviceClasses": ["totp", "email"]})), ["email", "2025.2"]),
    ] {
        let world = World::of_version(version).await;
        let authentik = &world.authentik;
        let _operator = world.operator().start().await;
        world.create(kind, "newer", spec).await;
        let unsupported = world.reason(kind, "newer", "Unsupported").await;
        let message = unsupported.message();
        assert!(words.iter().all(|word| message.contains(word)), "{words:?} in {message}");
        assert!(message.contains(version), "the version that there is, {version}, in {message}");
        world.event(kind, "newer", "Unsupported", &words).await;
        assert_eq!(authentik.writes(0), [], "{version}: {words:?}");
    }
}

#[tokio::test]
async fn what_is_supported_once_the_field_is_gone_is_made() {
    let world = World::of_version("2025.10").await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"background": ""}))).await;
    world.reason(FLOW, "staff", "Unsupported").await;
    world.change(FLOW, "staff", json!({"background": null})).await;
    world.ready(FLOW, "staff").await;
    let body =
        json!({"name": "Staff login", "title": "Welcome", "designation": "authentication", "slug": "staff"});
    assert_eq!(authentik.writes(0), [write("POST", "/flows/instances/", body)]);
}
