//! Sessions as the state file keeps them: from a session's first call until its client has been gone for a
//! while.
//!
//! A session that only listed tools, or a client's probe, is never registered and leaves nothing. One that is
//! registered stays attached until its shim is known to be gone; a gateway that dies leaves its sessions
//! attached, because their shims will come back.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest as _, Sha256};
use snowgate_link::hello::SessionKey;

use super::file::Access;
use super::jobs::Ask;
use super::remembered::{recall, remember};
use super::{Identity, IdentityKey, KeptContext, Remember, ShimProcess, StateError, StateStore, now_ms};

/// Whether the session of an id has a connection to this gateway, and its client has not left.
pub type IsConnected = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// A session's counters, as they stood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests started.
    pub requests: u64,
    /// Rows sent.
    pub rows: u64,
    /// Bytes sent.
    pub bytes: u64,
    /// Requests answered with an error.
    pub errors: u64,
}

/// What changes of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSnapshot {
    /// Where its statements run.
    pub context: KeptContext,
    /// Its counters.
    pub counts: Counts,
    /// Milliseconds since its client last said something.
    pub idle_ms: u64,
    /// Its shim's process, if the session came back and is there: it counts as attached.
    pub returned: Option<Option<ShimProcess>>,
    /// Set if the session has set that context: then it is the last one of its identity.
    pub remember: Option<Remember>,
}

/// What is kept of one session.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// Its key; of the secret only a digest is kept.
    pub key: SessionKey,
    /// The name its user gave it.
    pub name: Option<String>,
    /// Whose it is.
    pub identity: Identity,
    /// The shim's process, where the system tells.
    pub shim: Option<ShimProcess>,
    /// Where its statements run.
    pub context: KeptContext,
    /// Its counters.
    pub counts: Counts,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
}

/// What the file has of a session that a shim presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionLookup {
    /// The file does not have it.
    Unknown,
    /// The file has it.
    Found {
        /// The counters.
        counts: Counts,
        /// When it began, in milliseconds since 1970.
        started_ms: i64,
        /// Whether it counted as connected: else its shim had been found gone, and its journal was removed.
        attached: bool,
    },
    /// It belongs to a shim with another secret.
    ForeignSecret,
}

/// The result of registering a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// The last context that a session of the same identity has set.
    pub inherited: Option<KeptContext>,
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl StateStore {
    /// What is known of the session `key`, which a shim presents. Only read: that the session is back is
    /// written down with the next [`StateStore::persist`].
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn find(&self, key: &SessionKey) -> Result<SessionLookup, StateError> {
        let key = key.clone();
        self.ask(Ask::READ, move |access| find(access.connection, &key)).await
    }

    /// Registers a session, which begins in the context that is remembered for `identity` if one was used
    /// within `ttl_ms`.
    ///
    /// # Errors
    /// The file cannot be used; nothing is registered.
    pub async fn register(
        &self,
        record: SessionRecord,
        identity: Option<IdentityKey>,
        ttl_ms: i64,
    ) -> Result<Registered, StateError> {
        let register = move |access: &mut Access<'_>| {
            let connection = access.connection;
            let inherited = match identity {
                Some(identity) => recall(connection, identity, ttl_ms)?,
                None => None,
            };
            insert(connection, &record, inherited.as_ref().unwrap_or(&record.context))?;
            Ok(Registered { inherited })
        };
        self.ask(Ask::OF_CALLER, register).await
    }

    /// Writes down the contexts and counters of sessions, which are looked at only once the file can be
    /// written to, perhaps more than once; returns the places of those that it does not have.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub async fn persist(
        &self,
        mut sessions: impl FnMut() -> Vec<(String, SessionSnapshot)> + Send + 'static,
    ) -> Result<Vec<usize>, StateError> {
        let persist = move |access: &mut Access<'_>| {
            let mut missing = Vec::new();
            for (at, (id, snapshot)) in sessions().into_iter().enumerate() {
                if !update(access.connection, &id, &snapshot)? {
                    missing.push(at);
                }
            }
            Ok(missing)
        };
        self.ask(Ask::FOR_GOOD, persist).await
    }

    /// A session's client is gone: its statements will not be replayed.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub async fn detach(&self, id: &str, snapshot: SessionSnapshot) -> Result<(), StateError> {
        let id = id.to_owned();
        let detach = move |access: &mut Access<'_>| {
            update(access.connection, &id, &snapshot)?;
            set_detached(access, &id)
        };
        self.ask(Ask::FOR_GOOD, detach).await
    }

    /// Whether the gateway may make room for `build` now: it did not within `pause`. Notes that it does.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn yields_to(&self, build: &str, pause: Duration) -> Result<bool, StateError> {
        let key = format!("yielded to {build}");
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let note = move |access: &mut Access<'_>| {
            let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2
                WHERE CAST(value AS INTEGER) <= ?2 - ?3";
            let mut noting = access.connection.prepare_cached(sql)?;
            Ok(noting.execute(params![key, now_ms(), pause_ms])? > 0)
        };
        self.ask(Ask::OF_CALLER, note).await
    }
}

fn find(connection: &Connection, key: &SessionKey) -> rusqlite::Result<SessionLookup> {
    let sql = "SELECT secret, requests, rows, bytes, errors, started_ms, detached_ms IS NULL FROM session WHERE id = ?1";
    let found = connection
        .prepare_cached(sql)?
        .query_row([&key.id], |row| {
            let secret: [u8; 32] = row.get(0)?;
            Ok((secret, counts(row, 1)?, row.get(5)?, row.get(6)?))
        })
        .optional()?;
    Ok(match found {
        None => SessionLookup::Unknown,
        Some((secret, ..)) if secret != digest(&key.secret) => SessionLookup::ForeignSecret,
        Some((_, counts, started_ms, attached)) => SessionLookup::Found { counts, started_ms, attached },
    })
}

fn columns(shim: Option<ShimProcess>) -> (Option<u32>, Option<i64>) {
    (shim.map(|shim| shim.pid), shim.map(|shim| i64::try_from(shim.born).unwrap_or(i64::MAX)))
}

/// The shim in the columns from `at` on.
pub(super) fn shim(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<ShimProcess>> {
    let (pid, born): (Option<u32>, Option<i64>) = (row.get(at)?, row.get(at + 1)?);
    Ok(pid.zip(born).map(|(pid, born)| ShimProcess { pid, born: u64::try_from(born).unwrap_or_default() }))
}

fn counts(row: &Row<'_>, at: usize) -> rusqlite::Result<Counts> {
    Ok(Counts {
        requests: row.get(at)?,
        rows: row.get(at + 1)?,
        bytes: row.get(at + 2)?,
        errors: row.get(at + 3)?,
    })
}

fn insert(connection: &Connection, record: &SessionRecord, context: &KeptContext) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO session (id, secret, name, uid, parent_exe, cwd, client, profile, shim_pid, shim_born,
        context, requests, rows, bytes, errors, started_ms, seen_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
    let (identity, counts, (pid, born)) = (&record.identity, record.counts, columns(record.shim));
    connection
        .prepare_cached(sql)?
        .execute(params![
            record.key.id,
            digest(&record.key.secret),
            record.name,
            identity.uid,
            identity.parent_exe,
            identity.cwd,
            identity.client,
            identity.profile,
            pid,
            born,
            context.to_json(),
            counts.requests,
            counts.rows,
            counts.bytes,
            counts.errors,
            record.started_ms,
            now_ms()
        ])
        .map(drop)
}

/// Whether there is such a session.
fn update(connection: &Connection, id: &str, snapshot: &SessionSnapshot) -> rusqlite::Result<bool> {
    let sql = "UPDATE session SET context = ?2, requests = ?3, rows = ?4, bytes = ?5, errors = ?6, seen_ms = ?7 WHERE id = ?1";
    let SessionSnapshot { context, counts, idle_ms, returned, remember: set } = snapshot;
    let seen_ms = now_ms().saturating_sub(i64::try_from(*idle_ms).unwrap_or(i64::MAX));
    let changed = connection.prepare_cached(sql)?.execute(params![
        id,
        context.to_json(),
        counts.requests,
        counts.rows,
        counts.bytes,
        counts.errors,
        seen_ms
    ])?;
    if let Some(shim) = returned {
        let sql = "UPDATE session SET detached_ms = NULL, shim_pid = ?2, shim_born = ?3 WHERE id = ?1";
        let (pid, born) = columns(*shim);
        connection.prepare_cached(sql)?.execute(params![id, pid, born])?;
    }
    if let Some(set) = set {
        remember(connection, *set, context)?;
    }
    Ok(changed > 0)
}

/// Detaches a session; its journal goes.
pub(super) fn set_detached(access: &mut Access<'_>, id: &str) -> rusqlite::Result<()> {
    let sql = "UPDATE session SET detached_ms = ?2 WHERE id = ?1 AND detached_ms IS NULL";
    access.connection.prepare_cached(sql)?.execute(params![id, now_ms()])?;
    remove_journal(access, id)
}

pub(super) fn remove(access: &mut Access<'_>, id: &str) -> rusqlite::Result<()> {
    access.connection.prepare_cached("DELETE FROM session WHERE id = ?1")?.execute([id])?;
    remove_journal(access, id)
}

fn remove_journal(access: &mut Access<'_>, id: &str) -> rusqlite::Result<()> {
    access.results.set(id, 0);
    access.connection.prepare_cached("DELETE FROM journal WHERE session = ?1")?.execute([id]).map(drop)
}
