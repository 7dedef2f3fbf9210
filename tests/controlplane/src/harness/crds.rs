//! Applying custom resource definitions.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use tokio::time::{sleep, timeout};

use super::Error;

/// How long the API server may take to accept a definition's names and to serve it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The definitions of a file, or of a folder's files `*.yaml`, `*.yml` and `*.json`, which may hold several each.
pub(super) fn read(path: &Path) -> Result<Vec<CustomResourceDefinition>, Error> {
    let unfit = |path: &Path, reason: String| Error::Crds { path: path.to_owned(), reason };
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs::read_dir(path).map_err(|error| unfit(path, error.to_string()))?;
        files = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|file| file.extension().is_some_and(|it| it == "yaml" || it == "yml" || it == "json"))
            .collect::<Vec<PathBuf>>();
        files.sort();
    }
    let mut definitions = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).map_err(|error| unfit(file, error.to_string()))?;
        let documents: Vec<CustomResourceDefinition> = serde_saphyr::from_multiple(&text)
            .map_err(|error| unfit(file, format!("no custom resource definition: {}", first_line(&error))))?;
        definitions.extend(documents);
    }
    if definitions.is_empty() {
        return Err(unfit(path, "it holds no custom resource definition".to_owned()));
    }
    Ok(definitions)
}

/// Applies `definitions` and waits until the API server serves them.
pub(super) async fn apply(client: &Client, definitions: &[CustomResourceDefinition]) -> Result<(), Error> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let params = PatchParams::apply("controlplane").force();
    for definition in definitions {
        let name = definition.name_any();
        api.patch(&name, &params, &Patch::Apply(definition))
            .await
            .map_err(Error::api(format!("apply {name}")))?;
    }
    for definition in definitions {
        let name = definition.name_any();
        let served = async {
            while !established(&api, &name).await? || !listed(client, definition).await {
                sleep(Duration::from_millis(50)).await;
            }
            Ok::<_, Error>(())
        };
        timeout(PATIENCE, served).await.map_err(|_| Error::Crds {
            path: PathBuf::from(&name),
            reason: format!("it is not served within {} s", PATIENCE.as_secs()),
        })??;
    }
    Ok(())
}

async fn established(api: &Api<CustomResourceDefinition>, name: &str) -> Result<bool, Error> {
    let definition = api.get(name).await.map_err(Error::api(format!("read {name}")))?;
    let conditions = definition.status.and_then(|status| status.conditions).unwrap_or_default();
    Ok(conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True"))
}

/// Whether discovery names the resource in each version that is served. That may be some moments later.
async fn listed(client: &Client, definition: &CustomResourceDefinition) -> bool {
    for version in definition.spec.versions.iter().filter(|version| version.served) {
        let group = format!("{}/{}", definition.spec.group, version.name);
        let found = client.list_api_group_resources(&group).await;
        if !found.is_ok_and(|list| list.resources.iter().any(|it| it.name == definition.spec.names.plural)) {
            return false;
        }
    }
    true
}

fn first_line(error: &impl ToString) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
