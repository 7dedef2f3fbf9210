//! What a change sends, what has to go along, and what an answer has to show.

use serde_json::{Value, json};

use super::super::{not_stored, step_aside};
use super::{
    BINDING, FLOW, Known, Reason, STAGE, Situation, binding, fields, flow, in_a_word, knowing, made_binding,
    made_flow, made_stage, object, plan, refused, situation, stage, updated,
};

#[test]
fn a_patch_holds_what_differs_and_nothing_else() {
    let mut declared = flow();
    declared.extend(fields(json!({"compatibility_mode": false, "background": "", "layout": "stacked"})));
    for (changes, body) in [
        (json!({"title": "Hello"}), json!({"title": "Welcome"})),
        (json!({"compatibility_mode": true}), json!({"compatibility_mode": false})),
        (json!({"background": "x.png"}), json!({"background": ""})),
        (json!({"slug": "other", "name": "Other"}), json!({"slug": "staff", "name": "Staff"})),
    ] {
        let situation = knowing(FLOW, &declared, made_flow(changes.clone()));
        assert_eq!(updated(plan(&situation)), (body, false), "{changes}");
    }
    // A field that authentik's answer lacks is not as declared.
    let mut object = made_flow(json!({}));
    object.fields.remove("layout");
    assert_eq!(updated(plan(&knowing(FLOW, &declared, object))).0, json!({"layout": "stacked"}));
}

#[test]
fn a_binding_is_put_with_its_key_and_both_flags_always() {
    let mode = fields(json!({"policy_engine_mode": "all"}));
    for (more, changes, body) in [
        (mode.clone(), json!({}), json!({"evaluate_on_plan": false, "re_evaluate_policies": true})),
        // What is not declared goes along as authentik has it.
        (
            mode.clone(),
            json!({"evaluate_on_plan": true, "re_evaluate_policies": false}),
            json!({"evaluate_on_plan": true, "re_evaluate_policies": false}),
        ),
        // What is declared goes along as declared, although it does not differ.
        (
            fields(json!({"policy_engine_mode": "all", "re_evaluate_policies": true})),
            json!({"evaluate_on_plan": true}),
            json!({"evaluate_on_plan": true, "re_evaluate_policies": true}),
        ),
    ] {
        let mut declared = binding();
        declared.extend(more);
        let object = made_binding(&binding(), changes);
        let mut expected = fields(body);
        expected.extend(fields(json!({"target": "f-1", "stage": "s-1", "order": 10})));
        expected.insert("policy_engine_mode".to_owned(), "all".into());
        let (body, adopt) = updated(plan(&knowing(BINDING, &declared, object)));
        assert_eq!((body, adopt), (expected.into(), false), "{declared:?}");
    }
}

#[test]
fn a_binding_moves_with_the_key_as_declared() {
    let declared = binding();
    let elsewhere = made_binding(
        &declared,
        json!({"target": "f-9", "stage": "s-9", "order": 90, "evaluate_on_plan": true}),
    );
    assert_eq!(
        updated(plan(&knowing(BINDING, &declared, elsewhere))).0,
        json!({"target": "f-1", "stage": "s-1", "order": 10, "evaluate_on_plan": true,
            "re_evaluate_policies": true})
    );
}

#[test]
fn a_stages_pair_is_sent_together_and_only_when_half_of_it_differs() {
    for (more, changes, body) in [
        (
            json!({"not_configured_action": "configure"}),
            json!({"configuration_stages": ["s-2", "s-3"]}),
            json!({"not_configured_action": "configure", "configuration_stages": ["s-2", "s-3"]}),
        ),
        (
            json!({"configuration_stages": ["s-2"]}),
            json!({"not_configured_action": "configure", "configuration_stages": ["s-3"]}),
            json!({"not_configured_action": "configure", "configuration_stages": ["s-2"]}),
        ),
        (
            json!({"configuration_stages": ["s-2"], "not_configured_action": "deny"}),
            json!({"configuration_stages": ["s-2"]}),
            json!({"configuration_stages": ["s-2"], "not_configured_action": "deny"}),
        ),
        (
            json!({"device_classes": ["webauthn"]}),
            json!({"not_configured_action": "configure", "configuration_stages": ["s-2"]}),
            json!({"device_classes": ["webauthn"]}),
        ),
    ] {
        let mut declared = stage();
        declared.extend(fields(more));
        let object = made_stage(&stage(), changes);
        let situation = knowing(STAGE, &declared, object);
        assert_eq!(updated(plan(&situation)), (body, false), "{declared:?}");
    }
}

#[test]
fn what_an_unmanaged_partner_makes_impossible_is_refused_and_says_what_differs() {
    let never_evaluated = fields(json!({"re_evaluate_policies": false}));
    let configuring = fields(json!({"not_configured_action": "configure"}));
    let own = fields(json!({"configuration_stages": ["u-1"]}));
    let bound = |changes| Known::Present(made_binding(&binding(), changes));
    let staged = |changes| Known::Present(made_stage(&stage(), changes));
    for (entry, declared, more, known, drift) in [
        (BINDING, binding(), &never_evaluated, bound(json!({})), "reEvaluatePolicies: false / true"),
        (BINDING, binding(), &never_evaluated, Known::Nothing, ""),
        (STAGE, stage(), &configuring, staged(json!({})), "notConfiguredAction: configure / skip"),
        (STAGE, stage(), &configuring, Known::Gone, ""),
        (STAGE, stage(), &own, staged(json!({})), "configurationStages: [\"u-1\"] / []"),
    ] {
        let mut declared = declared;
        declared.extend(more.clone());
        let (reason, message, drifted) = refused(plan(&Situation { known, ..situation(entry, &declared) }));
        assert_eq!((reason, drifted.join("; ")), (Reason::Invalid, drift.to_owned()));
        assert!(!message.is_empty());
    }
    // Partners that allow it do.
    let mut declared = binding();
    declared.extend(never_evaluated);
    let object = made_binding(&binding(), json!({"evaluate_on_plan": true}));
    assert_eq!(in_a_word(&plan(&knowing(BINDING, &declared, object))), "change");
}

#[test]
fn what_was_not_stored_is_named_with_what_was_sent_and_what_is_stored() {
    let sent = fields(json!({"name": "mfa", "configuration_stages": ["a", "b"], "webauthn_hints": []}));
    let stored = json!({"name": "mfa ", "configuration_stages": ["b", "a"], "webauthn_hints": [], "more": 1});
    assert_eq!(not_stored(STAGE, &sent, &object("u-1", stored)), None);
    let stored = json!({"name": "MFA", "configuration_stages": ["b"]});
    assert_eq!(
        not_stored(STAGE, &sent, &object("u-1", stored)).expect("three fields"),
        "authentik accepted and did not store name: sent mfa, stored MFA; configurationStages: sent [\"a\",\"b\"], \
         stored [\"b\"]; webauthnHints: sent [], stored nothing"
    );
}

#[test]
fn who_steps_aside_changes_its_place_alone() {
    let object = made_binding(&binding(), json!({"evaluate_on_plan": true, "re_evaluate_policies": false}));
    assert_eq!(
        Value::from(step_aside(BINDING, &object, "order", 2_147_483_647)),
        json!({"target": "f-1", "stage": "s-1", "order": 2_147_483_647, "evaluate_on_plan": true,
            "re_evaluate_policies": false})
    );
}
