//! What is counted, and how Prometheus reads it.
//!
//! The recorder belongs to one server, not to the process, so that several servers in one program (tests) do not mix
//! their numbers.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use http::{Method, StatusCode};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// Bounds of histograms in seconds: pages take microseconds, publications milliseconds, uploads minutes.
const SECONDS: [f64; 15] =
    [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0];

/// The counters of one server.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    /// One entry for each route, method and status that occurred: all of them from lists in this program.
    requests: RwLock<HashMap<(&'static str, &'static str, u16), RequestSeries>>,
    connections: Gauge,
    publications: Counter,
    publish_seconds: Histogram,
    received_bytes: Counter,
}

#[derive(Clone)]
struct RequestSeries {
    count: Counter,
    seconds: Histogram,
    sent_bytes: Counter,
}

/// How an upload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UploadOutcome {
    /// Published by this request.
    Published,
    /// The same file had been published before.
    Unchanged,
    /// Not taken.
    Refused,
    /// Taken, but the client was not told that it is published.
    Waiting,
}

/// An open connection; counted until dropped.
pub(crate) struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        // The bounds above are not empty, which is all that can be wrong with them.
        let builder = PrometheusBuilder::new();
        let recorder = match builder.set_buckets(&SECONDS) {
            Ok(builder) => builder.build_recorder(),
            Err(_) => PrometheusBuilder::new().build_recorder(),
        };
        for (name, description) in [
            ("sealdex_http_requests_total", "Requests answered, by route, method and status."),
            ("sealdex_http_sent_bytes_total", "Bytes of response bodies, by route, method and status."),
            ("sealdex_uploads_total", "Uploads, by outcome."),
            ("sealdex_upload_received_bytes_total", "Bytes of distribution files received."),
            ("sealdex_publications_total", "Uploads seen through to their publication."),
        ] {
            recorder.describe_counter(KeyName::from_const_str(name), None, description.into());
        }
        for (name, description) in [
            ("sealdex_http_request_seconds", "Time until the head of the response was ready, by route."),
            ("sealdex_publish_seconds", "Time from a durable receipt until the timestamp with it is served."),
        ] {
            recorder.describe_histogram(KeyName::from_const_str(name), None, description.into());
        }
        for (name, description) in [
            ("sealdex_http_connections", "Open connections."),
            ("sealdex_pending_transactions", "Transactions that are durable and not yet published."),
            ("sealdex_role_expiry_seconds", "Time until the role's metadata expires; negative once it has."),
            ("sealdex_role_version", "Version of the role's metadata."),
            ("sealdex_ready", "1 when /healthz answers 200."),
        ] {
            recorder.describe_gauge(KeyName::from_const_str(name), None, description.into());
        }
        let key = |name: &'static str| Key::from_static_name(name);
        Self {
            requests: RwLock::default(),
            connections: recorder.register_gauge(&key("sealdex_http_connections"), &METADATA),
            publications: recorder.register_counter(&key("sealdex_publications_total"), &METADATA),
            publish_seconds: recorder.register_histogram(&key("sealdex_publish_seconds"), &METADATA),
            received_bytes: recorder.register_counter(&key("sealdex_upload_received_bytes_total"), &METADATA),
            recorder,
        }
    }

    /// Counts a request that was answered.
    pub(crate) fn request(
        &self,
        route: &'static str,
        method: &Method,
        status: StatusCode,
        sent_bytes: u64,
        elapsed: Duration,
    ) {
        let series = self.series(route, known_method(method), status.as_u16());
        series.count.increment(1);
        series.sent_bytes.increment(sent_bytes);
        series.seconds.record(elapsed);
    }

    /// Counts a connection for as long as the answer lives.
    pub(crate) fn connection_opened(&self) -> OpenConnection {
        self.connections.increment(1.0);
        OpenConnection(self.connections.clone())
    }

    /// Counts bytes of a distribution file.
    pub(crate) fn received(&self, bytes: u64) {
        self.received_bytes.increment(bytes);
    }

    /// Counts a publication and how long it took.
    pub(crate) fn published(&self, elapsed: Duration) {
        self.publications.increment(1);
        self.publish_seconds.record(elapsed);
    }

    /// Counts an upload.
    pub(crate) fn upload(&self, outcome: UploadOutcome) {
        let outcome = match outcome {
            UploadOutcome::Published => "published",
            UploadOutcome::Unchanged => "unchanged",
            UploadOutcome::Refused => "refused",
            UploadOutcome::Waiting => "waiting",
        };
        let key = Key::from_parts("sealdex_uploads_total", vec![Label::new("outcome", outcome)]);
        self.recorder.register_counter(&key, &METADATA).increment(1);
    }

    /// Sets a gauge, with at most one label.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts stay far below 2^53")]
    pub(crate) fn gauge(&self, name: &'static str, role: Option<&str>, value: i64) {
        let labels = role.map(|role| Label::new("role", role.to_owned())).into_iter().collect::<Vec<_>>();
        self.recorder.register_gauge(&Key::from_parts(name, labels), &METADATA).set(value as f64);
    }

    /// Everything in the text format of Prometheus.
    pub(crate) fn render(&self) -> String {
        self.recorder.handle().render()
    }

    /// Folds samples together; to be called every few seconds.
    pub(crate) fn upkeep(&self) {
        self.recorder.handle().run_upkeep();
    }

    fn series(&self, route: &'static str, method: &'static str, status: u16) -> RequestSeries {
        let key = (route, method, status);
        if let Some(series) = self.requests.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return series.clone();
        }
        let labels = vec![
            Label::new("route", route),
            Label::new("method", method),
            Label::new("status", status.to_string()),
        ];
        let by_status = |name: &'static str| Key::from_parts(name, labels.clone());
        let by_route = Key::from_parts("sealdex_http_request_seconds", vec![Label::new("route", route)]);
        let series = RequestSeries {
            count: self.recorder.register_counter(&by_status("sealdex_http_requests_total"), &METADATA),
            sent_bytes: self
                .recorder
                .register_counter(&by_status("sealdex_http_sent_bytes_total"), &METADATA),
            seconds: self.recorder.register_histogram(&by_route, &METADATA),
        };
        self.requests.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(series).clone()
    }
}

/// Methods are any text; in a label only the usual ones may stand.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_for_prometheus() {
        let metrics = Metrics::new();
        let elapsed = Duration::from_millis(3);
        metrics.request("/simple/{project}/", &Method::GET, StatusCode::OK, 100, elapsed);
        metrics.request("/simple/{project}/", &Method::from_bytes(b"X").unwrap(), StatusCode::OK, 0, elapsed);
        metrics.upload(UploadOutcome::Published);
        metrics.gauge("sealdex_role_version", Some("timestamp"), 7);
        let open = metrics.connection_opened();
        let text = metrics.render();
        for line in [
            r#"sealdex_http_requests_total{route="/simple/{project}/",method="GET",status="200"} 1"#,
            r#"sealdex_http_requests_total{route="/simple/{project}/",method="other",status="200"} 1"#,
            r#"sealdex_http_request_seconds_bucket{route="/simple/{project}/",le="0.005"} 2"#,
            r#"sealdex_uploads_total{outcome="published"} 1"#,
            r#"sealdex_role_version{role="timestamp"} 7"#,
            "sealdex_http_connections 1",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        drop(open);
        assert!(metrics.render().contains("sealdex_http_connections 0"));
    }
}
