mod requests;

use serde_json::{Value, json};

use super::{Holder, Known, Owner, Plan, Situation, plan};
use crate::authentik::Object;
use crate::config::ProtectedSlugs;
use crate::engine::fixtures::{BINDING, FLOW, STAGE, fields, object};
use crate::engine::policy::Policy;
use crate::kinds::{Adoption, Body, Drift, Entry, Reason};

/// Nothing is known and nobody else has or declares anything.
fn situation<'a>(entry: &'static Entry, declared: &'a Body) -> Situation<'a> {
    Situation {
        entry,
        declared,
        version: Some("2026.2.2".parse().expect("a version")),
        adoption: Adoption::IfMatching,
        known: Known::Nothing,
        owner: None,
        holder: None,
        namesake: None,
        rival: None,
        protected: None,
    }
}

/// The resource knows this object.
fn knowing<'a>(entry: &'static Entry, declared: &'a Body, object: Object) -> Situation<'a> {
    Situation { known: Known::Present(object), ..situation(entry, declared) }
}

/// Another object has the declared key.
fn held(object: Object, owner: Owner) -> Option<Holder> {
    Some(Holder { object, owner })
}

fn flow() -> Body {
    fields(json!({"slug": "staff", "name": "Staff", "title": "Welcome", "designation": "authentication"}))
}

fn binding() -> Body {
    fields(json!({"target": "f-1", "stage": "s-1", "order": 10}))
}

fn stage() -> Body {
    fields(json!({"name": "mfa", "device_classes": ["totp"]}))
}

/// What authentik makes of `declared`: that, and what it begins with; then `changes`.
fn made_of(declared: &Body, begins: Value, changes: Value) -> Object {
    let mut made = fields(begins);
    for (name, value) in declared.clone().into_iter().chain(fields(changes)) {
        made.insert(name, value);
    }
    Object { pk: "u-1".to_owned(), fields: made }
}

fn made_flow(changes: Value) -> Object {
    made_of(&flow(), json!({"layout": "stacked", "compatibility_mode": false, "background": ""}), changes)
}

fn made_binding(declared: &Body, changes: Value) -> Object {
    let begins = json!({"evaluate_on_plan": false, "re_evaluate_policies": true, "policy_engine_mode": "any",
        "invalid_response_action": "retry"});
    made_of(declared, begins, changes)
}

fn made_stage(declared: &Body, changes: Value) -> Object {
    made_of(declared, json!({"not_configured_action": "skip", "configuration_stages": []}), changes)
}

fn of_drift(drift: &[Drift]) -> Vec<String> {
    drift.iter().map(|it| format!("{}: {} / {}", it.field, it.declared, it.actual)).collect()
}

/// Reason, text and drift of a refusal.
fn refused(plan: Plan) -> (Reason, String, Vec<String>) {
    match plan {
        Plan::Refuse(reason, message, drift) => (reason, message, of_drift(&drift)),
        other => panic!("refused, not {other:?}"),
    }
}

/// The request of an update, and whether the object is taken over with it.
fn updated(plan: Plan) -> (Value, bool) {
    match plan {
        Plan::Update { body, adopt, .. } => (body.into(), adopt),
        other => panic!("changed, not {other:?}"),
    }
}

fn in_a_word(plan: &Plan) -> &'static str {
    match plan {
        Plan::Nothing(_) => "nothing",
        Plan::Create { .. } => "create",
        Plan::Adopt(_) => "adopt",
        Plan::Update { adopt: true, .. } => "adopt and change",
        Plan::Update { .. } => "change",
        Plan::StepAside(_) => "step aside",
        Plan::Wait(..) => "wait",
        Plan::Refuse(..) => "refuse",
    }
}

#[test]
fn what_authentik_lacks_is_made_with_all_that_is_declared_and_nothing_else() {
    for (entry, declared) in [(FLOW, flow()), (BINDING, binding()), (STAGE, stage())] {
        for (known, again) in [(Known::Nothing, false), (Known::Gone, true)] {
            let situation = Situation { known, ..situation(entry, &declared) };
            assert_eq!(plan(&situation), Plan::Create { body: declared.clone(), again }, "{}", entry.name);
        }
    }
}

#[test]
fn what_is_as_declared_is_left_alone_whatever_else_it_has() {
    let declared = flow();
    let object = made_flow(json!({"layout": "content_left", "compatibility_mode": true}));
    assert_eq!(plan(&knowing(FLOW, &declared, object.clone())), Plan::Nothing(object));
}

#[test]
fn an_objects_adoption_is_as_the_resource_asks_below_the_operators_ceiling() {
    use Adoption::{Force, IfMatching, Never};
    let declared = flow();
    let (matching, differing) = (made_flow(json!({})), made_flow(json!({"title": "Hello"})));
    for (asked, ceiling, when_matching, when_differing) in [
        (None, Force, "adopt", "refuse"),
        (Some(IfMatching), Force, "adopt", "refuse"),
        (Some(Force), Force, "adopt", "adopt and change"),
        (Some(Never), Force, "refuse", "refuse"),
        (None, IfMatching, "adopt", "refuse"),
        (Some(Force), IfMatching, "adopt", "refuse"),
        (Some(Never), IfMatching, "refuse", "refuse"),
        (None, Never, "refuse", "refuse"),
        (Some(IfMatching), Never, "refuse", "refuse"),
        (Some(Force), Never, "refuse", "refuse"),
    ] {
        let policy = Policy { adopt: ceiling, protected: ProtectedSlugs::default() };
        for (object, expected) in [(&matching, when_matching), (&differing, when_differing)] {
            for known in [Known::Nothing, Known::Gone] {
                let holder = held(object.clone(), Owner::Nobody);
                let adoption = policy.adoption(asked);
                let situation = Situation { known, holder, adoption, ..situation(FLOW, &declared) };
                assert_eq!(in_a_word(&plan(&situation)), expected, "{asked:?} below {ceiling:?}");
            }
        }
    }
}

#[test]
fn what_is_taken_over_is_changed_in_what_differs_alone() {
    let declared = flow();
    let object = made_flow(json!({"title": "Hello", "layout": "content_left"}));
    let holder = held(object.clone(), Owner::Nobody);
    let adopting = |adoption| Situation { holder: holder.clone(), adoption, ..situation(FLOW, &declared) };
    assert_eq!(updated(plan(&adopting(Adoption::Force))), (json!({"title": "Welcome"}), true));

    let (reason, message, drift) = refused(plan(&adopting(Adoption::IfMatching)));
    assert_eq!((reason, drift), (Reason::AlreadyExists, vec!["title: Welcome / Hello".to_owned()]));
    assert!(message.contains("the slug staff") && message.contains("differs in title"), "{message}");

    let (reason, message, drift) = refused(plan(&adopting(Adoption::Never)));
    assert_eq!((reason, drift.len()), (Reason::AlreadyExists, 1));
    assert!(message.contains("the slug staff") && message.contains("spec.adoption"), "{message}");
}

#[test]
fn what_this_authentik_does_not_know_is_refused_line_by_line() {
    let mut declared = flow();
    declared.extend(fields(json!({"background": "", "authentication": "require_token"})));
    let older = Some("2025.10.4".parse().expect("a version"));
    let unsupported =
        Situation { version: older, ..knowing(FLOW, &declared, made_flow(json!({"title": ""}))) };
    let (reason, message, drift) = refused(plan(&unsupported));
    assert_eq!((reason, drift.len()), (Reason::Unsupported, 0));
    assert_eq!(
        message,
        "spec.background needs authentik 2025.12 or newer, this one is 2025.10.4; the value require_token of \
         spec.authentication needs authentik 2026.5 or newer, this one is 2025.10.4"
    );
    let newest = Some("2026.8.0".parse().expect("a version"));
    for version in [newest, None] {
        let situation = Situation { version, ..situation(FLOW, &declared) };
        assert_eq!(in_a_word(&plan(&situation)), "create");
    }
}

#[test]
fn what_the_operator_is_not_to_touch_is_not_touched() {
    let declared = flow();
    for known in [Known::Nothing, Known::Gone, Known::Present(made_flow(json!({"title": "Hello"})))] {
        let protected = Some("the operator does not touch it".to_owned());
        let situation = Situation { protected, known, ..situation(FLOW, &declared) };
        let refusal = (Reason::Forbidden, "the operator does not touch it".to_owned(), Vec::new());
        assert_eq!(refused(plan(&situation)), refusal);
    }
}

#[test]
fn an_object_that_another_resource_owns_is_a_conflict_even_when_it_matches() {
    let declared = flow();
    for changes in [json!({}), json!({"title": "Hello"})] {
        let owner = Some("Flow n/other".to_owned());
        let situation = Situation { owner, ..knowing(FLOW, &declared, made_flow(changes)) };
        let (reason, message, _) = refused(plan(&situation));
        assert_eq!(reason, Reason::Conflict);
        assert!(message.contains("Flow n/other"), "{message}");
    }
}

#[test]
fn a_resource_that_declares_the_same_and_comes_first_has_it() {
    let declared = flow();
    let rival = || Some("Flow n/first".to_owned());
    for holder in [None, held(made_flow(json!({})), Owner::Nobody)] {
        let situation =
            Situation { rival: rival(), holder, adoption: Adoption::Force, ..situation(FLOW, &declared) };
        let (reason, message, _) = refused(plan(&situation));
        assert_eq!(reason, Reason::Conflict);
        assert!(message.contains("Flow n/first") && message.contains("the slug staff"), "{message}");
    }
    // Who has the object keeps it.
    let situation = Situation { rival: rival(), ..knowing(FLOW, &declared, made_flow(json!({"title": ""}))) };
    assert_eq!(in_a_word(&plan(&situation)), "change");
}

/// What is planned when the declared key is another object's, for a resource with an object of its own and for one
/// without.
fn beside(owner: &Owner) -> [Plan; 2] {
    let declared = binding();
    let holder = held(object("u-2", declared.clone().into()), owner.clone());
    let own = made_binding(&declared, json!({"order": 20}));
    let moving = Situation { holder: holder.clone(), ..knowing(BINDING, &declared, own) };
    let making = Situation { holder, adoption: Adoption::Force, ..situation(BINDING, &declared) };
    [plan(&moving), plan(&making)]
}

#[test]
fn a_key_that_another_resource_keeps_is_a_conflict() {
    for plan in beside(&Owner::Keeps("FlowStageBinding n/other".to_owned())) {
        let (reason, message, _) = refused(plan);
        assert_eq!(reason, Reason::Conflict);
        assert!(message.contains("FlowStageBinding n/other") && message.contains("order 10"), "{message}");
    }
}

#[test]
fn a_key_that_another_resource_frees_is_waited_for_by_name() {
    for plan in beside(&Owner::Frees("FlowStageBinding n/other".to_owned())) {
        let Plan::Wait(Reason::ReferenceNotReady, message) = plan else { panic!("waits, not {plan:?}") };
        assert!(message.contains("FlowStageBinding n/other") && message.contains("order 10"), "{message}");
    }
}

#[test]
fn who_closes_a_circle_steps_aside_if_it_has_a_place() {
    let [moving, making] = beside(&Owner::Waits);
    assert_eq!(moving, Plan::StepAside(made_binding(&binding(), json!({"order": 20}))));
    assert_eq!(in_a_word(&making), "wait");
}

#[test]
fn a_key_that_nobodys_object_has_cannot_be_taken_by_moving() {
    let [moving, making] = beside(&Owner::Nobody);
    let (reason, message, drift) = refused(moving);
    assert_eq!((reason, drift), (Reason::AlreadyExists, vec!["order: 10 / 20".to_owned()]));
    assert!(message.contains("order 10"), "{message}");
    assert_eq!(in_a_word(&making), "adopt");
}

#[test]
fn a_name_of_another_kind_of_stage_stands_in_the_way_of_making_and_of_renaming_alone() {
    let declared = stage();
    let taken = || Some("taken by a stage of another kind".to_owned());
    let in_the_way =
        |known| refused(plan(&Situation { namesake: taken(), known, ..situation(STAGE, &declared) }));
    let refusal = (Reason::AlreadyExists, "taken by a stage of another kind".to_owned(), Vec::new());
    for known in [Known::Nothing, Known::Gone, Known::Present(made_stage(&declared, json!({"name": "old"})))]
    {
        assert_eq!(in_the_way(known), refusal);
    }
    let object = made_stage(&declared, json!({"device_classes": ["static"]}));
    let situation = Situation { namesake: taken(), ..knowing(STAGE, &declared, object) };
    assert_eq!(in_a_word(&plan(&situation)), "change");
}

#[test]
fn another_object_with_the_key_is_no_matter_to_who_keeps_its_own() {
    let declared = binding();
    let stale = held(object("u-2", declared.clone().into()), Owner::Keeps("other".to_owned()));
    let own = made_binding(&declared, json!({"policy_engine_mode": "all"}));
    let mut changed = declared.clone();
    changed.insert("policy_engine_mode".to_owned(), "any".into());
    let situation = Situation { holder: stale, ..knowing(BINDING, &changed, own) };
    assert_eq!(in_a_word(&plan(&situation)), "change");
}

#[test]
fn who_observes_sees_what_would_be_changed() {
    let declared = flow();
    let drift = |situation: &Situation<'_>| of_drift(&plan(situation).drift(situation));
    let all = ["name: Staff / ", "slug: staff / ", "title: Welcome / ", "designation: authentication / "];
    let differing = made_flow(json!({"title": "Hello"}));
    assert_eq!(drift(&situation(FLOW, &declared)), all);
    assert_eq!(drift(&knowing(FLOW, &declared, made_flow(json!({})))).len(), 0);
    assert_eq!(drift(&knowing(FLOW, &declared, differing.clone())), ["title: Welcome / Hello"]);
    let adopting = |object| Situation { holder: held(object, Owner::Nobody), ..situation(FLOW, &declared) };
    assert_eq!(drift(&adopting(differing)), ["title: Welcome / Hello"]);
    assert_eq!(drift(&adopting(made_flow(json!({})))).len(), 0);

    let declared = binding();
    let own = made_binding(&declared, json!({"order": 20}));
    let moving = |owner| {
        let holder = held(object("u-2", declared.clone().into()), owner);
        Situation { holder, ..knowing(BINDING, &declared, own.clone()) }
    };
    assert_eq!(drift(&moving(Owner::Waits)), ["order: 10 / 20"]);
    assert_eq!(drift(&moving(Owner::Frees("other".to_owned()))).len(), 0);
}
