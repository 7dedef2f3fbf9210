//! Bindings of stages to flows.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Body, Change, Field, FlowReference, Identifiers, Kind, Management, PolicyEngineMode, Reference,
    StageReference, Status, Unresolved, body, schema,
};

/// What a binding in authentik is to be. A field that is absent is left as authentik has it.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "authentik-operator.dev",
    version = "v1alpha1",
    kind = "FlowStageBinding",
    namespaced,
    status = "Status",
    category = "authentik",
    shortname = "afsb",
    doc = "A stage's place in a flow in authentik.",
    selectable = ".spec.target",
    selectable = ".spec.targetRef.name",
    selectable = ".spec.stage",
    selectable = ".spec.stageRef.name",
    printcolumn(name = "Order", type_ = "integer", json_path = ".spec.order")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rules)]
pub struct FlowStageBindingSpec {
    /// The flow, when authentik has it and no resource does: its slug or UUID. Either this or targetRef.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema::slug)]
    pub target: Option<String>,

    /// The flow, when it is a Flow in this namespace. The binding waits until that flow is there. Either this or target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_ref: Option<FlowReference>,

    /// The stage, when authentik has it and no resource does: its name or UUID. Either this or stageRef.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema::text)]
    pub stage: Option<String>,

    /// The stage, when it is a resource in this namespace. The binding waits until that stage is there. Either this or
    /// stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_ref: Option<StageReference>,

    /// The stage's place: stages run from the lowest order to the highest. A stage can be bound to a flow more than
    /// once, with different orders.
    #[schemars(transform = schema::int32)]
    pub order: i32,

    /// Whether policies that are bound to this binding are evaluated when the flow is planned, before it is known who the
    /// user is. This or reEvaluatePolicies must be true. Absent: not managed; authentik begins with false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluate_on_plan: Option<bool>,

    /// Whether policies that are bound to this binding are evaluated when the stage is presented. This or evaluateOnPlan
    /// must be true. Absent: not managed; authentik begins with true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub re_evaluate_policies: Option<bool>,

    /// How policies that are bound to this binding are taken together: `all` must pass, or `any` of them. Absent: not
    /// managed; authentik begins with `any`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_engine_mode: Option<PolicyEngineMode>,

    /// What happens when the user answers the stage wrongly: `retry` asks again, `restart` begins the flow anew,
    /// `restart_with_context` begins it anew and keeps what is known so far. Absent: not managed; authentik begins with
    /// `retry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid_response_action: Option<InvalidResponseAction>,

    #[expect(missing_docs, reason = "its fields are the spec's")]
    #[serde(flatten)]
    pub management: Management,
}

/// What happens after a wrong answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = schema::values)]
#[expect(missing_docs, reason = "authentik's own words")]
pub enum InvalidResponseAction {
    Retry,
    Restart,
    RestartWithContext,
}

/// What a spec can get wrong over several fields.
fn rules(spec: &mut schemars::Schema) {
    schema::rule(
        spec,
        "has(self.target) != has(self.targetRef)",
        "set exactly one of spec.target, the slug or UUID of a flow that authentik has, and spec.targetRef, a Flow in \
         this namespace",
    );
    schema::rule(
        spec,
        "has(self.stage) != has(self.stageRef)",
        "set exactly one of spec.stage, the name or UUID of a stage that authentik has, and spec.stageRef, a stage's \
         resource in this namespace",
    );
    schema::rule(
        spec,
        "!has(self.evaluateOnPlan) || self.evaluateOnPlan || !has(self.reEvaluatePolicies) || self.reEvaluatePolicies",
        "spec.evaluateOnPlan and spec.reEvaluatePolicies cannot both be false: authentik has to evaluate policies at \
         one of the two times",
    );
}

impl FlowStageBindingSpec {
    fn flow(&self) -> Option<Reference> {
        let resource = self.target_ref.as_ref().map(Reference::from);
        resource.or_else(|| self.target.clone().map(Reference::Flow))
    }

    fn bound(&self) -> Option<Reference> {
        let resource = self.stage_ref.as_ref().map(Reference::from);
        resource.or_else(|| self.stage.clone().map(Reference::Stage))
    }
}

impl Kind for FlowStageBinding {
    const NAME: &'static str = "FlowStageBinding";
    const COLLECTION: &'static str = "flows/bindings";
    const MODEL: &'static str = "authentik_flows.flowstagebinding";
    const KEY: &'static [&'static str] = &["target", "stage", "order"];
    const CHANGE: Change = Change::Put;
    // authentik judges them by what a request holds, whatever it has stored.
    const TOGETHER: &'static [&'static [&'static str]] = &[&["evaluate_on_plan", "re_evaluate_policies"]];
    const FLOW: Option<&'static str> = Some("target");
    const STEPS_ASIDE: Option<&'static str> = Some("order");
    const PARTS: &'static [&'static str] = &["authentik_policies.policybinding"];
    const FIELDS: &'static [Field] = &[
        Field::new("target"),
        Field::new("stage"),
        Field::new("order"),
        Field::new("evaluate_on_plan"),
        Field::new("re_evaluate_policies"),
        Field::new("policy_engine_mode"),
        Field::new("invalid_response_action"),
    ];

    fn references(&self) -> Vec<Reference> {
        self.spec.flow().into_iter().chain(self.spec.bound()).collect()
    }

    fn body(&self, identifiers: &Identifiers) -> Result<Body, Unresolved> {
        let mut body = body::declared(&self.spec, Self::FIELDS);
        for (field, reference) in [("target", self.spec.flow()), ("stage", self.spec.bound())] {
            if let Some(reference) = reference {
                body.insert(field.to_owned(), identifiers.get(&reference)?.into());
            }
        }
        Ok(body)
    }

    fn refused(merged: &Body, _: Option<&str>) -> Option<String> {
        let on = |field, otherwise| merged.get(field).and_then(Value::as_bool).unwrap_or(otherwise);
        let neither = !on("evaluate_on_plan", false) && !on("re_evaluate_policies", true);
        neither.then(|| {
            "spec.evaluateOnPlan and spec.reEvaluatePolicies would both be false, of which one is not declared and \
             is so in authentik: declare it as true"
                .to_owned()
        })
    }

    fn management(&self) -> &Management {
        &self.spec.management
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::FlowStageBinding;
    use crate::kinds::{Identifiers, Kind, Reference};

    fn binding(spec: Value) -> FlowStageBinding {
        let binding = json!({"apiVersion": "authentik-operator.dev/v1alpha1", "kind": "FlowStageBinding",
            "metadata": {"name": "staff-login-30"}, "spec": spec});
        serde_json::from_value(binding).expect("a binding")
    }

    /// Identifiers for `references`: `id-0`, `id-1`, ...
    fn identifiers(references: Vec<Reference>) -> Identifiers {
        references.into_iter().enumerate().map(|(n, reference)| (reference, format!("id-{n}"))).collect()
    }

    #[test]
    fn references_become_identifiers() {
        for (spec, references) in [
            (
                json!({"targetRef": {"name": "staff"}, "order": 0,
                    "stageRef": {"kind": "AuthenticatorValidateStage", "name": "mfa"}}),
                vec![
                    Reference::Resource { kind: "Flow".to_owned(), name: "staff".to_owned() },
                    Reference::Resource {
                        kind: "AuthenticatorValidateStage".to_owned(),
                        name: "mfa".to_owned(),
                    },
                ],
            ),
            (
                json!({"target": "staff", "stage": "mfa", "order": 0}),
                vec![Reference::Flow("staff".to_owned()), Reference::Stage("mfa".to_owned())],
            ),
        ] {
            let binding = binding(spec);
            assert_eq!(binding.references(), references);
            let body = binding.body(&identifiers(references)).expect("all identifiers");
            assert_eq!(Value::from(body), json!({"target": "id-0", "stage": "id-1", "order": 0}));
        }
    }

    #[test]
    fn nothing_is_made_of_half_the_references() {
        let binding = binding(json!({"target": "staff", "stage": "mfa", "order": 30}));
        let half = identifiers(vec![Reference::Flow("staff".to_owned())]);
        let unresolved = binding.body(&half).expect_err("the stage is not resolved");
        assert_eq!(unresolved.to_string(), "the stage mfa in authentik has no identifier yet");
    }

    #[test]
    fn what_is_there_is_sent_false_or_not() {
        let binding = binding(json!({"target": "staff", "stage": "mfa", "order": -1, "evaluateOnPlan": true,
            "reEvaluatePolicies": false, "policyEngineMode": "any",
            "invalidResponseAction": "restart_with_context"}));
        let body = binding.body(&identifiers(binding.references())).expect("all identifiers");
        assert_eq!(
            Value::from(body),
            json!({"target": "id-0", "stage": "id-1", "order": -1, "evaluate_on_plan": true,
                "re_evaluate_policies": false, "policy_engine_mode": "any",
                "invalid_response_action": "restart_with_context"})
        );
    }
}
