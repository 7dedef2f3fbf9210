//! TLS with a private certificate authority. Nothing in this process installs a default provider for rustls:
//! the client needs none.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use authentik_operator::authentik::{Cause, Client, Error, Outcome};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::scripted::{Scripted, json};
use crate::{client, connection};

/// A server with a certificate for `name`, and the file of the authority that signed it.
async fn server(name: &str) -> (Scripted, TempDir, PathBuf) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).expect("an authority");
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ca.pem");
    fs::write(&path, authority.pem()).expect("written");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Scripted::start_tls(acceptor, |seen| json(200, &json!({"path": seen.target}))).await;
    (server, directory, path)
}

async fn post(client: &Client) -> Result<Value, Error> {
    client.create("flows/instances", &json!({})).await
}

/// The words of a failed handshake, which is surely no write.
async fn refusal(client: &Client) -> String {
    match post(client).await.expect_err("no trust") {
        Error::Unreachable { cause: Cause::Connect(text), outcome: Outcome::NotApplied, .. } => text,
        other => panic!("not a failed handshake: {other:?}"),
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_given() {
    let (server, _directory, path) = server("localhost").await;
    let mut settings = connection(&format!("{}/auth/", server.url()));
    settings.ca_file = Some(path);
    let made = post(&Client::new(settings).expect("good settings")).await.expect("made");
    assert_eq!(made["path"], "/auth/api/v3/flows/instances/");
}

#[tokio::test]
async fn without_it_nothing_is_sent() {
    let (server, _directory, _) = server("localhost").await;
    // A system without any authorities refuses the settings instead.
    if let Ok(client) = Client::new(connection(&server.url())) {
        assert!(refusal(&client).await.contains("UnknownIssuer"));
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn the_name_in_the_certificate_counts() {
    let (server, _directory, path) = server("authentik.test").await;
    let mut settings = connection(&server.url());
    settings.ca_file = Some(path);
    let text = refusal(&Client::new(settings).expect("good settings")).await;
    assert!(text.contains("certificate not valid for name"), "{text}");
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn http_and_https_do_not_meet() {
    // The plain server waits for the rest of what it takes for a request.
    let plain = Scripted::start(|_| json(200, &json!({}))).await;
    let (_server, _directory, path) = server("localhost").await;
    let mut settings = connection(&plain.url().replace("http:", "https:"));
    settings.ca_file = Some(path);
    settings.connect_timeout = Duration::from_millis(300);
    refusal(&Client::new(settings).expect("good settings")).await;
    let (secure, _directory, _) = server("localhost").await;
    let error = post(&client(&secure.url().replace("https:", "http:"))).await.expect_err("not HTTP");
    assert_eq!(error.class(), "unreachable");
}
