//! When an alert fires, and when it is resolved.
//!
//! ```text
//!             cause          has lasted               is away          away for long
//! inactive ─────────▶ pending ─────────▶ firing ─────────────▶ firing ─────────────▶ resolved ──▶ (cause: pending)
//!     ◀──────────────────┘ away             ◀── back ──────────────┘
//! ```
//!
//! What fires stays so until its cause has been away for a while, so an alert is told at most twice within the two times together,
//! however often its cause comes and goes.

use std::time::{Duration, Instant};

use super::measure::Measured;
use crate::shared::AlertState;

/// How long a resolved alert is shown.
const SHOWN: Duration = Duration::from_secs(3600);

/// One alert.
#[derive(Debug)]
pub(super) struct Machine {
    lasts: Duration,
    resolve_after: Duration,
    state: AlertState,
    since: Option<Instant>,
    away_since: Option<Instant>,
    measured: Option<Measured>,
}

impl Machine {
    /// Inactive. It fires when its cause has lasted so long, and is resolved when that has been away so long.
    pub(super) fn new(lasts: Duration, resolve_after: Duration) -> Self {
        Self {
            lasts,
            resolve_after,
            state: AlertState::Inactive,
            since: None,
            away_since: None,
            measured: None,
        }
    }

    /// What was measured now, if it can be, and whether that is too much. Returns whether the state is another one.
    pub(super) fn step(&mut self, now: Instant, measured: Option<(Measured, bool)>) -> bool {
        let before = self.state;
        let is_there = measured.as_ref().is_some_and(|(_, exceeds)| *exceeds);
        if let Some((measured, _)) = measured.filter(|_| is_there || self.state != AlertState::Resolved) {
            self.measured = Some(measured);
        }
        match (self.state, is_there) {
            (AlertState::Inactive | AlertState::Resolved, true) => self.enter(AlertState::Pending, now),
            (AlertState::Pending, false) => self.enter(AlertState::Inactive, now),
            (AlertState::Resolved, false) if self.has_been(SHOWN, now) => {
                self.enter(AlertState::Inactive, now);
            }
            (AlertState::Firing, true) => self.away_since = None,
            (AlertState::Firing, false) => {
                let away_since = *self.away_since.get_or_insert(now);
                if now.saturating_duration_since(away_since) >= self.resolve_after {
                    self.enter(AlertState::Resolved, now);
                }
            }
            _ => {}
        }
        if self.state == AlertState::Pending && self.has_been(self.lasts, now) {
            self.enter(AlertState::Firing, now);
        }
        self.state != before
    }

    fn enter(&mut self, state: AlertState, now: Instant) {
        (self.state, self.since, self.away_since) = (state, Some(now), None);
    }

    fn has_been(&self, time: Duration, now: Instant) -> bool {
        self.since.is_some_and(|since| now.saturating_duration_since(since) >= time)
    }

    /// What is shown of it; `None`: it is inactive.
    pub(super) fn view(&self) -> Option<(&Measured, AlertState, Instant)> {
        let measured = self.measured.as_ref()?;
        (self.state != AlertState::Inactive).then_some((measured, self.state, self.since?))
    }
}
