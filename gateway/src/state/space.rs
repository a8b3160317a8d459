//! Space that the file does not need goes back to the system, a little at a time.

use rusqlite::Connection;

use super::file::{Access, Mode};
use super::jobs::Ask;
use super::{StateError, StateStore};

/// Free pages that stay: the next writes take them.
const FREE_PAGES_KEPT: i64 = 256;

/// Pages that are given back in one step.
const STEP_PAGES: i64 = 256;

/// Steps in one go; what is left is for the next.
const STEPS_MAX: usize = 64;

/// Free pages from which on a file that an older build made is converted: written anew, once.
const CONVERT_PAGES: i64 = 1024;

impl StateStore {
    /// Gives back space that is not needed; returns whether there was any. Also makes room where the journal
    /// has more results than it may, as one of an older build can have.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn give_back_space(&self) -> Result<bool, StateError> {
        for _ in 0..STEPS_MAX {
            let cut = |access: &mut Access<'_>| {
                let are_too_many = access.results.are_too_many(0);
                if are_too_many {
                    access.results.cut_largest(access.connection)?;
                }
                Ok(are_too_many)
            };
            let look = |access: &mut Access<'_>| Ok(access.results.are_too_many(0));
            if !self.ask(Ask::READ, look).await? || !self.ask(Ask::FOR_GOOD, cut).await? {
                break;
            }
        }
        let mut gave = false;
        for _ in 0..STEPS_MAX {
            if !self
                .ask(Ask { mode: Mode::Read, ..Ask::MAINTAIN }, |access| has_spare(access.connection))
                .await?
                || !self.ask(Ask::MAINTAIN, |access| give_back(access.connection)).await?
            {
                break;
            }
            gave = true;
        }
        if gave {
            // The file itself becomes shorter with this.
            let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
            self.ask(Ask::MAINTAIN, move |access| run_to_end(access.connection, sql)).await?;
        }
        Ok(gave)
    }
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.prepare_cached(&format!("PRAGMA {pragma}"))?.query_row([], |row| row.get(0))
}

fn has_spare(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(number(connection, "freelist_count")? > FREE_PAGES_KEPT)
}

/// One step; returns whether there was something to give back.
fn give_back(connection: &Connection) -> rusqlite::Result<bool> {
    const INCREMENTAL: i64 = 2;
    let spare = number(connection, "freelist_count")? - FREE_PAGES_KEPT;
    if number(connection, "auto_vacuum")? == INCREMENTAL {
        let pages = spare.min(STEP_PAGES);
        if pages > 0 {
            run_to_end(connection, &format!("PRAGMA incremental_vacuum({pages})"))?;
        }
        return Ok(pages > 0);
    }
    if spare < CONVERT_PAGES {
        return Ok(false);
    }
    tracing::info!(free_pages = spare, "writing the state file anew, which had much free space");
    run_to_end(connection, "PRAGMA auto_vacuum = INCREMENTAL")?;
    run_to_end(connection, "VACUUM")?;
    Ok(true)
}

/// Runs a statement to its end: some do only a part of their work before the first row.
fn run_to_end(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}
