//! One of several operators.

use authentik_simulator::journal::Entry;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::DeleteParams;

use crate::harness::{Forwarder, Operator, World, eventually};

/// The Lease that the operator's account may keep.
pub(super) const LEASE: &str = "authentik-operator";

/// How long the Lease lasts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lasting {
    /// So that a test can wait for it to lapse.
    Seconds,
    /// So that no test can.
    Minutes,
}

/// An operator with ways of its own to authentik, by which its requests are told from others', and to the API server.
pub(super) struct Replica {
    pub(super) operator: Operator,
    authentik: Forwarder,
    pub(super) cluster: Forwarder,
}

impl Replica {
    /// Starts one, as a replica of the others of this test.
    pub(super) async fn start(world: &World, lasting: Lasting) -> Self {
        let url = world.authentik.url();
        let authentik = Forwarder::to(url.trim_start_matches("http://")).await;
        let kubeconfig = std::fs::read_to_string(world.kubeconfig()).expect("a kubeconfig");
        let (_, rest) = kubeconfig.split_once("\"https://").expect("a server");
        let (server, _) = rest.split_once('"').expect("its end");
        let cluster = Forwarder::to(server).await;
        let address = cluster.address();
        let kubeconfig = kubeconfig.replace(server, &address.to_string());
        let kubeconfig = world.write(&format!("kubeconfig-{}", address.port()), &kubeconfig);
        let namespace = namespace(world).await;
        let (duration, deadline) = match lasting {
            Lasting::Seconds => ("5s", "4s"),
            Lasting::Minutes => ("10m", "5m"),
        };
        let launch = world
            .operator()
            .flag("--authentik-url", &format!("http://{}", authentik.address()))
            .flag("--lease", &format!("{namespace}/{LEASE}"))
            .flag("--lease-duration", duration)
            .flag("--lease-renew-deadline", deadline)
            .flag("--lease-retry", "500ms")
            .variable("KUBECONFIG", &kubeconfig.display().to_string());
        Self { operator: launch.start().await, authentik, cluster }
    }

    /// Whether it is the one that sent this request.
    pub(super) fn sent(&self, entry: &Entry) -> bool {
        self.authentik.is_peer(&entry.peer)
    }

    /// Waits until it leads.
    pub(super) async fn leads(&self) {
        self.operator.says(" leading lease=").await;
    }

    /// Waits until it is ready to follow.
    pub(super) async fn stands_by(&self) {
        let ready =
            async || (self.operator.get("/readyz").await == (200, "ok: standby\n".to_owned())).then_some(());
        eventually(ready, async || self.operator.log()).await;
    }

    /// Waits until it ends because the Lease is not its own any more.
    pub(super) async fn ends_for_the_lease(&mut self) {
        let code = self.operator.end().await.code();
        let log = self.operator.log();
        let last = log.lines().last().unwrap_or_default();
        assert_eq!(code, Some(1), "{log}");
        assert!(last.starts_with("authentik-operator: lost the Lease "), "{log}");
    }
}

/// Where the operator's account may keep the Lease.
async fn namespace(world: &World) -> String {
    let account = world.plane().client_with(world.kubeconfig()).await.expect("a client");
    account.default_namespace().to_owned()
}

/// The Leases beside it.
pub(super) async fn leases(world: &World) -> Api<Lease> {
    Api::namespaced(world.client(), &namespace(world).await)
}

/// Makes the Lease nobody's: who had it in another test is gone.
pub(super) async fn unlock(world: &World) {
    match leases(world).await.delete(LEASE, &DeleteParams::default()).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.is_not_found() => {}
        Err(error) => panic!("{error}"),
    }
}
