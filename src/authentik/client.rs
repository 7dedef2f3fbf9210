//! The client: one set of verbs over any collection of authentik's API. Knows no single kind.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::connection::{Connection, ConnectionError, MayWrite};
use super::error::{At, Cause, Error};
use super::transport::{Answer, Call, Transport};
use super::used_by::UsedBy;
use super::version::Version;

/// So many characters of a decoder's words are kept.
const KEPT: usize = 300;

/// A client for one authentik. Cheap to clone; the clones share connections, token and the bound on
/// concurrency.
///
/// A *collection* is a path below `/api/v3` without slashes at the ends, such as `flows/instances`; a *key*
/// is what addresses one object in it: the slug of a flow, the UUID of nearly everything else. Both are
/// percent-encoded as needed.
///
/// The client repeats a request by itself in two cases only, both safe: a GET whose connection broke before
/// an answer began, once at once (the server was closing a kept-alive connection); and, once, a request whose
/// token was refused when the token file has a new one. Everything else is for the caller, who learns from
/// [`Error::outcome`] whether a change may have taken hold.
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
}

/// Who the token belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Me {
    /// The user's name.
    pub username: String,
    /// Whether it may do everything.
    #[serde(default)]
    pub is_superuser: bool,
}

impl Client {
    /// Checks the settings and loads the certificate authorities. Sends nothing; a token file may still be
    /// missing.
    pub fn new(connection: Connection) -> Result<Self, ConnectionError> {
        Ok(Self { transport: Arc::new(Transport::new(connection)?) })
    }

    /// What is asked before each change, if anything.
    #[must_use]
    pub fn may_write(&self) -> Option<MayWrite> {
        self.transport.may_write()
    }

    /// The object with this key. Repeated once when its connection broke before an answer began, as every
    /// GET.
    pub async fn get<T: DeserializeOwned>(&self, collection: &str, key: &str) -> Result<T, Error> {
        self.read(self.call(Method::GET, collection, &[Part::Key(key)], &[])?).await
    }

    /// Makes an object (POST) and gives authentik's answer. Never repeated: after
    /// [`Outcome::Unknown`](super::Outcome::Unknown) the natural key tells whether it exists.
    pub async fn create<T: DeserializeOwned>(
        &self,
        collection: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Error> {
        self.write(self.call(Method::POST, collection, &[], &[])?, body).await
    }

    /// PUT: the required fields must be there; authentik keeps what is left out, as with PATCH. Never
    /// repeated.
    pub async fn replace<T: DeserializeOwned>(
        &self,
        collection: &str,
        key: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Error> {
        self.write(self.call(Method::PUT, collection, &[Part::Key(key)], &[])?, body).await
    }

    /// Changes single fields (PATCH) and gives authentik's answer. Never repeated.
    pub async fn patch<T: DeserializeOwned>(
        &self,
        collection: &str,
        key: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Error> {
        self.write(self.call(Method::PATCH, collection, &[Part::Key(key)], &[])?, body).await
    }

    /// Deletes an object. One that is gone already is [`Error::NotFound`]. Never repeated.
    pub async fn delete(&self, collection: &str, key: &str) -> Result<(), Error> {
        let call = self.call(Method::DELETE, collection, &[Part::Key(key)], &[])?;
        self.transport.send(call).await?.body().await.map(drop)
    }

    /// Who refers to an object, as far as authentik tells and the token may see. Repeated as every GET.
    pub async fn used_by(&self, collection: &str, key: &str) -> Result<Vec<UsedBy>, Error> {
        self.read(self.call(Method::GET, collection, &[Part::Key(key), Part::Word("used_by")], &[])?).await
    }

    /// Whether the token may see objects of a collection, and there is such a collection; reads one row at most. Repeated as
    /// every GET.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when it may not, [`Error::WrongPath`] when this authentik has no such collection.
    pub async fn may_list(&self, collection: &str) -> Result<(), Error> {
        let call = self.call(Method::GET, collection, &[], &[("page_size", "1")])?;
        self.read::<serde::de::IgnoredAny>(call).await.map(drop)
    }

    /// authentik's version. Any valid token may ask. Repeated as every GET.
    pub async fn version(&self) -> Result<Version, Error> {
        #[derive(Deserialize)]
        struct Answer {
            version_current: Version,
        }
        let Answer { version_current } =
            self.read(self.call(Method::GET, "admin/version", &[], &[])?).await?;
        Ok(version_current)
    }

    /// Who the token belongs to. Any valid token may ask. Repeated as every GET.
    pub async fn me(&self) -> Result<Me, Error> {
        #[derive(Deserialize)]
        struct Answer {
            user: Me,
        }
        let Answer { user } = self.read(self.call(Method::GET, "core/users/me", &[], &[])?).await?;
        Ok(user)
    }

    /// Prepares a request. Slashes at the end are what authentik insists on.
    pub(super) fn call(
        &self,
        method: Method,
        collection: &str,
        parts: &[Part<'_>],
        query: &[(&str, &str)],
    ) -> Result<Call, Error> {
        let mut url = self.transport.base.clone();
        let mut endpoint = format!("/{collection}/");
        let mut bad = None;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            let keys = parts.iter().map(|part| part.text());
            for segment in collection.split('/').chain(keys) {
                // A URL has no way to write these as a name: the request would go to another object, or to
                // the collection.
                if matches!(segment, "" | "." | "..") {
                    bad = Some(format!("“{segment}” cannot be part of a path"));
                }
                path.push(segment);
            }
            path.push("");
        }
        for part in parts {
            endpoint.push_str(part.shown());
            endpoint.push('/');
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let base = self.transport.base.path().len() - 1;
        let path = url.path().get(base..).unwrap_or_default().into();
        let at = At { method, path, request_id: None };
        match bad {
            Some(reason) => Err(Error::Unsendable { at, reason }),
            None => Ok(Call { at, endpoint, url, body: None }),
        }
    }

    /// Sends a request for the caller to read the answer.
    pub(super) async fn send(&self, call: Call) -> Result<Answer<'_>, Error> {
        self.transport.send(call).await
    }

    async fn write<T: DeserializeOwned>(
        &self,
        mut call: Call,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Error> {
        match serde_json::to_vec(body) {
            Ok(body) => call.body = Some(Bytes::from(body)),
            Err(error) => return Err(Error::Unsendable { at: call.at, reason: error.to_string() }),
        }
        self.read(call).await
    }

    async fn read<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        let mut answer = self.send(call).await?;
        let body = answer.body().await?;
        serde_json::from_slice(&body).map_err(|error| {
            let reason = answer.cleaner().clean(&error.to_string(), KEPT);
            // A type that refuses a text reports it as a mistake of the data; so does one that stops early.
            match serde_json::from_slice::<serde::de::IgnoredAny>(&body) {
                Ok(_) => Error::Undecodable { at: answer.at.clone(), pk: None, reason },
                Err(_) => answer.unreachable(Cause::Garbage(reason)),
            }
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.transport.base.as_str()).finish_non_exhaustive()
    }
}

/// A part of a path below a collection.
pub(super) enum Part<'a> {
    /// What addresses an object.
    Key(&'a str),
    /// A word of the API's.
    Word(&'a str),
}

impl Part<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Key(text) | Self::Word(text) => text,
        }
    }

    fn shown(&self) -> &str {
        match self {
            Self::Key(_) => "{key}",
            Self::Word(word) => word,
        }
    }
}
