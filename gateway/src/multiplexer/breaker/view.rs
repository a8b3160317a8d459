//! What a circuit breaker tells of itself, for `status` and `snowgate breaker`.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::machine::{Force, Machine};

/// Whether requests run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// They do.
    #[default]
    Closed,
    /// They do not.
    Open,
    /// A few try.
    HalfOpen,
    /// They do not: it was opened by hand.
    ForcedOpen,
    /// They do, whatever fails: it was closed by hand.
    ForcedClosed,
}

impl BreakerState {
    /// As people are told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
            Self::ForcedOpen => "open (by hand)",
            Self::ForcedClosed => "closed (by hand)",
        }
    }
}

/// A connection's circuit breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerView {
    /// The name of the connection.
    pub connection: String,
    /// Whether requests run.
    pub state: BreakerState,
    /// Since when, in milliseconds: that it is closed, or that it is not.
    pub since_ms: u64,
    /// Failed attempts in a row within the window.
    pub failures: u32,
    /// How many open it.
    pub failures_max: u32,
    /// The window, in milliseconds.
    pub window_ms: u64,
    /// When the next request tries, in milliseconds; `None`: the breaker is closed, or held by hand.
    pub next_probe_ms: Option<u64>,
    /// Requests that wait for it to close.
    pub waiting: usize,
    /// How often it opened.
    pub opened: u64,
    /// Requests that tried.
    pub probes: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// What the last failure was, if the breaker is not closed or has failures.
    pub error: Option<String>,
}

impl BreakerView {
    pub(super) fn of(name: &str, machine: &Machine, waiting: usize, now: Instant) -> Self {
        let (config, counts) = (machine.config(), machine.counts());
        let (state, since) = match (machine.forced(), machine.since()) {
            (Some((Force::Open, since)), _) => (BreakerState::ForcedOpen, since),
            (Some((Force::Closed, since)), _) => (BreakerState::ForcedClosed, since),
            (None, Some(since)) if machine.is_half_open(now) => (BreakerState::HalfOpen, since),
            (None, Some(since)) => (BreakerState::Open, since),
            (None, None) => (BreakerState::Closed, machine.closed_at()),
        };
        let milliseconds =
            |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let failures = machine.failures(now);
        let is_failing = failures > 0 || machine.since().is_some();
        Self {
            connection: name.to_owned(),
            state,
            since_ms: milliseconds(now.saturating_duration_since(since)),
            failures,
            failures_max: config.failures,
            window_ms: milliseconds(config.window),
            next_probe_ms: machine.next_try().map(|next| milliseconds(next.saturating_duration_since(now))),
            waiting,
            opened: counts.opened,
            probes: counts.probes,
            refused: counts.refused,
            error: machine.error().filter(|_| is_failing).map(ToString::to_string),
        }
    }
}
