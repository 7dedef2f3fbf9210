//! How to reach authentik.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::text::Cleaner;
use super::token::{TokenError, TokenSource};

/// Is told of each exchange with authentik; called on the client's own tasks, so it must not block.
pub type Observer = Arc<dyn Fn(&Exchange<'_>) + Send + Sync>;

/// Whether this process may change anything just now; called immediately before a request is sent, so it must not block.
pub type MayWrite = Arc<dyn Fn() -> bool + Send + Sync>;

/// How to reach authentik, and how patiently.
#[derive(Clone)]
pub struct Connection {
    /// Where authentik is, for instance `https://authentik.example.com` or, where `authentik.web.path` is
    /// set, `https://example.com/auth/`. A slash at the end or `/api/v3` after it does not matter.
    pub url: String,
    /// Who the client is.
    pub token: TokenSource,
    /// A PEM file with certificate authorities that are trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// The limit for connecting, TLS included. 10 s.
    pub connect_timeout: Duration,
    /// The limit for a whole exchange, from sending until the answer is read; waiting for a free slot does
    /// not count. 60 s, since a page of bindings can take many seconds.
    pub request_timeout: Duration,
    /// The limit between two pieces of an answer that has begun. 15 s.
    pub stall_timeout: Duration,
    /// How many exchanges may be under way at once, over everything that shares the client; at least one. 8.
    pub concurrency: usize,
    /// The longest answer that is read, in bytes after decompression. 64 MiB.
    pub max_answer: usize,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Is told of each exchange, for metrics.
    pub observer: Option<Observer>,
    /// Asked immediately before each request that is no reading; what it refuses is [`NotLeader`](super::Error::NotLeader).
    pub may_write: Option<MayWrite>,
}

/// One request that was sent, when its answer is read, has failed or is no longer waited for.
#[derive(Debug, Clone)]
pub struct Exchange<'a> {
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: &'a str,
    /// The path below `/api/v3` without identifiers, for instance `/flows/instances/{key}/used_by/`.
    pub endpoint: &'a str,
    /// The status, when there was one.
    pub status: Option<u16>,
    /// `x-authentik-id` of the answer; authentik's events name it.
    pub request_id: Option<&'a str>,
    /// Whether the answer was read to its end: not when it was cut, too long, broken JSON or no longer waited
    /// for.
    pub complete: bool,
    /// From sending until the end of the answer.
    pub duration: Duration,
}

/// What is wrong with a [`Connection`]. Each text is one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// The URL cannot be used.
    #[error("the URL of authentik, “{url}”, cannot be used: {reason}")]
    Url {
        /// The URL as given, cut; without it where it holds a password.
        url: String,
        /// Why.
        reason: String,
    },
    /// The token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The file of certificate authorities cannot be used.
    #[error("the CA file {}: {reason}", .path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The HTTP or TLS library refuses the settings, or there is no certificate authority to trust.
    #[error("the connection to authentik cannot be set up: {0}")]
    Setup(String),
}

impl Connection {
    /// A connection with the defaults that each field's description names.
    pub fn new(url: impl Into<String>, token: TokenSource) -> Self {
        Self {
            url: url.into(),
            token,
            ca_file: None,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(15),
            concurrency: 8,
            max_answer: 64 * 1024 * 1024,
            user_agent: concat!("authentik-operator/", env!("CARGO_PKG_VERSION")).to_owned(),
            observer: None,
            may_write: None,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("url", &shown(&self.url))
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// A URL as it may be shown: what stands before an @ may be a password.
fn shown(url: &str) -> String {
    let line = |text| Cleaner::new("").clean(text, 200);
    url.rsplit_once('@').map_or_else(|| line(url), |(_, rest)| format!("…@{}", line(rest)))
}

/// The URL of the API's version 3, with a slash at the end.
pub(crate) fn api_url(text: &str) -> Result<Url, ConnectionError> {
    let refuse = |reason: &str| ConnectionError::Url { url: shown(text), reason: reason.to_owned() };
    let mut url = match Url::parse(text.trim()) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        Ok(_) | Err(url::ParseError::RelativeUrlWithoutBase) => {
            return Err(refuse("it must begin with https:// or http://"));
        }
        Err(error) => return Err(refuse(&error.to_string())),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("it must not hold a user or password; authentik takes a token"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("it must end with the path: no ? and no #"));
    }
    let base = url.path().trim_end_matches('/');
    let base = base.strip_suffix("/api/v3").unwrap_or(base).trim_end_matches('/');
    url.set_path(&format!("{base}/api/v3/"));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::{Connection, TokenSource, api_url};

    #[test]
    fn a_url_may_be_written_in_several_ways() {
        for (text, expected) in [
            ("http://h:9000", "http://h:9000/api/v3/"),
            ("http://h:9000/", "http://h:9000/api/v3/"),
            (" https://host/auth/\n", "https://host/auth/api/v3/"),
            ("https://host/auth", "https://host/auth/api/v3/"),
            ("https://host/api/v3", "https://host/api/v3/"),
            ("https://host/auth/api/v3/", "https://host/auth/api/v3/"),
            ("https://host/auth//", "https://host/auth/api/v3/"),
            ("https://[::1]:9443/a b", "https://[::1]:9443/a%20b/api/v3/"),
        ] {
            assert_eq!(api_url(text).expect(text).as_str(), expected);
        }
    }

    #[test]
    fn a_url_that_cannot_be_used_is_refused_with_the_reason() {
        for (text, reason) in [
            ("authentik.example.com", "must begin with https://"),
            ("host:9000", "must begin with https://"),
            ("ftp://host/", "must begin with https://"),
            ("", "must begin with https://"),
            ("https://", "empty host"),
            ("https://host:99999", "invalid port"),
            ("https://host:99999/a\nb", "/a b”"),
            ("https://host/?next=/", "no ? and no #"),
            ("https://host/#/flow", "no ? and no #"),
            ("https://akadmin:s3cret@host/", "must not hold a user or password"),
            ("ftp://akadmin:s3cret@host/", "must begin with https://"),
        ] {
            let error = api_url(text).expect_err(text).to_string();
            assert!(error.contains(reason) && !error.contains("s3cret"), "{text}: {error}");
        }
    }

    #[test]
    fn debug_shows_no_token() {
        let connection =
            Connection::new("http://u:s3cret@h", TokenSource::Value(SecretString::from("s3cret")));
        assert!(!format!("{connection:?}").contains("s3cret"));
    }
}
