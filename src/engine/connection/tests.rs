use std::sync::Arc;

use authentik_simulator::fault::{Action, Fault};
use tokio_util::sync::CancellationToken;

use crate::engine::fixtures::{Draft, FLOW, Scene};
use crate::engine::index::Interest;
use crate::engine::resource::Id;

/// A flow that wants to know of the connection.
fn concerned(scene: &Scene) -> Id {
    let id = scene.put(Draft::flow("a"));
    scene.engine.index.watch(&id, Interest::Connection);
    id
}

#[tokio::test]
async fn who_waits_for_the_connection_learns_that_there_is_none() {
    let mut scene = Scene::new().await;
    let id = concerned(&scene);
    scene.authentik.inject(Fault::new(Action::BadGateway)).expect("a fault");
    scene.probe();
    assert_eq!(scene.next_woken().await, id);
    assert!(scene.engine.connection.failure().is_some());
    // And that there is one again.
    scene.authentik.clear_faults();
    assert_eq!(scene.next_woken().await, id);
    assert!(scene.engine.connection.failure().is_none());
    assert_eq!(scene.engine.connection.epoch(), 1);
}

#[tokio::test]
async fn a_suspicion_that_proves_wrong_wakes_nobody() {
    let mut scene = Scene::new().await;
    let id = concerned(&scene);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (engine, shutdown) = (Arc::clone(&scene.engine), shutdown.clone());
        async move { engine.connection.run("authentik", shutdown).await }
    });
    assert_eq!(scene.next_woken().await, id);

    scene.authentik.inject(Fault::new(Action::BadGateway).path("/api/v3/flows/**")).expect("a fault");
    let flows = scene.engine.collection_of(FLOW);
    let error = flows.read("u-1", None).await.expect_err("a fault");
    let before = scene.authentik.requests().last();
    scene.engine.connection.suspect(&error);
    scene.engine.connection.usable().await.expect("authentik as a whole is well");
    assert!(scene.authentik.requests().last() > before, "it was probed");
    shutdown.cancel();
    running.await.expect("ends");
    assert!(scene.woken().is_empty());
}
