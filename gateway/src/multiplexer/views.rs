//! What a pool tells of itself, for `status` and `sessions`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backend::Held;

/// A use of a connection that goes on now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    /// Counted from 1, in the order in which they began.
    pub id: u64,
    /// The id of the session.
    pub session: String,
    /// The number of the request in its session; of a pin, the one that took it.
    pub request: u64,
    /// The number of the connection in its pool.
    pub connection: u64,
    /// How long it lasts.
    pub since: Duration,
    /// Statements that were run in it.
    pub statements: u64,
}

/// A connection that a session has to itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinView {
    /// The id of the session.
    pub session: String,
    /// The number of the connection in its pool.
    pub connection: u64,
    /// What the connection holds; nothing for a strict session without state.
    pub held: Held,
    /// How long the session has it.
    pub since: Duration,
    /// How long it has not been used; `None`: a statement runs.
    pub idle: Option<Duration>,
}

/// How a session uses a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionUse {
    /// The number of the connection that it used last.
    pub connection: Option<u64>,
    /// Connections that it has now.
    pub leased: usize,
    /// What the connection holds that it has to itself, if it has one.
    pub pin: Option<Held>,
    /// Statements that it ran.
    pub statements: u64,
}

/// What a pool has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolCounters {
    /// Uses of a connection.
    pub leases: u64,
    /// Those that found it open.
    pub reused: u64,
    /// Connections opened.
    pub opened: u64,
    /// Connections that could not be opened, each attempt.
    #[serde(default)]
    pub not_opened: u64,
    /// Requests, and openings, that were tried again.
    #[serde(default)]
    pub retried: u64,
    /// Uses of a connection that was in another context.
    pub switched: u64,
    /// Requests answered by an identical one of another session that ran at the same time.
    pub coalesced: u64,
    /// Requests that waited for a connection.
    pub waited: u64,
    /// How long connections were in use, in microseconds.
    pub lease_us: u64,
    /// The longest use, in microseconds.
    pub lease_us_max: u64,
    /// Connections closed, by why.
    pub closed: ClosedCounts,
}

/// Connections closed, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedCounts {
    /// Not used for long.
    pub idle: u64,
    /// Open for long.
    pub aged: u64,
    /// Broken, or its server session is lost.
    pub broken: u64,
    /// A check failed, or others of its age failed theirs.
    pub unchecked: u64,
    /// What it held could not be removed.
    pub unreset: u64,
    /// Its statement did not stop.
    pub unstopped: u64,
    /// The request on it ended before its statement.
    pub abandoned: u64,
    /// It was a strict session's own.
    pub owned: u64,
    /// The gateway ends.
    pub ended: u64,
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    Idle,
    Aged,
    Broken,
    Unchecked,
    Unreset,
    Unstopped,
    Abandoned,
    Owned,
    Ended,
}

impl ClosedCounts {
    pub(super) fn count(&mut self, reason: CloseReason) {
        let counter = match reason {
            CloseReason::Idle => &mut self.idle,
            CloseReason::Aged => &mut self.aged,
            CloseReason::Broken => &mut self.broken,
            CloseReason::Unchecked => &mut self.unchecked,
            CloseReason::Unreset => &mut self.unreset,
            CloseReason::Unstopped => &mut self.unstopped,
            CloseReason::Abandoned => &mut self.abandoned,
            CloseReason::Owned => &mut self.owned,
            CloseReason::Ended => &mut self.ended,
        };
        *counter += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { idle, aged, broken, unchecked, unreset, unstopped, abandoned, owned, ended } = *self;
        idle + aged + broken + unchecked + unreset + unstopped + abandoned + owned + ended
    }
}
