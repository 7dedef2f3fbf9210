//! What the API server stores of a resource: what was applied, nothing more, and a status apart from it.

use authentik_operator::kinds::{
    AuthenticatorValidateStage, Creating, Drift, Flow, FlowStageBinding, Kind, Origin, REGISTRY, Reason,
    Status,
};
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Map, Value, json};

use crate::{
    PLANE,
    resource::{api, resource, spec},
};

#[tokio::test]
async fn every_definition_is_established_and_structural() {
    let plane = PLANE.get().await.expect("a control plane");
    let definitions: Api<CustomResourceDefinition> = Api::all(plane.client().await.expect("a client"));
    for entry in REGISTRY {
        let name = (entry.definition)().name_any();
        let definition = definitions.get(&name).await.expect("the definition is there");
        let conditions = definition.status.and_then(|status| status.conditions).unwrap_or_default();
        for wanted in ["Established", "NamesAccepted"] {
            assert!(
                conditions.iter().any(|it| it.type_ == wanted && it.status == "True"),
                "{name}: {conditions:?}"
            );
        }
        assert!(!conditions.iter().any(|it| it.type_ == "NonStructuralSchema"), "{name}: {conditions:?}");
    }
}

/// Creates a resource with this spec and reads what is stored of it.
async fn stored(kind: &str, spec: Value) -> Value {
    let plane = PLANE.get().await.expect("a control plane");
    let namespace = plane.namespace("stored").await.expect("a namespace");
    let api = api(plane.client().await.expect("a client"), &namespace, kind);
    let object = resource(kind, "staff-login", spec);
    api.create(&PostParams::default(), &object).await.expect("the resource is accepted");
    api.get("staff-login").await.expect("the resource is stored").data["spec"].clone()
}

#[tokio::test]
async fn what_is_applied_is_stored_and_nothing_more() {
    for (kind, fields) in [
        (Flow::NAME, json!({})),
        (Flow::NAME, json!({"background": "", "compatibilityMode": false})),
        (FlowStageBinding::NAME, json!({})),
        (FlowStageBinding::NAME, json!({"order": 0, "evaluateOnPlan": false})),
        (FlowStageBinding::NAME, json!({"order": -1, "reEvaluatePolicies": false})),
        (AuthenticatorValidateStage::NAME, json!({})),
        (
            AuthenticatorValidateStage::NAME,
            json!({"configurationStages": [], "configurationStageRefs": [], "webauthnAllowedDeviceTypes": [],
                "webauthnHints": [], "emailOtpThrottlingFactor": 0, "smsOtpThrottlingFactor": 0.5,
                "totpOtpThrottlingFactor": 1, "staticOtpThrottlingFactor": -1.5}),
        ),
    ] {
        let applied = spec(kind, &fields);
        assert_eq!(stored(kind, applied.clone()).await, applied, "{kind}");
    }
}

#[tokio::test]
async fn a_null_is_as_good_as_absent() {
    for entry in REGISTRY {
        let least = spec(entry.name, &json!({}));
        let definition = serde_json::to_value((entry.definition)()).expect("a definition is JSON");
        let properties =
            &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let mut fields: Map<String, Value> = properties["properties"]
            .as_object()
            .expect("properties")
            .keys()
            .map(|field| (field.clone(), Value::Null))
            .collect();
        let least_fields = least.as_object().expect("a spec").clone();
        fields.extend(least_fields);
        assert_eq!(stored(entry.name, fields.into()).await, least, "{}", entry.name);
    }
}

#[tokio::test]
async fn rust_reads_and_writes_a_resource_without_changing_it() {
    let plane = PLANE.get().await.expect("a control plane");
    let namespace = plane.namespace("rust").await.expect("a namespace");
    let api: Api<AuthenticatorValidateStage> =
        Api::namespaced(plane.client().await.expect("a client"), &namespace);
    let spec = json!({"deviceClasses": ["totp"], "configurationStages": [], "webauthnHints": ["hybrid"],
        "totpOtpThrottlingFactor": 0.25, "mode": "Observe"});
    let object = resource(AuthenticatorValidateStage::NAME, "staff-mfa", spec.clone());
    let object = serde_json::to_value(object).and_then(serde_json::from_value).expect("a stage");
    let made: AuthenticatorValidateStage =
        api.create(&PostParams::default(), &object).await.expect("accepted");
    let again = api.replace("staff-mfa", &PostParams::default(), &made).await.expect("replaced");
    assert_eq!(serde_json::to_value(&again.spec).expect("JSON"), spec);
    assert_eq!(again.metadata.generation, Some(1));
}

#[tokio::test]
async fn device_classes_are_stored_in_the_order_last_applied() {
    let plane = PLANE.get().await.expect("a control plane");
    let namespace = plane.namespace("order").await.expect("a namespace");
    let api = api(plane.client().await.expect("a client"), &namespace, AuthenticatorValidateStage::NAME);
    for classes in
        [json!(["totp", "webauthn", "static"]), json!(["static", "totp", "webauthn"]), json!(["webauthn"])]
    {
        let object =
            resource(AuthenticatorValidateStage::NAME, "staff-mfa", json!({"deviceClasses": classes}));
        let apply = PatchParams::apply("test");
        let stored = api.patch("staff-mfa", &apply, &Patch::Apply(&object)).await.expect("applied");
        assert_eq!(stored.data["spec"]["deviceClasses"], classes);
    }
}

fn condition(type_: &str, reason: Reason) -> Condition {
    Condition {
        type_: type_.to_owned(),
        status: "False".to_owned(),
        reason: reason.to_string(),
        message: "the stage “mfa” is not there".to_owned(),
        observed_generation: Some(1),
        last_transition_time: Time(Timestamp::from_second(1_700_000_000).expect("a time")),
    }
}

#[tokio::test]
async fn a_status_is_a_thing_apart() {
    let plane = PLANE.get().await.expect("a control plane");
    let namespace = plane.namespace("status").await.expect("a namespace");
    let api: Api<Flow> = Api::namespaced(plane.client().await.expect("a client"), &namespace);
    let status = Status {
        observed_generation: Some(1),
        pk: Some("1c33c8c4-5d2f-4f0e-9d6a-0b1f5f3c2a11".to_owned()),
        slug: Some("staff-login".to_owned()),
        origin: Some(Origin::Adopted),
        drift: vec![Drift {
            field: "layout".into(),
            declared: "stacked".into(),
            actual: "content_left".into(),
        }],
        conditions: vec![condition("Ready", Reason::Observed), condition("Stalled", Reason::Observed)],
        last_handled_reconcile_at: Some("2026-01-01".to_owned()),
        creating: Some(Creating {
            key: [("slug".to_owned(), "staff-login".to_owned())].into(),
            fields: vec!["slug".to_owned(), "name".to_owned()],
            body_hash: "0f".to_owned(),
            id: "7".to_owned(),
        }),
    };
    let object = resource(Flow::NAME, "staff-login", spec(Flow::NAME, &json!({})));
    let mut flow: Flow = serde_json::to_value(object).and_then(serde_json::from_value).expect("a flow");
    flow.status = Some(status.clone());
    let made = api.create(&PostParams::default(), &flow).await.expect("accepted");
    assert_eq!(made.status, None, "who applies a resource says nothing about its state");

    let mut changed = made.clone();
    changed.status = Some(status.clone());
    changed.spec.title = "Changed".to_owned();
    let written = api.replace_status("staff-login", &PostParams::default(), &changed).await.expect("written");
    assert_eq!(written.status, Some(status.clone()));
    assert_eq!(written.spec, made.spec, "who writes a status does not change the spec");
    assert_eq!(written.metadata.generation, Some(1));

    // Each type of condition is there once: who applies one replaces it and leaves the others.
    let stalled = condition("Stalled", Reason::Invalid);
    let apply = json!({"apiVersion": "authentik-operator.dev/v1alpha1", "kind": "Flow",
        "status": {"conditions": [stalled]}});
    let params = PatchParams::apply("test").force();
    let applied = api.patch_status("staff-login", &params, &Patch::Apply(&apply)).await.expect("applied");
    let conditions = applied.status.expect("a status").conditions;
    assert_eq!(conditions, [status.conditions[0].clone(), stalled]);
    let twice = json!({"status": {"conditions": [condition("Ready", Reason::InSync), condition("Ready", Reason::InSync)]}});
    let refused = api.patch_status("staff-login", &PatchParams::default(), &Patch::Merge(&twice)).await;
    assert!(refused.expect_err("refused").to_string().contains("status.conditions[1]: Duplicate value"));
}
