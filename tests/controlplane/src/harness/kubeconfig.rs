//! Kubeconfigs and other private files.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Once,
};

use k8s_openapi::ByteString;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use super::{Error, pki::Identity};

/// The kubeconfig of a client with a certificate. It is JSON, which is YAML too.
pub(super) fn with_certificate(server: &str, ca: &str, identity: &Identity) -> Value {
    let base64 = |pem: &str| json!(ByteString(pem.as_bytes().to_vec()));
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "controlplane",
        "clusters": [{"name": "controlplane", "cluster": {"server": server, "certificate-authority-data": base64(ca)}}],
        "users": [{"name": "user", "user": {
            "client-certificate-data": base64(&identity.certificate),
            "client-key-data": base64(&identity.key),
        }}],
        "contexts": [{"name": "controlplane", "context": {"cluster": "controlplane", "user": "user"}}],
    })
}

/// The kubeconfig of a token's bearer in the cluster that is current in `admin`, a kubeconfig's file.
pub(super) fn with_token(admin: &Path, token: &str, namespace: &str) -> Result<Value, Error> {
    let config = read(admin)?;
    let unfit = |reason: &str| Error::Kubeconfig { path: admin.to_owned(), reason: reason.to_owned() };
    let current = config.current_context.ok_or_else(|| unfit("it has no current-context"))?;
    let context =
        config.contexts.into_iter().find(|context| context.name == current).and_then(|it| it.context);
    let cluster = context.ok_or_else(|| unfit("its current-context is not among its contexts"))?.cluster;
    let cluster = config.clusters.into_iter().find(|it| it.name == cluster).and_then(|it| it.cluster);
    let mut cluster = cluster.ok_or_else(|| unfit("its current cluster is not among its clusters"))?;
    // Relative to the kubeconfig that names it, and ours lies elsewhere.
    if let (Some(ca), Some(folder)) = (&mut cluster.certificate_authority, admin.parent()) {
        *ca = folder.join(&*ca).to_string_lossy().into_owned();
    }
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "controlplane",
        "clusters": [{"name": "controlplane", "cluster": cluster}],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{
            "name": "controlplane",
            "context": {"cluster": "controlplane", "user": "user", "namespace": namespace},
        }],
    }))
}

/// Writes a file that only this user may read. It must not exist.
pub(super) fn write_private(path: PathBuf, content: &str) -> Result<PathBuf, Error> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(Error::io(format!("write {}", path.display())))?;
    Ok(path)
}

fn read(path: &Path) -> Result<Kubeconfig, Error> {
    Kubeconfig::read_from(path)
        .map_err(|error| Error::Kubeconfig { path: path.to_owned(), reason: error.to_string() })
}

/// The configuration of a client that uses the kubeconfig `path`.
pub(super) async fn config(path: &Path) -> Result<Config, Error> {
    Config::from_custom_kubeconfig(read(path)?, &KubeConfigOptions::default())
        .await
        .map_err(|error| Error::Kubeconfig { path: path.to_owned(), reason: error.to_string() })
}

/// A client of the present runtime. A client's worker lives in the runtime that made it, so tests, each of which has
/// a runtime of its own, cannot share one.
pub(super) fn client(config: Config) -> Result<Client, Error> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // With two providers in the dependency tree rustls chooses none and kube panics. One that a test installed
        // before is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::try_from(config).map_err(Error::api("make a client"))
}
