//! The circuit breaker of a pool: while its backend does not answer, requests are refused at once instead of each
//! finding that out for itself, and a few try whether it is back.
//!
//! The backend reports ([`Health`]), `machine` decides (pure, with its table), and this is the shell around it. A
//! request meets it twice: where it comes ([`Breaker::enter`]), and where it has all that it needs to run or to open a
//! connection ([`Breaker::pass`]). One that came before the outage waits there with its slot, until the breaker closes
//! or its time is up: no other request could use the slot meanwhile. What is under way is never stopped by it.
//!
//! Lock: one, held for a few steps in memory. Wake-up rule: every change is followed by a send on `changed`, and who
//! waits subscribes before it looks.

mod errors;
mod machine;
mod view;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(test)]
pub(super) use errors::samples::samples;
pub(crate) use machine::Force;
use tokio::sync::watch;
use tokio::time::Instant;
pub use view::{BreakerState, BreakerView};

use self::machine::{Change, Entry, Gate, Machine};
use super::sleep_until;
use crate::backend::{BackendError, Health};
use crate::config::BreakerConfig;

/// How long a new request waits for what another one's try of the backend comes to.
const TRY_WAIT_MAX: Duration = Duration::from_millis(250);

/// How long who fetches what has run waits for the backend: after that its outcome is said to be unknown.
const FETCH_WAIT_MAX: Duration = Duration::from_secs(30);

pub(super) struct Breaker {
    /// The name of the pool's connection.
    name: String,
    machine: Mutex<Machine>,
    changed: watch::Sender<()>,
    /// Requests in [`Breaker::pass`].
    waiting: AtomicUsize,
}

/// A request's way through the pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    /// When it came.
    pub(super) arrived: Instant,
    /// Until when it may wait.
    pub(super) deadline: Instant,
    /// Whether it fetches what has run already: it is worth waiting for in any case.
    pub(super) fetches: bool,
}

/// A request has come; it is counted until this is dropped.
pub(super) struct Entered<'a>(Option<&'a Breaker>);

/// Leave to run, or to open a connection; held until that is over.
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    /// The probe that it is, if the backend is being tried.
    probe: Option<u64>,
    has_failed: bool,
}

/// Counts a waiting request, until dropped.
struct WaitingGuard<'a>(&'a AtomicUsize);

impl Drop for WaitingGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Visit {
    /// One that begins now, and may wait for `wait`.
    pub(super) fn new(wait: Duration, fetches: bool) -> Self {
        let arrived = Instant::now();
        Self { arrived, deadline: arrived + wait, fetches }
    }

    /// Until when it waits for a backend that does not answer.
    pub(super) fn patience_ends(&self) -> Instant {
        let fetched_by = self.arrived + FETCH_WAIT_MAX;
        if self.fetches { self.deadline.min(fetched_by) } else { self.deadline }
    }
}

impl Breaker {
    pub(super) fn new(name: &str, config: BreakerConfig) -> Self {
        let machine = Mutex::new(Machine::new(config, Instant::now()));
        Self { name: name.to_owned(), machine, changed: watch::Sender::new(()), waiting: AtomicUsize::new(0) }
    }

    /// A request has come that may run, or queue. Where another one tries the backend right now, it waits for what that
    /// comes to, up to [`TRY_WAIT_MAX`]: the first that come after an outage are served, too. Drop-safe.
    ///
    /// # Errors
    /// The backend does not answer, and it is not this request that tries.
    pub(super) async fn enter(&self, fetches: bool) -> Result<Entered<'_>, BackendError> {
        let until = Instant::now() + TRY_WAIT_MAX;
        loop {
            let mut changed = self.changed.subscribe();
            {
                let now = Instant::now();
                let mut machine = self.machine(now);
                match machine.enter(now, fetches, now < until) {
                    Entry::Free => return Ok(Entered(None)),
                    Entry::Candidate => return Ok(Entered(Some(self))),
                    Entry::Refused => return Err(errors::refused(&self.name, &machine, now)),
                    Entry::Wait => {}
                }
            }
            tokio::select! {
                _ = changed.changed() => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// Waits until a request may run, or open a connection. Drop-safe.
    ///
    /// # Errors
    /// The backend does not answer, and the request may not wait, or not any longer.
    pub(super) async fn pass(&self, visit: Visit) -> Result<Pass<'_>, BackendError> {
        let mut counted = None;
        loop {
            let mut changed = self.changed.subscribe();
            let now = Instant::now();
            let next = {
                let mut machine = self.machine(now);
                match machine.pass(now, visit.arrived, visit.fetches) {
                    Gate::Free => return Ok(Pass { breaker: self, probe: None, has_failed: false }),
                    Gate::Probe(id) => {
                        tracing::info!(connection = self.name, "a request tries whether the backend is back");
                        return Ok(Pass { breaker: self, probe: Some(id), has_failed: false });
                    }
                    Gate::Wait(_) if now >= visit.patience_ends() => {
                        return Err(errors::waited(&self.name, &machine, visit, now));
                    }
                    Gate::Wait(next) => next,
                    Gate::Refused => return Err(errors::refused(&self.name, &machine, now)),
                }
            };
            counted.get_or_insert_with(|| {
                self.waiting.fetch_add(1, Ordering::Relaxed);
                WaitingGuard(&self.waiting)
            });
            tokio::select! {
                _ = changed.changed() => {}
                () = sleep_until(next) => {}
                () = tokio::time::sleep_until(visit.patience_ends()) => {}
            }
        }
    }

    /// `error`, of a request that got no slot; or why no request runs, if that is so.
    pub(super) fn explain(&self, error: BackendError, waited: Duration) -> BackendError {
        let now = Instant::now();
        let machine = self.machine(now);
        match machine.since() {
            Some(_) => {
                let visit =
                    Visit { arrived: now.checked_sub(waited).unwrap_or(now), deadline: now, fetches: false };
                errors::waited(&self.name, &machine, visit, now)
            }
            None => error,
        }
    }

    /// Whether no request is held back: another try may be worth it.
    pub(super) fn is_closed(&self) -> bool {
        self.machine(Instant::now()).since().is_none()
    }

    /// It is opened or closed by hand, or given back.
    pub(super) fn force(&self, force: Option<Force>) {
        let now = Instant::now();
        self.machine(now).force(now, force);
        match force {
            Some(Force::Open) => tracing::warn!(connection = self.name, "circuit breaker opened by hand"),
            Some(Force::Closed) => tracing::warn!(connection = self.name, "circuit breaker closed by hand"),
            None => tracing::info!(connection = self.name, "circuit breaker reset by hand"),
        }
        self.changed.send_replace(());
    }

    /// What keeps requests from running, for `status`.
    pub(super) fn problem(&self) -> Option<String> {
        let now = Instant::now();
        errors::problem(&self.name, &self.machine(now), now)
    }

    /// How the one of a connection is that is not in use.
    pub(super) fn unused(name: &str, config: BreakerConfig, force: Option<Force>) -> BreakerView {
        let breaker = Self::new(name, config);
        let now = Instant::now();
        breaker.machine(now).force(now, force);
        breaker.view()
    }

    /// How it is.
    pub(super) fn view(&self) -> BreakerView {
        let now = Instant::now();
        let waiting = self.waiting.load(Ordering::Relaxed);
        BreakerView::of(&self.name, &self.machine(now), waiting, now)
    }

    /// The machine as it is `now`.
    fn machine(&self, now: Instant) -> MutexGuard<'_, Machine> {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(change) = machine.expire(now) {
            self.note(change, &machine);
        }
        machine
    }

    /// Logs a change, and wakes those who wait.
    fn note(&self, change: Change, machine: &Machine) {
        let connection = self.name.as_str();
        let error = machine.error().map(tracing::field::display);
        match change {
            Change::Opened(pause) => {
                let (failures, pause_ms) = (machine.config().failures, pause.as_millis());
                tracing::warn!(
                    connection,
                    error,
                    failures,
                    pause_ms,
                    "the backend does not respond: circuit breaker open"
                );
            }
            Change::Reopened(pause) => {
                tracing::info!(
                    connection,
                    error,
                    pause_ms = pause.as_millis(),
                    "the backend still does not respond"
                );
            }
            Change::Closed(after) => {
                let seconds = after.as_secs();
                tracing::info!(connection, seconds, "the backend responds again: circuit breaker closed");
            }
        }
        self.changed.send_replace(());
    }
}

impl Health for Breaker {
    fn answered(&self) {
        let now = Instant::now();
        let mut machine = self.machine(now);
        match machine.answered(now) {
            Some(change) => self.note(change, &machine),
            // The next try may be due by this.
            None if machine.since().is_some() => {
                self.changed.send_replace(());
            }
            None => {}
        }
    }

    fn failed(&self, error: BackendError, attempts: u32) {
        let now = Instant::now();
        let mut machine = self.machine(now);
        if let Some(change) = machine.failed(now, error, attempts) {
            self.note(change, &machine);
        }
    }
}

impl Pass<'_> {
    /// Whether the backend is being tried, and has not answered yet.
    pub(super) fn is_probe(&self) -> bool {
        self.probe.is_some() && !self.breaker.is_closed()
    }

    /// The backend did not answer what tried it, and has not reported that.
    pub(super) fn fail(&mut self) {
        self.has_failed = true;
    }

    /// What the request is told whose probe failed.
    pub(super) fn refusal(mut self) -> BackendError {
        self.end();
        let now = Instant::now();
        errors::refused(&self.breaker.name, &self.breaker.machine(now), now)
    }

    fn end(&mut self) {
        let Some(id) = self.probe.take() else { return };
        let now = Instant::now();
        let mut machine = self.breaker.machine(now);
        match machine.end_probe(now, id, self.has_failed) {
            Some(change) => self.breaker.note(change, &machine),
            None => {
                self.breaker.changed.send_replace(());
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(breaker) = self.0 {
            breaker.machine(Instant::now()).leave();
        }
    }
}

#[cfg(test)]
mod tests;
