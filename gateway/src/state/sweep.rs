//! What is of no use any more goes, a little at a time: whoever waits for the file waits for one step.

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use super::file::Access;
use super::jobs::Ask;
use super::sessions::{IsConnected, remove, set_detached, shim};
use super::{ShimProcess, StateError, StateStore, now_ms};

/// Sessions kept whose clients are gone, at most; the oldest go first.
const DETACHED_MAX: i64 = 10_000;

/// How long is kept at least what no process can be looked at for, in milliseconds: sessions whose shims the
/// system does not tell of, and the journal of those that could not be registered.
const UNSEEN_MS: i64 = 24 * 3600 * 1000;

/// Sessions that are read, and that are changed, in one step.
const READ_STEP: usize = 1024;
const CHANGE_STEP: usize = 256;

/// Steps of one kind in a sweep; what is left is for the next.
const STEPS_MAX: usize = 64;

type Attached = (String, Option<ShimProcess>);

impl StateStore {
    /// Attached sessions with ids above `after`, in order; fewer than [`READ_STEP`]: there are no more.
    async fn attached(&self, after: &str) -> Result<Vec<Attached>, StateError> {
        let after = after.to_owned();
        let read = move |access: &mut Access<'_>| {
            let sql = "SELECT id, shim_pid, shim_born FROM session
                WHERE id > ?1 AND detached_ms IS NULL ORDER BY id LIMIT ?2";
            let mut attached = access.connection.prepare_cached(sql)?;
            attached.query_map(params![after, READ_STEP], |row| Ok((row.get(0)?, shim(row, 1)?)))?.collect()
        };
        self.ask(Ask::READ, read).await
    }

    /// The attached sessions that have no connection and a process that can be looked at.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn absent(&self, is_connected: &IsConnected) -> Result<Vec<(String, ShimProcess)>, StateError> {
        let (mut absent, mut after) = (Vec::new(), String::new());
        loop {
            let attached = self.attached(&after).await?;
            let is_last = attached.len() < READ_STEP;
            after = attached.last().map(|(id, _)| id.clone()).unwrap_or_default();
            absent.extend(
                attached
                    .into_iter()
                    .filter_map(|(id, shim)| Some((id, shim?)))
                    .filter(|(id, _)| !is_connected(id)),
            );
            if is_last {
                return Ok(absent);
            }
        }
    }

    /// Those of the sessions `ids` that the file has.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn known(&self, ids: Vec<String>) -> Result<Vec<String>, StateError> {
        let mut known = Vec::new();
        for step in ids.chunks(CHANGE_STEP) {
            let step = step.to_vec();
            let find = move |access: &mut Access<'_>| {
                let mut exists = access.connection.prepare_cached("SELECT 1 FROM session WHERE id = ?1")?;
                let mut known = Vec::new();
                for id in &step {
                    if exists.exists([id])? {
                        known.push(id.clone());
                    }
                }
                Ok(known)
            };
            known.extend(self.ask(Ask::READ, find).await?);
        }
        Ok(known)
    }

    /// Detaches sessions whose shims were found gone.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn detach_gone(
        &self,
        gone: &[(String, ShimProcess)],
        is_connected: &IsConnected,
    ) -> Result<(), StateError> {
        for step in gone.chunks(CHANGE_STEP) {
            let (step, is_connected) = (step.to_vec(), Arc::clone(is_connected));
            let detach = move |access: &mut Access<'_>| {
                let gone = step.iter().filter(|(id, _)| !is_connected(id));
                gone.map(|(id, _)| id).try_for_each(|id| set_detached(access, id))
            };
            self.ask(Ask::FOR_GOOD, detach).await?;
        }
        Ok(())
    }

    /// Removes the sessions that have been gone for `ttl_ms`, and what the journal has of sessions that could
    /// not be registered; returns how many sessions were removed.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn remove_expired(&self, is_connected: &IsConnected, ttl_ms: i64) -> Result<usize, StateError> {
        let mut removed = 0;
        for _ in 0..STEPS_MAX {
            let is_connected = Arc::clone(is_connected);
            let step =
                self.ask(Ask::FOR_GOOD, move |access| remove_expired(access, ttl_ms, &*is_connected)).await?;
            removed += step;
            if step < CHANGE_STEP {
                break;
            }
        }
        let mut after = String::new();
        for _ in 0..STEPS_MAX {
            let is_connected = Arc::clone(is_connected);
            let remove =
                move |access: &mut Access<'_>| remove_orphans(access, &after, ttl_ms, &*is_connected);
            let Some(last) = self.ask(Ask::FOR_GOOD, remove).await? else { break };
            after = last;
        }
        Ok(removed)
    }
}

/// One step; returns how many sessions were removed.
fn remove_expired(
    access: &mut Access<'_>,
    ttl_ms: i64,
    is_connected: &dyn Fn(&str) -> bool,
) -> rusqlite::Result<usize> {
    let before = |ms: i64| now_ms().saturating_sub(ms);
    let ids = |sql: &str, parameters: &[i64]| -> rusqlite::Result<Vec<String>> {
        let mut expired = access.connection.prepare_cached(sql)?;
        expired.query_map(rusqlite::params_from_iter(parameters), |row| row.get(0))?.collect()
    };
    let mut expired = ids("SELECT id FROM session WHERE detached_ms <= ?1", &[before(ttl_ms)])?;
    let sql =
        "SELECT id FROM session WHERE detached_ms IS NOT NULL ORDER BY detached_ms DESC LIMIT -1 OFFSET ?1";
    expired.extend(ids(sql, &[DETACHED_MAX])?);
    // For shims that the system tells nothing of: they count as alive, but not for ever.
    let sql = "SELECT id FROM session WHERE shim_pid IS NULL AND detached_ms IS NULL AND seen_ms <= ?1";
    expired.extend(ids(sql, &[before(ttl_ms.max(UNSEEN_MS))])?);
    expired.sort_unstable();
    expired.dedup();
    expired.retain(|id| !is_connected(id));
    expired.truncate(CHANGE_STEP);
    expired.iter().try_for_each(|id| remove(access, id))?;
    Ok(expired.len())
}

/// One step through the sessions that the journal has, from the one behind `after` on: removes the journal of
/// those that the file does not know. Returns the last one that was looked at; `None`: there are no more.
fn remove_orphans(
    access: &mut Access<'_>,
    after: &str,
    ttl_ms: i64,
    is_connected: &dyn Fn(&str) -> bool,
) -> rusqlite::Result<Option<String>> {
    let (connection, started_before) = (access.connection, now_ms().saturating_sub(ttl_ms.max(UNSEEN_MS)));
    let mut last = after.to_owned();
    for _ in 0..CHANGE_STEP {
        let sql = "SELECT session FROM journal WHERE session > ?1 ORDER BY session LIMIT 1";
        let next = connection.prepare_cached(sql)?.query_row([&last], |row| row.get(0)).optional()?;
        let Some(next) = next else { return Ok(None) };
        last = next;
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM session WHERE id = ?1)
            AND (SELECT max(started_ms) FROM journal WHERE session = ?1) <= ?2";
        let is_orphan: bool =
            connection.prepare_cached(sql)?.query_row(params![last, started_before], |row| row.get(0))?;
        if is_orphan && !is_connected(&last) {
            remove(access, &last)?;
        }
    }
    Ok(Some(last))
}
