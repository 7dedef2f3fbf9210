//! Stands in for authentik in tests: its API with state, the faults that a network and a server have, and a journal of who
//! asked what.
//!
//! [`Simulator`] listens at a port; [`authentik::Authentik`] is the model behind it, which the recordings of real servers
//! are held against. `README.md` is the manual.

pub mod authentik;
mod base_path;
mod control;
mod error;
mod exchange;
mod extension;
pub mod fault;
mod faults;
pub mod journal;
mod lock;
mod pattern;
mod reply;
mod server;
mod simulator;

pub use error::Error;
pub use extension::{Rows, Unstored};
pub use fault::Fault;
pub use faults::Injected;
pub(crate) use lock::lock;
pub use pattern::Pattern;
pub use simulator::{Builder, DEFAULT_KEEP_ALIVE, DEFAULT_TOKEN, DEFAULT_VERSION, Simulator};
