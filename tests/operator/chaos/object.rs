//! The resources of a run: what they declare, and how their objects are told apart in authentik.

use serde_json::{Map, Value, json};

use crate::harness::{BINDING, FLOW, Kind, STAGE, over};

/// Bindings of each group.
pub(super) const BINDINGS: usize = 3;

/// A flow, a stage and their bindings.
pub(super) const GROUP: usize = 2 + BINDINGS;

/// Apart by this are the orders of bindings, since each change of a binding moves it.
const ORDERS: usize = 1000;

/// A resource. Its number is never another one's, and is to be seen in its natural key, whatever is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) kind: Kind,
    pub(super) number: usize,
}

impl Object {
    /// The flow, the stage and the bindings of a group.
    pub(super) fn group(group: usize) -> Vec<Self> {
        let kind = |member| match member {
            0 => FLOW,
            1 => STAGE,
            _ => BINDING,
        };
        (0..GROUP).map(|member| Self { kind: kind(member), number: group * GROUP + member }).collect()
    }

    pub(super) fn group_number(self) -> usize {
        self.number / GROUP
    }

    pub(super) fn name(self) -> String {
        format!("chaos-{}", self.number)
    }

    /// The flow and the stage that a binding refers to.
    pub(super) fn references(self) -> [Self; 2] {
        let first = self.group_number() * GROUP;
        [Self { kind: FLOW, number: first }, Self { kind: STAGE, number: first + 1 }]
    }

    /// What is declared after so many changes, by authentik's names and without references.
    pub(super) fn fields(self, changes: usize) -> Value {
        // Each other change is one of the natural key.
        let called = format!("{}-{}", self.name(), changes / 2);
        let odd = changes % 2 == 1;
        match self.kind {
            FLOW => json!({"slug": called, "name": self.name(), "title": format!("Title {changes}"),
                "designation": "authentication", "compatibility_mode": odd,
                "layout": if odd { "content_left" } else { "stacked" }}),
            STAGE => json!({"name": called, "last_auth_threshold": format!("minutes={changes}"),
                "device_classes": if odd { json!(["totp"]) } else { json!(["webauthn", "static"]) }}),
            _ => json!({"order": self.number * ORDERS + changes, "evaluate_on_plan": odd,
                "re_evaluate_policies": true,
                "invalid_response_action": if odd { "restart" } else { "retry" }}),
        }
    }

    /// The spec after so many changes.
    pub(super) fn spec(self, changes: usize) -> Value {
        let Value::Object(fields) = self.fields(changes) else { unreachable!("an object") };
        let spec: Map<_, _> = fields.into_iter().map(|(name, value)| (camel_case(&name), value)).collect();
        if self.kind != BINDING {
            return spec.into();
        }
        let [flow, stage] = self.references().map(Self::name);
        let references =
            json!({"targetRef": {"name": flow}, "stageRef": {"kind": STAGE.name, "name": stage}});
        over(spec.into(), references)
    }

    /// Whose object this is, by what authentik's list says of it.
    pub(super) fn of_row(kind: Kind, row: &Value) -> Option<Self> {
        let number = match kind {
            BINDING => usize::try_from(row["order"].as_u64()?).ok()? / ORDERS,
            _ => number_in(row["name"].as_str()?)?,
        };
        Some(Self { kind, number })
    }

    /// Whose object was made, by what the event list calls its model and itself.
    pub(super) fn of_event(model: &str, name: &str) -> Option<Self> {
        let order = |name: &str| name.strip_prefix("Flow-stage binding #")?.split(' ').next()?.parse().ok();
        Some(match model {
            "flow" => Self { kind: FLOW, number: number_in(name)? },
            "authenticatorvalidatestage" => Self { kind: STAGE, number: number_in(name)? },
            "flowstagebinding" => Self { kind: BINDING, number: order(name).map(|it: usize| it / ORDERS)? },
            _ => return None,
        })
    }
}

fn number_in(name: &str) -> Option<usize> {
    name.strip_prefix("chaos-")?.split('-').next()?.parse().ok()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let (initial, rest) = word.split_at(1);
        text + &initial.to_uppercase() + rest
    })
}

#[test]
fn an_object_is_known_again_whatever_was_changed() {
    for object in Object::group(3) {
        for changes in 0..9 {
            assert_eq!(Object::of_row(object.kind, &object.fields(changes)), Some(object));
        }
    }
    let binding = Object::group(3)[2];
    let name = format!("Flow-stage binding #{} to 1c33c8c4", binding.fields(5)["order"]);
    assert_eq!(Object::of_event("flowstagebinding", &name), Some(binding));
    assert_eq!(Object::of_event("flow", "Default login"), None);
}
