//! Sessions as the state file keeps them: from a session's first call until its client has been gone for a
//! while.
//!
//! A session that only listed tools, or a client's probe, is never registered and leaves nothing. One that is
//! registered stays attached until its shim is known to be gone; a gateway that dies leaves its sessions
//! attached, because their shims will come back.

use std::collections::HashSet;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest as _, Sha256};
use snowgate_link::hello::SessionKey;

use super::{Identity, ShimProcess, StateError, StateStore, now_ms};
use crate::backend::Context;

/// Sessions kept whose clients are gone, at most; the oldest go first.
const DETACHED_MAX: i64 = 10_000;

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

/// How long the journal of a session that could not be registered is kept at least, in milliseconds.
const ORPHAN_MS: i64 = 24 * 3600 * 1000;

/// What changes of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSnapshot {
    /// Where its statements run.
    pub context: Context,
    /// Its counters.
    pub counts: Counts,
    /// Milliseconds since its client last said something.
    pub idle_ms: u64,
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
    pub context: Context,
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
    /// The context that a session of the same client left.
    pub inherited: Option<Context>,
}

/// A kept session that another may follow.
struct Candidate {
    id: String,
    shim: Option<ShimProcess>,
    detached: bool,
    context: String,
    started_ms: i64,
    /// When its client last said something, as far as the file knows.
    seen_ms: i64,
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl StateStore {
    /// What is known of the session `key`, which a shim presents; it counts as attached from here on.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn resume(&self, key: &SessionKey, shim: Option<ShimProcess>) -> Result<SessionLookup, StateError> {
        self.with("read", |connection| {
            let sql = "SELECT secret, requests, rows, bytes, errors, started_ms, detached_ms IS NULL FROM session WHERE id = ?1";
            let found = connection
                .prepare_cached(sql)?
                .query_row([&key.id], |row| {
                    let secret: [u8; 32] = row.get(0)?;
                    Ok((secret, counts(row, 1)?, row.get(5)?, row.get(6)?))
                })
                .optional()?;
            let Some((secret, counts, started_ms, attached)) = found else { return Ok(SessionLookup::Unknown) };
            if secret != digest(&key.secret) {
                return Ok(SessionLookup::ForeignSecret);
            }
            let sql = "UPDATE session SET detached_ms = NULL, seen_ms = ?2, shim_pid = ?3, shim_born = ?4 WHERE id = ?1";
            let (pid, born) = columns(shim);
            connection.prepare_cached(sql)?.execute(params![key.id, now_ms(), pid, born])?;
            Ok(SessionLookup::Found { counts, started_ms, attached })
        })
    }

    /// Registers a session; with `follows` it takes over from the session of the same client that began last
    /// and whose shim is gone, if that was there within `ttl_ms`, and its client said something after every
    /// other one began that is still there: else what it left is not the latest.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn register(
        &self,
        record: &SessionRecord,
        follows: bool,
        ttl_ms: i64,
    ) -> Result<Registered, StateError> {
        self.with("write to", |connection| {
            let registering = connection.transaction()?;
            let seen_after = now_ms().saturating_sub(ttl_ms);
            let candidates = if follows { candidates(&registering, record, seen_after)? } else { Vec::new() };
            let is_free = |candidate: &&Candidate| candidate.detached || !is_alive(candidate.shim);
            let others_began = candidates.iter().filter(|candidate| !is_free(candidate));
            let others_began = others_began.map(|other| other.started_ms).max().unwrap_or(i64::MIN);
            // A name belongs to one session at a time; another one's own is a name that no client can ask
            // for.
            let taken = record.name.is_some() && candidates.iter().any(|candidate| !is_free(&candidate));
            let left = candidates.iter().find(is_free).filter(|left| !taken && left.seen_ms > others_began);
            if let Some(left) = left {
                remove(&registering, &left.id)?;
            }
            let inherited: Option<Context> = left.and_then(|left| serde_json::from_str(&left.context).ok());
            let context = inherited.as_ref().unwrap_or(&record.context);
            let name = record.name.as_ref();
            let name =
                name.map(|name| if taken { format!("{name}/{}", record.key.id) } else { name.clone() });
            insert(&registering, record, context, name.as_deref())?;
            registering.commit()?;
            Ok(Registered { inherited })
        })
    }

    /// Writes down the contexts and counters of sessions, which are looked at only once the file can be
    /// written to; returns the places of those that it does not have.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub fn persist<'a>(
        &self,
        sessions: impl Iterator<Item = (&'a str, SessionSnapshot)>,
    ) -> Result<Vec<usize>, StateError> {
        self.with("write to", |connection| {
            let persisting = connection.transaction()?;
            let mut missing = Vec::new();
            for (at, (id, snapshot)) in sessions.enumerate() {
                if !update(&persisting, id, &snapshot)? {
                    missing.push(at);
                }
            }
            persisting.commit()?;
            Ok(missing)
        })
    }

    /// A session's client is gone: its statements will not be replayed. Its context stays for the next one.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub fn detach(&self, id: &str, snapshot: &SessionSnapshot) -> Result<(), StateError> {
        self.with("write to", |connection| {
            let detaching = connection.transaction()?;
            update(&detaching, id, snapshot)?;
            set_detached(&detaching, id)?;
            detaching.commit()
        })
    }

    /// Whether the gateway may make room for `build` now: it did not within `pause`. Notes that it does.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn yields_to(&self, build: &str, pause: Duration) -> Result<bool, StateError> {
        let key = format!("yielded to {build}");
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        self.with("write to", |connection| {
            let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2
                WHERE CAST(value AS INTEGER) <= ?2 - ?3";
            let changed = connection.prepare_cached(sql)?.execute(params![key, now_ms(), pause_ms])?;
            Ok(changed > 0)
        })
    }

    /// Detaches sessions whose shims ended without a goodbye (`connected` ones are not looked at), and
    /// removes those that have been gone for `ttl_ms`; returns how many were removed.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn sweep(&self, connected: &HashSet<String>, ttl_ms: i64) -> Result<usize, StateError> {
        self.with("write to", |connection| {
            let sweeping = connection.transaction()?;
            for (id, shim) in attached(&sweeping)? {
                if !connected.contains(&id) && !is_alive(shim) {
                    set_detached(&sweeping, &id)?;
                }
            }
            let removed = remove_expired(&sweeping, now_ms().saturating_sub(ttl_ms), connected)?;
            remove_orphans(&sweeping, now_ms().saturating_sub(ttl_ms.max(ORPHAN_MS)), connected)?;
            sweeping.commit()?;
            Ok(removed)
        })
    }
}

/// Whether a shim may come back. One that the system tells nothing of may.
fn is_alive(shim: Option<ShimProcess>) -> bool {
    shim.is_none_or(ShimProcess::is_alive)
}

fn columns(shim: Option<ShimProcess>) -> (Option<u32>, Option<i64>) {
    (shim.map(|shim| shim.pid), shim.map(|shim| i64::try_from(shim.born).unwrap_or(i64::MAX)))
}

/// The shim in the columns from `at` on.
fn shim(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<ShimProcess>> {
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

/// The sessions that `record` may follow, the one that began last first.
fn candidates(
    connection: &Connection,
    record: &SessionRecord,
    seen_after: i64,
) -> rusqlite::Result<Vec<Candidate>> {
    const COLUMNS: &str = "SELECT id, shim_pid, shim_born, detached_ms IS NOT NULL, context, started_ms,
            seen_ms FROM session
        WHERE uid = ?1 AND profile = ?2 AND max(seen_ms, coalesce(detached_ms, 0)) > ?3 AND id <> ?4";
    const ORDER: &str = "ORDER BY started_ms DESC";
    let Identity { uid, parent_exe, cwd, client, profile } = &record.identity;
    let read = |row: &Row<'_>| {
        let (id, detached, context) = (row.get(0)?, row.get(3)?, row.get(4)?);
        let (started_ms, seen_ms) = (row.get(5)?, row.get(6)?);
        Ok(Candidate { id, shim: shim(row, 1)?, detached, context, started_ms, seen_ms })
    };
    let id = &record.key.id;
    match &record.name {
        Some(name) => connection
            .prepare_cached(&format!("{COLUMNS} AND name = ?5 {ORDER}"))?
            .query_map(params![uid, profile, seen_after, id, name], read)?
            .collect(),
        None => connection
            .prepare_cached(&format!(
                "{COLUMNS} AND name IS NULL AND cwd IS ?5 AND client IS ?6 AND parent_exe IS ?7 {ORDER}"
            ))?
            .query_map(params![uid, profile, seen_after, id, cwd, client, parent_exe], read)?
            .collect(),
    }
}

fn insert(
    connection: &Connection,
    record: &SessionRecord,
    context: &Context,
    name: Option<&str>,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO session (id, secret, name, uid, parent_exe, cwd, client, profile, shim_pid, shim_born,
        context, requests, rows, bytes, errors, started_ms, seen_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
    let (identity, counts, (pid, born)) = (&record.identity, record.counts, columns(record.shim));
    connection
        .prepare_cached(sql)?
        .execute(params![
            record.key.id,
            digest(&record.key.secret),
            name,
            identity.uid,
            identity.parent_exe,
            identity.cwd,
            identity.client,
            identity.profile,
            pid,
            born,
            json(context),
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
    let SessionSnapshot { context, counts, idle_ms } = snapshot;
    let seen_ms = now_ms().saturating_sub(i64::try_from(*idle_ms).unwrap_or(i64::MAX));
    connection
        .prepare_cached(sql)?
        .execute(params![
            id,
            json(context),
            counts.requests,
            counts.rows,
            counts.bytes,
            counts.errors,
            seen_ms
        ])
        .map(|changed| changed > 0)
}

fn json(context: &Context) -> String {
    // Names are all that is in it.
    serde_json::to_string(context).unwrap_or_default()
}

/// Detaches a session; its journal goes.
fn set_detached(connection: &Connection, id: &str) -> rusqlite::Result<()> {
    let sql = "UPDATE session SET detached_ms = ?2 WHERE id = ?1 AND detached_ms IS NULL";
    connection.prepare_cached(sql)?.execute(params![id, now_ms()])?;
    connection.prepare_cached("DELETE FROM journal WHERE session = ?1")?.execute([id]).map(drop)
}

fn attached(connection: &Connection) -> rusqlite::Result<Vec<(String, Option<ShimProcess>)>> {
    let sql = "SELECT id, shim_pid, shim_born FROM session WHERE detached_ms IS NULL";
    connection.prepare_cached(sql)?.query_map([], |row| Ok((row.get(0)?, shim(row, 1)?)))?.collect()
}

fn remove_expired(
    connection: &Connection,
    seen_before: i64,
    connected: &HashSet<String>,
) -> rusqlite::Result<usize> {
    // The second half is for shims that the system tells nothing of: they count as alive, but not for ever.
    let sql = "SELECT id FROM session WHERE detached_ms <= ?1 OR (shim_pid IS NULL AND seen_ms <= ?1)
        UNION SELECT * FROM (SELECT id FROM session WHERE detached_ms IS NOT NULL ORDER BY detached_ms DESC LIMIT -1 OFFSET ?2)";
    let expired: Vec<String> = connection
        .prepare_cached(sql)?
        .query_map(params![seen_before, DETACHED_MAX], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let expired = expired.iter().filter(|id| !connected.contains(*id));
    let mut removed = 0;
    for id in expired {
        remove(connection, id)?;
        removed += 1;
    }
    Ok(removed)
}

/// Removes what the journal has of sessions that could not be registered at their first call.
fn remove_orphans(
    connection: &Connection,
    started_before: i64,
    connected: &HashSet<String>,
) -> rusqlite::Result<()> {
    let sql = "SELECT session FROM journal WHERE session NOT IN (SELECT id FROM session)
        GROUP BY session HAVING max(started_ms) <= ?1";
    let orphans: Vec<String> = connection
        .prepare_cached(sql)?
        .query_map([started_before], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    orphans.iter().filter(|id| !connected.contains(*id)).try_for_each(|id| remove(connection, id))
}

fn remove(connection: &Connection, id: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM session WHERE id = ?1")?.execute([id])?;
    connection.prepare_cached("DELETE FROM journal WHERE session = ?1")?.execute([id]).map(drop)
}
