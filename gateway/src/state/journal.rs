//! The journal of statements that are not reads: what a later gateway must know before it answers a replayed
//! one.
//!
//! A statement is written down before it reaches the backend, and its result before anyone sees it:
//!
//! | the entry of a replayed statement | what is known | what the next gateway does |
//! |---|---|---|
//! | none | it never reached the backend | runs it |
//! | begun, no query id | it may have run | answers "outcome unknown" |
//! | begun, with a query id | the backend knows | fetches the query's result |
//! | finished | its result | answers with that |

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest as _, Sha256};

use super::audit::{self, AuditDraft};
use super::begun::{Begin, Undo};
use super::file::Access;
use super::front::{self, RepeatRow};
use super::jobs::Ask;
use super::results::{FAILED, RAN, bytes_of};
use super::{StateError, StateStore, now_ms};

/// The longest result that is kept, in bytes.
pub const RESULT_BYTES_MAX: usize = 16 * 1024;

/// How many more finished statements of a session are kept than its shim can still ask for, before some are
/// removed: removing them one by one would double the cost of a write.
const SPARE: i64 = 64;

/// SHA-256 of a statement's text, or of that and where it is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub(super) [u8; 32]);

impl Digest {
    /// The digest of `text`.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// The digest of `parts`, which no other parts have.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// The digest of a text of this digest that runs at `place` for the profile of this name: the same text elsewhere is
    /// another statement.
    pub fn at(self, place: &str, profile: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [place, profile] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(self.0);
        Self(hash.finalize().into())
    }

    /// All bytes in hexadecimal.
    pub fn in_full(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The first bytes in hexadecimal: enough to tell statements apart.
    pub fn short(&self) -> String {
        self.0[..6].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What the journal has of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The statement.
    pub digest: Digest,
    /// When it was begun, in milliseconds since 1970.
    pub started_ms: i64,
    /// The backend's id of the query, where it is known.
    pub query_id: Option<String>,
    /// Its result; `None`: unknown. JSON, as written by [`StateStore::finish`]; or [`RAN`] or [`FAILED`] if
    /// there was no room for it any more.
    pub result: Option<String>,
    /// Whether it is here for its query id alone: it changes nothing, and could run again.
    pub is_read: bool,
}

impl Entry {
    /// How long ago it was begun, for people.
    pub fn age(&self) -> String {
        let seconds = now_ms().saturating_sub(self.started_ms).max(0) / 1000;
        match seconds {
            0..120 => format!("{seconds} s"),
            120..7_200 => format!("{} min", seconds / 60),
            _ => format!("{} h", seconds / 3600),
        }
    }
}

impl StateStore {
    /// What the journal has of `request` of `session`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn entry(&self, session: &str, request: u64) -> Result<Option<Entry>, StateError> {
        let session = session.to_owned();
        self.ask(Ask::READ, move |access| entry(access.connection, &session, request)).await
    }

    /// `request` of `session` is about to reach the backend. If the caller is dropped before it has
    /// [kept](super::Begun::keep) the answer, the journal forgets it again.
    ///
    /// # Errors
    /// It could not be written down; then it must not run.
    pub async fn begin(
        &self,
        session: &str,
        request: u64,
        digest: Digest,
        query_id: Option<&str>,
        repeat: Option<RepeatRow>,
        draft: Option<AuditDraft>,
    ) -> Result<Begin, StateError> {
        let mut undo = Some(Undo::new(self, session, request));
        let (session, query_id) = (session.to_owned(), query_id.map(str::to_owned));
        let insert = move |access: &mut Access<'_>| {
            let sql = "INSERT INTO journal (session, request, digest, started_ms, query_id) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (session, request) DO NOTHING";
            let mut insert = access.connection.prepare_cached(sql)?;
            match insert.execute(params![session, request, digest.0, now_ms(), query_id])? {
                0 => entry(access.connection, &session, request),
                _ => {
                    if let Some(repeat) = &repeat {
                        front::insert_repeat(access.connection, &session, request, repeat)?;
                    }
                    if let Some(draft) = &draft {
                        audit::insert(access.connection, &session, request, draft)?;
                    }
                    Ok(None)
                }
            }
        };
        self.ask_then(Ask::OF_CALLER, insert, move |entry| Begin::of(entry, undo.take())).await
    }

    /// The backend runs `request` of `session` as `query_id`. A request that is not in the journal yet, a
    /// long read, gets an entry.
    ///
    /// # Errors
    /// It could not be written down.
    pub async fn record_query_id(
        &self,
        session: &str,
        request: u64,
        digest: Digest,
        query_id: &str,
    ) -> Result<(), StateError> {
        let (session, query_id) = (session.to_owned(), query_id.to_owned());
        let record = move |access: &mut Access<'_>| {
            let sql = "INSERT INTO journal (session, request, digest, started_ms, query_id, finished)
                VALUES (?1, ?2, ?3, ?4, ?5, 0)
                ON CONFLICT (session, request) DO UPDATE SET query_id = excluded.query_id";
            let mut recording = access.connection.prepare_cached(sql)?;
            recording.execute(params![session, request, digest.0, now_ms(), query_id]).map(drop)
        };
        self.ask(Ask::FOR_GOOD, record).await
    }

    /// `request` of `session` has ended with `result`, of [`RESULT_BYTES_MAX`] bytes at most. At least the
    /// newest `keep` finished statements of the session are kept, and as many of their results as fit into its
    /// share (see `results`).
    ///
    /// # Errors
    /// It could not be written down: a later gateway will answer "outcome unknown".
    pub async fn finish(
        &self,
        session: &str,
        request: u64,
        result: String,
        keep: usize,
    ) -> Result<(), StateError> {
        let keep = i64::try_from(keep).unwrap_or(i64::MAX - SPARE);
        let session = session.to_owned();
        self.ask(Ask::FOR_GOOD, move |access| finish(access, &session, request, &result, keep)).await
    }

    /// `request` of `session` is known to have changed nothing: it may run again.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub async fn forget(&self, session: &str, request: u64) -> Result<(), StateError> {
        let session = session.to_owned();
        self.ask(Ask::FOR_GOOD, move |access| forget(access, &session, request)).await
    }
}

fn entry(connection: &Connection, session: &str, request: u64) -> rusqlite::Result<Option<Entry>> {
    let sql = "SELECT digest, started_ms, query_id, result, finished IS 0 FROM journal WHERE session = ?1 AND request = ?2";
    let mut found = connection.prepare_cached(sql)?;
    let entry = found.query_row(params![session, request], |row| {
        Ok(Entry {
            digest: Digest(row.get(0)?),
            started_ms: row.get(1)?,
            query_id: row.get(2)?,
            result: row.get(3)?,
            is_read: row.get(4)?,
        })
    });
    entry.optional()
}

fn finish(
    access: &mut Access<'_>,
    session: &str,
    request: u64,
    result: &str,
    keep: i64,
) -> rusqlite::Result<()> {
    let connection = access.connection;
    let number: i64 = connection
        .prepare_cached(
            "SELECT coalesce(max(finished), 0) + 1 FROM journal WHERE session = ?1 AND finished IS NOT NULL",
        )?
        .query_row([session], |row| row.get(0))?;
    if access.results.are_too_many(result.len() as u64) {
        access.results.cut_largest(connection)?;
    }
    let has_room = !access.results.are_too_many(result.len() as u64);
    let sql = "UPDATE journal SET finished = ?3, result = CASE WHEN ?5 THEN ?4
            WHEN json_valid(?4) AND ?4 ->> 'isError' THEN ?6 ELSE ?7 END
        WHERE session = ?1 AND request = ?2";
    let changed = connection
        .prepare_cached(sql)?
        .execute(params![session, request, number, result, has_room, FAILED, RAN])?;
    if changed > 0 {
        access.results.add(session, if has_room { result.len() } else { FAILED.len() });
    }
    if number % SPARE == 0 {
        connection
            .prepare_cached("DELETE FROM journal WHERE session = ?1 AND finished <= ?2")?
            .execute(params![session, number - keep])?;
        access.results.set(session, bytes_of(connection, session)?);
    }
    access.results.cut_session(connection, session)
}

pub(super) fn forget(access: &mut Access<'_>, session: &str, request: u64) -> rusqlite::Result<()> {
    audit::note_unrun(access.connection, session, request)?;
    let sql = "DELETE FROM journal WHERE session = ?1 AND request = ?2";
    access.connection.prepare_cached(sql)?.execute(params![session, request]).map(drop)
}
