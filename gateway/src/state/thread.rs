//! The thread of the state file: the only one that touches it.
//!
//! SQLite itself never waits here. A change that finds the file locked by another program waits in line, and
//! is tried again every few milliseconds; reads, which such a lock does not hinder, pass it meanwhile. So
//! each request is refused when its own time is up, all of them at once and not one after the other:
//!
//! | the file | a change is refused |
//! |---|---|
//! | free | never |
//! | locked | [`Ask::timeout`](super::jobs::Ask) after it was asked |
//! | locked, and a change has been refused for it | [`BUSY_GRACE`] after that, or after it was asked |
//! | free again | never: the first change that succeeds says so |
//!
//! What is done whoever waits for it, and what undoes a change, is not refused early; when the gateway is about to end, it
//! has [`ASK_TIMEOUT`].

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::file::Mode;
use super::jobs::{ASK_TIMEOUT, Job};
use super::state_file::{Failure, StateFile};

/// How long a change waits for a file that is known to be locked.
const BUSY_GRACE: Duration = Duration::from_millis(100);

/// Pauses between two attempts to change a locked file: the first, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// The thread's own.
pub(super) struct Worker {
    file: StateFile,
    jobs: Receiver<Box<dyn Job>>,
    /// Changes that wait for the file, in order; the first was tried.
    waiting: VecDeque<Box<dyn Job>>,
    /// When the first of them is tried again, and the pause before that.
    retry_at: Instant,
    pause: Duration,
    /// Since when the file is known to be locked.
    busy_since: Option<Instant>,
    /// Why the last attempt failed.
    cause: String,
    /// Since when no one can ask any more.
    closing_since: Option<Instant>,
}

impl Worker {
    pub(super) fn new(file: StateFile, jobs: Receiver<Box<dyn Job>>) -> Self {
        Self {
            file,
            jobs,
            waiting: VecDeque::new(),
            retry_at: Instant::now(),
            pause: PAUSE_MIN,
            busy_since: None,
            cause: String::new(),
            closing_since: None,
        }
    }

    /// Serves until no one can ask any more, and everything that was asked is done or refused.
    pub(super) fn serve(mut self) {
        while let Some(job) = self.next() {
            if let Some(job) = job {
                self.accept(job);
            }
            if !self.waiting.is_empty() && Instant::now() >= self.retry_at {
                self.retry();
            }
        }
    }

    /// What is asked next; `Some(None)`: nothing until the next attempt; `None`: nothing for ever.
    fn next(&mut self) -> Option<Option<Box<dyn Job>>> {
        if self.waiting.is_empty() {
            return self.jobs.recv().ok().map(Some);
        }
        let pause = self.retry_at.saturating_duration_since(Instant::now());
        match self.jobs.recv_timeout(pause) {
            Ok(job) => Some(Some(job)),
            Err(RecvTimeoutError::Timeout) => Some(None),
            Err(RecvTimeoutError::Disconnected) => {
                self.closing_since.get_or_insert_with(Instant::now);
                sleep(pause);
                Some(None)
            }
        }
    }

    fn accept(&mut self, job: Box<dyn Job>) {
        let in_line = job.ask().mode != Mode::Read && !self.waiting.is_empty();
        let waits = if in_line { Some(job) } else { self.attempt(job) };
        if let Some(job) = waits {
            if self.waiting.is_empty() {
                (self.pause, self.retry_at) = (PAUSE_MIN, Instant::now() + PAUSE_MIN);
            }
            self.waiting.push_back(job);
        }
    }

    /// Tries those that wait, in order, until one has to wait on; refuses those whose time is up.
    fn retry(&mut self) {
        while let Some(job) = self.waiting.pop_front() {
            if let Some(job) = self.attempt(job) {
                self.waiting.push_front(job);
                break;
            }
        }
        for job in std::mem::take(&mut self.waiting) {
            if job.is_abandoned() || self.is_late(&*job) {
                self.refuse_late(job);
            } else {
                self.waiting.push_back(job);
            }
        }
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        self.retry_at = Instant::now() + self.pause;
    }

    /// Does `job`, or refuses it; returns it if it is to be tried again.
    fn attempt(&mut self, mut job: Box<dyn Job>) -> Option<Box<dyn Job>> {
        if job.is_abandoned() {
            return None;
        }
        if self.is_late(&*job) {
            self.refuse_late(job);
            return None;
        }
        let (is_change, file) = (job.ask().mode != Mode::Read, &mut self.file);
        match catch_unwind(AssertUnwindSafe(|| file.attempt(&mut *job))) {
            Ok(Ok(())) => {
                if is_change {
                    (self.busy_since, self.pause) = (None, PAUSE_MIN);
                    self.cause.clear();
                }
                None
            }
            Ok(Err(Failure::Busy(cause))) => {
                self.cause = cause;
                Some(job)
            }
            Ok(Err(Failure::Final(error))) => {
                job.refuse(error);
                None
            }
            // The panic itself is in the log. Its caller hears that there is no answer.
            Err(_) => {
                self.file.close();
                None
            }
        }
    }

    fn is_late(&self, job: &dyn Job) -> bool {
        let (now, asked_at, ask) = (Instant::now(), job.asked_at(), job.ask());
        let is_past = |since: Instant, time| now >= since.max(asked_at) + time;
        let is_refused_early = ask.mode != Mode::Read && !ask.outlives_caller;
        is_past(asked_at, ask.timeout)
            || (is_refused_early && self.busy_since.is_some_and(|since| is_past(since, BUSY_GRACE)))
            || self.closing_since.is_some_and(|since| is_past(since, ASK_TIMEOUT))
    }

    fn refuse_late(&mut self, mut job: Box<dyn Job>) {
        if job.is_abandoned() {
            return;
        }
        let waited = job.asked_at().elapsed();
        // It may also have waited for what was asked before it.
        if !self.cause.is_empty() {
            self.busy_since.get_or_insert_with(Instant::now);
        }
        job.refuse(self.file.busy_error(job.ask().what, waited, &self.cause));
    }
}
