//! The token: sent as authentik wants it, re-read when it changes, never shown.

use std::fs;
use std::path::PathBuf;

use authentik_operator::authentik::{Client, Connection, Error, Outcome, TokenSource};
use serde_json::{Value, json};

use crate::TOKEN;
use crate::scripted::{Scripted, Seen, Step, answer, json};

fn refused() -> Vec<Step> {
    json(403, &json!({"detail": "Token invalid/expired"}))
}

fn client(server: &Scripted, path: PathBuf) -> Client {
    Client::new(Connection::new(server.url(), TokenSource::File(path))).expect("good settings")
}

fn sent(seen: &Seen) -> &str {
    seen.header("authorization").unwrap_or_default()
}

#[tokio::test]
async fn each_request_carries_what_the_file_holds() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    let server = Scripted::start(|_| json(200, &json!({}))).await;
    let client = client(&server, path.clone());
    let error = client.get::<Value>("flows/instances", "x").await.expect_err("no file yet");
    assert!(matches!(error, Error::NoToken { .. }) && error.outcome() == Outcome::NotApplied, "{error:?}");
    assert!(error.to_string().contains("GET /flows/instances/x/: the token file /"), "{error}");
    for token in ["first", "later"] {
        fs::write(&path, format!("{token}\n")).expect("written");
        client.get::<Value>("flows/instances", "x").await.expect("an answer");
    }
    let sent: Vec<String> = server.seen().iter().map(|seen| sent(seen).to_owned()).collect();
    assert_eq!(sent, ["bearer first", "bearer later"]);
}

#[tokio::test]
async fn a_refused_token_is_looked_up_again_and_the_request_repeated() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    fs::write(&path, "old").expect("written");
    let rotated = path.clone();
    let server = Scripted::start(move |seen| match sent(seen) {
        "bearer new" => json(201, &json!({"pk": "made"})),
        _ => {
            // The rotation comes between the reading of the file and the answer.
            fs::write(&rotated, "new").expect("written");
            refused()
        }
    })
    .await;
    let made: Value =
        client(&server, path).create("flows/instances", &json!({"slug": "x"})).await.expect("made");
    assert_eq!(made["pk"], "made");
    let bodies: Vec<Vec<u8>> = server.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [br#"{"slug":"x"}"#, br#"{"slug":"x"}"#]);
}

#[tokio::test]
async fn a_refused_token_that_stays_is_not_sent_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    fs::write(&path, "old").expect("written");
    let server = Scripted::start(|_| refused()).await;
    let error = client(&server, path).me().await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        "GET /core/users/me/: authentik does not accept the token: Token invalid/expired"
    );
    assert_eq!((error.class(), server.seen().len()), ("unauthorized", 1));
}

#[tokio::test]
async fn a_missing_permission_is_no_reason_to_look_for_another_token() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    fs::write(&path, "old").expect("written");
    let rotated = path.clone();
    let server = Scripted::start(move |_| {
        fs::write(&rotated, "new").expect("written");
        json(403, &json!({"detail": "You do not have permission to perform this action."}))
    })
    .await;
    let error = client(&server, path).me().await.expect_err("refused");
    assert_eq!((error.class(), server.seen().len()), ("forbidden", 1));
}

#[tokio::test]
async fn the_token_is_shown_nowhere() {
    let echo = format!("Bearer {TOKEN}");
    let bodies = [
        (200, json!({"username": [&echo], "version_current": &echo})),
        (200, json!({"user": {"username": "x", "is_superuser": &echo}})),
        (200, json!({"results": [{"pk": &echo, "n": &echo}], "pagination": {"next": 0, "count": 1}})),
        (400, json!({"detail": &echo})),
        (500, json!({"detail": &echo})),
    ];
    for (status, body) in bodies {
        let headers = format!("content-type: application/json\r\nx-authentik-id: {TOKEN}\r\n");
        let text = body.to_string();
        let server = Scripted::start(move |_| vec![answer(status, &headers, &text)]).await;
        let client = crate::client(&server.url());
        #[derive(Debug, serde::Deserialize)]
        struct Row {
            #[serde(rename = "n")]
            _n: u8,
        }
        let errors = [
            client.me().await.expect_err("nonsense"),
            client.version().await.expect_err("nonsense"),
            client.list::<Row>("flows/instances", &[("search", TOKEN)], "slug").await.expect_err("nonsense"),
            client
                .find::<Row>("flows/instances", &[("search", TOKEN)], |_| true)
                .await
                .expect_err("nonsense"),
            client.delete("flows/instances", "..").await.expect_err("nonsense"),
        ];
        for error in errors {
            let shown = format!("{error} {error:?} {client:?}");
            assert!(!shown.contains(TOKEN), "{shown}");
        }
    }
}
