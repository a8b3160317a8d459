//! The outbox of the audit trail: statements that write, until their record is in the trail.
//!
//! A row is made together with the journal's entry, and removed once the record is in the file. So of each statement that may
//! have changed something there is a record or a row, whenever the gateway is killed. A row says how its statement ended even
//! when the journal's entry is gone:
//!
//! | the journal's entry | the row |
//! |---|---|
//! | is there | says nothing: the entry does |
//! | was forgotten: the statement did not run | `cancelled` |
//! | was removed with its result | `allowed` or `failed` |
//! | was removed without one | `outcome_unknown` |

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::file::Access;
use super::jobs::{Ask, Asked, Job, Place};
use super::results::FAILED;
use super::{REQUESTS_MAX, StateError, StateStore, now_ms};

/// Rows of a gateway that is gone which are read, at most: more than sessions can have begun at once. Later ones are found by
/// the next gateway.
const PENDING_MAX: i64 = 16_384;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS audit_pending (
    session TEXT NOT NULL,
    request INTEGER NOT NULL,
    draft TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended TEXT,
    PRIMARY KEY (session, request)
) WITHOUT ROWID;
";

/// What the gateway before left of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingAudit {
    /// The statement.
    pub key: PendingKey,
    /// The members of its record, as far as they were known when it began.
    pub draft: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// How it ended, where the journal's entry is gone; `None`: the entry tells, or it never ran.
    pub ended: Option<String>,
    /// Whether the journal has it.
    pub is_journaled: bool,
    /// The backend's id of its query.
    pub query_id: Option<String>,
    /// Its result, as the journal has it.
    pub result: Option<String>,
}

/// A statement in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PendingKey {
    /// The id of its session.
    pub session: String,
    /// Its number in the journal.
    pub request: u64,
}

/// Writes the members of a statement's record, as far as they are known when it begins: on the state file's thread.
#[derive(Clone)]
pub struct AuditDraft(pub Arc<dyn Fn() -> String + Send + Sync>);

impl fmt::Debug for AuditDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditDraft")
    }
}

pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    let trigger = format!(
        "CREATE TRIGGER IF NOT EXISTS audit_pending_trimmed AFTER DELETE ON journal BEGIN
            UPDATE audit_pending SET ended = CASE
                WHEN old.finished IS NULL THEN 'outcome_unknown'
                WHEN old.result = '{FAILED}' THEN 'failed'
                WHEN json_valid(old.result) AND old.result ->> '$._meta.\"snowgate/error\".kind' = 'outcome_unknown'
                    THEN 'outcome_unknown'
                WHEN json_valid(old.result) AND old.result ->> '$.isError' THEN 'failed'
                ELSE 'allowed' END
            WHERE session = old.session AND request = old.request AND ended IS NULL;
        END;"
    );
    connection.execute_batch(&format!("{TABLES}{trigger}"))
}

pub(super) fn insert(
    connection: &Connection,
    session: &str,
    request: u64,
    draft: &AuditDraft,
) -> rusqlite::Result<()> {
    let sql =
        "INSERT OR REPLACE INTO audit_pending (session, request, draft, started_ms) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = connection.prepare_cached(sql)?;
    insert.execute(params![session, request, (draft.0)(), now_ms()]).map(drop)
}

/// The statement is known not to have run.
pub(super) fn note_unrun(connection: &Connection, session: &str, request: u64) -> rusqlite::Result<()> {
    let sql = "UPDATE audit_pending SET ended = 'cancelled' WHERE session = ?1 AND request = ?2";
    connection.prepare_cached(sql)?.execute(params![session, request]).map(drop)
}

impl StateStore {
    /// The statements whose records no gateway has written yet, as far as it knows.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn audit_pending(&self) -> Result<Vec<PendingAudit>, StateError> {
        let read = |access: &mut Access<'_>| {
            let sql = "SELECT p.session, p.request, p.draft, p.started_ms, p.ended, j.session IS NOT NULL, j.query_id, j.result
                FROM audit_pending p LEFT JOIN journal j ON j.session = p.session AND j.request = p.request
                ORDER BY p.started_ms LIMIT ?1";
            let mut found = access.connection.prepare_cached(sql)?;
            let rows = found.query_map([PENDING_MAX], |row| {
                Ok(PendingAudit {
                    key: PendingKey { session: row.get(0)?, request: row.get(1)? },
                    draft: row.get(2)?,
                    started_ms: row.get(3)?,
                    ended: row.get(4)?,
                    is_journaled: row.get(5)?,
                    query_id: row.get(6)?,
                    result: row.get(7)?,
                })
            })?;
            rows.collect()
        };
        self.ask(Ask::READ, read).await
    }

    /// The records of these statements are in the trail. Does not wait; returns them where there is no room to ask.
    ///
    /// # Errors
    /// They are to be removed later.
    pub fn remove_audit_pending(&self, keys: Vec<PendingKey>) -> Result<(), Vec<PendingKey>> {
        let (Some(jobs), Some(place)) = (&self.jobs, Place::take(&self.waiting, REQUESTS_MAX)) else {
            return Err(keys);
        };
        let (answer, _) = oneshot::channel::<Result<(), _>>();
        let job = Asked {
            ask: Ask::FOR_GOOD,
            at: Instant::now(),
            run: move |access: &mut Access<'_>| {
                let sql = "DELETE FROM audit_pending WHERE session = ?1 AND request = ?2";
                let mut delete = access.connection.prepare_cached(sql)?;
                keys.iter().try_for_each(|key| delete.execute(params![key.session, key.request]).map(drop))
            },
            tell: |()| (),
            answer: Some(answer),
            _place: Some(place),
        };
        // Without its thread nothing is removed: the next gateway finds the records in the trail.
        let job: Box<dyn Job> = Box::new(job);
        let _ = jobs.send(job);
        Ok(())
    }
}
