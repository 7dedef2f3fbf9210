use std::collections::{BTreeMap, VecDeque};

use serde_json::json;

use super::Owner;
use crate::authentik::Key;
use crate::engine::fixtures::{BINDING, Draft, FLOW, STAGE, Scene, fields, object};
use crate::engine::plan::{Known, Situation};
use crate::engine::resource::Id;
use crate::kinds::{Body, STAGES};

/// What is observed for the resource when it declares this.
async fn observed<'a>(scene: &Scene, id: &Id, body: &'a Body) -> Situation<'a> {
    scene.engine.index.forget_interests(id);
    scene.engine.observe(&mut scene.pass(id), body).await.expect("all is known")
}

/// Bindings of one flow, the first of which has the first place and so on.
struct Bindings {
    flow: String,
    ids: Vec<Id>,
    /// What each that was looked at declares.
    declared: BTreeMap<Id, Body>,
    /// To whom each was told that the place belongs which it declares.
    told: BTreeMap<Id, Option<Owner>>,
}

impl Bindings {
    /// With these identifiers, in the order of their places.
    fn of(scene: &Scene, flow: &str, pks: &[usize]) -> Self {
        let mut bindings =
            Self { flow: flow.to_owned(), ids: Vec::new(), declared: BTreeMap::new(), told: BTreeMap::new() };
        for (order, pk) in pks.iter().enumerate() {
            let pk = format!("{flow}-{pk}");
            scene.seen(BINDING, &pk, bindings.place(order).into());
            bindings.ids.push(scene.put(Draft::binding(&format!("{flow}-{order}")).owning(&pk)));
        }
        bindings
    }

    fn place(&self, order: usize) -> Body {
        fields(json!({"target": self.flow, "stage": "s-1", "order": order}))
    }

    /// Has a binding declare a place, and looks at it and at all whom that wakes, until nobody is woken.
    async fn declare(&mut self, scene: &mut Scene, binding: usize, place: usize) {
        let id = self.ids[binding].clone();
        self.declared.insert(id.clone(), self.place(place));
        let mut waiting = VecDeque::from([id]);
        while let Some(id) = waiting.pop_front() {
            if let Some(body) = self.declared.get(&id) {
                let owner = observed(scene, &id, body).await.holder.map(|holder| holder.owner);
                self.told.insert(id, owner);
            }
            waiting.extend(scene.woken());
        }
    }

    /// Which bindings are to step aside.
    fn aside(&self) -> Vec<usize> {
        let aside = |id: &Id| self.told.get(id) == Some(&Some(Owner::Waits));
        (0..self.ids.len()).filter(|binding| aside(&self.ids[*binding])).collect()
    }
}

/// All orders of `count` things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let insert =
        |order: Vec<usize>| (0..count).map(move |at| [&order[..at], &[count - 1], &order[at..]].concat());
    orders(count - 1).into_iter().flat_map(insert).collect()
}

#[tokio::test]
async fn in_a_circle_one_steps_aside_whoever_is_looked_at_first() {
    let mut scene = Scene::new().await;
    for count in 2..=4 {
        for (run, pks) in orders(count).iter().enumerate() {
            for (way, order) in orders(count).iter().enumerate() {
                // Found so at the start, or edited one after the other.
                for edited in [false, true] {
                    let flow = format!("f{count}-{run}-{way}-{edited}");
                    let mut bindings = Bindings::of(&scene, &flow, pks);
                    for binding in (0..count).filter(|_| edited) {
                        bindings.declare(&mut scene, binding, binding).await;
                    }
                    for binding in order {
                        bindings.declare(&mut scene, *binding, (binding + 1) % count).await;
                    }
                    let least = pks.iter().position(|pk| *pk == 0).expect("one is the least");
                    assert_eq!(bindings.aside(), [least], "{pks:?} in the order {order:?}, {edited}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_circle_may_close_over_a_place_that_was_free() {
    let mut scene = Scene::new().await;
    let mut bindings = Bindings::of(&scene, "f", &[0, 1, 2]);
    let [beside, inside] = [5, 2].map(|place| object("f-2", bindings.place(place).into()));
    scene.seen(BINDING, "f-2", beside.fields.clone().into());
    for (binding, place) in [(0, 1), (1, 2)] {
        bindings.declare(&mut scene, binding, place).await;
    }
    assert_eq!(bindings.told[&bindings.ids[1]], None);
    // The third one takes the place that the second one was to have, and then wants that of the first.
    scene.seen(BINDING, "f-2", inside.fields.clone().into());
    let (key, author) = (BINDING.endpoint.key, Some(&bindings.ids[2]));
    let collection = BINDING.endpoint.collection;
    scene.engine.index.object_changed(collection, key, Some(&beside), Some(&inside), author);
    for place in [2, 0] {
        bindings.declare(&mut scene, 2, place).await;
    }
    assert_eq!(bindings.aside(), [0]);
}

#[tokio::test]
async fn a_place_is_kept_unless_its_owner_is_known_to_leave_it() {
    let scene = Scene::new().await;
    let bindings = Bindings::of(&scene, "f", &[0]);
    let (place, other) = (bindings.place(0), bindings.place(1));
    let id = scene.put(Draft::binding("x"));
    let holder = || async { observed(&scene, &id, &place).await.holder.expect("it is held").owner };
    let owner = |version| Draft::binding("f-0").owning("f-0").version(version);
    let named = "FlowStageBinding n/f-0".to_owned();

    assert_eq!(holder().await, Owner::Keeps(named.clone()));
    for (declared, expected) in [(&place, Owner::Keeps(named.clone())), (&other, Owner::Frees(named.clone()))]
    {
        observed(&scene, &bindings.ids[0], declared).await;
        assert_eq!(holder().await, expected);
    }
    // Who observes by now keeps it, whatever it was about to declare.
    scene.put(owner(2).paused());
    let key = Key::of(BINDING.endpoint.key, &other).expect("a whole key");
    scene.engine.index.claim(BINDING.endpoint.collection, &bindings.ids[0], key);
    assert_eq!(holder().await, Owner::Keeps(named.clone()));
    for (draft, expected) in
        [(owner(3).deleting(), Owner::Frees(named)), (owner(4).status(json!({"pk": "f-0"})), Owner::Nobody)]
    {
        scene.put(draft);
        assert_eq!(holder().await, expected);
    }
}

#[tokio::test]
async fn what_is_its_own_is_found_by_its_identifier_whatever_it_is_called() {
    let scene = Scene::new().await;
    let bindings = Bindings::of(&scene, "f", &[0]);
    let elsewhere = bindings.place(7);
    let situation = observed(&scene, &bindings.ids[0], &elsewhere).await;
    let Known::Present(object) = situation.known else { panic!("present, not {:?}", situation.known) };
    assert_eq!((object.pk.as_str(), situation.holder), ("f-0", None));
    // Its own place is not another's.
    let own = bindings.place(0);
    assert_eq!(observed(&scene, &bindings.ids[0], &own).await.holder, None);
    // What it merely looked at is not its own.
    let id = scene.put(Draft::binding("looking").status(json!({"pk": "f-0"})));
    let situation = observed(&scene, &id, &own).await;
    assert_eq!((situation.known, situation.holder.is_some()), (Known::Nothing, true));
}

#[tokio::test]
async fn of_those_that_declare_the_same_the_first_one_is_the_others_rival() {
    let scene = Scene::new().await;
    let drafts = [("old", 1), ("middle", 5), ("young", 9)].map(|(name, day)| Draft::binding(name).born(day));
    let ids = drafts.map(|draft| scene.put(draft));
    let body = fields(json!({"target": "f", "stage": "s", "order": 0}));
    let mut rivals = Vec::new();
    // Once so that all have said what they declare.
    for id in ids.iter().chain(&ids) {
        rivals.push(observed(&scene, id, &body).await.rival);
    }
    let old = Some("FlowStageBinding n/old".to_owned());
    assert_eq!(rivals[3..], [None, old.clone(), old]);
    scene.put(Draft::binding("old").born(1).version(2).paused());
    assert_eq!(observed(&scene, &ids[0], &body).await.rival, None);
    let middle = Some("FlowStageBinding n/middle".to_owned());
    assert_eq!(observed(&scene, &ids[2], &body).await.rival, middle);
}

#[tokio::test]
async fn a_name_is_taken_by_stages_of_other_kinds_alone() {
    let scene = Scene::new().await;
    let named = |name: &str| fields(json!({"name": name}));
    let all = scene.engine.collection(STAGES.collection).mirror();
    for (pk, name) in [("s-1", "of-another-kind"), ("s-2", "of-this-kind")] {
        all.put(object(pk, json!({"name": name})));
    }
    scene.seen(STAGE, "s-2", json!({"name": "of-this-kind"}));
    let id = scene.put(Draft::stage("a"));
    for (name, taken) in [("of-another-kind", true), ("of-this-kind", false), ("free", false)] {
        let body = named(name);
        assert_eq!(observed(&scene, &id, &body).await.namesake.is_some(), taken, "{name}");
    }
}

#[tokio::test]
async fn protected_flows_and_their_bindings_are_known_by_what_is_there_and_by_what_is_declared() {
    let scene = Scene::protecting("default-*").await;
    for (pk, slug) in [("f-1", "default-login"), ("f-2", "login")] {
        scene.seen(FLOW, pk, json!({"slug": slug}));
    }
    let in_flow = |flow: &str| json!({"target": flow, "stage": "s", "order": 0});
    for (pk, flow) in [("b-1", "f-1"), ("b-2", "f-2")] {
        scene.seen(BINDING, pk, in_flow(flow));
    }
    let called = |slug: &str| json!({"slug": slug});
    let [flow, binding] = [Draft::flow("a"), Draft::binding("a")];
    for (draft, declared, protected) in [
        (flow.clone(), called("default-new"), true),
        (flow.clone(), called("new"), false),
        (flow.clone().owning("f-1"), called("new"), true),
        (flow.clone().owning("f-2"), called("default-new"), true),
        (flow.clone().owning("f-2"), called("new"), false),
        (flow.paused(), called("default-new"), false),
        (binding.clone(), in_flow("f-1"), true),
        (binding.clone(), in_flow("f-2"), false),
        (binding.clone().owning("b-1"), in_flow("f-2"), true),
        (binding.clone().owning("b-2"), in_flow("f-1"), true),
        (binding.owning("b-2"), in_flow("f-2"), false),
    ] {
        let body = fields(declared.clone());
        scene.engine.index.remove(&draft.clone().read());
        let id = scene.put(draft);
        let why = observed(&scene, &id, &body).await.protected;
        assert_eq!(why.is_some(), protected, "{id} {declared}");
        assert!(why.is_none_or(|why| why.contains("default-*")));
    }
}
