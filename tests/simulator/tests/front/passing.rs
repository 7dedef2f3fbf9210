//! What passes through the front, and how.

use std::sync::Arc;
use std::time::{Duration, Instant};

use authentik_simulator::Simulator;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;
use tokio::sync::Barrier;

use crate::wire::{PATIENCE, Wire, answered, echo, echoing, request, write};

#[tokio::test]
async fn the_target_reaches_authentik_as_it_was_sent() {
    let (simulator, _) = echoing().await;
    for target in [
        "/api/v3/flows/instances/?page_size=100&search=a%20b",
        "//api//v3/",
        "/api/v3/../v3/./flows/",
        "/a%2Db%2F%00/?x=%2D&&y",
        "/no/slash",
        "/?",
    ] {
        let answer = answered(&simulator, request("GET", target)).await;
        assert_eq!(answer.json()["target"], target);
    }
}

#[tokio::test]
async fn an_absolute_target_is_its_path() {
    let (simulator, _) = echoing().await;
    let answer = answered(&simulator, request("GET", "http://authentik.example/api/v3/?a=1")).await;
    assert_eq!(answer.json()["target"], "/api/v3/?a=1");
    assert_eq!(simulator.requests().all()[0].path, "/api/v3/");
}

#[tokio::test]
async fn every_method_passes() {
    let (simulator, calls) = echoing().await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"] {
        let answer = answered(&simulator, request(method, "/x/")).await;
        assert_eq!(answer.json()["method"], method);
    }
    assert_eq!(calls.count(), 8);
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let (simulator, _) = echoing().await;
    let mut wire = Wire::connect(simulator.address()).await;
    wire.send(request("HEAD", "/x/")).await;
    let head = wire.answer_to_head().await.expect("an answer");
    assert_eq!(head.status, 200);
    assert_ne!(head.header("content-length").expect("a length"), "0");
    // The connection goes on with the next answer, so no body came.
    wire.send(request("GET", "/y/")).await;
    assert_eq!(wire.answer().await.expect("an answer").json()["target"], "/y/");
}

#[tokio::test]
async fn the_front_adds_date_and_length_only() {
    let (simulator, _) = echoing().await;
    let answer = answered(&simulator, request("GET", "/")).await;
    let mut names: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "date", "x-of-the-service"]);
}

#[tokio::test]
async fn a_body_of_32_mib_passes_and_a_larger_one_is_413() {
    const LIMIT: usize = 32 * 1024 * 1024;
    let (simulator, calls) = echoing().await;
    for (size, status) in [(LIMIT, 200), (LIMIT + 1, 413), (LIMIT + LIMIT / 4, 413)] {
        let mut text = format!("POST /x/ HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n").into_bytes();
        text.resize(text.len() + size, b'x');
        let answer = answered(&simulator, text).await;
        assert_eq!(answer.status, status, "{size} bytes");
        if status == 200 {
            assert_eq!(answer.json()["bytes"], size);
        }
    }
    assert_eq!(calls.count(), 1);
    assert_eq!(simulator.requests().all()[1].status, Some(413));
}

#[tokio::test]
async fn connections_are_kept_and_closed_as_asked() {
    let (simulator, calls) = echoing().await;
    let mut wire = Wire::connect(simulator.address()).await;
    for _ in 0..3 {
        wire.send(request("GET", "/")).await;
        assert_eq!(wire.answer().await.expect("an answer").status, 200);
    }
    wire.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let answer = wire.answer().await.expect("an answer");
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(wire.rest().await.is_empty());
    assert_eq!(calls.count(), 4);
    let peers: Vec<_> = simulator.requests().all().into_iter().map(|entry| entry.peer).collect();
    assert!(peers.iter().all(|peer| *peer == peers[0]), "one connection: {peers:?}");
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_time_without_a_word() {
    let idle = Duration::from_millis(150);
    let simulator = echo().0.keep_alive(idle).start().await.expect("a free port");
    let mut wire = Wire::connect(simulator.address()).await;
    wire.send(request("GET", "/")).await;
    assert_eq!(wire.answer().await.expect("an answer").status, 200);
    let since = Instant::now();
    assert!(wire.rest().await.is_empty());
    assert!(since.elapsed() >= idle - Duration::from_millis(20), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_new_connection_may_take_its_time() {
    let simulator = echo().0.keep_alive(Duration::from_millis(1)).start().await.expect("a free port");
    let mut slow = Wire::connect(simulator.address()).await;
    for _ in 0..3 {
        let mut idle = Wire::connect(simulator.address()).await;
        idle.send(request("GET", "/")).await;
        assert_eq!(idle.answer().await.expect("an answer").status, 200);
        assert!(idle.rest().await.is_empty());
    }
    slow.send(request("GET", "/")).await;
    assert_eq!(slow.answer().await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_connection_that_works_is_not_idle() {
    let simulator = Simulator::builder()
        .service(|_| async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Response::new(Bytes::from_static(b"late"))
        })
        .keep_alive(Duration::from_millis(50))
        .start()
        .await
        .expect("a free port");
    let mut wire = Wire::connect(simulator.address()).await;
    // At once, so that nothing is idle in between.
    wire.send(request("GET", "/1/") + &request("GET", "/2/")).await;
    for _ in 0..2 {
        let answer = wire.answer().await.expect("an answer");
        assert_eq!((answer.body.as_slice(), answer.header("connection")), (b"late".as_slice(), None));
    }
}

#[tokio::test]
async fn requests_are_worked_at_side_by_side() {
    const SIDE_BY_SIDE: usize = 64;
    let barrier = Arc::new(Barrier::new(SIDE_BY_SIDE));
    let simulator = Simulator::builder()
        .service(move |_: Request<Bytes>| {
            let barrier = Arc::clone(&barrier);
            async move {
                // Nobody gets past here before all are here.
                barrier.wait().await;
                Response::new(Bytes::new())
            }
        })
        .start()
        .await
        .expect("a free port");
    let simulator = Arc::new(simulator);
    let asked: Vec<_> = (0..SIDE_BY_SIDE)
        .map(|number| {
            let simulator = Arc::clone(&simulator);
            tokio::spawn(async move { answered(&simulator, request("GET", &format!("/{number}/"))).await })
        })
        .collect();
    for one in asked {
        assert_eq!(one.await.expect("no panic").status, 200);
    }
    assert_eq!(simulator.requests().counts().len(), SIDE_BY_SIDE);
}

#[tokio::test]
async fn work_goes_on_when_the_client_has_gone() {
    let (here, there) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let (started, go_on) = (Arc::clone(&here), Arc::clone(&there));
    let simulator = Simulator::builder()
        .service(move |_: Request<Bytes>| {
            let (started, go_on) = (Arc::clone(&started), Arc::clone(&go_on));
            async move {
                started.notify_one();
                go_on.notified().await;
                Response::new(Bytes::new())
            }
        })
        .start()
        .await
        .expect("a free port");
    let mut wire = Wire::connect(simulator.address()).await;
    wire.send(write("POST", "/x/", &json!({"name": "a"}))).await;
    here.notified().await;
    drop(wire);
    there.notify_one();
    let entries = simulator
        .requests()
        .wait_for(|entries| entries.iter().any(|entry| entry.status == Some(200)), PATIENCE)
        .await
        .expect("it is worked at to the end");
    assert_eq!(entries.len(), 1);
}

#[tokio::test]
async fn below_a_base_path_is_authentik_and_elsewhere_is_not() {
    let (builder, calls) = echo();
    let simulator = builder.base_path("/auth").start().await.expect("a free port");
    assert!(simulator.url().ends_with("/auth"), "{}", simulator.url());
    let answer = answered(&simulator, request("GET", "/auth/api/v3/?a=%2D")).await;
    assert_eq!(answer.json()["target"], "/api/v3/?a=%2D");
    for target in ["/api/v3/", "/auth", "/authentik/"] {
        let answer = answered(&simulator, request("GET", target)).await;
        assert_eq!((answer.status, answer.body.as_slice()), (404, b"404 page not found\n".as_slice()));
    }
    let root = answered(&simulator, request("GET", "/")).await;
    assert_eq!((root.status, root.header("location")), (302, Some("/auth/")));
    assert_eq!(calls.count(), 1);
    let taken_down: Vec<_> =
        simulator.requests().all().into_iter().map(|entry| (entry.path, entry.outside)).collect();
    let expected =
        [("/api/v3/", false), ("/api/v3/", true), ("/auth", true), ("/authentik/", true), ("/", true)];
    assert_eq!(taken_down, expected.map(|(path, outside)| (path.to_owned(), outside)));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_in_one_line() {
    for (builder, expected) in [
        (echo().0.base_path("/a b"), "base path"),
        (echo().0.token(""), "token"),
        (echo().0.token("a b"), "token"),
        (echo().0.token("a\nb"), "token"),
        (echo().0.version("2019.1"), "2019.1"),
    ] {
        let error = builder.start().await.err().expect("refused").to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_refused_in_one_line() {
    let (first, _) = echoing().await;
    let error = echo().0.listen(first.address()).start().await.err().expect("refused").to_string();
    assert_eq!(error, format!("cannot listen at {}: the port is in use", first.address()));
}
