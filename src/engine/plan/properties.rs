//! What holds for whatever is declared and whatever authentik has.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{Known, Plan, Situation, plan};
use crate::authentik::Object;
use crate::engine::compare::{differences, hash};
use crate::kinds::{Adoption, Body, Change, Entry, Field, REGISTRY};

/// Values that authentik has for a field, among them some that mean the same.
fn values(field: &Field) -> Vec<Value> {
    let values = match field.name {
        "order" => json!([-1, 0, 30]),
        "evaluate_on_plan" | "re_evaluate_policies" | "compatibility_mode" => json!([false, true]),
        "not_configured_action" => json!(["skip", "deny", "configure"]),
        "device_classes" | "webauthn_hints" => json!([["x"], ["x", "y"], ["y", "x"]]),
        name if name.ends_with("_factor") => json!([0, 0.0, 1, 1.0, 0.5, -1]),
        _ if field.set => json!([[], ["x"], ["x", "x"], ["x", "y"], ["y", "x"], ["u-1"]]),
        _ => json!(["x", " x", "x ", "X", "y", ""]),
    };
    values.as_array().cloned().expect("a list")
}

/// Every field of a kind, with a value; of each whether the spec has it.
fn all_fields(entry: &'static Entry) -> impl Strategy<Value = Body> {
    let fields: Vec<_> = entry
        .fields
        .iter()
        .map(|field| select(values(field)).prop_map(|value| (field.name.to_owned(), value)))
        .collect();
    fields.prop_map(|fields| fields.into_iter().collect())
}

/// What a spec may declare: its key, and any of the other fields.
fn declared(entry: &'static Entry) -> impl Strategy<Value = Body> {
    let chosen = vec(any::<bool>(), entry.fields.len());
    (all_fields(entry), chosen).prop_map(move |(mut all, chosen)| {
        for (field, chosen) in entry.fields.iter().zip(chosen) {
            if !chosen && !entry.endpoint.key.contains(&field.name) {
                all.remove(field.name);
            }
        }
        all
    })
}

/// A kind, what is declared of it, what authentik has, and what else authentik could have.
fn cases() -> impl Strategy<Value = (&'static Entry, Body, Body, Body)> {
    select((0..REGISTRY.len()).collect::<Vec<_>>()).prop_flat_map(|kind| {
        let entry = &REGISTRY[kind];
        (Just(entry), declared(entry), all_fields(entry), all_fields(entry))
    })
}

fn object(fields: &Body) -> Object {
    Object { pk: "u-1".to_owned(), fields: fields.clone() }
}

fn planned(entry: &'static Entry, declared: &Body, known: Known) -> Plan {
    plan(&Situation {
        entry,
        declared,
        version: None,
        adoption: Adoption::IfMatching,
        known,
        owner: None,
        holder: None,
        namesake: None,
        rival: None,
        protected: None,
    })
}

/// What authentik has after it took `body`.
fn after(before: &Body, body: &Body) -> Body {
    let mut after = before.clone();
    after.extend(body.clone());
    after
}

proptest! {
    #[test]
    fn one_request_makes_it_true_and_then_nothing_is_to_be_done(
        (entry, declared, before, _) in cases(),
    ) {
        let known = Known::Present(object(&before));
        match planned(entry, &declared, known) {
            Plan::Update { body, .. } => {
                let now = object(&after(&before, &body));
                let again = planned(entry, &declared, Known::Present(now.clone()));
                prop_assert_eq!(again, Plan::Nothing(now));
            }
            Plan::Nothing(same) => prop_assert_eq!(&same.fields, &before),
            Plan::Refuse(..) => {}
            other => prop_assert!(false, "{other:?}"),
        }
        if let Plan::Create { body, .. } = planned(entry, &declared, Known::Nothing) {
            prop_assert_eq!(&body, &declared);
            let made = object(&after(&before, &body));
            prop_assert_eq!(planned(entry, &declared, Known::Present(made.clone())), Plan::Nothing(made));
        }
    }

    #[test]
    fn nothing_is_written_that_is_not_declared_but_what_must_go_along_unchanged(
        (entry, declared, before, _) in cases(),
    ) {
        let known = Known::Present(object(&before));
        let Plan::Update { body, differences, .. } = planned(entry, &declared, known) else { return Ok(()) };
        let differs = |name: &str| differences.iter().any(|it| it.field.name == name);
        for name in body.keys() {
            let source = if declared.contains_key(name) { &declared } else { &before };
            prop_assert_eq!(body.get(name), source.get(name));
            let put = entry.change == Change::Put;
            let partner = |group: &&&[&str]| {
                group.contains(&name.as_str()) && (put || group.iter().any(|partner| differs(partner)))
            };
            let goes_along = put && entry.endpoint.key.contains(&name.as_str())
                || entry.together.iter().any(|group| partner(&group));
            prop_assert!(differs(name) || goes_along, "{name} of {body:?}");
        }
        prop_assert!(differences.iter().all(|it| body.contains_key(it.field.name)));
    }

    #[test]
    fn what_is_not_declared_makes_no_difference(
        (entry, declared, before, other) in cases(),
    ) {
        let mut otherwise = before.clone();
        otherwise.extend(other.into_iter().filter(|(name, _)| !declared.contains_key(name)));
        let one = differences(entry, &declared, &object(&before));
        let two = differences(entry, &declared, &object(&otherwise));
        prop_assert_eq!(one, two);
    }

    #[test]
    fn being_the_same_is_an_equivalence_that_hashes_know(
        (entry, one, two, three) in cases(),
    ) {
        for field in entry.fields.iter().filter(|field| one.contains_key(field.name)) {
            let [one, two, three] = [&one, &two, &three].map(|body| {
                Body::from_iter([(field.name.to_owned(), body[field.name].clone())])
            });
            let same = |one: &Body, two: &Body| differences(entry, one, &object(two)).is_empty();
            prop_assert!(same(&one, &one));
            prop_assert_eq!(same(&one, &two), same(&two, &one));
            prop_assert!(!(same(&one, &two) && same(&two, &three)) || same(&one, &three));
            let names = [field.name.to_owned()];
            prop_assert_eq!(same(&one, &two), hash(entry, &one, &names) == hash(entry, &two, &names));
        }
    }
}
