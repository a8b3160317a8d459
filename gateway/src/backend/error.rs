//! What went wrong in a backend, in a form that a person and a model can act on.

use std::num::NonZeroU16;
use std::time::Duration;

use thiserror::Error;

use super::{Estimate, Rule};

/// What kind of failure it was: decides what a caller may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The statement or a name in it is wrong; running it again gives the same answer.
    Statement,
    /// The context that it was to run in cannot be used: a name in it is gone, or must not be used. Nothing of
    /// it ran.
    NoContext,
    /// Policy refuses it: read-only, or a class of statement that is not allowed.
    Refused,
    /// Its client, or all together, have used what a limit allows. Nothing of it ran.
    LimitReached,
    /// The caller cancelled it.
    Cancelled,
    /// It ran into its time-out.
    TimedOut,
    /// What it needs (a lock, a slot) is in use; the same request may succeed later.
    Busy,
    /// The backend cannot be reached or is broken.
    Unavailable,
    /// It may have run and taken effect before; it was not run again.
    OutcomeUnknown,
    /// The backend opens no more connections; those that are open must do.
    Exhausted,
    /// What the session held on its connection (a transaction, temporary objects, variables) is gone, and the
    /// statement might have relied on it. Nothing of it ran.
    StateLost,
    /// The gateway shuts down; the statement goes on, and the next gateway fetches its result.
    Detached,
}

/// One failure. `message` says what happened, `next_step` what to do about it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct BackendError {
    /// The kind, for code.
    pub kind: ErrorKind,
    /// The cause, for people: in the backend's own words where it has some.
    pub message: String,
    /// What the user can do, where anything can be done.
    pub next_step: Option<String>,
    /// The backend's error code, where it has one.
    pub code: Option<String>,
    /// The backend's id for the query, where it has one.
    pub query_id: Option<String>,
    /// Whether the backend certainly has not processed it, changes nothing if it does, and the cause may pass: the same
    /// may be tried again.
    pub may_retry: bool,
    /// Seconds after which the same may succeed, where nothing of it ran and that is known; 18 hours at most.
    pub retry_after_s: Option<NonZeroU16>,
    /// The rule that refused it, where one did.
    pub rule: Option<Rule>,
    /// Set where it was not run because of what it would cost.
    pub estimate: Option<Box<Estimate>>,
}

impl BackendError {
    /// A failure of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let (message, next_step, code, query_id) = (message.into(), None, None, None);
        Self {
            kind,
            message,
            next_step,
            code,
            query_id,
            may_retry: false,
            retry_after_s: None,
            estimate: None,
            rule: None,
        }
    }

    /// The gateway shuts down, and the query `query_id` keeps running: the next gateway fetches its result.
    pub fn detached(query_id: &str) -> Self {
        let mut error =
            Self::new(ErrorKind::Detached, "the gateway is shutting down; the query keeps running");
        error.query_id = Some(query_id.to_owned());
        error
    }

    /// Whether the statement may have taken effect in spite of the error, or may still.
    pub fn leaves_outcome_open(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::OutcomeUnknown | ErrorKind::Detached)
    }

    /// The error of a request for which an earlier gateway ran the query `query_id`, where this error keeps
    /// its result from being fetched.
    #[must_use]
    pub fn of_unfetched(self, query_id: &str) -> Self {
        let message = format!("outcome unknown: the query's result cannot be fetched: {}", self.message);
        let mut error = Self::new(ErrorKind::OutcomeUnknown, message)
            .with_next_step("check the query history before you run it again");
        error.query_id = Some(query_id.to_owned());
        error
    }

    /// The same failure with a next step.
    #[must_use]
    pub fn with_next_step(mut self, next_step: impl Into<String>) -> Self {
        self.next_step = Some(next_step.into());
        self
    }

    /// The same failure, after which the same may be tried again if `may_retry`.
    #[must_use]
    pub fn with_retry(mut self, may_retry: bool) -> Self {
        self.may_retry = may_retry;
        self
    }

    /// The same failure, of which nothing ran and which may pass in `after`.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        let seconds = u16::try_from(after.as_millis().div_ceil(1_000)).unwrap_or(u16::MAX);
        self.retry_after_s = Some(NonZeroU16::new(seconds).unwrap_or(NonZeroU16::MIN));
        self
    }

    /// The same failure, because of `rule`.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// The same failure with the backend's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}
