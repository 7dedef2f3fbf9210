use authentik_simulator::fault::{Action, Fault};
use serde_json::{Value, json};

use super::Acted;
use crate::engine::fixtures::{Draft, FLOW, Scene, fields};
use crate::engine::resource::Id;

/// What the flow `a` declares.
fn declared() -> Value {
    json!({"slug": "a", "name": "a", "title": "a", "designation": "recovery"})
}

/// Has the flow `a` made, of which the copy of the list knows nothing. What came of it, and whether it has an object now.
async fn created(scene: &Scene, id: &Id) -> (Acted, Option<String>) {
    let mut pass = scene.pass(id);
    let acted = scene.engine.create(&mut pass, &fields(declared()), false).await;
    (acted.expect("authentik answers"), pass.facts.pk)
}

#[tokio::test]
async fn an_intention_to_create_is_written_only_after_a_look_at_authentik_itself() {
    let mut scene = Scene::new().await;
    scene.connect().await;
    scene.made(FLOW, declared()).await;
    scene.authentik.requests().clear();
    let id = scene.put(Draft::flow("a"));
    let (acted, pk) = created(&scene, &id).await;
    assert!(matches!(acted, Acted::LookAgain) && pk.is_none());
    assert_eq!(scene.status(&id).creating, None);
    assert!(scene.writes().is_empty());
}

#[tokio::test]
async fn after_an_unclear_answer_only_what_no_resource_owns_can_be_its_own() {
    for owned in [false, true] {
        let scene = Scene::running().await;
        let made = scene.made(FLOW, declared()).await;
        scene.authentik.inject(Fault::new(Action::MaskedError).method("POST")).expect("a fault");
        if owned {
            scene.put(Draft::flow("other").spec("slug", "a").owning(&made.pk));
        }
        let id = scene.put(Draft::flow("a"));
        let (acted, pk) = created(&scene, &id).await;
        assert!(matches!(acted, Acted::LookAgain));
        assert_eq!(pk, (!owned).then_some(made.pk));
    }
}
