//! Examples of what clients are told, for `docs/messages.md`.

use super::BackendError;

/// One message, made as it is made at work.
pub(crate) struct Sample {
    /// When it is told.
    pub(crate) when: &'static str,
    /// The message.
    pub(crate) error: BackendError,
}

/// A sample.
pub(crate) fn sample(when: &'static str, error: BackendError) -> Sample {
    Sample { when, error }
}
