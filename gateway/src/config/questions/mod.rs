//! `[queries.NAME]`: saved questions. Each is one SQL text with typed parameters, and a tool of its own for the profiles that
//! offer it.
//!
//! Whose question it is, where several files have one of the same name:
//!
//! | an earlier file (the system's, or the usual one where a variable names another) | the user's file |
//! |---|---|
//! | has the question | changes nothing of it |
//! | has not | has it as it likes |
//!
//! A profile whose `tools` an earlier file has set is offered questions of that file, and of those before it, only: so a
//! later file cannot put a text of its own behind a name that is in the list.

mod checks;
mod read;
mod saved;

pub(super) use checks::{errors, warnings};
pub(super) use read::{PARAMETER_KEYS, PARAMETERS, QUESTION_KEYS, QuestionKey, QuestionSettings};
pub(super) use saved::assemble;
pub use saved::{OfferedQuestion, QuestionParameter, SavedQuestion, is_question_name};

/// Saved questions, at most.
pub(super) const QUESTIONS_MAX: usize = 50;

/// Parameters of one, at most.
pub(super) const PARAMETERS_MAX: usize = 16;

/// The longest SQL of one, in bytes.
pub(super) const SQL_BYTES_MAX: usize = 16 * 1024;

/// The longest description, in characters.
pub(super) const DESCRIPTION_CHARS_MAX: usize = 500;

/// Accepted values of one parameter, at most.
pub(super) const VALUES_MAX: usize = 100;
