//! What happened in each of the last minutes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::durations::Durations;
use super::event::RequestEvent;
use super::outcome::Outcome;

/// Minutes that are remembered: three hours, about 1 KiB each.
pub const MINUTES_MAX: usize = 180;

const SECONDS: u64 = 60;

/// The last minutes. Bounded: the oldest go. The lock is held for a few additions.
#[derive(Debug, Default)]
pub struct Minutes {
    /// Oldest first; only those with a request.
    ring: Mutex<VecDeque<Minute>>,
}

/// One minute.
#[derive(Clone, Debug, Default)]
struct Minute {
    at_s: u64,
    requests: u64,
    calls: u64,
    errors: u64,
    refused: u64,
    rows: u64,
    bytes: u64,
    waits: Durations,
    runs: Durations,
}

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
    pub(super) fn note(&self, event: &RequestEvent) {
        let at_s = minute_of(event.at);
        let mut ring = self.lock();
        // A clock that was set back adds to the newest one.
        if ring.back().is_none_or(|newest| newest.at_s < at_s) {
            if ring.len() == MINUTES_MAX {
                ring.pop_front();
            }
            ring.push_back(Minute { at_s, ..Minute::default() });
        }
        if let Some(minute) = ring.back_mut() {
            minute.note(event);
        }
    }

    /// The last `minutes` minutes, oldest first, the present one last; those without a request among them.
    pub fn view(&self, minutes: usize) -> Vec<MinuteView> {
        self.view_at(SystemTime::now(), minutes)
    }

    fn view_at(&self, now: SystemTime, minutes: usize) -> Vec<MinuteView> {
        let ring = self.lock();
        let newest = ring.back().map_or(0, |minute| minute.at_s).max(minute_of(now));
        let count = u64::try_from(minutes.min(MINUTES_MAX)).unwrap_or(0);
        let mut known = ring.iter().peekable();
        let view = |ago: u64| {
            let at_s = newest.saturating_sub(ago * SECONDS);
            while known.next_if(|minute| minute.at_s < at_s).is_some() {}
            let found = known.next_if(|minute| minute.at_s == at_s);
            found.map_or_else(|| MinuteView { at_s, ..MinuteView::default() }, Minute::view)
        };
        (0..count).rev().map(view).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Minute>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Minute {
    fn note(&mut self, event: &RequestEvent) {
        self.requests += 1;
        self.rows += event.rows.unwrap_or(0);
        self.bytes += event.bytes.unwrap_or(0);
        if !event.is_call() {
            return;
        }
        self.calls += 1;
        match event.outcome {
            Outcome::Failed | Outcome::Unknown | Outcome::Cancelled => self.errors += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::Ok | Outcome::AnsweredFromJournal | Outcome::Detached => {}
        }
        if let Some(waited) = event.waited {
            self.waits.note(waited);
        }
        if let Some(ran) = event.ran {
            self.runs.note(ran);
        }
    }

    fn view(&self) -> MinuteView {
        MinuteView {
            at_s: self.at_s,
            requests: self.requests,
            calls: self.calls,
            errors: self.errors,
            refused: self.refused,
            rows: self.rows,
            bytes: self.bytes,
            wait_p50_ms: self.waits.percentile_ms(50),
            wait_p95_ms: self.waits.percentile_ms(95),
            run_p50_ms: self.runs.percentile_ms(50),
            run_p95_ms: self.runs.percentile_ms(95),
        }
    }
}

fn minute_of(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    since - since % SECONDS
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::testing::event;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_minute_has_what_ended_in_it_and_the_oldest_go() {
        let minutes = Minutes::default();
        let mut failed = event(Outcome::Failed);
        (failed.at, failed.rows, failed.ran) = (at(6_001), Some(7), Some(Duration::from_millis(10)));
        minutes.note(&failed);
        let mut later = event(Outcome::Ok);
        later.at = at(6_130);
        minutes.note(&later);
        // Set back.
        later.at = at(5_000);
        minutes.note(&later);
        let view = minutes.view_at(at(6_190), 4);
        let counted: Vec<_> = view.iter().map(|one| (one.at_s, one.calls, one.errors, one.rows)).collect();
        assert_eq!(counted, [(6_000, 1, 1, 7), (6_060, 0, 0, 0), (6_120, 2, 0, 0), (6_180, 0, 0, 0)]);
        assert!((9.0..=12.0).contains(&view[0].run_p95_ms), "{view:?}");
        for minute in 0..1_000 {
            later.at = at(6_180 + minute * 60);
            minutes.note(&later);
        }
        let kept = minutes.lock().len();
        assert_eq!((kept, minutes.view_at(at(0), 10_000).len()), (MINUTES_MAX, MINUTES_MAX));
    }
}
