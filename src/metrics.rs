//! What the operator counts and measures, in the format of OpenMetrics.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::authentik::{Exchange, Observer};

/// The `Content-Type` of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// From a quick answer to the limit for one, in seconds.
const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The operator's metrics. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Parts>);

struct Parts {
    registry: Registry,
    requests: Family<Answered, Counter>,
    request_durations: Histograms<Asked>,
    reconciles: Family<Reconciled, Counter>,
    reconcile_durations: Histograms<OfKind>,
    up: Gauge,
    leader: Gauge,
    known: Arc<Known>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    method: String,
    endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    endpoint: String,
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reconciled {
    kind: &'static str,
    result: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(BUCKETS);
        let mut parts = Parts {
            registry: Registry::with_prefix("authentik_operator"),
            requests: Family::default(),
            request_durations: Family::new_with_constructor(seconds),
            reconciles: Family::default(),
            reconcile_durations: Family::new_with_constructor(seconds),
            up: Gauge::default(),
            leader: Gauge::default(),
            known: Arc::default(),
        };
        let registry = &mut parts.registry;
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The operator's version", build);
        let help = "Requests to authentik by the status of their answer, or none";
        registry.register("authentik_requests", help, parts.requests.clone());
        let help = "From sending a request to authentik until its answer was read";
        let durations = parts.request_durations.clone();
        registry.register_with_unit("authentik_request_duration", help, Unit::Seconds, durations);
        registry.register("authentik_up", "Whether authentik answers and takes the token", parts.up.clone());
        let help = "Whether this is the operator that works, of those that share a Lease";
        registry.register("leader", help, parts.leader.clone());
        let help = "Reconciles by what came of them";
        registry.register("reconciles", help, parts.reconciles.clone());
        let durations = parts.reconcile_durations.clone();
        registry.register_with_unit(
            "reconcile_duration",
            "How long a reconcile took",
            Unit::Seconds,
            durations,
        );
        registry.register_collector(Box::new(parts.known.clone()));
        Self(Arc::new(parts))
    }
}

impl Metrics {
    /// Counts and measures the exchanges with authentik.
    #[must_use]
    pub fn observer(&self) -> Observer {
        let parts = self.0.clone();
        Arc::new(move |exchange| parts.exchanged(exchange))
    }

    /// A resource of `kind` was reconciled, and `result` came of it: the condition's reason, or what happened to
    /// the resource.
    pub fn reconciled(&self, kind: &'static str, result: &'static str, took: Duration) {
        self.0.reconciles.get_or_create(&Reconciled { kind, result }).inc();
        self.0.reconcile_durations.get_or_create(&OfKind { kind }).observe(took.as_secs_f64());
    }

    /// A list of authentik's was read to its end just now, and is due again after `interval`.
    pub fn mirror_read(&self, collection: &'static str, objects: usize, took: Duration, interval: Duration) {
        let reading = Reading { at: Instant::now(), objects, took, interval };
        lock(&self.0.known.readings).insert(collection, reading);
    }

    /// Whether authentik answers and takes the token.
    pub fn authentik_up(&self, up: bool) {
        self.0.up.set(up.into());
    }

    /// Whether this is the process that works.
    pub fn leader(&self, leader: bool) {
        self.0.leader.set(leader.into());
    }

    /// The version of the authentik that is connected.
    pub fn authentik_version(&self, version: &str) {
        *lock(&self.0.known.version) = Some(version.to_owned());
    }

    /// All of it, for a scrape.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.0.registry) {
            // What there is of the text lacks the mark at its end, so no scraper takes it for whole.
            tracing::error!(%error, "the metrics cannot be written");
        }
        text
    }
}

impl Parts {
    fn exchanged(&self, exchange: &Exchange<'_>) {
        let (method, endpoint) = (exchange.method.to_owned(), exchange.endpoint.to_owned());
        let asked = Asked { method: method.clone(), endpoint: endpoint.clone() };
        self.request_durations.get_or_create(&asked).observe(exchange.duration.as_secs_f64());
        let code = exchange.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.requests.get_or_create(&Answered { method, endpoint, code }).inc();
    }
}

/// What is known of authentik, told at the time of a scrape.
#[derive(Debug, Default)]
struct Known {
    version: Mutex<Option<String>>,
    readings: Mutex<BTreeMap<&'static str, Reading>>,
}

/// The last complete reading of a list.
#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    objects: usize,
    took: Duration,
    interval: Duration,
}

impl Collector for Known {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(version) = lock(&self.version).as_deref() {
            let help = "The version of the connected authentik.";
            let info = encoder.encode_descriptor("authentik", help, None, MetricType::Info)?;
            Info::new([("version", version)]).encode(info)?;
        }
        let readings = lock(&self.readings).clone();
        let help = "Objects in the copy of a list of authentik's.";
        gauge(&mut encoder, "mirror_objects", help, None, &readings, |reading| reading.objects)?;
        let seconds = Some(&Unit::Seconds);
        let help = "Time since a list was last read to its end.";
        let age = |reading: &Reading| reading.at.elapsed().as_secs_f64();
        gauge(&mut encoder, "mirror_age", help, seconds, &readings, age)?;
        let help = "How long the last reading of a list took.";
        let took = |reading: &Reading| reading.took.as_secs_f64();
        gauge(&mut encoder, "mirror_reading_duration", help, seconds, &readings, took)?;
        let help = "Time from one reading of a list to the next.";
        let interval = |reading: &Reading| reading.interval.as_secs_f64();
        gauge(&mut encoder, "mirror_interval", help, seconds, &readings, interval)
    }
}

/// Writes one value for each list.
fn gauge<V: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    readings: &BTreeMap<&'static str, Reading>,
    value: impl Fn(&Reading) -> V,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    for (collection, reading) in readings {
        family.encode_family(&[("collection", *collection)])?.encode_gauge(&value(reading))?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Metrics, Reading, lock};
    use crate::authentik::Exchange;

    const FLOWS: &str = "flows/instances";

    /// Asserts that each of `lines` is a line of the metrics.
    fn assert_lines(metrics: &Metrics, lines: &[&str]) {
        let text = metrics.render();
        assert!(text.ends_with("# EOF\n"), "{text}");
        for line in lines {
            let line = format!("authentik_operator_{line}");
            assert!(text.lines().any(|known| known == line), "{line} is missing:\n{text}");
        }
    }

    #[test]
    fn exchanges_are_counted_by_status_and_measured() {
        let metrics = Metrics::default();
        let observer = metrics.observer();
        for (status, millis) in [(Some(200), 20), (Some(200), 300), (Some(403), 1), (None, 70_000)] {
            let duration = Duration::from_millis(millis);
            let endpoint = "/flows/instances/{key}/";
            observer(&Exchange {
                method: "GET",
                endpoint,
                status,
                request_id: None,
                complete: true,
                duration,
            });
        }
        assert_lines(
            &metrics,
            &[
                r#"authentik_requests_total{method="GET",endpoint="/flows/instances/{key}/",code="200"} 2"#,
                r#"authentik_requests_total{method="GET",endpoint="/flows/instances/{key}/",code="403"} 1"#,
                r#"authentik_requests_total{method="GET",endpoint="/flows/instances/{key}/",code="none"} 1"#,
                r#"authentik_request_duration_seconds_count{method="GET",endpoint="/flows/instances/{key}/"} 4"#,
                r#"authentik_request_duration_seconds_bucket{le="60.0",method="GET",endpoint="/flows/instances/{key}/"} 3"#,
                r#"authentik_request_duration_seconds_bucket{le="0.025",method="GET",endpoint="/flows/instances/{key}/"} 2"#,
            ],
        );
    }

    #[test]
    fn reconciles_are_counted_by_result_and_measured() {
        let metrics = Metrics::default();
        metrics.reconciled("Flow", "InSync", Duration::from_millis(250));
        metrics.clone().reconciled("Flow", "Invalid", Duration::from_millis(500));
        assert_lines(
            &metrics,
            &[
                r#"reconciles_total{kind="Flow",result="InSync"} 1"#,
                r#"reconciles_total{kind="Flow",result="Invalid"} 1"#,
                r#"reconcile_duration_seconds_sum{kind="Flow"} 0.75"#,
            ],
        );
    }

    #[test]
    fn a_list_tells_of_its_last_reading() {
        let metrics = Metrics::default();
        metrics.mirror_read(FLOWS, 1, Duration::from_secs(9), Duration::from_secs(900));
        metrics.mirror_read(FLOWS, 12, Duration::from_millis(1500), Duration::from_secs(75));
        assert_lines(
            &metrics,
            &[
                r#"mirror_objects{collection="flows/instances"} 12"#,
                r#"mirror_reading_duration_seconds{collection="flows/instances"} 1.5"#,
                r#"mirror_interval_seconds{collection="flows/instances"} 75.0"#,
            ],
        );
    }

    #[test]
    fn a_list_ages_while_nobody_reads_it() {
        let metrics = Metrics::default();
        let at = Instant::now().checked_sub(Duration::from_secs(30)).expect("the machine started before");
        let reading = Reading { at, objects: 1, took: Duration::ZERO, interval: Duration::ZERO };
        lock(&metrics.0.known.readings).insert(FLOWS, reading);
        let age = || {
            let text = metrics.render();
            let name = r#"authentik_operator_mirror_age_seconds{collection="flows/instances"} "#;
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("there is one");
            line.parse::<f64>().expect("a number")
        };
        let first = age();
        assert!((30.0..60.0).contains(&first) && age() > first, "{first}");
    }

    #[test]
    fn who_leads_says_so() {
        let metrics = Metrics::default();
        assert_lines(&metrics, &["leader 0"]);
        metrics.leader(true);
        assert_lines(&metrics, &["leader 1"]);
    }

    #[test]
    fn authentik_is_up_and_has_one_version() {
        let metrics = Metrics::default();
        let build = concat!(r#"build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#);
        assert_lines(&metrics, &[build, "authentik_up 0"]);
        assert!(!metrics.render().contains("authentik_operator_authentik_info"));
        metrics.authentik_up(true);
        metrics.authentik_version("2025.10.1");
        metrics.authentik_version("2026.2.2");
        assert_lines(&metrics, &["authentik_up 1", r#"authentik_info{version="2026.2.2"} 1"#]);
        assert!(!metrics.render().contains("2025.10.1"));
    }
}
