//! The authentik of the demo: a simulator, or the real one that the environment names.

use std::{env, process::Command};

use anyhow::{Context, Result, anyhow};
use authentik_operator::{
    authentik::{Client, Connection, Error, Object, TokenSource},
    config::Config,
    kinds::{Address, REGISTRY},
};
use authentik_simulator::Simulator;
use clap::Parser;
use serde_json::Value;

use crate::{narration::say, resource::Resource};

/// The operator's settings, read as it reads them.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Settings {
    #[command(flatten)]
    config: Config,
}

pub(crate) struct Authentik {
    client: Client,
    pub(crate) url: String,
    simulator: Option<Simulator>,
}

impl Authentik {
    /// The authentik of `AUTHENTIK_URL`, which has to answer, or else a simulator.
    pub(crate) async fn find() -> Result<Self> {
        if env::var_os("AUTHENTIK_URL").is_some_and(|url| !url.is_empty()) {
            Self::connect().await
        } else {
            Self::simulate().await
        }
    }

    async fn connect() -> Result<Self> {
        let Settings { config } =
            Settings::try_parse_from::<_, &str>([]).map_err(|error| anyhow!(error.to_string()))?;
        let client = Client::new(config.connection(None)?)?;
        let url = config.authentik_url.trim().trim_end_matches('/');
        let url = url.strip_suffix("/api/v3").unwrap_or(url).to_owned();
        let unusable = || format!("the authentik at {url} cannot be used");
        let version = client.version().await.with_context(unusable)?;
        let user = client.me().await.with_context(unusable)?.username;
        say(&format!(
            "1. authentik is the one of AUTHENTIK_URL: version {version} at {url}, as user {user}."
        ));
        say("   Nothing in it is changed or deleted that the demo does not make itself.");
        Ok(Self { client, url, simulator: None })
    }

    async fn simulate() -> Result<Self> {
        let simulator = Simulator::builder().start().await?;
        let (url, version) = (simulator.url(), simulator.version());
        say(&format!("1. authentik is a simulator, which plays version {version} at {url}."));
        say("   For a real one, set AUTHENTIK_URL and AUTHENTIK_TOKEN or AUTHENTIK_TOKEN_FILE.");
        let token = TokenSource::Value(simulator.token().into());
        Ok(Self { client: Client::new(Connection::new(&url, token))?, url, simulator: Some(simulator) })
    }

    /// Whether it is there after the demo.
    pub(crate) fn goes_on(&self) -> bool {
        self.simulator.is_none()
    }

    /// The token, when it is nobody's secret.
    pub(crate) fn public_token(&self) -> Option<&str> {
        self.simulator.as_ref().map(Simulator::token)
    }

    /// Has the operator use it. What the environment says of a real one needs no repetition.
    pub(crate) fn configure(&self, operator: &mut Command) {
        match &self.simulator {
            Some(simulator) => {
                operator.env("AUTHENTIK_URL", &self.url).env("AUTHENTIK_TOKEN", simulator.token());
                operator.env_remove("AUTHENTIK_TOKEN_FILE").env_remove("AUTHENTIK_CA_FILE");
            }
            // What others made is not taken over, even where an example would.
            None => {
                operator.args(["--adopt", "none"]);
            }
        }
    }

    /// An object of a collection whose objects are addressed by their identifiers.
    pub(crate) async fn get(&self, collection: &str, pk: &str) -> Result<Object> {
        Ok(self.client.get(collection, pk).await?)
    }

    /// Changes an object, as somebody does who clicks in authentik's interface; gives what it is then.
    pub(crate) async fn patch(&self, collection: &str, pk: &str, fields: &Value) -> Result<Object> {
        Ok(self.client.patch(collection, pk, fields).await?)
    }

    /// Whether it has the object that a resource describes.
    pub(crate) async fn has(&self, resource: &Resource) -> Result<bool> {
        let entry = REGISTRY.iter().find(|entry| entry.name == resource.kind);
        let endpoint = entry.with_context(|| format!("{} is no known kind", resource.kind))?.endpoint;
        let address = match endpoint.address {
            Address::Pk => &resource.status.pk,
            Address::Field { .. } => &resource.status.slug,
        };
        let Some(address) = address else { return Ok(false) };
        match self.client.get::<Object>(endpoint.collection, address).await {
            Ok(object) => Ok(Some(object.pk) == resource.status.pk),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
