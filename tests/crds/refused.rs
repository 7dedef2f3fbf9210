//! What the API server refuses, in which words; and what it must not refuse.

use serde_json::{Value, json};

use crate::case::{BINDING, Case, FLOW, STAGE, accepted, judge, refused};

#[tokio::test]
async fn enumerations_know_authentiks_values_only() {
    let mut cases = Vec::new();
    for (kind, field, least_known, words) in [
        (
            FLOW,
            "designation",
            "stage_configuration",
            &["spec.designation", "Unsupported value", "\"recovery\""][..],
        ),
        (FLOW, "policyEngineMode", "all", &["spec.policyEngineMode", "\"all\", \"any\""]),
        (FLOW, "layout", "sidebar_right_frame_background", &["spec.layout", "\"stacked\""]),
        (FLOW, "deniedAction", "continue", &["spec.deniedAction", "\"message_continue\""]),
        (FLOW, "authentication", "require_token", &["spec.authentication", "\"require_outpost\""]),
        (BINDING, "policyEngineMode", "any", &["spec.policyEngineMode", "\"all\", \"any\""]),
        (
            BINDING,
            "invalidResponseAction",
            "restart_with_context",
            &["spec.invalidResponseAction", "\"retry\""],
        ),
        (STAGE, "notConfiguredAction", "deny", &["spec.notConfiguredAction", "\"skip\""]),
        (
            STAGE,
            "webauthnUserVerification",
            "discouraged",
            &["spec.webauthnUserVerification", "\"required\""],
        ),
    ] {
        cases.push(accepted(kind, json!({field: least_known})));
        cases.push(refused(kind, json!({field: "nope"}), words));
        cases.push(refused(kind, json!({field: ""}), words));
    }
    for kind in [FLOW, BINDING, STAGE] {
        for (field, known, words) in [
            ("mode", "Observe", &["spec.mode", "\"Enforce\", \"Observe\""]),
            ("adoption", "Never", &["spec.adoption", "\"IfMatching\", \"Never\", \"Force\""]),
            ("deletionPolicy", "Retain", &["spec.deletionPolicy", "\"Delete\", \"Retain\""]),
        ] {
            cases.push(accepted(kind, json!({field: known})));
            cases.push(refused(kind, json!({field: "never"}), words));
        }
    }
    cases.push(refused(FLOW, json!({"designation": "Recovery"}), &["spec.designation", "Unsupported value"]));
    cases.push(accepted(STAGE, json!({"webauthnHints": ["security-key", "client-device", "hybrid"]})));
    cases.push(refused(STAGE, json!({"webauthnHints": ["usb"]}), &["spec.webauthnHints[0]", "\"hybrid\""]));
    judge(cases).await;
}

#[tokio::test]
async fn what_authentik_requires_is_required() {
    let mut cases: Vec<Case> = ["name", "title", "designation"]
        .map(|field| refused(FLOW, json!({field: null}), &["Required value"]))
        .into();
    cases.push(refused(BINDING, json!({"order": null}), &["spec.order", "Required value"]));
    cases.push(accepted(STAGE, json!({})));
    for kind in [FLOW, BINDING, STAGE] {
        cases.push(refused(kind, Value::Null, &["spec", "Required value"]));
    }
    judge(cases).await;
}

#[tokio::test]
async fn a_slug_is_one_that_authentik_takes_and_reaches() {
    const SHAPE: &[&str] = &["spec.slug", "letters without accents, digits, hyphens and underscores"];
    const SHADOWED: &[&str] = &["spec.slug", "cannot reach a flow with the slug", "take another slug"];
    const STANDS_IN: &[&str] = &["spec.slug", "metadata.name cannot stand in", "set spec.slug"];
    let slug = |slug: &str| json!({"slug": slug});
    judge(vec![
        accepted(FLOW, slug("Staff_login-2")),
        accepted(FLOW, slug("-")),
        refused(FLOW, slug("staff.login"), SHAPE),
        refused(FLOW, slug("staff login"), SHAPE),
        refused(FLOW, slug("größe"), SHAPE),
        refused(FLOW, slug("staff-login\n"), SHAPE),
        refused(FLOW, slug(""), &["spec.slug", "at least 1 char"]),
        accepted(FLOW, slug(&"s".repeat(300))),
        refused(FLOW, slug(&"s".repeat(301)), &["spec.slug", "Too long", "300"]),
        refused(FLOW, slug("import"), SHADOWED),
        refused(FLOW, slug("cache_info"), SHADOWED),
        refused(FLOW, slug("cache_clear"), SHADOWED),
        accepted(FLOW, slug("Import")),
        accepted(FLOW, slug("imports")),
        // metadata.name stands in for an absent slug.
        accepted(FLOW, json!({})).named("a-1"),
        refused(FLOW, json!({}), STANDS_IN).named("staff.login"),
        accepted(FLOW, slug("staff-login")).named("staff.login"),
        refused(FLOW, json!({}), STANDS_IN).named("import"),
        accepted(FLOW, slug("staff-login")).named("import"),
        accepted(FLOW, json!({})).named("imports"),
        // A flow that authentik has can have been given any slug.
        accepted(BINDING, json!({"target": "import"})),
        accepted(BINDING, json!({"target": "1C33C8C4-5d2f-4f0e-9d6a-0b1f5f3c2a11"})),
        refused(
            BINDING,
            json!({"target": "staff.login"}),
            &["spec.target", "digits, hyphens and underscores"],
        ),
        refused(BINDING, json!({"target": ""}), &["spec.target", "at least 1 char"]),
        refused(BINDING, json!({"target": "s".repeat(301)}), &["spec.target", "Too long", "300"]),
        accepted(BINDING, json!({"target": "s".repeat(300)})),
    ])
    .await;
}

#[tokio::test]
async fn texts_have_no_blanks_at_their_ends_and_a_bound() {
    let mut cases = Vec::new();
    for (kind, field, empty) in [
        (FLOW, "name", false),
        (FLOW, "title", false),
        (FLOW, "background", true),
        (BINDING, "stage", false),
        (STAGE, "name", false),
    ] {
        let words: &'static [&'static str] = match field {
            "name" => &["spec.name", "remove blanks and line breaks"],
            "title" => &["spec.title", "remove blanks and line breaks"],
            "stage" => &["spec.stage", "remove blanks and line breaks"],
            _ => &["spec.background", "remove blanks and line breaks"],
        };
        // What Python's str.strip takes away, and NUL, which authentik refuses anywhere.
        for text in
            [" a", "a ", "a\n", "\ta", "\u{a0}a", "a\u{2003}", "a\u{85}", "\u{1c}a", "a\u{1f}", " ", "a\0b"]
        {
            cases.push(refused(kind, json!({field: text}), words));
        }
        for text in ["a b", "a\nb", "a\u{1c}b", "ä", "\u{200b}a", "\u{1}"] {
            cases.push(accepted(kind, json!({field: text})));
        }
        // The bound is in characters.
        cases.push(accepted(kind, json!({field: "ä".repeat(1024)})));
        cases.push(refused(kind, json!({field: "a".repeat(1025)}), &["Too long", "1024"]));
        cases.push(if empty {
            accepted(kind, json!({field: ""}))
        } else {
            refused(kind, json!({field: ""}), &["at least 1 char"])
        });
    }
    judge(cases).await;
}

#[tokio::test]
async fn an_order_has_32_bits() {
    let order = |order: Value| json!({"order": order});
    judge(vec![
        accepted(BINDING, order(json!(i32::MAX))),
        accepted(BINDING, order(json!(i32::MIN))),
        refused(BINDING, order(json!(i64::from(i32::MAX) + 1)), &["spec.order", "2147483647"]),
        refused(BINDING, order(json!(i64::from(i32::MIN) - 1)), &["spec.order", "-2147483648"]),
        refused(BINDING, order(json!(1.5)), &["spec.order", "integer"]),
        refused(BINDING, order(json!("1")), &["spec.order", "integer"]),
    ])
    .await;
}

#[tokio::test]
async fn a_binding_names_one_flow_and_one_stage() {
    const ONE_FLOW: &[&str] = &["spec", "exactly one of spec.target", "spec.targetRef"];
    const ONE_STAGE: &[&str] = &["spec", "exactly one of spec.stage", "spec.stageRef"];
    let flow = json!({"name": "staff-login"});
    let stage = json!({"kind": "AuthenticatorValidateStage", "name": "staff-mfa"});
    judge(vec![
        accepted(BINDING, json!({})),
        accepted(BINDING, json!({"target": null, "targetRef": flow})),
        refused(BINDING, json!({"targetRef": flow}), ONE_FLOW),
        refused(BINDING, json!({"target": null}), ONE_FLOW),
        accepted(BINDING, json!({"stage": null, "stageRef": stage})),
        refused(BINDING, json!({"stageRef": stage}), ONE_STAGE),
        refused(BINDING, json!({"stage": null}), ONE_STAGE),
    ])
    .await;
}

#[tokio::test]
async fn a_reference_names_a_resource() {
    const NAME: &[&str] = &["spec.targetRef.name", "no resource's metadata.name"];
    let flow = |name: &str| json!({"target": null, "targetRef": {"name": name}});
    let stage = |reference: Value| json!({"stage": null, "stageRef": reference});
    let stages = |name: &str| json!({"configurationStageRefs": [{"kind": STAGE, "name": name}]});
    judge(vec![
        accepted(BINDING, flow("staff.login-1")),
        accepted(BINDING, flow(&"s".repeat(253))),
        refused(BINDING, flow("Staff_login"), NAME),
        refused(BINDING, flow("-staff"), NAME),
        refused(BINDING, flow("staff..login"), NAME),
        refused(BINDING, flow(""), &["spec.targetRef.name", "at least 1 char"]),
        refused(BINDING, flow(&"s".repeat(254)), &["spec.targetRef.name", "Too long", "253"]),
        refused(
            BINDING,
            json!({"target": null, "targetRef": {}}),
            &["spec.targetRef.name", "Required value"],
        ),
        refused(
            BINDING,
            stage(json!({"kind": "Flow", "name": "a"})),
            &["spec.stageRef.kind", "\"AuthenticatorValidateStage\""],
        ),
        refused(BINDING, stage(json!({"name": "a"})), &["spec.stageRef.kind", "Required value"]),
        refused(BINDING, stage(json!({"kind": STAGE})), &["spec.stageRef.name", "Required value"]),
        refused(
            BINDING,
            stage(json!({"kind": STAGE, "name": ""})),
            &["spec.stageRef.name", "at least 1 char"],
        ),
        refused(
            BINDING,
            stage(json!({"kind": STAGE, "name": "s".repeat(254)})),
            &["spec.stageRef.name", "Too long", "253"],
        ),
        refused(
            BINDING,
            stage(json!({"kind": STAGE, "name": "A"})),
            &["spec.stageRef.name", "no resource's metadata.name"],
        ),
        accepted(STAGE, stages("other")),
        refused(
            STAGE,
            json!({"configurationStageRefs": [{"kind": BINDING, "name": "other"}]}),
            &["spec.configurationStageRefs[0].kind", "\"AuthenticatorValidateStage\""],
        ),
        refused(
            STAGE,
            json!({"configurationStageRefs": [{"name": "other"}]}),
            &["spec.configurationStageRefs[0].kind", "Required value"],
        ),
        refused(
            STAGE,
            json!({"configurationStageRefs": [{"kind": STAGE}]}),
            &["spec.configurationStageRefs[0].name", "Required value"],
        ),
        refused(STAGE, stages(""), &["spec.configurationStageRefs[0].name", "at least 1 char"]),
        refused(STAGE, stages(&"s".repeat(254)), &["spec.configurationStageRefs[0].name", "Too long", "253"]),
        refused(
            STAGE,
            stages("Other"),
            &["spec.configurationStageRefs[0].name", "no resource's metadata.name"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn policies_are_evaluated_at_some_time() {
    const BOTH: &[&str] = &["spec.evaluateOnPlan and spec.reEvaluatePolicies cannot both be false"];
    let flags =
        |on_plan: Value, again: Value| json!({"evaluateOnPlan": on_plan, "reEvaluatePolicies": again});
    judge(vec![
        refused(BINDING, flags(json!(false), json!(false)), BOTH),
        accepted(BINDING, flags(json!(true), json!(false))),
        accepted(BINDING, flags(json!(false), json!(true))),
        accepted(BINDING, flags(json!(true), json!(true))),
        // The partner is authentik's.
        accepted(BINDING, flags(json!(false), Value::Null)),
        accepted(BINDING, flags(Value::Null, json!(false))),
    ])
    .await;
}

#[tokio::test]
async fn device_classes_are_some_and_each_once() {
    let classes = |classes: Value| json!({"deviceClasses": classes});
    judge(vec![
        accepted(STAGE, classes(json!(["email", "sms", "duo", "webauthn", "totp", "static"]))),
        accepted(STAGE, classes(json!(["static"]))),
        refused(STAGE, classes(json!([])), &["spec.deviceClasses", "at least 1 item"]),
        refused(
            STAGE,
            classes(json!(["totp", "static", "totp"])),
            &["spec.deviceClasses", "more than once", "remove the repetition"],
        ),
        refused(STAGE, classes(json!(["totp", "passkey"])), &["spec.deviceClasses[1]", "\"webauthn\""]),
        refused(STAGE, classes(json!("totp")), &["spec.deviceClasses", "array"]),
    ])
    .await;
}

#[tokio::test]
async fn configure_needs_a_stage_to_configure_with() {
    const EMPTY: &[&str] = &["spec.notConfiguredAction configure needs a stage", "add one"];
    let stage = |action: &str, named: Value, resources: Value| json!({"notConfiguredAction": action, "configurationStages": named, "configurationStageRefs": resources});
    let other = json!([{"kind": STAGE, "name": "other"}]);
    judge(vec![
        refused(STAGE, stage("configure", json!([]), json!([])), EMPTY),
        // The other list is absent, so the set that is to be enforced is empty all the same.
        refused(STAGE, stage("configure", json!([]), Value::Null), EMPTY),
        refused(STAGE, stage("configure", Value::Null, json!([])), EMPTY),
        accepted(STAGE, stage("configure", json!(["a"]), json!([]))),
        accepted(STAGE, stage("configure", json!([]), other.clone())),
        accepted(STAGE, stage("configure", json!(["a"]), Value::Null)),
        accepted(STAGE, stage("configure", Value::Null, other)),
        // What authentik has counts.
        accepted(STAGE, stage("configure", Value::Null, Value::Null)),
        accepted(STAGE, stage("deny", json!([]), json!([]))),
        accepted(STAGE, json!({"configurationStages": [], "configurationStageRefs": []})),
    ])
    .await;
}

#[tokio::test]
async fn a_stage_does_not_configure_itself() {
    const RESOURCE: &[&str] =
        &["spec.configurationStageRefs", "cannot configure itself", "remove this resource"];
    const NAME: &[&str] = &["spec.configurationStages", "cannot configure itself", "own name"];
    let resources = |name: &str| json!({"configurationStageRefs": [{"kind": STAGE, "name": name}]});
    judge(vec![
        refused(STAGE, resources("staff-login"), RESOURCE),
        accepted(STAGE, resources("staff-mfa")),
        refused(STAGE, json!({"configurationStages": ["other", "staff-login"]}), NAME),
        accepted(STAGE, json!({"configurationStages": ["other", "staff-login"], "name": "MFA"})),
        refused(STAGE, json!({"configurationStages": ["MFA"], "name": "MFA"}), NAME),
        accepted(STAGE, json!({"configurationStages": ["mfa"], "name": "MFA"})),
    ])
    .await;
}

#[tokio::test]
async fn lists_have_a_bound_and_their_items_too() {
    let many = |count: usize| -> Vec<String> { (0..count).map(|n| format!("stage-{n}")).collect() };
    let resources = |count: usize| -> Vec<Value> {
        (0..count).map(|n| json!({"kind": STAGE, "name": format!("stage-{n}")})).collect()
    };
    let models = |count: usize| -> Vec<String> {
        (0..count).map(|n| format!("{n:08x}-8ff7-4039-93ec-0a2729a154a8")).collect()
    };
    judge(vec![
        accepted(STAGE, json!({"configurationStages": many(256)})),
        refused(STAGE, json!({"configurationStages": many(257)}), &["spec.configurationStages", "256"]),
        accepted(STAGE, json!({"configurationStageRefs": resources(256)})),
        refused(
            STAGE,
            json!({"configurationStageRefs": resources(257)}),
            &["spec.configurationStageRefs", "256"],
        ),
        accepted(STAGE, json!({"webauthnAllowedDeviceTypes": models(256)})),
        refused(
            STAGE,
            json!({"webauthnAllowedDeviceTypes": models(257)}),
            &["webauthnAllowedDeviceTypes", "256"],
        ),
        refused(STAGE, json!({"webauthnHints": vec!["hybrid"; 257]}), &["spec.webauthnHints", "256"]),
        accepted(STAGE, json!({"webauthnHints": vec!["hybrid"; 256]})),
        refused(
            STAGE,
            json!({"configurationStages": [" a"]}),
            &["spec.configurationStages[0]", "remove blanks"],
        ),
        refused(
            STAGE,
            json!({"configurationStages": [""]}),
            &["spec.configurationStages[0]", "at least 1 char"],
        ),
        // They are sets to authentik, so naming one twice does no harm.
        accepted(STAGE, json!({"configurationStages": ["a", "a"]})),
    ])
    .await;
}

#[tokio::test]
async fn device_types_are_aaguids() {
    const SHAPE: &[&str] = &["spec.webauthnAllowedDeviceTypes[0]", "an AAGUID is a UUID with hyphens"];
    let types = |aaguid: &str| json!({"webauthnAllowedDeviceTypes": [aaguid]});
    judge(vec![
        accepted(STAGE, types("cb69481e-8ff7-4039-93ec-0a2729a154a8")),
        accepted(STAGE, types("CB69481E-8FF7-4039-93EC-0A2729A154A8")),
        refused(STAGE, types("yubikey-5-yubikey-5-yubikey-5-yubike"), SHAPE),
        refused(STAGE, types("cb69481e-8ff7-4039-93ec-0a2729a154ag"), SHAPE),
        refused(STAGE, types("cb69481e8ff7403993ec0a2729a154a8"), &["[0]", "at least 36 chars"]),
        refused(STAGE, types("cb69481e-8ff7-4039-93ec-0a2729a154a8a"), &["[0]", "36"]),
    ])
    .await;
}
