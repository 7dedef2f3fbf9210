//! Starting, using and disturbing a control plane.

mod access;
mod arguments;
mod builder;
mod crds;
mod error;
mod kubeconfig;
mod part;
mod pki;
mod plane;
mod ports;
mod server;
mod shared;

pub use builder::Builder;
pub use error::Error;
pub use part::Part;
pub use plane::ControlPlane;
pub use shared::{Shared, SharedPlane};
