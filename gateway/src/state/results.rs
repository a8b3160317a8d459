//! How many bytes of results the journal holds, and which go when there are too many.
//!
//! A result is kept for the case that its gateway goes away before the client has it, so the newest are the
//! ones that may be asked for. Of a session that has more than its share the oldest go; when all sessions
//! together have too much, those of the one that has most. What is left of such a result is the fact that the
//! statement ran.

use std::collections::HashMap;

use rusqlite::{Connection, params};

/// Bytes of results of one session that are kept, at most.
pub(super) const SESSION_RESULTS_BYTES_MAX: u64 = 1 << 20;

/// Bytes of all results that are kept, at most.
pub(super) const RESULTS_BYTES_MAX: u64 = 64 << 20;

/// Results that are removed in one transaction, at most.
const REMOVALS_MAX: usize = 256;

/// Stands for the result of a statement that succeeded.
pub const RAN: &str = "ran";

/// Stands for the error of a statement that failed.
pub const FAILED: &str = "failed";

/// The bytes of results that the journal holds, by session: as committed.
#[derive(Debug, Default)]
pub(super) struct Results {
    held: HashMap<String, u64>,
    total: u64,
    /// What the running transaction makes of some sessions.
    pending: Vec<(String, u64)>,
}

impl Results {
    /// Those of an open file.
    pub(super) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT session, sum(octet_length(result)) FROM journal WHERE result IS NOT NULL GROUP BY session";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let held: HashMap<String, u64> = rows.collect::<rusqlite::Result<_>>()?;
        let total = held.values().sum();
        Ok(Self { held, total, pending: Vec::new() })
    }

    /// The running transaction is committed.
    pub(super) fn commit(&mut self) {
        for (session, bytes) in std::mem::take(&mut self.pending) {
            let before =
                if bytes == 0 { self.held.remove(&session) } else { self.held.insert(session, bytes) };
            self.total = self.total.saturating_add(bytes).saturating_sub(before.unwrap_or_default());
        }
    }

    /// The running transaction is rolled back.
    pub(super) fn roll_back(&mut self) {
        self.pending.clear();
    }

    /// A session has so many bytes from here on.
    pub(super) fn set(&mut self, session: &str, bytes: u64) {
        self.pending.push((session.to_owned(), bytes));
    }

    fn held(&self, session: &str) -> u64 {
        let pending = self.pending.iter().rev().find(|(changed, _)| changed == session);
        pending.map_or_else(|| self.held.get(session).copied().unwrap_or_default(), |(_, bytes)| *bytes)
    }

    /// A session has `bytes` more.
    pub(super) fn add(&mut self, session: &str, bytes: usize) {
        self.set(session, self.held(session) + bytes as u64);
    }

    /// Removes results until `session`, which has a new one, is within its share. It keeps the new one: the
    /// share is many times the longest result.
    pub(super) fn cut_session(&mut self, connection: &Connection, session: &str) -> rusqlite::Result<()> {
        let held = self.held(session);
        if held <= SESSION_RESULTS_BYTES_MAX {
            return Ok(());
        }
        // Some more: not with every result.
        remove_oldest(connection, session, held - SESSION_RESULTS_BYTES_MAX / 4 * 3)?;
        self.set(session, bytes_of(connection, session)?);
        Ok(())
    }

    /// Whether all sessions together have too much, with `more` bytes.
    pub(super) fn are_too_many(&self, more: u64) -> bool {
        // Of what is pending for a session, the last counts.
        let pending: HashMap<&str, u64> =
            self.pending.iter().map(|(session, bytes)| (session.as_str(), *bytes)).collect();
        let before: u64 = pending.keys().filter_map(|session| self.held.get(*session)).sum();
        let total = self.total.saturating_sub(before) + pending.values().sum::<u64>();
        total + more > RESULTS_BYTES_MAX
    }

    /// Removes the older half of the results of the session that has most.
    pub(super) fn cut_largest(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let largest = self.held.iter().max_by_key(|(_, bytes)| **bytes);
        let Some((session, bytes)) = largest.map(|(session, bytes)| (session.clone(), *bytes)) else {
            return Ok(());
        };
        remove_oldest(connection, &session, bytes.div_ceil(2))?;
        let left = bytes_of(connection, &session)?;
        self.set(&session, left);
        Ok(())
    }
}

/// What a session's results have, in bytes.
pub(super) fn bytes_of(connection: &Connection, session: &str) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce(sum(octet_length(result)), 0) FROM journal WHERE session = ?1 AND result IS NOT NULL";
    connection.prepare_cached(sql)?.query_row([session], |row| row.get(0))
}

/// Removes the oldest results of a session until `bytes` are free, or [`REMOVALS_MAX`] results.
fn remove_oldest(connection: &Connection, session: &str, bytes: u64) -> rusqlite::Result<()> {
    let sql = "SELECT request, octet_length(result) FROM journal
        WHERE session = ?1 AND finished > 0 AND octet_length(result) > 6 ORDER BY finished";
    let mut oldest = connection.prepare_cached(sql)?;
    let rows = oldest.query_map([session], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?)))?;
    let (mut requests, mut freed) = (Vec::new(), 0);
    for row in rows.take(REMOVALS_MAX) {
        let (request, length) = row?;
        requests.push(request);
        freed += length;
        if freed >= bytes {
            break;
        }
    }
    drop(oldest);
    let sql = "UPDATE journal
        SET result = CASE WHEN json_valid(result) AND result ->> 'isError' THEN ?3 ELSE ?4 END
        WHERE session = ?1 AND request = ?2";
    let mut removing = connection.prepare_cached(sql)?;
    requests.iter().try_for_each(|request| removing.execute(params![session, request, FAILED, RAN]).map(drop))
}
