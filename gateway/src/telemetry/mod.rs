//! What happens, noted: one [`RequestEvent`] for each request, given to all who count, write down or remember it.
//!
//! A front or `mcp` says what became of a request, once ([`Telemetry::note_request`]); so the counters behind `status`,
//! `/metrics`, the page, the streams `access` and `sql`, the statistics of statements and the audit trail agree: they see the
//! same events. Nothing here waits: not for a disk, and not for a reader.

mod asker;
mod correlation;
mod durations;
mod event;
pub mod metrics;
mod minutes;
mod outcome;
mod queries;
mod request_streams;
#[cfg(test)]
mod testing;
mod totals;

use std::sync::Arc;

pub use asker::Asker;
pub use correlation::{Correlation, Trace};
pub use event::{ExportFacts, Journaled, RequestEvent, StatementFacts};
pub use minutes::{MINUTES_MAX, MinuteView, Minutes};
pub use outcome::Outcome;
pub use queries::{QueriesView, QueryLog, QueryOrder, QueryView};
pub use request_streams::RequestStreams;
pub use totals::{Totals, TotalsView};

use crate::audit::Audit;
use crate::config::ObservingConfig;
use metrics::Metrics;

/// All who hear of requests.
#[derive(Debug)]
pub struct Telemetry {
    /// Sums since the start.
    pub totals: Totals,
    /// For Prometheus.
    pub metrics: Metrics,
    /// By minute.
    pub minutes: Minutes,
    /// By statement.
    pub queries: QueryLog,
    /// The streams `access` and `sql`.
    pub streams: RequestStreams,
    /// The audit trail.
    pub audit: Audit,
    /// Whether one of these has the text of statements.
    pub keeps_text: bool,
}

impl Telemetry {
    /// One that writes to `streams` and `audit`.
    pub fn new(config: &ObservingConfig, streams: RequestStreams, audit: Audit) -> Arc<Self> {
        Arc::new(Self {
            totals: Totals::default(),
            metrics: Metrics::new(&config.metrics),
            minutes: Minutes::default(),
            queries: QueryLog::new(&config.queries),
            streams,
            audit,
            keeps_text: config.logs.sql || config.audit.statement_text,
        })
    }

    /// One that writes to no file.
    pub fn in_memory() -> Arc<Self> {
        Self::new(&ObservingConfig::default(), RequestStreams::default(), Audit::default())
    }

    /// A request has ended.
    pub fn note_request(&self, event: RequestEvent) {
        let event = Arc::new(event);
        self.totals.note(&event);
        self.metrics.note_request(&event);
        self.minutes.note(&event);
        self.queries.note(&event);
        self.streams.note(&event);
        self.audit.note_request(&event);
    }
}
