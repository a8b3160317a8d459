//! What the gateway keeps for clients that have no shim: their sessions, as a shim would carry them, and by what a request is
//! found that is sent again.
//!
//! Request numbers of such a session are reserved in blocks before they are used, so that a gateway that is killed never
//! leaves one in the journal that the next gateway uses anew.

use rusqlite::{Connection, OptionalExtension, params};

use super::file::Access;
use super::jobs::Ask;
use super::{Digest, StateError, StateStore, now_ms};

/// Sessions of the front that are kept, at most; those that were not used for the longest time go first.
const SESSIONS_MAX: i64 = 10_000;

/// Keys of one session by which requests are found, at most; the oldest go first.
const REPEATS_MAX: i64 = 1_024;

/// The row of a statement that left the journal goes with it.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS front_session (
    id TEXT PRIMARY KEY,
    secret TEXT NOT NULL,
    owner TEXT NOT NULL,
    identity BLOB UNIQUE,
    reserved INTEGER NOT NULL,
    state TEXT,
    pinned TEXT,
    seen_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS front_session_seen_ms ON front_session (seen_ms);
CREATE TABLE IF NOT EXISTS front_repeat (
    session TEXT NOT NULL,
    key TEXT NOT NULL,
    request INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (session, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS front_repeat_request ON front_repeat (session, request);
CREATE TRIGGER IF NOT EXISTS front_repeat_gone AFTER DELETE ON journal BEGIN
    DELETE FROM front_repeat WHERE session = old.session AND request = old.request;
END;
";

/// What is kept of a session of the front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontSession {
    /// Its public id.
    pub id: String,
    /// What proves a client's right to it. In full, because the gateway presents it to itself; the file is its user's alone.
    pub secret: String,
    /// The id of the API key that it belongs to; empty: it was opened without one.
    pub owner: String,
    /// What finds it where the client has no session id.
    pub identity: Option<Digest>,
    /// Numbers up to this one may be in use.
    pub reserved: u64,
    /// The state that a shim would carry.
    pub state: Option<String>,
    /// The lines that a shim would keep, with their numbers, as JSON.
    pub pinned: Option<String>,
}

/// By what the state file finds a request that is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatRow {
    /// The key, with its kind.
    pub key: String,
    /// Of what was sent.
    pub digest: Digest,
}

/// A request that was sent before, and is in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRequest {
    /// Its number.
    pub number: u64,
    /// Of what was sent.
    pub digest: Digest,
}

/// How a session of the front is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrontQuery {
    /// By its public id.
    Id(String),
    /// By what its clients are.
    Identity(Digest),
}

impl StateStore {
    /// The session of the front that `query` finds, if it was used within `ttl_ms`. From here on it counts as used.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn front_session(
        &self,
        query: FrontQuery,
        ttl_ms: i64,
    ) -> Result<Option<FrontSession>, StateError> {
        let find = move |access: &mut Access<'_>| {
            let now = now_ms();
            let found = find(access.connection, &query, now.saturating_sub(ttl_ms))?;
            if let Some(found) = &found {
                let sql = "UPDATE front_session SET seen_ms = ?2 WHERE id = ?1";
                access.connection.prepare_cached(sql)?.execute(params![found.id, now])?;
            }
            Ok(found)
        };
        self.ask(Ask::OF_CALLER, find).await
    }

    /// Writes down a new session of the front; what was not used for the longest time makes room.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub async fn add_front_session(&self, session: FrontSession) -> Result<(), StateError> {
        let add = move |access: &mut Access<'_>| {
            let sql = "INSERT OR REPLACE INTO front_session VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
            let FrontSession { id, secret, owner, identity, reserved, state, pinned } = &session;
            let identity = identity.map(|digest| digest.0);
            let row = params![id, secret, owner, identity, reserved, state, pinned, now_ms()];
            access.connection.prepare_cached(sql)?.execute(row)?;
            let sql = "DELETE FROM front_session WHERE id IN
                (SELECT id FROM front_session ORDER BY seen_ms DESC LIMIT -1 OFFSET ?1)";
            access.connection.prepare_cached(sql)?.execute([SESSIONS_MAX]).map(drop)
        };
        self.ask(Ask::FOR_GOOD, add).await
    }

    /// Numbers up to `reserved` may be used in session `id` from here on.
    ///
    /// # Errors
    /// The file cannot be written to, or does not have the session: its numbers must not be used.
    pub async fn reserve_numbers(&self, id: &str, reserved: u64) -> Result<bool, StateError> {
        let id = id.to_owned();
        let reserve = move |access: &mut Access<'_>| {
            let sql = "UPDATE front_session SET reserved = ?2, seen_ms = ?3 WHERE id = ?1 AND reserved < ?2";
            Ok(access.connection.prepare_cached(sql)?.execute(params![id, reserved, now_ms()])? > 0)
        };
        self.ask(Ask::FOR_GOOD, reserve).await
    }

    /// Writes down what a shim would carry for session `id`. What is `None` stays as it is.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub async fn carry(
        &self,
        id: &str,
        state: Option<String>,
        pinned: Option<String>,
    ) -> Result<(), StateError> {
        let id = id.to_owned();
        let carry = move |access: &mut Access<'_>| {
            let sql = "UPDATE front_session SET state = coalesce(?2, state), pinned = coalesce(?3, pinned), seen_ms = ?4
                WHERE id = ?1";
            access.connection.prepare_cached(sql)?.execute(params![id, state, pinned, now_ms()]).map(drop)
        };
        self.ask(Ask::FOR_GOOD, carry).await
    }

    /// Session `id` has ended for good: its client does not come back.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub async fn remove_front_session(&self, id: &str) -> Result<(), StateError> {
        let id = id.to_owned();
        let remove = move |access: &mut Access<'_>| {
            let sql = "DELETE FROM front_session WHERE id = ?1";
            access.connection.prepare_cached(sql)?.execute([&id])?;
            access
                .connection
                .prepare_cached("DELETE FROM front_repeat WHERE session = ?1")?
                .execute([&id])
                .map(drop)
        };
        self.ask(Ask::FOR_GOOD, remove).await
    }

    /// The sessions in `used` are used now; forgets those that were not used within `ttl_ms`.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub async fn note_front_use(&self, used: Vec<String>, ttl_ms: i64) -> Result<(), StateError> {
        let forget = move |access: &mut Access<'_>| {
            let sql = "UPDATE front_session SET seen_ms = ?2 WHERE id = ?1";
            let mut noting = access.connection.prepare_cached(sql)?;
            for id in &used {
                noting.execute(params![id, now_ms()])?;
            }
            let sql = "DELETE FROM front_session WHERE seen_ms <= ?1";
            access.connection.prepare_cached(sql)?.execute([now_ms().saturating_sub(ttl_ms)]).map(drop)
        };
        self.ask(Ask::FOR_GOOD, forget).await
    }

    /// The request of `session` that was sent under `key` and is in the journal.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn known_request(&self, session: &str, key: &str) -> Result<Option<KnownRequest>, StateError> {
        let (session, key) = (session.to_owned(), key.to_owned());
        let find = move |access: &mut Access<'_>| {
            let sql = "SELECT request, digest FROM front_repeat WHERE session = ?1 AND key = ?2";
            let known = access.connection.prepare_cached(sql)?.query_row(params![session, key], |row| {
                Ok(KnownRequest { number: row.get(0)?, digest: Digest(row.get(1)?) })
            });
            known.optional()
        };
        self.ask(Ask::READ, find).await
    }
}

fn find(
    connection: &Connection,
    query: &FrontQuery,
    since_ms: i64,
) -> rusqlite::Result<Option<FrontSession>> {
    const COLUMNS: &str = "SELECT id, secret, owner, identity, reserved, state, pinned FROM front_session";
    let session = |row: &rusqlite::Row<'_>| {
        Ok(FrontSession {
            id: row.get(0)?,
            secret: row.get(1)?,
            owner: row.get(2)?,
            identity: row.get::<_, Option<[u8; 32]>>(3)?.map(Digest),
            reserved: row.get(4)?,
            state: row.get(5)?,
            pinned: row.get(6)?,
        })
    };
    match query {
        FrontQuery::Id(id) => connection
            .prepare_cached(&format!("{COLUMNS} WHERE id = ?1 AND seen_ms > ?2"))?
            .query_row(params![id, since_ms], session),
        FrontQuery::Identity(digest) => connection
            .prepare_cached(&format!("{COLUMNS} WHERE identity = ?1 AND seen_ms > ?2"))?
            .query_row(params![digest.0, since_ms], session),
    }
    .optional()
}

/// The statement of `request`, which is in the journal now, is found by `repeat` when it is sent again.
pub(super) fn insert_repeat(
    connection: &Connection,
    session: &str,
    request: u64,
    repeat: &RepeatRow,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO front_repeat VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute(params![session, repeat.key, request, repeat.digest.0])?;
    let sql = "DELETE FROM front_repeat WHERE session = ?1 AND request IN
        (SELECT request FROM front_repeat WHERE session = ?1 ORDER BY request DESC LIMIT -1 OFFSET ?2)";
    connection.prepare_cached(sql)?.execute(params![session, REPEATS_MAX]).map(drop)
}

/// Makes the tables where the file lacks them: an older build does without them, and leaves them alone.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)
}
