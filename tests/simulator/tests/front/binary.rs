//! The program.

use std::process::{Output, Stdio};

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::wire::{Answer, PATIENCE, Wire, echoing, request};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_authentik-simulator"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Starts the program at a free port; returns it, its first line and its URL.
async fn started(arguments: &[&str]) -> (Child, String, String) {
    let mut child = program(&[&["--port", "0"], arguments].concat()).spawn().expect("the program starts");
    let stdout = child.stdout.take().expect("a pipe");
    let mut line = String::new();
    timeout(PATIENCE, BufReader::new(stdout).read_line(&mut line))
        .await
        .expect("it is ready in time")
        .expect("a line");
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).expect("a URL").to_owned();
    (child, line, url)
}

async fn get(url: &str, target: &str) -> Option<Answer> {
    let host = url.trim_start_matches("http://").split('/').next().expect("a host");
    let mut wire = Wire::connect(host.parse().expect("an address")).await;
    wire.send(request("GET", target)).await;
    wire.answer().await
}

async fn ended(arguments: &[&str]) -> (i32, String) {
    let Output { status, stderr, stdout } =
        timeout(PATIENCE, program(arguments).output()).await.expect("it ends in time").expect("it runs");
    assert!(stdout.is_empty());
    (status.code().expect("an exit code"), String::from_utf8(stderr).expect("UTF-8"))
}

async fn signal(child: &mut Child, name: &str) -> Option<i32> {
    let pid = child.id().expect("it runs").to_string();
    let kill = Command::new("kill").args(["-s", name, &pid]).status().await.expect("kill runs");
    assert!(kill.success());
    timeout(PATIENCE, child.wait()).await.expect("it ends in time").expect("a status").code()
}

#[tokio::test]
async fn it_says_how_to_use_it_serves_and_ends_when_told() {
    let faults =
        [r#"{"path": "/api/v3/x/", "do": "starting"}"#, r#"{"path": "/api/v3/y/", "do": {"cut": "before"}}"#];
    let (mut child, line, url) = started(&[
        "--token",
        "secret",
        "--version",
        "2026.2",
        "--base-path",
        "/auth",
        "--empty",
        "--keep-alive",
        "3",
        "--latency-ms",
        "1",
        "--latency-per-row-ms",
        "2",
        "--fault",
        faults[0],
        "--fault",
        faults[1],
        "-v",
    ])
    .await;
    assert!(line.starts_with("authentik 2026.2") && url.ends_with("/auth"), "{line}");
    let curl = format!("curl -H 'Authorization: Bearer secret' {url}/api/v3/core/users/me/\n");
    assert!(line.ends_with(&curl), "{line}");
    assert_eq!(get(&url, "/auth/api/v3/x/").await.expect("an answer").status, 503);
    assert!(get(&url, "/auth/api/v3/y/").await.is_none(), "the connection is cut");
    let shown = get(&url, "/auth/-/simulator/faults").await.expect("an answer").json();
    assert_eq!(shown["faults"][0]["do"], json!({"latency": {"fixed_ms": 1, "per_row_ms": 2}}));
    assert_eq!(shown["faults"].as_array().map(Vec::len), Some(3));
    let mut stderr = child.stderr.take().expect("a pipe");
    assert_eq!(signal(&mut child, "TERM").await, Some(0));
    let mut log = String::new();
    stderr.read_to_string(&mut log).await.expect("UTF-8");
    assert!(log.contains("/api/v3/x/") && log.contains("503") && !log.contains("secret"), "{log}");
}

#[tokio::test]
async fn an_interrupt_ends_it_well() {
    let (mut child, ..) = started(&[]).await;
    assert_eq!(signal(&mut child, "INT").await, Some(0));
}

#[tokio::test]
async fn bad_options_are_one_line_and_an_exit_code() {
    let (taken, _) = echoing().await;
    let port = taken.address().port().to_string();
    for (arguments, code, expected) in [
        (vec!["--port", &port], 1, "the port is in use"),
        (vec!["--version", "2019.1"], 2, "2026.2"),
        (vec!["--fault", "{"], 2, "not a fault: EOF"),
        (vec!["--fault", r#"{"do": "explode"}"#], 2, "unknown variant `explode`, expected one of"),
        (vec!["--base-path", "/a b"], 2, "not a base path"),
        (vec!["--token", ""], 2, "token"),
        (vec!["--port", "http"], 2, "--port"),
        (vec!["--colour"], 2, "--colour"),
    ] {
        let (exit, stderr) = ended(&arguments).await;
        assert_eq!(exit, code, "{arguments:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(expected), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
    }
}

#[tokio::test]
async fn help_names_every_option() {
    let Output { status, stdout, .. } = program(&["--help"]).output().await.expect("it runs");
    let help = String::from_utf8(stdout).expect("UTF-8");
    assert!(status.success());
    for option in [
        "--port",
        "--listen",
        "--token",
        "--version",
        "--empty",
        "--base-path",
        "--keep-alive",
        "--fault",
        "-v",
    ] {
        assert!(help.contains(option), "{option} in {help}");
    }
}
