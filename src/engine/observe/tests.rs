use std::collections::{BTreeMap, VecDeque};

use serde_json::json;

use super::Owner;
use crate::engine::fixtures::{BINDING, Draft, Scene, fields};
use crate::engine::plan::Situation;
use crate::engine::resource::Id;
use crate::kinds::Body;

/// What is observed for the resource when it declares this.
async fn observed<'a>(scene: &Scene, id: &Id, body: &'a Body) -> Situation<'a> {
    scene.engine.index.forget_interests(id);
    scene.engine.observe(&mut scene.pass(id), body).await.ok().expect("all is known")
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
