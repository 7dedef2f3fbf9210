use crate::engine::fixtures::{Draft, Scene};
use crate::engine::halt::Halt;
use crate::engine::resource::Id;
use crate::kinds::Reason;

/// Why the resource's references do not resolve; none when they do.
async fn unresolved(scene: &Scene, id: &Id) -> Option<(Reason, String)> {
    scene.engine.index.forget_interests(id);
    let resource = scene.engine.index.get(id).expect("the engine knows it");
    let declared = resource.declared.as_ref().expect("it can be read");
    match scene.engine.resolve(&resource, declared.as_ref(), false).await {
        Ok(_) => None,
        Err(Halt::Verdict(verdict)) => Some((verdict.reason, verdict.message)),
        Err(other) => panic!("a verdict, not {other:?}"),
    }
}

#[tokio::test]
async fn a_circle_of_references_is_left_by_all_when_one_of_them_is_changed() {
    let mut scene = Scene::running().await;
    let next = [("a", "b"), ("b", "c"), ("c", "a")];
    let ids = next.map(|(name, next)| scene.put(Draft::configured_by(name, &[next]).owning(name)));
    for (id, path) in ids.iter().zip(["a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c"]) {
        let (reason, message) = unresolved(&scene, id).await.expect("a circle");
        let named = message.replace("AuthenticatorValidateStage ", "");
        assert!(reason == Reason::Invalid && named.ends_with(path), "{message}");
    }
    scene.woken();
    scene.put(Draft::configured_by("c", &[]).owning("c").version(2).meta("generation", 2));
    assert_eq!(scene.woken(), ids[..2]);
    assert_eq!(unresolved(&scene, &ids[2]).await, None);
    // What is left is that these objects are not in authentik.
    for id in &ids[..2] {
        assert_eq!(unresolved(&scene, id).await.expect("waits").0, Reason::ReferenceNotReady);
    }
}
