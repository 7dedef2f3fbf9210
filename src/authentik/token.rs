//! The token that authentik knows the client by: a value, or a file that is re-read.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// No token is longer than this; a file that is, is not a token's.
const LONGEST: u64 = 64 * 1024;

/// Where the token comes from.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// The token itself.
    Value(SecretString),
    /// A file that holds the token and may be replaced at any time, as Kubernetes does with a mounted Secret.
    /// Blanks and line ends around the token do not count.
    File(PathBuf),
}

/// Why there is no token. No text shows a part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The file is missing or cannot be read.
    #[error("the token file {} cannot be read: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// There is nothing but blanks.
    #[error("{source_name} is empty")]
    Empty {
        /// “the token” or the file.
        source_name: String,
    },
    /// It holds blanks, control or non-ASCII characters, or is far too long: not something that fits into a
    /// header.
    #[error("{source_name} holds no token: there are blanks or special characters in it, or it is too long")]
    Malformed {
        /// “the token” or the file.
        source_name: String,
    },
}

/// A token that can be sent. `Debug` shows nothing of it.
#[derive(Debug)]
pub(crate) struct Token {
    text: SecretString,
    header: HeaderValue,
}

impl Token {
    /// Checks that `text` can be sent; `source_name` is for the error.
    fn parse(text: &str, source_name: impl Fn() -> String) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TokenError::Empty { source_name: source_name() });
        }
        let malformed = || TokenError::Malformed { source_name: source_name() };
        if text.len() as u64 > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed());
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| malformed())?;
        header.set_sensitive(true);
        Ok(Self { text: SecretString::from(text), header })
    }

    /// The value of the `Authorization` header.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// The token, for hiding it in texts.
    pub(crate) fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

/// Gives the token for each request.
#[derive(Debug)]
pub(crate) enum TokenStore {
    /// A token that stays.
    Fixed(Arc<Token>),
    /// A file, and what was read of it.
    File(PathBuf, Mutex<Last>),
}

/// What is known of a token file.
#[derive(Debug, Default)]
pub(crate) struct Last {
    /// The last good token.
    token: Option<Arc<Token>>,
    /// The failure that was last written to the log, so that it is written once.
    failure: Option<TokenError>,
}

impl TokenStore {
    /// A value must be good at once; a file may come later.
    pub(crate) fn new(source: &TokenSource) -> Result<Self, TokenError> {
        match source {
            TokenSource::Value(text) => {
                let token = Token::parse(text.expose_secret(), || "the token".to_owned())?;
                Ok(Self::Fixed(Arc::new(token)))
            }
            TokenSource::File(path) => Ok(Self::File(path.clone(), Mutex::default())),
        }
    }

    /// The token as of now. A file is read each time, which takes microseconds: times and lengths can stay
    /// the same when a file is replaced, its content cannot. Where the file cannot be used (any more), the
    /// last good token goes on.
    pub(crate) async fn current(&self) -> Result<Arc<Token>, TokenError> {
        let (path, last) = match self {
            Self::Fixed(token) => return Ok(token.clone()),
            Self::File(path, last) => (path.clone(), last),
        };
        let stopped =
            TokenError::Unreadable { path: path.clone(), reason: "the reading was stopped".to_owned() };
        let read = tokio::task::spawn_blocking(move || read(&path)).await.unwrap_or(Err(stopped));
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        match (read, last.token.clone()) {
            (Ok(token), Some(known)) if token.expose() == known.expose() => {
                last.failure = None;
                Ok(known)
            }
            (Ok(token), _) => {
                let token = Arc::new(token);
                *last = Last { token: Some(token.clone()), failure: None };
                Ok(token)
            }
            (Err(failure), Some(known)) => {
                if last.failure.as_ref() != Some(&failure) {
                    tracing::warn!("{failure}; the token that was read before stays in use");
                    last.failure = Some(failure);
                }
                Ok(known)
            }
            (Err(failure), None) => Err(failure),
        }
    }

    /// Another token than `refused`, if there is one by now.
    pub(crate) async fn other_than(&self, refused: &Token) -> Option<Arc<Token>> {
        let token = self.current().await.ok()?;
        (token.expose() != refused.expose()).then_some(token)
    }
}

fn read(path: &Path) -> Result<Token, TokenError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| TokenError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
    let source_name = || format!("the token file {}", path.display());
    let text = String::from_utf8(bytes).map_err(|_| TokenError::Malformed { source_name: source_name() })?;
    Token::parse(&text, source_name)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use secrecy::SecretString;

    use super::{TokenError, TokenSource, TokenStore};

    fn store(path: &Path) -> TokenStore {
        TokenStore::new(&TokenSource::File(path.to_owned())).expect("a file may come later")
    }

    async fn current(store: &TokenStore) -> String {
        store.current().await.expect("a token").expose().to_owned()
    }

    #[tokio::test]
    async fn a_file_is_read_again_when_it_changes() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        let store = store(&path);
        assert!(matches!(store.current().await, Err(TokenError::Unreadable { .. })));
        fs::write(&path, " first\r\n").expect("written");
        assert_eq!(current(&store).await, "first");
        // Same length, and most likely the same time stamp.
        fs::write(&path, " fresh\r\n").expect("written");
        assert_eq!(current(&store).await, "fresh");
    }

    #[tokio::test]
    async fn a_swapped_symlink_is_noticed_as_kubernetes_swaps_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        for (version, token) in [("v1", "old-token"), ("v2", "new-token")] {
            fs::create_dir(at(version)).expect("made");
            fs::write(at(version).join("token"), token).expect("written");
        }
        symlink("v1", at("..data")).expect("linked");
        symlink("..data/token", at("token")).expect("linked");
        let store = store(&at("token"));
        let old = store.current().await.expect("a token");
        assert_eq!(old.expose(), "old-token");
        assert!(store.other_than(&old).await.is_none());
        symlink("v2", at("..data_tmp")).expect("linked");
        fs::rename(at("..data_tmp"), at("..data")).expect("swapped");
        assert_eq!(store.other_than(&old).await.expect("another").expose(), "new-token");
    }

    #[tokio::test]
    async fn the_last_good_token_outlives_its_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        fs::write(&path, "good").expect("written");
        let store = store(&path);
        assert_eq!(current(&store).await, "good");
        for broken in ["", "two words", "ünicode"] {
            fs::write(&path, broken).expect("written");
            assert_eq!(current(&store).await, "good");
        }
        fs::remove_file(&path).expect("removed");
        assert_eq!(current(&store).await, "good");
    }

    #[tokio::test]
    async fn what_is_no_token_is_refused_without_showing_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        let long = "x".repeat(70_000);
        for content in ["", "\n \n", "secret word", "secret\nword", "sécret", long.as_str()] {
            fs::write(&path, content).expect("written");
            let error = store(&path).current().await.expect_err("no token");
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("token") && !shown.contains("ecret") && !shown.contains("xx"), "{shown}");
        }
        fs::write(&path, [0xff, 0xfe]).expect("written");
        assert!(matches!(store(&path).current().await, Err(TokenError::Malformed { .. })));
        assert!(matches!(store(directory.path()).current().await, Err(TokenError::Unreadable { .. })));
        let refused = TokenStore::new(&TokenSource::Value(SecretString::from(" ")));
        assert_eq!(refused.expect_err("empty").to_string(), "the token is empty");
    }

    #[tokio::test]
    async fn debug_shows_no_token() {
        let source = TokenSource::Value(SecretString::from("s3cret"));
        let store = TokenStore::new(&source).expect("a token");
        let token = store.current().await.expect("a token");
        assert!(!format!("{source:?} {store:?} {token:?}").contains("s3cret"));
        assert_eq!(token.header().to_str().expect("ascii"), "Bearer s3cret");
    }
}
