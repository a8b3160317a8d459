//! What `snowgate queries` asks.

use serde::{Deserialize, Serialize};

use crate::shared::Shared;
use crate::telemetry::{MinuteView, QueriesView, QueryOrder};

/// Patterns of an answer, at most.
const PATTERNS_MAX: usize = 10_000;

/// Which statements, and how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueriesAsked {
    /// Which come first.
    pub order: QueryOrder,
    /// Only those that were slow.
    pub only_slow: bool,
    /// Patterns, at most.
    pub patterns_max: usize,
    /// The last so many minutes are wanted, too.
    pub minutes: usize,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueriesReply {
    /// How long the gateway has run, and so how long it has counted, in milliseconds.
    pub uptime_ms: u64,
    /// The statements.
    pub queries: QueriesView,
    /// The minutes that were asked for, oldest first.
    pub minutes: Vec<MinuteView>,
}

pub(super) fn queries(shared: &Shared, asked: &QueriesAsked) -> QueriesReply {
    let telemetry = &shared.telemetry;
    let QueriesAsked { order, only_slow, patterns_max, minutes } = *asked;
    QueriesReply {
        uptime_ms: u64::try_from(shared.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        queries: telemetry.queries.view_by(order, only_slow, patterns_max.min(PATTERNS_MAX)),
        minutes: telemetry.minutes.view(minutes),
    }
}
