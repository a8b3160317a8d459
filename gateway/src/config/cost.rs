//! `[profiles.NAME]`: what a statement may cost.

/// What a statement of a profile may cost by its own estimate; nothing is bounded by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CostConfig {
    /// Bytes that Snowflake would scan: `max_bytes_scanned`, 0 (no bound) to 10^18.
    pub bytes: Option<u64>,
    /// Micro-partitions that Snowflake would scan: `max_partitions`, 0 (no bound) to 10^18.
    pub partitions: Option<u64>,
    /// Rows that SQLite would visit: `max_rows_estimated`, 0 (no bound) to 10^18.
    pub rows: Option<u64>,
    /// `cost_guard = "ask"`: the user is asked, where the client can.
    pub asks: bool,
    /// `cost_unknown = "refuse"`: what cannot be estimated does not run.
    pub refuses_unknown: bool,
}

/// The largest bound.
pub(super) const BOUND_MAX: u64 = 1_000_000_000_000_000_000;

impl CostConfig {
    pub(super) fn of(number: impl Fn(&str) -> Option<u64>, text: impl Fn(&str) -> Option<String>) -> Self {
        let bound = |name: &str| number(name).filter(|bound| *bound > 0);
        Self {
            bytes: bound("max_bytes_scanned"),
            partitions: bound("max_partitions"),
            rows: bound("max_rows_estimated"),
            asks: text("cost_guard").as_deref() == Some("ask"),
            refuses_unknown: text("cost_unknown").as_deref() == Some("refuse"),
        }
    }

    /// Whether anything is bounded.
    pub fn is_set(&self) -> bool {
        self.bytes.is_some() || self.partitions.is_some() || self.rows.is_some()
    }
}
