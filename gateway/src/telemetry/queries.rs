//! Statistics of statements that are the same but for their literals.

use serde::{Deserialize, Serialize};

use super::event::RequestEvent;
use crate::config::QueriesConfig;

/// What is known of the statements that ran. Bounded.
#[derive(Debug, Default)]
pub struct QueryLog {}

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

impl QueryLog {
    /// Nothing known yet.
    pub fn new(_: &QueriesConfig) -> Self {
        Self {}
    }

    pub(super) fn note(&self, _: &RequestEvent) {}

    /// What is known, with `patterns_max` patterns at most.
    pub fn view(&self, _patterns_max: usize) -> QueriesView {
        QueriesView::default()
    }
}
