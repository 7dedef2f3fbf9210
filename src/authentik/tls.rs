//! Whom to trust: the system's certificate authorities, and those of a file.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::connection::ConnectionError;

/// TLS with ring, whatever the process's default provider is, or none. `needed` says that the URL asks for
/// TLS: only then is it an error when there is no authority to trust, as in a container image without
/// certificates.
pub(crate) fn client_config(ca_file: Option<&Path>, needed: bool) -> Result<ClientConfig, ConnectionError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        add_file(&mut roots, path)?;
    }
    // Single certificates of the system's may be unreadable or outdated: those that are left decide.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if needed && roots.is_empty() {
        let reason = "the system has no certificate authorities, and no CA file is given";
        return Err(ConnectionError::Setup(reason.to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectionError::Setup(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), ConnectionError> {
    let refuse = |reason: String| ConnectionError::CaFile { path: path.to_owned(), reason };
    let text = fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        found += 1;
        let certificate = certificate.map_err(|_| refuse(format!("its certificate {found} is no PEM")))?;
        roots
            .add(certificate)
            .map_err(|error| refuse(format!("its certificate {found} cannot be used: {error}")))?;
    }
    match found {
        0 => Err(refuse("it holds no certificate (PEM is expected)".to_owned())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertificateParams, KeyPair};

    use super::client_config;

    fn authority() -> String {
        let key = KeyPair::generate().expect("a key");
        CertificateParams::default().self_signed(&key).expect("a certificate").pem()
    }

    #[test]
    fn a_file_may_hold_several_authorities() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ca.pem");
        fs::write(&path, format!("# ours\n{}\n{}", authority(), authority())).expect("written");
        client_config(Some(&path), true).expect("both are taken");
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_the_reason() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ca.pem");
        let refused = |content: Option<&str>| {
            match content {
                Some(content) => fs::write(&path, content).expect("written"),
                None => drop(fs::remove_file(&path)),
            }
            client_config(Some(&path), false).expect_err("cannot be used").to_string()
        };
        let good = authority();
        let broken = good.replacen("MII", "AAA", 1);
        for (content, reason) in [
            (None, "No such file"),
            (Some(""), "it holds no certificate"),
            (
                Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                "it holds no certificate",
            ),
            (Some(broken.as_str()), "its certificate 1 cannot be used"),
            (Some(&good[..good.len() / 2]), "its certificate 1 is no PEM"),
        ] {
            let error = refused(content);
            assert!(error.contains("ca.pem") && error.contains(reason) && !error.contains('\n'), "{error}");
        }
    }
}
