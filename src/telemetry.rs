//! The log: to stderr, as text or JSON.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::LogFormat;

/// kube names the resource of a reconcile on each line and tells each broken watch, and so do our own.
const WITHOUT_REPETITION: &str = "kube_runtime=error";

/// Reads what is to be logged.
///
/// # Errors
/// When `text` is none of tracing's filters.
pub fn filter(text: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(format!("{WITHOUT_REPETITION},{text}"))
}

/// Begins to log, for the rest of the process.
///
/// # Errors
/// When the process logs already.
pub fn start(filter: EnvFilter, format: LogFormat) -> anyhow::Result<()> {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // When nobody reads stderr any more, there is nowhere left to complain.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).try_init(),
    }
    .map_err(anyhow::Error::from_boxed)
}
