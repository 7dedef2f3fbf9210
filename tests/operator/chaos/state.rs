//! What is declared by now, and whether cluster and authentik are as they have to be.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use serde_json::Value;

use super::Step;
use super::object::Object;
use crate::harness::{BINDING, FLOW, Kind, Namespace, Resource, STAGE, World};

/// Reasons that pass by themselves, or once somebody else's deletion is done. No other may ever be given.
const PASSING: [&str; 8] = [
    "",
    "Progressing",
    "InSync",
    "ReferenceNotFound",
    "ReferenceNotReady",
    "Unreachable",
    "InUse",
    "Deleting",
];

/// Events of what must never be: of the operator's own objects as somebody else's, and of refusals.
const WRONG: [&str; 10] = [
    "Adopted",
    "Recreated",
    "DriftCorrected",
    "AlreadyExists",
    "Conflict",
    "Contested",
    "Forbidden",
    "Invalid",
    "NotApplied",
    "Unsupported",
];

/// What is declared, and what authentik had before.
pub(super) struct State {
    /// The resources that there are, by number, with how often each was changed.
    declared: BTreeMap<usize, (Object, usize)>,
    created: BTreeMap<&'static str, usize>,
    /// Identifiers of authentik's own objects.
    before: BTreeSet<String>,
}

fn collection(kind: Kind) -> &'static str {
    match kind {
        FLOW => "/flows/instances/",
        STAGE => "/stages/authenticator/validate/",
        _ => "/flows/bindings/",
    }
}

fn pk(row: &Value) -> &str {
    row["pk"].as_str().expect("an identifier")
}

impl State {
    pub(super) async fn new(world: &World) -> Self {
        let mut before = BTreeSet::new();
        for kind in Kind::ALL {
            before.extend(world.authentik.list(collection(kind)).await.iter().map(|row| pk(row).to_owned()));
        }
        Self { declared: BTreeMap::new(), created: BTreeMap::new(), before }
    }

    /// How many resources there are.
    pub(super) fn len(&self) -> usize {
        self.declared.len()
    }

    /// How many resources were made, by kind.
    pub(super) fn made(&self) -> String {
        let total: usize = self.created.values().sum();
        format!("{total} resources made: {:?}", self.created)
    }

    /// Does what a user does.
    pub(super) async fn take(&mut self, namespace: &Namespace, step: Step) {
        match step {
            Step::Create(object) => {
                namespace.create(object.kind, &object.name(), object.spec(0)).await;
                self.declared.insert(object.number, (object, 0));
                *self.created.entry(object.kind.name).or_default() += 1;
            }
            Step::Change(object) => {
                let (_, changes) = self.declared.get_mut(&object.number).expect("a resource");
                *changes += 1;
                namespace.change(object.kind, &object.name(), object.spec(*changes)).await;
            }
            Step::Delete(object) => {
                namespace.delete(object.kind, &object.name()).await;
                self.declared.remove(&object.number);
            }
        }
    }

    /// The objects that authentik did not have before, each with the resource that it was made for.
    async fn objects(&self, world: &World) -> Vec<(Object, Value)> {
        let mut objects = Vec::new();
        for kind in Kind::ALL {
            for row in world.authentik.list(collection(kind)).await {
                if !self.before.contains(pk(&row)) {
                    let object = Object::of_row(kind, &row).unwrap_or_else(|| panic!("whose is {row}?"));
                    objects.push((object, row));
                }
            }
        }
        objects
    }

    /// What must hold at any time: no two objects of one resource, and no resource that needs a human or takes its
    /// object for somebody else's.
    pub(super) async fn nothing_is_wrong(&self, world: &World) {
        let mut seen: BTreeMap<usize, Value> = BTreeMap::new();
        for (object, row) in self.objects(world).await {
            if let Some(other) = seen.insert(object.number, row.clone()) {
                panic!("{} has two objects:\n{other}\n{row}", object.name());
            }
        }
        for kind in Kind::ALL {
            for resource in world.list(kind).await {
                let fine =
                    PASSING.contains(&resource.reason()) && ["", "Created"].contains(&resource.origin());
                assert!(fine, "{}", resource.shown());
            }
        }
        let events: Api<Event> = Api::namespaced(world.client(), &world.name);
        for event in events.list(&ListParams::default()).await.expect("a list").items {
            let reason = event.reason.as_deref().unwrap_or_default();
            assert!(!WRONG.contains(&reason), "{:?}: {reason}: {:?}", event.regarding, event.note);
        }
    }

    /// The resources that are not Ready, and those that are still there.
    pub(super) async fn unsettled(&self, world: &World) -> Vec<String> {
        let mut unsettled = Vec::new();
        for kind in Kind::ALL {
            let wanted =
                |resource: &Resource| self.declared.values().any(|(it, _)| it.name() == resource.name());
            let resources = world.list(kind).await;
            unsettled
                .extend(resources.iter().filter(|it| !wanted(it) || !it.is_ready()).map(Resource::shown));
        }
        unsettled
    }

    /// authentik has what is declared, field by field, and nothing else; and every resource says so.
    pub(super) async fn is_as_declared(&self, world: &World) {
        self.nothing_is_wrong(world).await;
        let mut resources = BTreeMap::new();
        for kind in Kind::ALL {
            for resource in world.list(kind).await {
                resources.insert(resource.name().to_owned(), resource);
            }
        }
        assert!(resources.keys().cloned().eq(self.names()), "the API server has what was applied");

        let objects = self.objects(world).await;
        let of = |object: Object| objects.iter().find(|(it, _)| *it == object).map(|(_, row)| row);
        for (object, changes) in self.declared.values() {
            let name = object.name();
            let row = of(*object).unwrap_or_else(|| panic!("authentik lacks {name}"));
            let fields = object.fields(*changes);
            for (field, value) in fields.as_object().expect("fields") {
                assert_eq!(row[field], *value, "{field} of {name}");
            }
            if object.kind == BINDING {
                let [flow, stage] = object.references().map(|it| of(it).map(pk));
                assert_eq!([row["target"].as_str(), row["stage"].as_str()], [flow, stage], "{name}");
            }
            let resource = &resources[&name];
            assert!(resource.is_ready(), "{}", resource.shown());
            assert_eq!((resource.pk(), resource.origin()), (pk(row), "Created"), "{name}");
        }
        assert_eq!(objects.len(), self.declared.len(), "authentik has nothing else");
        let mut left = self.before.clone();
        for kind in Kind::ALL {
            for row in world.authentik.list(collection(kind)).await {
                left.remove(pk(&row));
            }
        }
        assert!(left.is_empty(), "authentik still has its own objects");
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.declared.values().map(|(object, _)| object.name()).collect();
        names.sort();
        names
    }

    /// By authentik's own event list: no object of any resource was made a second time, not even after the first was gone.
    pub(super) async fn made_once(&self, world: &World) {
        let mut seen = BTreeSet::new();
        for event in world.authentik.list("/events/events/?action=model_created").await {
            let model = &event["context"]["model"];
            let text = |field: &str| model[field].as_str().unwrap_or_default();
            if let Some(object) = Object::of_event(text("model_name"), text("name")) {
                assert!(seen.insert(object.number), "{} was made twice: {event}", object.name());
            }
        }
        assert!(!seen.is_empty(), "the event list knows what was made");
    }
}
