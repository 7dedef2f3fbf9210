//! Every flag and environment variable of `authentik-operator run`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use globset::{Glob, GlobSet};
use k8s_openapi::jiff::SignedDuration;
use secrecy::SecretString;

use crate::authentik::{Connection, ConnectionError, Observer, TokenSource};
use crate::kinds::Adoption;
use crate::lease::Timing;
use crate::telemetry;

/// No duration is longer: a year, which is as good as for ever and safe to add to any time.
const LONGEST: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How the operator runs. The descriptions of the fields are the command's help.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Where authentik is, such as `https://authentik.example.com`, with the path where it has one
    #[arg(long, value_name = "URL", env = "AUTHENTIK_URL", hide_env_values = true)]
    pub authentik_url: String,

    /// File that holds the API token, such as a mounted Secret
    ///
    /// Read again when it changes, so that a token can be rotated without a restart. Wins over
    /// `--authentik-token`.
    #[arg(long, value_name = "PATH", env = "AUTHENTIK_TOKEN_FILE")]
    pub authentik_token_file: Option<PathBuf>,

    /// The API token itself
    ///
    /// On a command line everybody on the machine can read it: prefer `--authentik-token-file`, or the variable.
    #[arg(long, value_name = "TOKEN", env = "AUTHENTIK_TOKEN", hide_env_values = true)]
    pub authentik_token: Option<SecretString>,

    /// PEM file with certificate authorities to trust in addition to the system's
    #[arg(long, value_name = "PATH", env = "AUTHENTIK_CA_FILE")]
    pub authentik_ca_file: Option<PathBuf>,

    /// What `spec.adoption` of a resource may ask for at most
    #[arg(long, value_enum, env = "AUTHENTIK_OPERATOR_ADOPT", default_value_t = AdoptionCeiling::Force)]
    pub adopt: AdoptionCeiling,

    /// Flows that are never touched, nor their bindings: a slug, or a pattern with `*`, `?` and `[a-z]`
    ///
    /// May be repeated, or hold several patterns with commas between them, such as `default-*,admin-login`.
    #[arg(
        long,
        value_name = "PATTERN",
        env = "AUTHENTIK_OPERATOR_PROTECT_SLUGS",
        value_delimiter = ',',
        value_parser = slug_pattern
    )]
    pub protect_slug: Vec<Glob>,

    /// Longest time between two readings of one of authentik's lists, such as `15m` or `1h 30m`
    ///
    /// A list is read again after 60 s or 50 times what its last reading took, whichever is longer; this ceiling
    /// wins over both. It is how long a change that somebody makes in authentik may go unnoticed.
    #[arg(
        long,
        value_name = "DURATION",
        env = "AUTHENTIK_OPERATOR_REFRESH_AT_MOST",
        default_value = "15m",
        value_parser = duration
    )]
    pub refresh_at_most: Duration,

    /// Limit for one exchange with authentik, from sending until the answer is read
    #[arg(
        long,
        value_name = "DURATION",
        env = "AUTHENTIK_OPERATOR_REQUEST_TIMEOUT",
        default_value = "60s",
        value_parser = duration
    )]
    pub request_timeout: Duration,

    /// Lease by which several operators agree on the one that works, such as `authentik-operator/leader`
    ///
    /// The others stand by. Without it nobody is asked: then one operator at most may run. It is made when it is not
    /// there.
    #[arg(long, value_name = "NAMESPACE/NAME", env = "AUTHENTIK_OPERATOR_LEASE")]
    pub lease: Option<LeaseName>,

    /// How long after it was last renewed nobody takes the Lease; whole seconds
    #[arg(
        long,
        value_name = "DURATION",
        env = "AUTHENTIK_OPERATOR_LEASE_DURATION",
        default_value = "15s",
        value_parser = duration
    )]
    pub lease_duration: Duration,

    /// How long after the last renewal the operator that works stops writing; shorter than the Lease lasts
    #[arg(
        long,
        value_name = "DURATION",
        env = "AUTHENTIK_OPERATOR_LEASE_RENEW_DEADLINE",
        default_value = "10s",
        value_parser = duration
    )]
    pub lease_renew_deadline: Duration,

    /// Time between two renewals, and between two looks at another's Lease; shorter than the renew deadline
    #[arg(
        long,
        value_name = "DURATION",
        env = "AUTHENTIK_OPERATOR_LEASE_RETRY",
        default_value = "2s",
        value_parser = duration
    )]
    pub lease_retry: Duration,

    /// Where `/livez`, `/readyz` and `/metrics` are served; port 0 is any free one
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "AUTHENTIK_OPERATOR_LISTEN",
        default_value = "[::]:8080",
        value_parser = address
    )]
    pub listen: SocketAddr,

    /// What is logged: a level, and other levels for parts, such as `info,authentik_operator=debug`
    #[arg(
        long,
        value_name = "FILTER",
        env = "AUTHENTIK_OPERATOR_LOG",
        default_value = "info",
        value_parser = filter
    )]
    pub log: String,

    /// How log lines look
    #[arg(long, value_enum, env = "AUTHENTIK_OPERATOR_LOG_FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// The ceiling on `spec.adoption`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AdoptionCeiling {
    /// Nothing that a resource did not create is taken over
    None,
    /// Taken over at most when nothing that is declared would change
    Matching,
    /// As each resource says
    Force,
}

impl From<AdoptionCeiling> for Adoption {
    fn from(ceiling: AdoptionCeiling) -> Self {
        match ceiling {
            AdoptionCeiling::None => Self::Never,
            AdoptionCeiling::Matching => Self::IfMatching,
            AdoptionCeiling::Force => Self::Force,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// Why the settings cannot be used. Each text is one line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Nothing says who the operator is.
    #[error(
        "no API token for authentik: set --authentik-token-file PATH (AUTHENTIK_TOKEN_FILE) or \
         --authentik-token TOKEN (AUTHENTIK_TOKEN)"
    )]
    NoToken,
    /// The patterns are too much together.
    #[error("--protect-slug: {0}")]
    ProtectSlug(#[from] globset::Error),
    /// A Lease cannot be kept like this.
    #[error(
        "--lease-duration ({duration:?}) must be whole seconds and longer than --lease-renew-deadline ({renew_deadline:?}), and \
         that longer than --lease-retry ({retry:?})"
    )]
    Lease {
        /// As given.
        duration: Duration,
        /// As given.
        renew_deadline: Duration,
        /// As given.
        retry: Duration,
    },
    /// authentik cannot be reached like this.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

/// Which Lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseName {
    /// Its namespace.
    pub namespace: String,
    /// Its name there.
    pub name: String,
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl FromStr for LeaseName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        let named = |part: &str| !part.is_empty() && part.chars().all(known);
        match text.split_once('/') {
            Some((namespace, name)) if named(namespace) && named(name) => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err("a namespace and a name are needed, such as authentik-operator/leader"),
        }
    }
}

impl Config {
    /// How to reach authentik.
    ///
    /// # Errors
    /// When there is no token.
    pub fn connection(&self, observer: Option<Observer>) -> Result<Connection, ConfigError> {
        let token = match (&self.authentik_token_file, &self.authentik_token) {
            (Some(path), _) => TokenSource::File(path.clone()),
            (None, Some(token)) => TokenSource::Value(token.clone()),
            (None, None) => return Err(ConfigError::NoToken),
        };
        Ok(Connection {
            ca_file: self.authentik_ca_file.clone(),
            request_timeout: self.request_timeout,
            observer,
            ..Connection::new(&self.authentik_url, token)
        })
    }

    /// How the Lease is kept.
    ///
    /// # Errors
    /// When it cannot be kept like this.
    pub fn lease_timing(&self) -> Result<Timing, ConfigError> {
        let (duration, renew_deadline, retry) =
            (self.lease_duration, self.lease_renew_deadline, self.lease_retry);
        if duration.subsec_nanos() == 0 && duration > renew_deadline && renew_deadline > retry {
            Ok(Timing { duration, renew_deadline, retry })
        } else {
            Err(ConfigError::Lease { duration, renew_deadline, retry })
        }
    }

    /// The flows that are never touched.
    ///
    /// # Errors
    /// When the patterns are too much together.
    pub fn protected_slugs(&self) -> Result<ProtectedSlugs, ConfigError> {
        let patterns = self.protect_slug.clone();
        Ok(ProtectedSlugs { set: GlobSet::new(&patterns)?, patterns })
    }
}

/// The slugs of flows that are never touched.
#[derive(Debug, Clone, Default)]
pub struct ProtectedSlugs {
    patterns: Vec<Glob>,
    set: GlobSet,
}

impl ProtectedSlugs {
    /// The first pattern that protects `slug`.
    #[must_use]
    pub fn matches(&self, slug: &str) -> Option<&str> {
        let first = self.set.matches(slug).first().copied()?;
        self.patterns.get(first).map(Glob::glob)
    }
}

/// A pattern that protects nothing by mistake would be found out too late, so what no slug can hold is refused.
fn slug_pattern(text: &str) -> Result<Glob, String> {
    let known = |c: char| c.is_ascii_alphanumeric() || "-_*?[]!".contains(c);
    match text.trim().chars().find(|&c| !known(c)) {
        Some(c) => {
            Err(format!("no slug holds {c:?}; a pattern has letters, digits, - and _, *, ? and [a-z]"))
        }
        None => Glob::new(text.trim()).map_err(|error| error.kind().to_string()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let good = |duration: &SignedDuration| duration.is_positive() && *duration <= LONGEST;
    let duration = text.parse().ok().filter(good).and_then(|duration| Duration::try_from(duration).ok());
    duration
        .ok_or_else(|| "a time above zero is needed, such as 90s, 15m or 1h 30m; a year at most".to_owned())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "an IP address and a port are needed, such as [::]:8080 or 127.0.0.1:0".to_owned())
}

fn filter(text: &str) -> Result<String, String> {
    telemetry::filter(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
