//! Starting a control plane.

use std::{
    fs::create_dir,
    path::{Path, PathBuf},
    time::Duration,
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use uuid::Uuid;

use super::{
    ControlPlane, Error, Part,
    access::RUN_LABEL,
    arguments::{self, Ports},
    crds, kubeconfig,
    pki::Pki,
    plane::{Servers, print_tails},
    ports,
    server::{Health, Server},
};
use crate::{
    lifeline::Lifeline,
    programs::{Environment, Program, Programs, Source},
};

/// How often a start is tried anew when another process takes a port first.
const TRIES: usize = 4;

/// How a control plane is to be started.
#[derive(Debug, Clone)]
pub struct Builder {
    crds: Vec<PathBuf>,
    programs: Option<Programs>,
    deadline: Duration,
}

impl Default for Builder {
    fn default() -> Self {
        Self { crds: Vec::new(), programs: None, deadline: Duration::from_secs(120) }
    }
}

impl Builder {
    /// Applies the custom resource definitions of this file or folder before kube-controller-manager starts, whose
    /// garbage collector learns of later ones only after up to 30 seconds.
    #[must_use]
    pub fn crds(mut self, path: impl Into<PathBuf>) -> Self {
        self.crds.push(path.into());
        self
    }

    /// Uses these programs, or this cluster. Otherwise they are found as the process's environment says.
    #[must_use]
    pub fn programs(mut self, programs: Programs) -> Self {
        self.programs = Some(programs);
        self
    }

    /// How long each part may take to become ready, or to end when it is stopped: 120 s unless told.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Starts the control plane, or connects to the existing cluster; returns when all of it is ready.
    ///
    /// Building the programs, when they are missing, happens here too.
    ///
    /// # Errors
    /// One line; when a part did not start, the ends of the logs go to standard error.
    pub async fn start(self) -> Result<ControlPlane, Error> {
        let mut definitions = Vec::new();
        for path in &self.crds {
            definitions.extend(crds::read(path)?);
        }
        let programs = match self.programs {
            Some(programs) => programs,
            None => tokio::task::spawn_blocking(|| Programs::find(&Environment::from_process()))
                .await
                .map_err(|error| Error::io("look for the programs")(error.into()))??,
        };
        match programs.source().clone() {
            Source::Cluster(kubeconfig) => connect(programs, &kubeconfig, &definitions).await,
            Source::Assets(_) | Source::Cache(_) => {
                let mut last = None;
                for _ in 0..TRIES {
                    match start(&programs, &definitions, self.deadline).await {
                        Err(Failure::PortTaken(error)) => last = Some(error),
                        Err(Failure::Other(error)) => return Err(error),
                        Ok(plane) => return Ok(plane),
                    }
                }
                Err(last.unwrap_or(Error::NotRunning(Part::Etcd)))
            }
        }
    }
}

enum Failure {
    PortTaken(Error),
    Other(Error),
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

async fn start(
    programs: &Programs,
    definitions: &[CustomResourceDefinition],
    deadline: Duration,
) -> Result<ControlPlane, Failure> {
    let run = Uuid::new_v4().simple().to_string();
    let lifeline = lifeline(&run, &[])?;
    let (servers, kubeconfig) = servers(programs, lifeline.folder(), deadline).await?;
    let plane =
        ControlPlane { kubeconfig, programs: programs.clone(), run, servers: Some(servers), lifeline };
    let Err(error) = raise(&plane, definitions).await else { return Ok(plane) };
    let Some(servers) = &plane.servers else { return Err(error.into()) };
    if matches!(error, Error::Ended { .. })
        && servers.iter().any(|it| it.log_tail(50).contains("address already in use"))
    {
        return Err(Failure::PortTaken(error));
    }
    print_tails(servers);
    Err(error.into())
}

/// API server, definitions, kube-controller-manager: in this order.
async fn raise(plane: &ControlPlane, definitions: &[CustomResourceDefinition]) -> Result<(), Error> {
    for part in [Part::Etcd, Part::ApiServer] {
        plane.server(part)?.spawn(&plane.lifeline)?;
    }
    plane.ready(Part::Etcd).await?;
    tokio::select! {
        ready = plane.ready(Part::ApiServer) => ready?,
        // The API server would wait for it in vain.
        ended = plane.server(Part::Etcd)?.end() => return Err(ended),
    }
    crds::apply(&plane.client().await?, definitions).await?;
    if plane.has(Part::ControllerManager) {
        plane.start(Part::ControllerManager).await?;
    }
    Ok(())
}

async fn connect(
    programs: Programs,
    kubeconfig: &Path,
    definitions: &[CustomResourceDefinition],
) -> Result<ControlPlane, Error> {
    let run = Uuid::new_v4().simple().to_string();
    let farewell = match programs.path(Program::Kubectl) {
        Ok(kubectl) => vec![
            kubectl.display().to_string(),
            format!("--kubeconfig={}", kubeconfig.display()),
            "delete".to_owned(),
            "namespaces".to_owned(),
            format!("--selector={RUN_LABEL}={run}"),
            "--wait=false".to_owned(),
            "--request-timeout=10s".to_owned(),
        ],
        Err(error) => {
            eprintln!("the tests' namespaces will remain in the cluster: {error}");
            Vec::new()
        }
    };
    let lifeline = lifeline(&run, &farewell)?;
    let plane = ControlPlane { kubeconfig: kubeconfig.to_owned(), programs, run, servers: None, lifeline };
    let client = plane.client().await?;
    client
        .apiserver_version()
        .await
        .map_err(Error::api(format!("reach the cluster of {}", kubeconfig.display())))?;
    crds::apply(&client, definitions).await?;
    Ok(plane)
}

fn lifeline(run: &str, farewell: &[String]) -> Result<Lifeline, Error> {
    let folder = std::env::temp_dir().join(format!("controlplane-{run}"));
    Lifeline::new(&folder, farewell).map_err(Error::io(format!("make the folder {}", folder.display())))
}

/// Writes certificates and kubeconfigs, and lays out the servers; the second is the administrator's kubeconfig.
async fn servers(
    programs: &Programs,
    folder: &Path,
    deadline: Duration,
) -> Result<(Servers, PathBuf), Error> {
    let [etcd, etcd_peers, api_server, controller_manager] =
        ports::free().map_err(Error::io("find free ports"))?;
    let ports = Ports { etcd, etcd_peers, api_server, controller_manager };
    let pki = Pki::new()?;
    let url = format!("https://127.0.0.1:{api_server}");
    let admin = kubeconfig::with_certificate(&url, &pki.ca, &pki.admin).to_string();
    let controllers = kubeconfig::with_certificate(&url, &pki.ca, &pki.controller_manager).to_string();
    for (name, content) in [
        ("ca.crt", &pki.ca),
        ("server.crt", &pki.server.certificate),
        ("server.key", &pki.server.key),
        ("tokens.key", &pki.token_key),
        ("tokens.pub", &pki.token_public_key),
        ("controller-manager.kubeconfig", &controllers),
    ] {
        kubeconfig::write_private(folder.join(name), content)?;
    }
    let kubeconfig = kubeconfig::write_private(folder.join("kubeconfig"), &admin)?;
    // etcd asks for a data folder that only its user may enter.
    create_dir(folder.join("logs")).map_err(Error::io("make the folder of logs"))?;

    let config = kubeconfig::config(&kubeconfig).await?;
    let mut controllers_config = config.clone();
    controllers_config.cluster_url = format!("https://127.0.0.1:{controller_manager}")
        .parse()
        .map_err(|error| Error::io("make a URL")(std::io::Error::other(error)))?;
    let mut servers = Servers::new(deadline);
    for (part, arguments, health) in [
        (Part::Etcd, arguments::etcd(folder, ports), Health::Http { port: etcd, path: "/health" }),
        (
            Part::ApiServer,
            arguments::api_server(folder, ports),
            Health::Https { config: Box::new(config), path: "/readyz" },
        ),
        (
            Part::ControllerManager,
            arguments::controller_manager(folder, ports),
            Health::Https { config: Box::new(controllers_config), path: "/healthz" },
        ),
    ] {
        if programs.has(part.program()) {
            let program = programs.path(part.program())?.to_owned();
            let log = folder.join("logs").join(format!("{part}.log"));
            servers.add(Server::new(part, program, arguments, log, health));
        }
    }
    Ok((servers, kubeconfig))
}
