//! `authentik-operator crd`

use std::io::{self, Write as _};

use crate::kinds;

/// Prints every kind's definition, for `kubectl apply --server-side -f -`.
///
/// # Errors
/// When stdout cannot be written to.
pub fn run() -> anyhow::Result<()> {
    let mut documents = String::new();
    for entry in kinds::REGISTRY {
        documents += "---\n";
        documents += &serde_saphyr::to_string(&(entry.definition)())?;
    }
    match io::stdout().write_all(documents.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
