//! Remembered contexts: the last one that somebody set, for each identity.
//!
//! | event | what happens to it |
//! |---|---|
//! | `set_context` | it is the identity's from here on, whoever else is connected |
//! | the first call of a new session | the session begins in a copy of it |
//! | a session of the identity is connected | it does not age |
//! | none is for as long as a detached session is kept, or [`REMEMBERED_MAX`] others were used since | it goes |
//!
//! It hangs on no session's row: those come and go. A session that has set nothing changes nothing here.

use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};

use super::file::Access;
use super::jobs::Ask;
use super::{Identity, KeptContext, StateError, StateStore, now_ms};
use crate::backend::Place;

/// Remembered contexts, at most; those that were not used for the longest time go first.
const REMEMBERED_MAX: i64 = 10_000;

/// That a session is connected is noted with every sweep: a context that is this much older than it may be may
/// belong to one.
const USE_GRACE_MS: i64 = 120_000;

/// A time that is this far ahead was written under another clock, and is no later than now.
const CLOCK_GRACE_MS: i64 = 60_000;

/// Identities whose use is noted in one step.
const USE_STEP: usize = 256;

const TABLE: &str = "
CREATE TABLE remembered (
    identity BLOB PRIMARY KEY,
    context TEXT NOT NULL,
    set_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX remembered_used_ms ON remembered (used_ms);
";

/// An identity on one connection, where the names of a context mean something: a digest of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdentityKey([u8; 32]);

impl IdentityKey {
    /// Of the session called `name`, or of the client of `identity`; `None`: nothing tells it from others.
    pub fn of(identity: &Identity, name: Option<&str>, place: &Place) -> Option<Self> {
        let Identity { uid, parent_exe, cwd, client, profile, key } = identity;
        let text = match name {
            Some(name) => serde_json::to_vec(&("name", uid, profile, place, name)),
            None if !identity.tells_apart() => return None,
            None => serde_json::to_vec(&("client", uid, profile, place, parent_exe, cwd, client)),
        };
        // Texts and a number are all that is in it.
        let text = text.unwrap_or_default();
        // What has no key is found as an earlier build has written it.
        let text = key
            .as_ref()
            .map_or_else(|| text.clone(), |key| serde_json::to_vec(&("key", key, &text)).unwrap_or_default());
        Some(Self(Sha256::digest(text).into()))
    }
}

/// That a session's context was set, for whom, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remember {
    identity: IdentityKey,
    /// Milliseconds since 1970; no two of a process are the same.
    set_ms: i64,
}

impl Remember {
    /// It was set now.
    pub fn now(identity: IdentityKey) -> Self {
        static LAST: AtomicI64 = AtomicI64::new(0);
        let now = now_ms();
        let later = |last: i64| now.max(last.saturating_add(1));
        let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(later(last)));
        Self { identity, set_ms: later(last.unwrap_or_default()) }
    }
}

impl StateStore {
    /// Notes that sessions of these identities are connected.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn note_use(&self, identities: &[IdentityKey]) -> Result<(), StateError> {
        for step in identities.chunks(USE_STEP) {
            let step = step.to_vec();
            let note = move |access: &mut Access<'_>| {
                step.iter().try_for_each(|identity| note_use(access.connection, *identity))
            };
            self.ask(Ask::FOR_GOOD, note).await?;
        }
        Ok(())
    }

    /// Forgets what no session was connected for within `ttl_ms`, and what is too much.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn forget_unused(&self, ttl_ms: i64) -> Result<(), StateError> {
        let forget = move |access: &mut Access<'_>| {
            let sql = "DELETE FROM remembered WHERE used_ms <= ?1";
            access.connection.prepare_cached(sql)?.execute([expired_before(ttl_ms)])?;
            let sql = "DELETE FROM remembered WHERE identity IN
                (SELECT identity FROM remembered ORDER BY used_ms DESC LIMIT -1 OFFSET ?1)";
            access.connection.prepare_cached(sql)?.execute([REMEMBERED_MAX]).map(drop)
        };
        self.ask(Ask::FOR_GOOD, forget).await
    }
}

fn expired_before(ttl_ms: i64) -> i64 {
    let grace = if ttl_ms > 0 { USE_GRACE_MS } else { 0 };
    now_ms().saturating_sub(ttl_ms).saturating_sub(grace)
}

fn note_use(connection: &Connection, identity: IdentityKey) -> rusqlite::Result<()> {
    let sql = "UPDATE remembered SET used_ms = ?2 WHERE identity = ?1";
    connection.prepare_cached(sql)?.execute(params![identity.0, now_ms()]).map(drop)
}

/// Writes down that `context` was set, unless another was set later.
pub(super) fn remember(
    connection: &Connection,
    remember: Remember,
    context: &KeptContext,
) -> rusqlite::Result<()> {
    let now = now_ms();
    let sql = "INSERT INTO remembered VALUES (?1, ?2, ?3, ?4) ON CONFLICT (identity) DO UPDATE
        SET context = ?2, set_ms = ?3, used_ms = ?4 WHERE set_ms < ?3 OR set_ms > ?5";
    connection
        .prepare_cached(sql)?
        .execute(params![
            remember.identity.0,
            context.to_json(),
            remember.set_ms,
            now,
            now.saturating_add(CLOCK_GRACE_MS)
        ])
        .map(drop)
}

/// The context that a new session of `identity` begins in.
pub(super) fn recall(
    connection: &Connection,
    identity: IdentityKey,
    ttl_ms: i64,
) -> rusqlite::Result<Option<KeptContext>> {
    let sql = "SELECT context FROM remembered WHERE identity = ?1 AND used_ms > ?2";
    let found: Option<String> = connection
        .prepare_cached(sql)?
        .query_row(params![identity.0, expired_before(ttl_ms)], |row| row.get(0))
        .optional()?;
    let Some(found) = found.and_then(|context| serde_json::from_str(&context).ok()) else { return Ok(None) };
    note_use(connection, identity)?;
    Ok(Some(found))
}

/// Makes the table where the file lacks it: a build before it knew only the contexts of sessions. An older
/// build does without it.
pub(super) fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'remembered')";
    if connection.query_row(sql, [], |row| row.get(0))? {
        return Ok(());
    }
    let making = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    making.execute_batch(TABLE)?;
    {
        let sql = "SELECT uid, parent_exe, cwd, client, profile, name, context,
            CASE WHEN detached_ms IS NULL THEN ?1 ELSE max(seen_ms, detached_ms) END AS used_ms
            FROM session ORDER BY seen_ms";
        let mut sessions = making.prepare(sql)?;
        let mut rows = sessions.query([now_ms()])?;
        while let Some(row) = rows.next()? {
            let identity = Identity {
                uid: row.get(0)?,
                parent_exe: row.get(1)?,
                cwd: row.get(2)?,
                client: row.get(3)?,
                profile: row.get(4)?,
                key: None,
            };
            let (name, context, used_ms): (Option<String>, String, i64) =
                (row.get(5)?, row.get(6)?, row.get(7)?);
            let Ok(context) = serde_json::from_str::<KeptContext>(&context) else { continue };
            // A second session of a name had one of its own, with a slash.
            let is_shown = name.as_ref().is_none_or(|name| !name.contains('/'));
            let place = context.at.as_ref().filter(|_| is_shown && context.is_set != Some(false));
            let key = place.and_then(|place| IdentityKey::of(&identity, name.as_deref(), place));
            if let Some(key) = key {
                making.execute(
                    "INSERT OR REPLACE INTO remembered VALUES (?1, ?2, ?3, ?3)",
                    params![key.0, context.to_json(), used_ms],
                )?;
            }
        }
    }
    making.commit()
}
