//! What is counted, for Prometheus.
//!
//! Calls are labelled by their paths, of which there are as many as the API has; everything else that is asked for is `other`, so
//! nobody can make new series.

use std::time::Duration;

use axum::http::StatusCode;
use drizzle_directory::Stats;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::api::path;

/// The media type of the text.
pub(crate) const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    call: &'static str,
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    call: &'static str,
}

pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Call, Histogram, fn() -> Histogram>,
    peers: Gauge,
    files: Gauge,
    holdings: Gauge,
    connections: Gauge,
    listeners: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("drizzle_tracker");
        let requests = Family::default();
        // From 50 microseconds to 26 seconds, which is more than a request may take.
        let durations: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(exponential_buckets(50e-6, 2.0, 20)));
        registry.register("requests", "Requests that were answered", requests.clone());
        registry.register_with_unit(
            "request_duration",
            "From the head of a request to the head of its answer",
            Unit::Seconds,
            durations.clone(),
        );
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let peers = gauge("peers", "Peers with a lease");
        let files = gauge("files", "Different files that somebody holds");
        let holdings = gauge("holdings", "Pairs of a file and a peer that holds it");
        let connections = gauge("connections", "Connections that are open");
        let listeners = gauge("listeners", "Streams of events that are open");
        Self { registry, requests, durations, peers, files, holdings, connections, listeners }
    }

    /// Counts a request of that path.
    pub(crate) fn count(&self, path: &str, status: StatusCode, took: Duration) {
        let call = path::ALL.into_iter().find(|call| *call == path).unwrap_or("other");
        self.requests.get_or_create(&Request { call, code: status.as_u16() }).inc();
        self.durations.get_or_create(&Call { call }).observe(took.as_secs_f64());
    }

    /// All of it as text.
    pub(crate) fn text(&self, stats: Stats, connections: usize, listeners: usize) -> String {
        for (gauge, now) in [
            (&self.peers, stats.peers),
            (&self.files, stats.files),
            (&self.holdings, stats.holdings),
            (&self.connections, connections),
            (&self.listeners, listeners),
        ] {
            gauge.set(i64::try_from(now).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
