//! The states of a circuit breaker. Pure: time comes in as an argument, what changed comes out as a value.
//!
//! | state | a request | what ends it |
//! |---|---|---|
//! | closed | runs | `failures` failed attempts in a row within `window`: open |
//! | open | is refused; one that came before the outage waits | its pause is over, or the backend answers something that was under way: half-open |
//! | half-open | `probes` at once try; the others as in open | the backend answers: closed. A probe fails, or takes [`PROBE_MAX`]: open, for a longer pause |
//! | opened by hand | as in open | close or reset, by hand |
//! | closed by hand | runs | open or reset, by hand |
//!
//! Pauses grow from `recovery` to `recovery_max` and are shortened at random by up to half; they go on growing where
//! it opens again within `window` of having closed. Whenever the backend comes back, a request is let through
//! within `recovery_max` + [`PROBE_MAX`], 25 s at most.

use std::collections::VecDeque;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use crate::backend::BackendError;
use crate::config::BreakerConfig;

/// A request that may try keeps others from it for so long, from when it came.
pub(super) const CANDIDATE_MAX: Duration = Duration::from_secs(1);

/// How long a probe may be without an answer until it counts as failed; it goes on.
pub(super) const PROBE_MAX: Duration = Duration::from_secs(10);

/// What was set by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Force {
    /// No request runs.
    Open,
    /// Requests run, whatever fails.
    Closed,
}

impl Force {
    /// As it is kept over a restart.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    /// What `word` stands for; `None`: nothing that this build knows.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        [Self::Open, Self::Closed].into_iter().find(|force| force.word() == word)
    }
}

/// What a request may do that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Queue.
    Free,
    /// Queue, to try the backend. Ends with [`Machine::leave`].
    Candidate,
    /// Ask again when something changes: another request tries the backend.
    Wait,
    /// Nothing.
    Refused,
}

/// What a request may do that has all that it needs to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Run.
    Free,
    /// Try the backend, under this id. Ends with [`Machine::end_probe`].
    Probe(u64),
    /// Ask again at this moment, or when something changes.
    Wait(Option<Instant>),
    /// Nothing.
    Refused,
}

/// What has changed, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It has opened, for this long.
    Opened(Duration),
    /// A probe has failed: it is open for this long again.
    Reopened(Duration),
    /// It has closed, after this long.
    Closed(Duration),
}

/// What it has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) opened: u64,
    pub(super) probes: u64,
    pub(super) refused: u64,
}

pub(super) struct Machine {
    config: BreakerConfig,
    forced: Option<(Force, Instant)>,
    outage: Option<Outage>,
    /// Failed attempts since the last answer, with their number.
    failures: VecDeque<(Instant, u32)>,
    /// What the last of them was.
    error: Option<BackendError>,
    pauses: ExponentialBackoff,
    closed_at: Instant,
    /// Requests that have come to try and not left yet.
    candidates: usize,
    /// When the last of them came.
    candidate_at: Option<Instant>,
    ids: u64,
    counts: Counts,
}

/// The backend does not answer.
struct Outage {
    since: Instant,
    /// When the next request tries.
    probe_at: Instant,
    probes: Vec<Probe>,
    /// Whether anything has failed since a probe began.
    has_failed: bool,
}

/// A request that tries.
struct Probe {
    id: u64,
    began: Instant,
}

impl Machine {
    pub(super) fn new(config: BreakerConfig, now: Instant) -> Self {
        Self {
            pauses: pauses(&config),
            config,
            forced: None,
            outage: None,
            failures: VecDeque::new(),
            error: None,
            closed_at: now,
            candidates: 0,
            candidate_at: None,
            ids: 0,
            counts: Counts::default(),
        }
    }

    /// A request has come. `must_wait`: it is not refused, because what it asks for has run. `may_wait`: it can wait a
    /// moment for the result of another's try.
    pub(super) fn enter(&mut self, now: Instant, must_wait: bool, may_wait: bool) -> Entry {
        if self.is_free() || must_wait {
            return Entry::Free;
        }
        // One that came a while ago waits for something else: its session's turn, or a slot.
        let waits_elsewhere = self.candidate_at.is_some_and(|came| now >= came + CANDIDATE_MAX);
        if self.may_probe(now) && (self.candidates < self.config.probes || waits_elsewhere) {
            self.candidates += 1;
            self.candidate_at = Some(now);
            return Entry::Candidate;
        }
        if may_wait && self.is_half_open(now) {
            return Entry::Wait;
        }
        self.counts.refused += 1;
        Entry::Refused
    }

    /// A candidate has ended.
    pub(super) fn leave(&mut self) {
        self.candidates = self.candidates.saturating_sub(1);
    }

    /// A request that came at `arrived` is about to run.
    pub(super) fn pass(&mut self, now: Instant, arrived: Instant, must_wait: bool) -> Gate {
        if self.is_free() {
            return Gate::Free;
        }
        if self.may_probe(now) {
            return Gate::Probe(self.begin_probe(now));
        }
        if must_wait || self.since().is_some_and(|since| arrived < since) {
            return Gate::Wait(self.next_try());
        }
        self.counts.refused += 1;
        Gate::Refused
    }

    /// The backend has answered.
    pub(super) fn answered(&mut self, now: Instant) -> Option<Change> {
        self.failures.clear();
        let outage = self.outage.as_mut()?;
        if outage.probes.is_empty() {
            // It answered what was sent before: worth a try.
            outage.probe_at = outage.probe_at.min(now);
            return None;
        }
        let lasted = now.saturating_duration_since(outage.since);
        self.close(now);
        Some(Change::Closed(lasted))
    }

    /// `attempts` to reach the backend have failed, the last with `error`.
    pub(super) fn failed(&mut self, now: Instant, error: BackendError, attempts: u32) -> Option<Change> {
        self.error = Some(error);
        self.forget_old(now);
        self.failures.push_back((now, attempts));
        // More than would open it need not be known.
        while self.failures.len() > self.config.failures as usize {
            self.failures.pop_front();
        }
        if let Some(outage) = &mut self.outage {
            outage.has_failed |= !outage.probes.is_empty();
            return None;
        }
        let opens = self.forced.is_none() && self.failures(now) >= self.config.failures;
        opens.then(|| self.open(now))
    }

    /// The probe `id` is over. Without an answer and without a failure nothing is known, and the next request tries.
    pub(super) fn end_probe(&mut self, now: Instant, id: u64, has_failed: bool) -> Option<Change> {
        let outage = self.outage.as_mut()?;
        let at = outage.probes.iter().position(|probe| probe.id == id)?;
        outage.probes.swap_remove(at);
        (has_failed || outage.has_failed).then(|| self.reopen(now)).flatten()
    }

    /// A probe that has taken too long counts as failed.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Change> {
        let outage = self.outage.as_ref()?;
        let oldest = outage.probes.iter().map(|probe| probe.began).min()?;
        (oldest + PROBE_MAX <= now).then(|| self.reopen(oldest + PROBE_MAX)).flatten()
    }

    /// It is set by hand, or given back (`None`): then it is closed, and as if it had never opened.
    pub(super) fn force(&mut self, now: Instant, force: Option<Force>) {
        self.forced = force.map(|force| (force, now));
        self.pauses = pauses(&self.config);
        self.error = None;
        self.close(now);
    }

    fn is_free(&self) -> bool {
        match self.forced {
            Some((force, _)) => force == Force::Closed,
            None => self.outage.is_none(),
        }
    }

    fn may_probe(&self, now: Instant) -> bool {
        let has_room = |outage: &Outage| outage.probe_at <= now && outage.probes.len() < self.config.probes;
        self.forced.is_none() && self.outage.as_ref().is_some_and(has_room)
    }

    fn begin_probe(&mut self, now: Instant) -> u64 {
        self.ids += 1;
        self.counts.probes += 1;
        if let Some(outage) = &mut self.outage {
            if outage.probes.is_empty() {
                outage.has_failed = false;
            }
            outage.probes.push(Probe { id: self.ids, began: now });
        }
        self.ids
    }

    fn open(&mut self, now: Instant) -> Change {
        if now.saturating_duration_since(self.closed_at) >= self.config.window {
            self.pauses = pauses(&self.config);
        }
        let pause = self.next_pause();
        self.outage =
            Some(Outage { since: now, probe_at: now + pause, probes: Vec::new(), has_failed: false });
        self.counts.opened += 1;
        Change::Opened(pause)
    }

    fn reopen(&mut self, now: Instant) -> Option<Change> {
        let pause = self.next_pause();
        let outage = self.outage.as_mut()?;
        outage.probes.clear();
        outage.probe_at = now + pause;
        Some(Change::Reopened(pause))
    }

    fn close(&mut self, now: Instant) {
        self.outage = None;
        self.failures.clear();
        self.closed_at = now;
    }

    fn next_pause(&mut self) -> Duration {
        self.pauses.next().unwrap_or(self.config.recovery_max)
    }

    fn forget_old(&mut self, now: Instant) {
        let window = self.config.window;
        while self.failures.front().is_some_and(|(at, _)| *at + window <= now) {
            self.failures.pop_front();
        }
    }

    /// Failed attempts in a row within the window.
    pub(super) fn failures(&self, now: Instant) -> u32 {
        let recent = self.failures.iter().filter(|(at, _)| *at + self.config.window > now);
        recent.fold(0, |sum, (_, attempts)| sum.saturating_add(*attempts))
    }

    /// Since when requests are held back; `None`: they are not.
    pub(super) fn since(&self) -> Option<Instant> {
        match self.forced {
            Some((Force::Open, since)) => Some(since),
            Some((Force::Closed, _)) => None,
            None => self.outage.as_ref().map(|outage| outage.since),
        }
    }

    /// When the next request may try: now, where that is past; `None`: it is not known, or not held back.
    pub(super) fn next_try(&self) -> Option<Instant> {
        let outage = self.outage.as_ref().filter(|_| self.forced.is_none())?;
        let oldest = outage.probes.iter().map(|probe| probe.began + PROBE_MAX).min();
        Some(match oldest {
            Some(expires) if outage.probes.len() >= self.config.probes => expires.max(outage.probe_at),
            _ => outage.probe_at,
        })
    }

    /// Whether the next request tries, or one does.
    pub(super) fn is_half_open(&self, now: Instant) -> bool {
        self.forced.is_none() && self.outage.as_ref().is_some_and(|outage| outage.probe_at <= now)
    }

    pub(super) fn forced(&self) -> Option<(Force, Instant)> {
        self.forced
    }

    pub(super) fn closed_at(&self) -> Instant {
        self.closed_at
    }

    pub(super) fn error(&self) -> Option<&BackendError> {
        self.error.as_ref()
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn config(&self) -> &BreakerConfig {
        &self.config
    }
}

/// Between half and all of the exponential step: `backon` adds up to as much again.
fn pauses(config: &BreakerConfig) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(config.recovery / 2)
        .with_max_delay(config.recovery_max / 2)
        .without_max_times()
        .with_jitter()
        .build()
}
