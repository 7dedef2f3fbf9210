//! The client for authentik: against servers that misbehave byte by byte, and against the simulator with its
//! faults.

mod leader;
mod listing;
mod mirror;
mod network;
mod scripted;
mod simulated;
mod tls;
mod token;
mod verbs;

use std::time::Duration;

use authentik_operator::authentik::{Client, Connection, TokenSource};
use secrecy::SecretString;

/// The token of tests that need no particular one.
const TOKEN: &str = "s3cret-token";

/// Patience for what must happen; long, since the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Settings for a server at `url`.
fn connection(url: &str) -> Connection {
    Connection::new(url, TokenSource::Value(SecretString::from(TOKEN)))
}

/// A client for a server at `url`.
fn client(url: &str) -> Client {
    Client::new(connection(url)).expect("the settings are good")
}
