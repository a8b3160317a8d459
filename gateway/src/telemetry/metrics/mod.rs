//! Metrics for Prometheus: what is counted as requests end. What is a state, or is counted elsewhere, is read when it is asked
//! for (`observe/metrics`).
//!
//! Labels are bounded: tools, methods, outcomes, rules, classes and errors are closed sets, and of clients' names so many are
//! told apart as `metrics.clients_max` says. No label has SQL, a path or a value in it.

mod clients;
mod description;
mod families;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use self::clients::Clients;
pub use self::description::{Description, Kind, PREFIX};
use self::families::Families;
pub use self::families::{CALL_BUCKETS, DESCRIPTIONS};
use super::asker::Asker;
use super::event::RequestEvent;
use super::outcome::Outcome;
use crate::config::MetricsConfig;

/// The label of what a request does not have.
const NONE: &str = "";

/// The method of a request whose method is the client's own text.
const UNKNOWN_METHOD: &str = "unknown";

/// How many calls took how long: up to each of [`CALL_BUCKETS`] and no less than the one before, and longer than all.
pub type CallDurations = [u64; CALL_BUCKETS.len() + 1];

/// All families, and what is counted in them.
#[derive(Debug)]
pub struct Metrics {
    /// For the gateway's own alerts; the families have the same by tool.
    calls: [AtomicU64; CALL_BUCKETS.len() + 1],
    families: Families,
    clients: Clients<OfClient>,
}

/// What is counted of one client: the way to its series, so that a request does not look for each by its labels.
#[derive(Debug)]
struct OfClient {
    label: Arc<str>,
    queue_wait: Counter<f64, AtomicU64>,
    run: Counter<f64, AtomicU64>,
    rows: Counter,
    bytes: Counter,
    series: RwLock<HashMap<Sort, Arc<Series>>>,
}

/// What requests are told apart by, beside their client. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Sort {
    method: &'static str,
    tool: Option<&'static str>,
    class: Option<&'static str>,
    outcome: Outcome,
}

/// The series of requests of one sort of one client.
#[derive(Debug)]
struct Series {
    requests: Counter,
    duration: Histogram,
    of_tool: Option<OfTool>,
    statements: Option<Counter>,
}

#[derive(Debug)]
struct OfTool {
    queue_wait: Histogram,
    run: Histogram,
    rows: Histogram,
    bytes: Histogram,
    changed: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(&MetricsConfig::default())
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new(config: &MetricsConfig) -> Self {
        Self {
            calls: Default::default(),
            families: Families::new(),
            clients: Clients::new(config.clients_max),
        }
    }

    /// Has `registry` hold the families.
    pub fn register(&self, registry: &mut Registry) {
        self.families.register(registry);
    }

    /// By what name metrics know this client: its own, cut, or `other`.
    pub fn client_label(&self, asker: &Asker) -> Arc<str> {
        Arc::clone(&self.client(asker).label)
    }

    /// Names that are told apart now.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// How long all calls took so far.
    pub fn call_durations(&self) -> CallDurations {
        std::array::from_fn(|at| self.calls[at].load(Ordering::Relaxed))
    }

    fn client(&self, asker: &Asker) -> Arc<OfClient> {
        self.clients.find(asker, |label| self.families.of_client(label))
    }

    pub(super) fn note_request(&self, event: &RequestEvent) {
        let client = self.client(&event.asker);
        let series = client.series(Sort::of(event), &self.families);
        series.note(event);
        if event.is_call() {
            let seconds = event.total.as_secs_f64();
            let at = CALL_BUCKETS.partition_point(|bucket| *bucket < seconds);
            self.calls[at].fetch_add(1, Ordering::Relaxed);
        }
        let seconds = |time: Option<std::time::Duration>| time.map_or(0.0, |time| time.as_secs_f64());
        client.queue_wait.inc_by(seconds(event.waited));
        client.run.inc_by(seconds(event.ran));
        client.rows.inc_by(event.rows.unwrap_or(0));
        client.bytes.inc_by(event.bytes.unwrap_or(0));
        if event.replayed {
            self.families.replayed.inc();
        }
        if let Some(rule) = event.rule {
            self.families.note_denial(rule);
        }
        if let Some(error) = event.error {
            self.families.note_error(error);
        }
    }
}

impl Sort {
    fn of(event: &RequestEvent) -> Self {
        let method = match event.method {
            std::borrow::Cow::Borrowed(method) => method,
            std::borrow::Cow::Owned(_) => UNKNOWN_METHOD,
        };
        Self { method, tool: event.tool, class: event.class, outcome: event.outcome }
    }
}

impl OfClient {
    fn series(&self, sort: Sort, families: &Families) -> Arc<Series> {
        let known = self.series.read().unwrap_or_else(PoisonError::into_inner).get(&sort).map(Arc::clone);
        known.unwrap_or_else(|| {
            let series = families.series(&self.label, sort);
            let mut all = self.series.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(sort).or_insert_with(|| Arc::new(series)))
        })
    }
}

impl Series {
    fn note(&self, event: &RequestEvent) {
        self.requests.inc();
        self.duration.observe(event.total.as_secs_f64());
        if let Some(statements) = &self.statements {
            statements.inc();
        }
        let Some(of_tool) = &self.of_tool else { return };
        let observe = |histogram: &Histogram, value: Option<f64>| {
            if let Some(value) = value {
                histogram.observe(value);
            }
        };
        // Rows and bytes beyond 2^53 are rounded.
        #[allow(clippy::cast_precision_loss)]
        let number = |number: Option<u64>| number.map(|number| number as f64);
        observe(&of_tool.queue_wait, event.waited.map(|time| time.as_secs_f64()));
        observe(&of_tool.run, event.ran.map(|time| time.as_secs_f64()));
        observe(&of_tool.rows, number(event.rows));
        observe(&of_tool.bytes, number(event.bytes));
        of_tool.changed.inc_by(event.changed.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests;
