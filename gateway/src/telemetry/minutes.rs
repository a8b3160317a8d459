//! What happened in each of the last minutes.

use serde::{Deserialize, Serialize};

use super::event::RequestEvent;

/// The last minutes. Bounded: the oldest go.
#[derive(Debug, Default)]
pub struct Minutes {}

/// One minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MinuteView {
    /// When it began, in seconds since 1970: a multiple of 60.
    pub at_s: u64,
    /// Requests that ended in it.
    pub requests: u64,
    /// Tool calls among them.
    pub calls: u64,
    /// Calls that failed, of which the outcome is unknown, or that were cancelled.
    pub errors: u64,
    /// Calls that were refused.
    pub refused: u64,
    /// Rows and bytes of their results.
    pub rows: u64,
    /// See `rows`.
    pub bytes: u64,
    /// How long calls waited for a connection: the middle, and the 95th percentile, in milliseconds.
    pub wait_p50_ms: f64,
    /// See `wait_p50_ms`.
    pub wait_p95_ms: f64,
    /// How long they ran, in milliseconds.
    pub run_p50_ms: f64,
    /// See `run_p50_ms`.
    pub run_p95_ms: f64,
}

impl Minutes {
    pub(super) fn note(&self, _: &RequestEvent) {}

    /// The last `minutes` minutes, oldest first, the present one last; those without a request among them.
    pub fn view(&self, _minutes: usize) -> Vec<MinuteView> {
        Vec::new()
    }
}
