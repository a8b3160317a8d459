//! Memory that SQLite keeps for the state file.
//!
//! SQLite's limit on memory is one for the whole process, so the statements of clients could take all of it.
//! The reserve is memory that SQLite has given out already, to a database that nothing uses; given up, it is
//! there for the state file at the very moment that it is needed.

use std::time::{Duration, Instant};

use rusqlite::Connection;

/// What is kept, in bytes: several times what the longest change of the state file takes.
const RESERVE_BYTES: usize = 1 << 20;

/// The pause between two attempts to get the reserve.
const FILL_PAUSE: Duration = Duration::from_secs(1);

/// The memory, or none.
#[derive(Default)]
pub(super) struct Reserve {
    held: Option<Connection>,
    tried_at: Option<Instant>,
}

impl Reserve {
    /// Frees the memory; returns whether there was any.
    pub(super) fn give_up(&mut self) -> bool {
        self.held.take().is_some()
    }

    /// Gets the memory, unless that failed a moment ago.
    pub(super) fn fill(&mut self) {
        if self.held.is_some() || self.tried_at.is_some_and(|at| at.elapsed() < FILL_PAUSE) {
            return;
        }
        self.tried_at = Some(Instant::now());
        self.held = hold(RESERVE_BYTES).ok();
    }
}

/// A database in memory of so many bytes.
fn hold(bytes: usize) -> rusqlite::Result<Connection> {
    let held = Connection::open_in_memory()?;
    held.execute_batch(&format!("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob({bytes}))"))?;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_there_until_it_is_given_up_and_comes_back_later() {
        let mut reserve = Reserve::default();
        assert!(!reserve.give_up());
        reserve.fill();
        let held = reserve.held.as_ref().unwrap();
        let pages: usize = held.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let size: usize = held.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
        assert!(pages * size >= RESERVE_BYTES);
        assert!(reserve.give_up() && !reserve.give_up());
        reserve.fill();
        assert!(reserve.held.is_none(), "not at once");
        reserve.tried_at = None;
        reserve.fill();
        assert!(reserve.give_up());
    }
}
