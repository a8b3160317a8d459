//! Everything that the page and `snowgate top` show, at one moment.

use serde::{Deserialize, Serialize};

use super::status::{StatusView, snapshot};
use crate::session::SessionView;
use crate::shared::Shared;
use crate::telemetry::{MinuteView, QueriesView};

/// Minutes that are shown.
const MINUTES: usize = 60;

/// Patterns of statements that are shown.
const PATTERNS_MAX: usize = 50;

/// The gateway at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What `snowgate status` shows.
    pub status: StatusView,
    /// What `snowgate sessions` shows.
    pub sessions: Vec<SessionView>,
    /// What `snowgate queries` shows; the patterns that took most time.
    pub queries: QueriesView,
    /// The last hour by minute, oldest first.
    pub minutes: Vec<MinuteView>,
}

/// The gateway as it is now.
pub fn overview(shared: &Shared) -> Overview {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Overview {
        at_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
        status: snapshot(shared),
        sessions: shared.session_views(),
        queries: shared.telemetry.queries.view(PATTERNS_MAX),
        minutes: shared.telemetry.minutes.view(MINUTES),
    }
}
