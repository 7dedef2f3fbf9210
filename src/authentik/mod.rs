//! authentik's API v3, as a client sees it. Knows nothing of Kubernetes, and no single kind of object.
//!
//! [`Client`] has the verbs, [`Connection`] what it takes to reach a server, [`Error`] what can go wrong,
//! sorted by what a caller can do about it. What the API does and what it means for a client is recorded in
//! `tests/recordings`.
//!
//! ```no_run
//! use authentik_operator::authentik::{Client, Connection, Error, TokenSource};
//!
//! #[derive(serde::Deserialize)]
//! struct Flow {
//!     pk: String,
//!     slug: String,
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let token = TokenSource::File("/var/run/secrets/authentik/token".into());
//! let authentik = Client::new(Connection::new("https://authentik.example.com", token))?;
//! for flow in authentik.list::<Flow>("flows/instances", &[], "slug").await? {
//!     println!("{} {}", flow.pk, flow.slug);
//! }
//! match authentik.delete("flows/instances", "old-login").await {
//!     Ok(()) | Err(Error::NotFound { .. }) => {}
//!     Err(error) => eprintln!("{error} (may have taken hold: {:?})", error.outcome()),
//! }
//! # Ok(())
//! # }
//! ```

mod classify;
mod client;
mod connection;
mod error;
mod field_errors;
mod gate;
mod key;
mod listing;
mod mirror;
mod object;
mod page;
mod retry_after;
mod text;
mod tls;
mod token;
mod transport;
mod used_by;
mod version;

pub use client::{Client, Me};
pub use connection::{Connection, ConnectionError, Exchange, MayWrite, Observer};
pub use error::{At, Cause, Error, Outcome};
pub use field_errors::{FieldError, FieldErrors};
pub use key::Key;
pub(crate) use key::text;
pub use mirror::{Changes, Mirror};
pub use object::Object;
pub(crate) use text::cut;
pub use token::{TokenError, TokenSource};
pub use used_by::{UsedBy, UsedByAction};
pub use version::{NotAVersion, Version};
