//! The families that are counted as requests end.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use super::description::{Description, Kind};
use super::{NONE, OfClient, OfTool, Series, Sort};
use crate::backend::Rule;

/// Seconds: from a question that the cache answers to a statement that runs for half an hour.
pub const CALL_BUCKETS: [f64; 17] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];
const ROWS: [f64; 8] = [0.0, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];
const BYTES: [f64; 9] =
    [256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

/// The labels of a series.
type Labels<const N: usize> = [(&'static str, Arc<str>); N];

/// How the histograms of a family begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

type Histograms<const N: usize> = Family<Labels<N>, Histogram, Buckets>;
type Seconds = Counter<f64, AtomicU64>;

const fn described(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Description {
    Description { name, kind, help, labels }
}

/// What the families of this file say.
pub const DESCRIPTIONS: &[Description] = &[
    REQUESTS,
    DURATION,
    QUEUE_WAIT,
    RUN,
    ROWS_OF,
    BYTES_OF,
    CHANGED,
    STATEMENTS,
    DENIALS,
    ERRORS,
    REPLAYED,
    CLIENT_WAIT,
    CLIENT_RUN,
    CLIENT_ROWS,
    CLIENT_BYTES,
];

const REQUESTS: Description = described(
    "requests",
    Kind::Counter,
    &["method", "tool", "client", "outcome"],
    "Requests of clients that have ended, each once, also those that were malformed, refused or cancelled",
);
const DURATION: Description = described(
    "request_duration_seconds",
    Kind::Histogram,
    &["method", "tool"],
    "From the start of a request to its end, its waiting included",
);
const QUEUE_WAIT: Description = described(
    "queue_wait_seconds",
    Kind::Histogram,
    &["tool"],
    "How long calls waited for a connection; those that asked for none are not counted",
);
const RUN: Description = described(
    "run_seconds",
    Kind::Histogram,
    &["tool", "class"],
    "How long calls ran on a connection; class is what the statement does",
);
const ROWS_OF: Description =
    described("result_rows", Kind::Histogram, &["tool"], "Rows of the results of calls");
const BYTES_OF: Description =
    described("result_bytes", Kind::Histogram, &["tool"], "Bytes of the results of calls");
const CHANGED: Description =
    described("rows_changed", Kind::Counter, &["tool"], "Rows that statements have changed");
const STATEMENTS: Description = described(
    "statements",
    Kind::Counter,
    &["class", "outcome"],
    "Calls that have a class, by what they do (read, write, ddl, transaction, catalog ...) and what became of them",
);
const DENIALS: Description =
    described("denials", Kind::Counter, &["rule"], "Calls that were refused, by the rule that refused them");
const ERRORS: Description = described(
    "errors",
    Kind::Counter,
    &["error"],
    "Requests that ended with an error, by its kind, as the log names it",
);
const REPLAYED: Description = described(
    "replayed_requests",
    Kind::Counter,
    &[],
    "Requests that an earlier gateway may have acted on, and that were sent again",
);
const CLIENT_WAIT: Description = described(
    "client_queue_wait_seconds",
    Kind::Counter,
    &["client"],
    "How long calls of a client waited for a connection, all together",
);
const CLIENT_RUN: Description = described(
    "client_run_seconds",
    Kind::Counter,
    &["client"],
    "How long calls of a client ran on connections, all together",
);
const CLIENT_ROWS: Description =
    described("client_rows", Kind::Counter, &["client"], "Rows of the results of a client");
const CLIENT_BYTES: Description =
    described("client_bytes", Kind::Counter, &["client"], "Bytes of the results of a client");

fn add(registry: &mut Registry, description: Description, metric: impl Metric) {
    registry.register(description.name, description.help, metric);
}

/// See the module.
#[derive(Debug)]
pub(super) struct Families {
    requests: Family<Labels<4>, Counter>,
    duration: Histograms<2>,
    queue_wait: Histograms<1>,
    run: Histograms<2>,
    rows: Histograms<1>,
    bytes: Histograms<1>,
    changed: Family<Labels<1>, Counter>,
    statements: Family<Labels<2>, Counter>,
    denials: Family<Labels<1>, Counter>,
    errors: Family<Labels<1>, Counter>,
    pub(super) replayed: Counter,
    client_wait: Family<Labels<1>, Seconds>,
    client_run: Family<Labels<1>, Seconds>,
    client_rows: Family<Labels<1>, Counter>,
    client_bytes: Family<Labels<1>, Counter>,
}

impl Families {
    pub(super) fn new() -> Self {
        let families = Self {
            requests: Family::default(),
            duration: Family::new_with_constructor(Buckets(&CALL_BUCKETS)),
            queue_wait: Family::new_with_constructor(Buckets(&CALL_BUCKETS)),
            run: Family::new_with_constructor(Buckets(&CALL_BUCKETS)),
            rows: Family::new_with_constructor(Buckets(&ROWS)),
            bytes: Family::new_with_constructor(Buckets(&BYTES)),
            changed: Family::default(),
            statements: Family::default(),
            denials: Family::default(),
            errors: Family::default(),
            replayed: Counter::default(),
            client_wait: Family::default(),
            client_run: Family::default(),
            client_rows: Family::default(),
            client_bytes: Family::default(),
        };
        // A rate needs a first value: what has not happened yet is 0, and not absent.
        for rule in Rule::ALL {
            families.denials.get_or_create_owned(&[("rule", rule.as_str().into())]);
        }
        families
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        add(registry, REQUESTS, self.requests.clone());
        add(registry, DURATION, self.duration.clone());
        add(registry, QUEUE_WAIT, self.queue_wait.clone());
        add(registry, RUN, self.run.clone());
        add(registry, ROWS_OF, self.rows.clone());
        add(registry, BYTES_OF, self.bytes.clone());
        add(registry, CHANGED, self.changed.clone());
        add(registry, STATEMENTS, self.statements.clone());
        add(registry, DENIALS, self.denials.clone());
        add(registry, ERRORS, self.errors.clone());
        add(registry, REPLAYED, self.replayed.clone());
        add(registry, CLIENT_WAIT, self.client_wait.clone());
        add(registry, CLIENT_RUN, self.client_run.clone());
        add(registry, CLIENT_ROWS, self.client_rows.clone());
        add(registry, CLIENT_BYTES, self.client_bytes.clone());
    }

    pub(super) fn of_client(&self, label: &str) -> OfClient {
        let label: Arc<str> = label.into();
        let labels = [("client", Arc::clone(&label))];
        OfClient {
            queue_wait: self.client_wait.get_or_create_owned(&labels),
            run: self.client_run.get_or_create_owned(&labels),
            rows: self.client_rows.get_or_create_owned(&labels),
            bytes: self.client_bytes.get_or_create_owned(&labels),
            series: RwLock::new(HashMap::new()),
            label,
        }
    }

    pub(super) fn series(&self, client: &Arc<str>, sort: Sort) -> Series {
        let method: Arc<str> = sort.method.into();
        let tool: Arc<str> = sort.tool.unwrap_or(NONE).into();
        let outcome: Arc<str> = sort.outcome.as_str().into();
        let of_tool = [("tool", Arc::clone(&tool))];
        let class: Arc<str> = sort.class.unwrap_or(NONE).into();
        Series {
            requests: self.requests.get_or_create_owned(&[
                ("method", Arc::clone(&method)),
                ("tool", Arc::clone(&tool)),
                ("client", Arc::clone(client)),
                ("outcome", Arc::clone(&outcome)),
            ]),
            duration: self.duration.get_or_create_owned(&[("method", method), ("tool", Arc::clone(&tool))]),
            of_tool: sort.tool.map(|_| OfTool {
                queue_wait: self.queue_wait.get_or_create_owned(&of_tool),
                run: self.run.get_or_create_owned(&[("tool", tool), ("class", Arc::clone(&class))]),
                rows: self.rows.get_or_create_owned(&of_tool),
                bytes: self.bytes.get_or_create_owned(&of_tool),
                changed: self.changed.get_or_create_owned(&of_tool),
            }),
            statements: sort
                .class
                .map(|_| self.statements.get_or_create_owned(&[("class", class), ("outcome", outcome)])),
        }
    }

    pub(super) fn note_denial(&self, rule: Rule) {
        self.denials.get_or_create(&[("rule", rule.as_str().into())]).inc();
    }

    pub(super) fn note_error(&self, error: &'static str) {
        self.errors.get_or_create(&[("error", error.into())]).inc();
    }
}
