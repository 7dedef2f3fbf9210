//! `authentik-operator release`

use std::io::{Write as _, stdout};

use anyhow::{Context as _, bail};
use clap::Args;
use kube::Api;
use kube::api::ListParams;
use kube::core::DynamicObject;
use tokio::runtime::Runtime;

use crate::engine::{Cluster, Resource};
use crate::kinds::{self, Entry};

/// How often a resource that changes meanwhile is read again.
const ATTEMPTS: usize = 5;

/// Which resources to let go. The descriptions of the fields are the command's help.
#[derive(Debug, Clone, Args)]
pub struct Release {
    /// Their namespace
    #[arg(short, long)]
    pub namespace: String,

    /// Only this kind, such as `Flow` or `flows`
    #[arg(short, long, value_parser = kind)]
    pub kind: Option<&'static Entry>,

    /// Also resources that nobody asked to delete: deleting them later leaves their objects in authentik
    ///
    /// A running operator holds them again at once, so stop it before. Without this flag they are left as they are.
    #[arg(long)]
    pub all: bool,

    /// Only these; without names all of the namespace
    pub names: Vec<String>,
}

/// Takes the operator's finalizer off resources, one line for each. Talks to the API server alone.
///
/// # Errors
/// When a resource that was named is not there, or the API server does not let one go. Others are let go nevertheless.
pub fn run(release: &Release) -> anyhow::Result<()> {
    // An error would say that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Runtime::new()?.block_on(release_all(release))
}

async fn release_all(release: &Release) -> anyhow::Result<()> {
    let client = kube::Client::try_default().await.context("no Kubernetes cluster is configured")?;
    // No events are sent: there may be no right to, and a namespace that ends takes none.
    let (cluster, _) = Cluster::new(client.clone(), None);
    let kinds =
        kinds::REGISTRY.iter().filter(|entry| release.kind.is_none_or(|kind| kind.name == entry.name));
    let mut missing = release.names.clone();
    let (mut released, mut failed) = (0, 0);
    for entry in kinds {
        let api = Api::namespaced_with(client.clone(), &release.namespace, &(entry.resource)());
        for resource in list(&api, entry).await? {
            let name = &resource.id.name;
            missing.retain(|other| other != name);
            if !release.names.is_empty() && !release.names.contains(name) {
                continue;
            }
            let id = resource.id.clone();
            match let_go(&api, &cluster, resource, release.all).await {
                Ok(outcome) => {
                    released += usize::from(matches!(outcome, Outcome::Released(_)));
                    writeln!(stdout(), "{id}: {}", outcome.text())?;
                }
                Err(error) => {
                    failed += 1;
                    eprintln!("{id}: not released: {error:#}");
                }
            }
        }
    }
    if failed > 0 {
        bail!("{failed} were not released");
    }
    if !missing.is_empty() {
        bail!("there is no {} in namespace {}", missing.join(", nor "), release.namespace);
    }
    if released == 0 {
        writeln!(stdout(), "nothing was released in namespace {}", release.namespace)?;
    }
    Ok(())
}

/// What became of a resource.
enum Outcome {
    /// The finalizer is off; the identifier of what authentik may have, if it is known.
    Released(Option<String>),
    /// Nobody asked to delete it.
    Live,
    /// The operator does not hold it.
    Free,
}

impl Outcome {
    fn text(&self) -> String {
        match self {
            Self::Released(Some(pk)) => format!("released; {pk} in authentik was not touched"),
            Self::Released(None) => "released".to_owned(),
            Self::Live => "left as it is: nobody asked to delete it (--all releases it too)".to_owned(),
            Self::Free => "left as it is: the operator does not hold it".to_owned(),
        }
    }
}

/// Where the kind is not installed there is nothing of it.
async fn list(api: &Api<DynamicObject>, entry: &'static Entry) -> anyhow::Result<Vec<Resource>> {
    match api.list(&ListParams::default()).await {
        Ok(list) => Ok(list.items.into_iter().map(|object| Resource::read(entry, object)).collect()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("listing {}", entry.name)),
    }
}

/// Releases the resource as it is now: it is decided again when it changes meanwhile.
async fn let_go(
    api: &Api<DynamicObject>,
    cluster: &Cluster,
    mut resource: Resource,
    all: bool,
) -> anyhow::Result<Outcome> {
    for _ in 0..ATTEMPTS {
        if !resource.is_held() {
            return Ok(Outcome::Free);
        }
        if !resource.deleting && !all {
            return Ok(Outcome::Live);
        }
        match cluster.release(&resource).await {
            Err(error) if error.is_conflict() => {}
            Err(error) if !error.is_gone() => return Err(error.into()),
            _ => return Ok(Outcome::Released(resource.status.pk)),
        }
        match api.get_opt(&resource.id.name).await? {
            Some(object) => resource = Resource::read(resource.entry, object),
            None => return Ok(Outcome::Free),
        }
    }
    bail!("something else keeps changing it: is the operator still running?")
}

/// A kind by its name or plural, in any case.
fn kind(text: &str) -> Result<&'static Entry, String> {
    let named = |entry: &&Entry| {
        let plural = (entry.resource)().plural;
        text.eq_ignore_ascii_case(entry.name) || text.eq_ignore_ascii_case(&plural)
    };
    kinds::REGISTRY.iter().find(named).ok_or_else(|| {
        let names: Vec<&str> = kinds::REGISTRY.iter().map(|entry| entry.name).collect();
        format!("one of {} is needed", names.join(", "))
    })
}
