//! One control plane for all tests of a binary.

use std::ops::Deref;

use tokio::sync::OnceCell;

use super::{Builder, ControlPlane, Error};

/// A control plane that the first user starts and the process's end ends.
///
/// ```no_run
/// use controlplane::{ControlPlane, Shared};
///
/// static PLANE: Shared = Shared::new(|| ControlPlane::builder().crds("crds"));
///
/// # async fn example() -> Result<(), controlplane::Error> {
/// let plane = PLANE.get().await?;
/// let namespace = plane.namespace("example").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Shared {
    builder: fn() -> Builder,
    plane: OnceCell<Result<ControlPlane, String>>,
}

/// A user's hold of a [`Shared`] control plane. When the user panics, the ends of the logs are shown.
#[derive(Debug)]
pub struct SharedPlane(&'static ControlPlane);

impl Shared {
    /// Nothing is started yet.
    #[must_use]
    pub const fn new(builder: fn() -> Builder) -> Self {
        Self { builder, plane: OnceCell::const_new() }
    }

    /// The control plane; the first call starts it, and others wait for that.
    ///
    /// # Errors
    /// When it did not start. It is not tried again.
    pub async fn get(&'static self) -> Result<SharedPlane, Error> {
        let start = || async { (self.builder)().start().await.map_err(|error| error.to_string()) };
        match self.plane.get_or_init(start).await {
            Ok(plane) => Ok(SharedPlane(plane)),
            Err(line) => Err(Error::Shared(line.clone())),
        }
    }
}

impl Deref for SharedPlane {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        self.0
    }
}

impl Drop for SharedPlane {
    fn drop(&mut self) {
        self.0.explain_panic();
    }
}
