//! How requests end.

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It succeeded.
    Ok,
    /// It failed in the backend, or on the way there.
    Failed,
    /// It was not run: it is malformed, or not allowed.
    Refused,
    /// The client wants no answer any more, and it was stopped, or never started.
    Cancelled,
    /// It may have taken effect.
    Unknown,
    /// An earlier gateway had run it.
    AnsweredFromJournal,
    /// The gateway shuts down; it goes on in the backend, and the next gateway answers it.
    Detached,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::Failed,
        Self::Refused,
        Self::Cancelled,
        Self::Unknown,
        Self::AnsweredFromJournal,
        Self::Detached,
    ];

    /// Its name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Unknown => "outcome_unknown",
            Self::AnsweredFromJournal => "answered_from_journal",
            Self::Detached => "detached",
        }
    }
}
