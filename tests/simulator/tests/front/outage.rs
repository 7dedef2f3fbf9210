//! Outages: the simulator stops and comes back.

use std::io::ErrorKind;
use std::sync::Arc;

use authentik_simulator::Simulator;
use authentik_simulator::journal::Outcome;
use bytes::Bytes;
use http::{Request, Response};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::wire::{Wire, answered, echoing, request};

#[tokio::test]
async fn after_a_stop_connections_are_refused_and_after_a_start_all_is_as_before() {
    let (simulator, calls) = echoing().await;
    let address = simulator.address();
    let mut kept = Wire::connect(address).await;
    kept.send(request("GET", "/1/")).await;
    assert_eq!(kept.answer().await.expect("an answer").status, 200);
    for round in 1..=3 {
        simulator.stop().await;
        simulator.stop().await;
        let refused = TcpStream::connect(address).await.expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        if round == 1 {
            let old = std::mem::replace(&mut kept, {
                simulator.start().await.expect("the same port");
                Wire::connect(address).await
            });
            assert!(old.rest().await.is_empty(), "the old connection was closed");
        }
        simulator.start().await.expect("the same port");
        simulator.start().await.expect("nothing to do");
        assert_eq!(answered(&simulator, request("GET", "/2/")).await.status, 200);
    }
    assert_eq!((simulator.address(), calls.count()), (address, 4));
    assert_eq!(simulator.requests().all().len(), 4);
}

#[tokio::test]
async fn a_stop_ends_what_is_being_worked_at() {
    let arrived = Arc::new(Notify::new());
    let signal = Arc::clone(&arrived);
    let simulator = Simulator::builder()
        .service(move |_: Request<Bytes>| {
            signal.notify_one();
            std::future::pending::<Response<Bytes>>()
        })
        .start()
        .await
        .expect("a free port");
    let mut wire = Wire::connect(simulator.address()).await;
    wire.send(request("GET", "/")).await;
    arrived.notified().await;
    assert_eq!(simulator.requests().all()[0].outcome, Outcome::Pending);
    simulator.stop().await;
    assert!(wire.rest().await.is_empty());
    assert_eq!(simulator.requests().all()[0].outcome, Outcome::Cut);
}

#[tokio::test]
async fn dropped_it_is_gone() {
    let (simulator, _) = echoing().await;
    let address = simulator.address();
    let mut wire = Wire::connect(address).await;
    wire.send(request("GET", "/")).await;
    assert_eq!(wire.answer().await.expect("an answer").status, 200);
    drop(simulator);
    assert!(wire.rest().await.is_empty());
    // The listener is closed before the connections are, both on the same runtime.
    let refused = TcpStream::connect(address).await.expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_port_that_was_taken_meanwhile_is_one_line_and_can_be_had_later() {
    let (simulator, _) = echoing().await;
    simulator.stop().await;
    let other = std::net::TcpListener::bind(simulator.address()).expect("nobody listens");
    let error = simulator.start().await.expect_err("the port is in use").to_string();
    assert_eq!(error, format!("cannot listen at {}: the port is in use", simulator.address()));
    drop(other);
    simulator.start().await.expect("the port is free");
    assert_eq!(answered(&simulator, request("GET", "/")).await.status, 200);
}
