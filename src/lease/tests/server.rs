//! Stands in for the API server: one Lease, and what happens between its answers.

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// An API server, as long as it is there.
pub(super) struct Server {
    kept: Arc<Mutex<Kept>>,
    url: String,
    serving: JoinHandle<()>,
}

/// What somebody does to the Lease.
type Deed = Box<dyn FnOnce(&mut LeaseSpec) + Send>;

#[derive(Default)]
struct Kept {
    lease: Option<Lease>,
    version: u64,
    /// What somebody else does before the next change.
    before: Option<Deed>,
    /// What happens while the next change is answered.
    during: Option<Box<dyn FnOnce() + Send>>,
    /// Whether the answer to the next change says nothing.
    spoilt: bool,
}

impl Server {
    pub(super) async fn start() -> Self {
        // An error would say that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let kept = Arc::<Mutex<Kept>>::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&kept));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { kept, url, serving }
    }

    pub(super) fn client(&self) -> kube::Client {
        let config = kube::Config::new(self.url.parse().expect("a URL"));
        kube::Client::try_from(config).expect("a client")
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nobody panicked")
    }

    pub(super) fn lease(&self) -> Option<Lease> {
        self.kept().lease.clone()
    }

    /// Somebody changes the Lease.
    pub(super) fn change(&self, act: impl FnOnce(&mut LeaseSpec)) {
        self.kept().change(act);
    }

    /// Somebody deletes the Lease.
    pub(super) fn delete(&self) {
        self.kept().lease = None;
    }

    /// Somebody changes the Lease immediately before the next change.
    pub(super) fn before_the_next_change(&self, act: impl FnOnce(&mut LeaseSpec) + Send + 'static) {
        self.kept().before = Some(Box::new(act));
    }

    /// This happens while the next change is answered.
    pub(super) fn while_the_next_answer(&self, act: impl FnOnce() + Send + 'static) {
        self.kept().during = Some(Box::new(act));
    }

    /// The next change takes hold, and its answer does not say so.
    pub(super) fn spoil_the_next_answer(&self) {
        self.kept().spoilt = true;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Kept {
    fn change(&mut self, act: impl FnOnce(&mut LeaseSpec)) {
        if let Some(mut lease) = self.lease.take() {
            act(lease.spec.get_or_insert_default());
            self.store(lease);
        }
    }

    fn store(&mut self, mut lease: Lease) -> Lease {
        self.version += 1;
        lease.metadata.resource_version = Some(self.version.to_string());
        self.lease = Some(lease.clone());
        lease
    }

    fn version(&self) -> Option<&String> {
        self.lease.as_ref()?.metadata.resource_version.as_ref()
    }
}

async fn answer(State(kept): State<Arc<Mutex<Kept>>>, method: Method, body: Bytes) -> Response {
    let mut kept = kept.lock().expect("nobody panicked");
    if method == Method::GET {
        return match &kept.lease {
            Some(lease) => said(StatusCode::OK, &json!(lease)),
            None => refusal(StatusCode::NOT_FOUND, "NotFound"),
        };
    }
    if let Some(act) = take(&mut kept.before) {
        kept.change(act);
    }
    if let Some(act) = take(&mut kept.during) {
        act();
    }
    let sent: Lease = serde_json::from_slice(&body).expect("a Lease");
    let refused = match (&method, kept.version()) {
        (&Method::POST, Some(_)) => Some(refusal(StatusCode::CONFLICT, "AlreadyExists")),
        (&Method::PUT, None) => Some(refusal(StatusCode::NOT_FOUND, "NotFound")),
        (&Method::PUT, known) if known != sent.metadata.resource_version.as_ref() => {
            Some(refusal(StatusCode::CONFLICT, "Conflict"))
        }
        _ => None,
    };
    if let Some(refused) = refused {
        return refused;
    }
    let lease = kept.store(sent);
    match take(&mut kept.spoilt) {
        true => refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        false => said(StatusCode::OK, &json!(lease)),
    }
}

fn refusal(status: StatusCode, reason: &str) -> Response {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": reason, "reason": reason,
        "code": status.as_u16()});
    said(status, &body)
}

fn said(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}
