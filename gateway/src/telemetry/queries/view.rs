//! The statistics of statements as people and programs see them.

use serde::{Deserialize, Serialize};

use super::entry::Entry;

/// The statistics of one pattern.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueryView {
    /// The statement without its literals; cut.
    pub pattern: String,
    /// What finds it: the beginning of the pattern's digest.
    pub id: String,
    /// The class of the statement.
    pub class: String,
    /// How often it ran.
    pub count: u64,
    /// How often it failed.
    pub errors: u64,
    /// How often it was slow.
    pub slow: u64,
    /// Rows of all results.
    pub rows: u64,
    /// How long it ran, in milliseconds: the middle.
    pub p50_ms: f64,
    /// The 95th percentile.
    pub p95_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// All together.
    pub total_ms: f64,
    /// Who ran it; a few.
    pub clients: Vec<String>,
    /// When it ran last, in milliseconds since 1970.
    pub last_ms: u64,
}

/// What is known of statements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueriesView {
    /// From when on a statement is slow, in milliseconds.
    pub slow_ms: u64,
    /// Statements that ran.
    pub statements: u64,
    /// Slow ones among them.
    pub slow: u64,
    /// Patterns that are told apart.
    pub patterns: usize,
    /// Patterns that made room for others.
    pub evicted: u64,
    /// The patterns; those that took most time first.
    pub top: Vec<QueryView>,
}

/// By what patterns are put in order, the most first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryOrder {
    /// By the time that all their runs took together.
    #[default]
    Total,
    /// By how often they ran.
    Count,
    /// By the middle.
    P50,
    /// By the 95th percentile.
    P95,
    /// By the longest.
    Max,
    /// By the rows of all results.
    Rows,
    /// By how often they failed.
    Errors,
    /// By how often they were slow.
    Slow,
    /// By when they ran last.
    Last,
}

impl QueryOrder {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Total,
        Self::Count,
        Self::P50,
        Self::P95,
        Self::Max,
        Self::Rows,
        Self::Errors,
        Self::Slow,
        Self::Last,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Count => "count",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::Max => "max",
            Self::Rows => "rows",
            Self::Errors => "errors",
            Self::Slow => "slow",
            Self::Last => "last",
        }
    }

    /// The greater, the further up.
    #[allow(clippy::cast_precision_loss, reason = "an order of what is shown")]
    pub(super) fn weight(self, entry: &Entry) -> f64 {
        match self {
            Self::Total => entry.total.as_secs_f64(),
            Self::Count => entry.runs.count() as f64,
            Self::P50 => entry.runs.percentile_ms(50),
            Self::P95 => entry.runs.percentile_ms(95),
            Self::Max => entry.runs.max_ms(),
            Self::Rows => entry.rows as f64,
            Self::Errors => entry.errors as f64,
            Self::Slow => entry.slow as f64,
            Self::Last => {
                entry.last.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
            }
        }
    }
}
