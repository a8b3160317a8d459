//! What clients have used of their limits: a row for each client, and one for all together.
//!
//! `limits` makes the text and reads it; here it is kept for as long as the longest window can need it.

use rusqlite::{Connection, params};

use super::file::Access;
use super::jobs::Ask;
use super::{StateError, StateStore, now_ms};

/// Rows, at most; those that were not used for the longest time go first.
const USAGE_MAX: i64 = 4_097;

/// Nothing counts for longer than this: a day, and some more for a clock that is set.
const USAGE_MS: i64 = 2 * 24 * 3600 * 1000;

/// A longer text is not kept, in bytes: what windows can hold is far below.
const USAGE_BYTES_MAX: usize = 64 * 1024;

const TABLE: &str = "
CREATE TABLE IF NOT EXISTS usage (
    client TEXT NOT NULL,
    profile TEXT NOT NULL,
    usage TEXT NOT NULL,
    used_ms INTEGER NOT NULL,
    PRIMARY KEY (client, profile)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS usage_used_ms ON usage (used_ms);
";

/// What one client has used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRecord {
    /// The client.
    pub client: String,
    /// Its profile.
    pub profile: String,
    /// What it has used, as `limits` writes it.
    pub usage: String,
    /// When it was used last, in milliseconds since 1970.
    pub used_ms: i64,
}

impl StateStore {
    /// What was used, by the `max` clients that were used last.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn usage(&self, max: usize) -> Result<Vec<UsageRecord>, StateError> {
        let read = move |access: &mut Access<'_>| {
            let sql = "SELECT client, profile, usage, used_ms FROM usage ORDER BY used_ms DESC LIMIT ?1";
            let mut reading = access.connection.prepare_cached(sql)?;
            let record = |row: &rusqlite::Row<'_>| {
                let (client, profile) = (row.get(0)?, row.get(1)?);
                Ok(UsageRecord { client, profile, usage: row.get(2)?, used_ms: row.get(3)? })
            };
            reading.query_map([max.saturating_add(1)], record)?.collect()
        };
        self.ask(Ask::READ, read).await
    }

    /// Writes down what was used, and forgets what is too old, or too much.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub async fn keep_usage(&self, records: Vec<UsageRecord>) -> Result<(), StateError> {
        let keep = move |access: &mut Access<'_>| {
            let sql = "INSERT OR REPLACE INTO usage VALUES (?1, ?2, ?3, ?4)";
            let mut keeping = access.connection.prepare_cached(sql)?;
            for UsageRecord { client, profile, usage, used_ms } in &records {
                if usage.len() <= USAGE_BYTES_MAX {
                    keeping.execute(params![client, profile, usage, used_ms])?;
                }
            }
            let sql = "DELETE FROM usage WHERE used_ms <= ?1";
            access.connection.prepare_cached(sql)?.execute([now_ms().saturating_sub(USAGE_MS)])?;
            let sql = "DELETE FROM usage WHERE (client, profile) IN
                (SELECT client, profile FROM usage ORDER BY used_ms DESC LIMIT -1 OFFSET ?1)";
            access.connection.prepare_cached(sql)?.execute([USAGE_MAX]).map(drop)
        };
        self.ask(Ask::FOR_GOOD, keep).await
    }
}

/// Makes the table where the file lacks it: an older build does without it, and leaves it alone.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLE)
}
