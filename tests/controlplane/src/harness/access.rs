//! Namespaces, ServiceAccounts and ways in.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{Namespace, ServiceAccount},
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use uuid::Uuid;

use super::{ControlPlane, Error, kubeconfig};
use crate::Program;

/// The label of namespaces with the control plane's run; an existing cluster is cleaned by it.
pub(super) const RUN_LABEL: &str = "controlplane/run";

impl ControlPlane {
    /// The administrator's kubeconfig. Only this user may read it.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client as administrator, of the present runtime.
    ///
    /// # Errors
    /// When the kubeconfig is of no use.
    pub async fn client(&self) -> Result<Client, Error> {
        self.client_with(&self.kubeconfig).await
    }

    /// A client of the present runtime that uses another kubeconfig, as of [`ControlPlane::kubeconfig_for_token`].
    ///
    /// # Errors
    /// When the kubeconfig is of no use.
    pub async fn client_with(&self, kubeconfig: &Path) -> Result<Client, Error> {
        kubeconfig::client(kubeconfig::config(kubeconfig).await?)
    }

    /// Makes a namespace and tells its name, which begins with `prefix` and is new.
    ///
    /// There is no need to remove it, which takes kube-controller-manager some 5 seconds: it vanishes with the
    /// control plane, and is removed from an existing cluster at the end.
    ///
    /// # Errors
    /// When the API server refuses, as for a prefix that is no name.
    pub async fn namespace(&self, prefix: &str) -> Result<String, Error> {
        let unique = Uuid::new_v4().simple().to_string();
        let name = format!("{prefix}-{}", &unique[..8]);
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                labels: Some([(RUN_LABEL.to_owned(), self.run.clone())].into()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let api: Api<Namespace> = Api::all(self.client().await?);
        api.create(&PostParams::default(), &namespace)
            .await
            .map_err(Error::api(format!("make the namespace {name}")))?;
        Ok(name)
    }

    /// A token of ServiceAccount `name`, which is made when it is not there. It has no rights but those that RBAC
    /// gives it.
    ///
    /// `audiences`: for whom the token is; none for the API server itself. `lifetime`: 10 minutes at least.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn service_account_token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[&str],
        lifetime: Duration,
    ) -> Result<String, Error> {
        let api: Api<ServiceAccount> = Api::namespaced(self.client().await?, namespace);
        let account = ServiceAccount {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            ..ServiceAccount::default()
        };
        match api.create(&PostParams::default(), &account).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            made => {
                made.map_err(Error::api(format!("make the ServiceAccount {namespace}/{name}")))?;
            }
        }
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                audiences: Some(audiences.iter().map(|&audience| audience.to_owned()).collect()),
                expiration_seconds: i64::try_from(lifetime.as_secs()).ok(),
                ..TokenRequestSpec::default()
            }),
            ..TokenRequest::default()
        };
        let answer = api
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .map_err(Error::api(format!("get a token of ServiceAccount {namespace}/{name}")))?;
        Ok(answer.status.and_then(|status| status.token).unwrap_or_default())
    }

    /// A kubeconfig with which a program runs as the token's ServiceAccount, in `namespace` by default. It lies in
    /// the control plane's folder; only this user may read it.
    ///
    /// # Errors
    /// When the administrator's kubeconfig is of no use, or the file cannot be written.
    pub fn kubeconfig_for_token(&self, token: &str, namespace: &str) -> Result<PathBuf, Error> {
        let config = kubeconfig::with_token(&self.kubeconfig, token, namespace)?;
        let path = self.folder().join(format!("{}.kubeconfig", Uuid::new_v4().simple()));
        kubeconfig::write_private(path, &config.to_string())
    }

    /// kubectl as administrator.
    ///
    /// # Errors
    /// When there is no kubectl that fits.
    pub fn kubectl(&self) -> Result<Command, Error> {
        self.tool(Program::Kubectl)
    }

    /// helm as administrator, with caches and settings of its own.
    ///
    /// # Errors
    /// When there is no helm that fits.
    pub fn helm(&self) -> Result<Command, Error> {
        let mut helm = self.tool(Program::Helm)?;
        for (name, folder) in
            [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
        {
            helm.env(name, self.folder().join("helm").join(folder));
        }
        Ok(helm)
    }

    fn tool(&self, program: Program) -> Result<Command, Error> {
        let mut command = Command::new(self.programs.path(program)?);
        command.env("KUBECONFIG", &self.kubeconfig).env("KUBECACHEDIR", self.folder().join("kubectl"));
        Ok(command)
    }
}
