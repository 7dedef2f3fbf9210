//! What binds a stage to a flow, and a policy to a flow or to such a binding.

use serde_json::Value;

use super::super::answer::{Refusal, broken, invalid_object};
use super::super::field::{Choice, Field, Type, choice, optional, required};
use super::super::kind::{Filter, Kind, Payload};
use super::super::store::Table;
use super::KIND;
use super::flows::POLICY_ENGINE_MODES;

const INVALID_RESPONSE_ACTIONS: &[Choice] =
    &[choice("retry"), choice("restart"), choice("restart_with_context")];

const FIELDS: &[Field] = &[
    required("target", Type::Reference(Table::Flow)),
    required("stage", Type::Reference(Table::Stage)),
    optional("evaluate_on_plan", Type::Bool, "false"),
    optional("re_evaluate_policies", Type::Bool, "true"),
    required("order", Type::Int),
    optional("policy_engine_mode", Type::Choice(POLICY_ENGINE_MODES), "\"any\""),
    optional("invalid_response_action", Type::Choice(INVALID_RESPONSE_ACTIONS), "\"retry\""),
];

/// `/flows/bindings/`.
pub(crate) static BINDING: Kind = Kind {
    path: "flows/bindings",
    table: Table::Binding,
    app: "authentik_flows",
    model: "flowstagebinding",
    class: "FlowStageBinding",
    verbose: "Flow Stage Binding",
    verbose_plural: "Flow Stage Bindings",
    label: "Flow-stage binding",
    fields: FIELDS,
    filters: &[
        Filter::Object("target", Table::Flow),
        Filter::Object("stage", Table::Stage),
        Filter::Number("order"),
        Filter::Uuid("fsb_uuid", "pk"),
        Filter::Uuid("pbm_uuid", "policybindingmodel_ptr_id"),
        Filter::Objects("policies", Table::Policy),
        Filter::Choice("policy_engine_mode", POLICY_ENGINE_MODES),
        Filter::Choice("invalid_response_action", INVALID_RESPONSE_ACTIONS),
        Filter::Bool("evaluate_on_plan"),
        Filter::Bool("re_evaluate_policies"),
    ],
    search: &["stage__name"],
    order: &["order", "pk"],
    orderable: &["order", "pk", "stage__name", "target__uuid"],
    unique_together: &["target", "stage", "order"],
    rule: Some(one_evaluation),
    ..KIND
};

/// Looks at the payload alone, not at what is stored (recordings `binding-patch-re-evaluate-false-alone` and
/// `binding-patch-evaluate-on-plan-false-alone`).
fn one_evaluation(payload: &Payload<'_>) -> Result<(), Refusal> {
    let on_plan = payload.values.get("evaluate_on_plan").and_then(Value::as_bool).unwrap_or(false);
    let on_run = payload.values.get("re_evaluate_policies").and_then(Value::as_bool).unwrap_or(true);
    if on_plan || on_run {
        return Ok(());
    }
    Err(invalid_object("Either evaluation on plan or evaluation on run must be enabled"))
}

const POLICY_FIELDS: &[Field] = &[
    optional("policy", Type::Reference(Table::Policy), "null").nullable(),
    optional("group", Type::Reference(Table::Group), "null").nullable(),
    optional("user", Type::Reference(Table::User), "null").nullable(),
    required("target", Type::PolicyTarget),
    optional("negate", Type::Bool, "false"),
    optional("enabled", Type::Bool, "true"),
    required("order", Type::Int),
    optional("timeout", Type::Int, "30"),
    optional("failure_result", Type::Bool, "false"),
];

/// `/policies/bindings/`. The target is stored as the `policybindingmodel_ptr_id` of what the policy is bound to.
pub(crate) static POLICY_BINDING: Kind = Kind {
    path: "policies/bindings",
    table: Table::PolicyBinding,
    app: "authentik_policies",
    model: "policybinding",
    class: "PolicyBinding",
    verbose: "Policy Binding",
    verbose_plural: "Policy Bindings",
    label: "Binding",
    fields: POLICY_FIELDS,
    filters: &[
        Filter::PolicyTarget,
        Filter::Object("policy", Table::Policy),
        Filter::Number("order"),
        Filter::Bool("enabled"),
    ],
    search: &["policy__name"],
    order: &["order", "pk"],
    unique_together: &["policy", "target", "order"],
    rule: Some(one_of_policy_group_user),
    ..KIND
};

/// authentik's own check reads the target from the payload, and breaks where it is not in it (recording `pb-patch`).
fn one_of_policy_group_user(payload: &Payload<'_>) -> Result<(), Refusal> {
    if !payload.values.contains_key("target") {
        return Err(broken());
    }
    let set = ["group", "policy", "user"]
        .iter()
        .filter(|name| payload.values.get(**name).is_some_and(|value| !value.is_null()))
        .count();
    match set {
        1 => Ok(()),
        0 => Err(invalid_object("One of 'group', 'policy', 'user' must be set.")),
        _ => Err(invalid_object("Only one of 'group', 'policy', 'user' can be set.")),
    }
}
