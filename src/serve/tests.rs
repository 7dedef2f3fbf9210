use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Readiness, Role, Server, lacks_ipv6, without_ipv6};
use crate::metrics::Metrics;

const PATIENCE: Duration = Duration::from_secs(30);

struct Running {
    address: SocketAddr,
    readiness: watch::Sender<Readiness>,
    shutdown: CancellationToken,
    served: JoinHandle<io::Result<()>>,
}

async fn start() -> Running {
    let server = Server::bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
    let address = server.local_addr();
    let readiness = watch::Sender::new(Readiness::waiting_for(["FlowStageBinding", "Flow"]));
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(server.serve(readiness.subscribe(), Metrics::default(), shutdown.clone()));
    Running { address, readiness, shutdown, served }
}

/// The whole answer, head and body.
async fn get(address: SocketAddr, path: &str) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nhost: operator\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("read");
        answer
    };
    timeout(PATIENCE, exchange).await.expect("an answer in time")
}

#[tokio::test]
async fn readiness_names_what_is_missing_until_nothing_is() {
    let running = start().await;
    let ready = async || get(running.address, "/readyz").await;
    let answer = ready().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nwaiting for the lists of: Flow, FlowStageBinding\n"), "{answer}");
    running.readiness.send_modify(|readiness| readiness.listed("Flow"));
    let answer = ready().await;
    assert!(answer.ends_with("\r\n\r\nwaiting for the lists of: FlowStageBinding\n"), "{answer}");
    running.readiness.send_modify(|readiness| readiness.listed("FlowStageBinding"));
    let answer = ready().await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
}

#[tokio::test]
async fn who_stands_by_is_ready_without_lists_and_who_leads_is_not() {
    let running = start().await;
    let ready = async || get(running.address, "/readyz").await;
    for (role, code, text) in [
        (Role::Unknown, 503, "waiting for the Lease\n"),
        (Role::Standby, 200, "ok: standby\n"),
        (Role::Leader, 503, "waiting for the lists of: Flow, FlowStageBinding\n"),
    ] {
        running.readiness.send_modify(|readiness| readiness.is(role));
        let answer = ready().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")) && answer.ends_with(text), "{answer}");
    }
    for kind in ["Flow", "FlowStageBinding"] {
        running.readiness.send_modify(|readiness| readiness.listed(kind));
    }
    assert!(ready().await.ends_with("\r\n\r\nok: leader\n"));
}

#[tokio::test]
async fn it_lives_before_it_is_ready_and_tells_its_metrics() {
    let running = start().await;
    let alive = get(running.address, "/livez").await;
    assert!(alive.starts_with("HTTP/1.1 200 ") && alive.ends_with("\r\n\r\nok\n"), "{alive}");
    let metrics = get(running.address, "/metrics").await;
    assert!(metrics.contains("content-type: application/openmetrics-text; version=1.0.0"), "{metrics}");
    assert!(metrics.contains("authentik_operator_build_info") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(get(running.address, "/").await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn it_stops_although_a_client_never_finishes() {
    let running = start().await;
    let mut client = TcpStream::connect(running.address).await.expect("connected");
    client.write_all(b"GET /livez HTTP/1.1\r\n").await.expect("sent");
    assert!(get(running.address, "/livez").await.ends_with("ok\n"));
    running.shutdown.cancel();
    let served = timeout(PATIENCE, running.served).await.expect("it stops");
    served.expect("no panic").expect("no failure");
    assert!(TcpStream::connect(running.address).await.is_err(), "the port is closed");
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_the_address() {
    for any in ["[::]:0", "127.0.0.1:0"] {
        let first = Server::bind(any.parse().expect("an address")).await.expect("a free port");
        let address = first.local_addr();
        let error = Server::bind(address).await.expect_err("taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&format!("cannot listen on {address}: ")), "{error}");
    }
}

#[test]
fn without_ipv6_only_the_unspecified_address_has_a_stand_in() {
    let instead = |address: &str| without_ipv6(address.parse().expect("an address"));
    assert_eq!(instead("[::]:8080"), Some(([0, 0, 0, 0], 8080).into()));
    assert_eq!(instead("[::1]:8080"), None);
    assert_eq!(instead("0.0.0.0:8080"), None);
    // EAFNOSUPPORT and EADDRNOTAVAIL, then EADDRINUSE and EACCES.
    for (number, lacks) in [(97, true), (99, true), (98, false), (13, false)] {
        assert_eq!(lacks_ipv6(&io::Error::from_raw_os_error(number)), lacks, "{number}");
    }
}
