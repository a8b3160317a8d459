//! What a backend says went wrong, in a form a person and a model can act on.

use thiserror::Error;

/// What kind of failure it was: decides what a caller may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The statement or a name in it is wrong; running it again gives the same answer.
    Statement,
    /// Policy refuses it: read-only, or a class of statement that is not allowed.
    Refused,
    /// The caller cancelled it.
    Cancelled,
    /// It ran into its time-out.
    TimedOut,
    /// Somebody else holds what it needs (a lock, a slot); the same request may pass later.
    Busy,
    /// The backend cannot be reached or is broken.
    Unavailable,
    /// It may have run and taken effect before; it was not run again.
    OutcomeUnknown,
    /// There are connections, and the backend gives no further one: those there are must do.
    Exhausted,
    /// The gateway leaves; the backend goes on, and the next gateway fetches what comes of it.
    Detached,
}

/// One failure. `message` says what happened, `next_step` what to do about it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct BackendError {
    /// The kind, for code.
    pub kind: ErrorKind,
    /// The cause, for people: the backend's own words where it has some.
    pub message: String,
    /// What the user can do, where anything can be done.
    pub next_step: Option<String>,
    /// The backend's error code, where it gives one.
    pub code: Option<String>,
    /// The backend's name for the query, where it has one.
    pub query_id: Option<String>,
}

impl BackendError {
    /// A failure of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), next_step: None, code: None, query_id: None }
    }

    /// Whether the statement may have taken effect all the same, or may yet.
    pub fn leaves_outcome_open(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::OutcomeUnknown | ErrorKind::Detached)
    }

    /// What is said where this keeps a gateway from fetching what came of query `query_id`: it was run all the same.
    #[must_use]
    pub fn of_unfetched(self, query_id: &str) -> Self {
        let message = format!("outcome unknown: the query's result cannot be fetched: {}", self.message);
        let mut error = Self::new(ErrorKind::OutcomeUnknown, message)
            .with_next_step("look at the query history before you run it again");
        error.query_id = Some(query_id.to_owned());
        error
    }

    /// The same failure with a next step.
    #[must_use]
    pub fn with_next_step(mut self, next_step: impl Into<String>) -> Self {
        self.next_step = Some(next_step.into());
        self
    }

    /// The same failure with the backend's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}
