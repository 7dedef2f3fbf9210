//! The Helm chart and the manifests that are rendered from it: what they say, and what comes of them on a real API server.

mod generated;
mod install;
mod lifecycle;
mod manifests;
mod pod;
mod rendered;
mod rights;
mod values;
mod waiting;

use std::{
    fmt::Display,
    io::{self, Write},
};

/// The chart, as helm is told.
const CHART: &str = "charts/authentik-operator";

/// The values that have no default, as arguments of helm.
const REQUIRED: [&str; 2] =
    ["--set=authentik.url=https://authentik.example.com", "--set=authentik.tokenSecret.name=authentik-token"];

/// Says that `what` is skipped, past the capture of the test's output.
fn skipped(what: &str, reason: impl Display) {
    let _ = writeln!(io::stderr(), "skipped: {what}: {reason}");
}
