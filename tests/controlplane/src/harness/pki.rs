//! Certificates of one control plane, P-256 throughout.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};

use super::Error;

/// The names under which clients reach the API server; 10.0.0.1 is the first address of the service range.
const SERVER_NAMES: [&str; 7] = [
    "127.0.0.1",
    "10.0.0.1",
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// A certificate and its private key, as PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// The certificates and keys of one control plane.
pub(super) struct Pki {
    /// The authority's certificate, as PEM. Its key is not kept.
    pub(super) ca: String,
    pub(super) server: Identity,
    /// Of the group system:masters, which RBAC lets do everything.
    pub(super) admin: Identity,
    pub(super) controller_manager: Identity,
    /// With which tokens of ServiceAccounts are signed, as PEM.
    pub(super) token_key: String,
    /// With which they are checked, as PEM.
    pub(super) token_public_key: String,
}

impl Pki {
    pub(super) fn new() -> Result<Self, Error> {
        let mut params = params("controlplane-ca", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let ca = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);

        let mut server = self::params("kube-apiserver", None);
        server.subject_alt_names = CertificateParams::new(SERVER_NAMES.map(String::from))?.subject_alt_names;
        let tokens = KeyPair::generate()?;
        Ok(Self {
            ca,
            server: issue(server, ExtendedKeyUsagePurpose::ServerAuth, &issuer)?,
            admin: client("admin", Some("system:masters"), &issuer)?,
            controller_manager: client("system:kube-controller-manager", None, &issuer)?,
            token_key: tokens.serialize_pem(),
            token_public_key: tokens.public_key_pem(),
        })
    }
}

/// A client's certificate. Kubernetes reads the user's name from CN and its group from O.
fn client(name: &str, group: Option<&str>, issuer: &Issuer<'_, KeyPair>) -> Result<Identity, Error> {
    issue(params(name, group), ExtendedKeyUsagePurpose::ClientAuth, issuer)
}

fn params(name: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params
}

fn issue(
    mut params: CertificateParams,
    usage: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'_, KeyPair>,
) -> Result<Identity, Error> {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    Ok(Identity { certificate: params.signed_by(&key, issuer)?.pem(), key: key.serialize_pem() })
}
