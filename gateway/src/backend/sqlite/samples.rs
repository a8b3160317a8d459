//! What SQLite's part tells clients, for `docs/messages.md`.

use super::failure::{cancelled, several_statements};
use crate::backend::{Sample, sample};

/// One of each.
pub(crate) fn samples() -> Vec<Sample> {
    vec![
        sample("several statements in one call", several_statements()),
        sample("a statement on SQLite was cancelled", cancelled()),
    ]
}
