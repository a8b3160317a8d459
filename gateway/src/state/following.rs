//! Which session a new one follows: it takes over what the client left there.
//!
//! Three steps, so that neither the file nor anyone who waits for it waits for the system's answers about
//! processes:
//!
//! 1. [`StateStore::candidates`] reads the latest sessions of the same client.
//! 2. [`Candidates::choose`] looks which of them are there. Those with a connection are known; of the others
//!    the system is asked, newest first, until it is decided.
//! 3. [`StateStore::register`] writes, unless something has changed meanwhile.

use std::cmp::Reverse;
use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::file::Access;
use super::jobs::Ask;
use super::sessions::{IsConnected, Registered, SessionRecord, insert, remove, shim};
use super::{Identity, KeptContext, ShimProcess, StateError, StateStore, now_ms};

/// Attached sessions of a client that are looked at, and detached ones: the latest of each. The sweep finds out
/// about the rest.
const CANDIDATES_MAX: usize = 8;

/// A kept session that another may follow.
#[derive(Clone, Debug)]
struct Candidate {
    id: String,
    shim: Option<ShimProcess>,
    is_detached: bool,
    started_ms: i64,
    /// When its client last said something, as far as the file knows.
    seen_ms: i64,
    /// The same, or when it was found gone.
    last_ms: i64,
}

/// The latest sessions of one client, the one that began last first.
#[derive(Clone, Debug, Default)]
pub struct Candidates(Vec<Candidate>);

/// What is known of them.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The session that began last of those whose clients are gone, if no other that is there began after its
    /// client last said something: else what it left is not the latest.
    left: Option<Candidate>,
    /// Attached ones whose shims are gone.
    gone: HashSet<String>,
    /// Whether it was looked at all: a session that comes back follows no other, and keeps its name.
    was_made: bool,
}

impl Candidates {
    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the system has to be asked about a process to choose one.
    pub fn have_unknown(&self, is_connected: &dyn Fn(&str) -> bool) -> bool {
        self.0.iter().any(|candidate| !candidate.is_detached && !is_connected(&candidate.id))
    }

    /// Chooses the session to follow from those that were there within `ttl_ms`. `may_return` says of a shim
    /// without a connection whether it still runs; it is asked as seldom as possible.
    pub fn choose(
        self,
        ttl_ms: i64,
        is_connected: &dyn Fn(&str) -> bool,
        may_return: &dyn Fn(Option<ShimProcess>) -> bool,
    ) -> Choice {
        let seen_after = now_ms().saturating_sub(ttl_ms);
        let mut choice = Choice { was_made: true, ..Choice::default() };
        let mut others_began = None;
        for candidate in self.0 {
            let is_gone =
                !is_connected(&candidate.id) && (candidate.is_detached || !may_return(candidate.shim));
            if !is_gone {
                // The first is the one that began last.
                others_began.get_or_insert(candidate.started_ms);
                continue;
            }
            if !candidate.is_detached {
                choice.gone.insert(candidate.id.clone());
            }
            if candidate.last_ms > seen_after {
                let is_latest = others_began.is_none_or(|began| candidate.seen_ms > began);
                choice.left = is_latest.then_some(candidate);
                break;
            }
        }
        choice
    }
}

impl StateStore {
    /// The latest sessions that `record` may follow.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn candidates(&self, record: &SessionRecord) -> Result<Candidates, StateError> {
        let record = record.clone();
        self.ask(Ask::READ, move |access| candidates(access.connection, &record)).await
    }

    /// Registers a session, which takes over from the one that was chosen if that is still as it was.
    ///
    /// # Errors
    /// The file cannot be used; nothing is registered, and nothing taken over.
    pub async fn register(
        &self,
        record: SessionRecord,
        choice: Choice,
        is_connected: IsConnected,
    ) -> Result<Registered, StateError> {
        self.ask(Ask::OF_CALLER, move |access| register(access, &record, &choice, &*is_connected)).await
    }
}

fn register(
    access: &mut Access<'_>,
    record: &SessionRecord,
    choice: &Choice,
    is_connected: &dyn Fn(&str) -> bool,
) -> rusqlite::Result<Registered> {
    let is_taken = choice.was_made && is_name_taken(access.connection, record, choice, is_connected)?;
    let inherited = match &choice.left {
        Some(left) if !is_taken && is_latest(access.connection, record, left, choice)? => {
            take_over(access, left, is_connected)?
        }
        _ => None,
    };
    // A name belongs to one session at a time; another one's own is a name that no client can ask for.
    let name = record.name.as_ref();
    let name = name.map(|name| if is_taken { format!("{name}/{}", record.key.id) } else { name.clone() });
    let context = inherited.as_ref().unwrap_or(&record.context);
    insert(access.connection, record, context, name.as_deref())?;
    Ok(Registered { inherited })
}

/// Whether another session that is there, or may be, has the name.
fn is_name_taken(
    connection: &Connection,
    record: &SessionRecord,
    choice: &Choice,
    is_connected: &dyn Fn(&str) -> bool,
) -> rusqlite::Result<bool> {
    let Some(name) = &record.name else { return Ok(false) };
    let sql = "SELECT id, detached_ms IS NOT NULL FROM session
        WHERE name = ?1 AND uid = ?2 AND profile = ?3 AND id <> ?4";
    let mut others = connection.prepare_cached(sql)?;
    let identity = &record.identity;
    let parameters = params![name, identity.uid, identity.profile, record.key.id];
    let others =
        others.query_map(parameters, |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?;
    for other in others {
        let (id, is_detached) = other?;
        if is_connected(&id) || !(is_detached || choice.gone.contains(&id)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether no session that is there, or may be, began after the client of `left` last said something. They
/// were looked at before; another may have come meanwhile.
fn is_latest(
    connection: &Connection,
    record: &SessionRecord,
    left: &Candidate,
    choice: &Choice,
) -> rusqlite::Result<bool> {
    let later = attached(connection, record, left.seen_ms, |row| row.get::<_, String>(0))?;
    Ok(later.iter().all(|id| choice.gone.contains(id)))
}

/// Removes the session that `left` was, and returns its context; `None` if it is another by now.
fn take_over(
    access: &mut Access<'_>,
    left: &Candidate,
    is_connected: &dyn Fn(&str) -> bool,
) -> rusqlite::Result<Option<KeptContext>> {
    let sql = "SELECT context FROM session WHERE id = ?1 AND (detached_ms IS NOT NULL OR shim_pid IS ?2)";
    let context: Option<String> = access
        .connection
        .prepare_cached(sql)?
        .query_row(params![left.id, left.shim.map(|shim| shim.pid)], |row| row.get(0))
        .optional()?;
    let Some(context) = context.filter(|_| !is_connected(&left.id)) else { return Ok(None) };
    remove(access, &left.id)?;
    let left = serde_json::from_str::<KeptContext>(&context).ok();
    // Its profile's context is not what it left: the profile may say otherwise by now.
    Ok(left.filter(|context| context.is_set != Some(false)))
}

fn candidates(connection: &Connection, record: &SessionRecord) -> rusqlite::Result<Candidates> {
    let read = |is_detached: bool| {
        move |row: &Row<'_>| {
            let (started_ms, seen_ms, detached_ms): (_, i64, Option<i64>) =
                (row.get(3)?, row.get(4)?, row.get(5)?);
            let last_ms = seen_ms.max(detached_ms.unwrap_or_default());
            Ok(Candidate { id: row.get(0)?, shim: shim(row, 1)?, is_detached, started_ms, seen_ms, last_ms })
        }
    };
    let mut all = attached(connection, record, i64::MIN, read(false))?;
    all.extend(latest(connection, record, DETACHED, i64::MIN, read(true))?);
    all.sort_by_key(|candidate| Reverse((candidate.started_ms, candidate.last_ms)));
    Ok(Candidates(all))
}

const ATTACHED: &str = "detached_ms IS NULL";
const DETACHED: &str = "detached_ms IS NOT NULL";

fn attached<T>(
    connection: &Connection,
    record: &SessionRecord,
    started_from: i64,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    latest(connection, record, ATTACHED, started_from, read)
}

/// The latest sessions of the client of `record`, its own left out.
fn latest<T>(
    connection: &Connection,
    record: &SessionRecord,
    which: &str,
    started_from: i64,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let Identity { uid, parent_exe, cwd, client, profile } = &record.identity;
    let sql = latest_sql(record.name.is_some(), which);
    let (id, name) = (&record.key.id, &record.name);
    // A context is of use on its own connection only, and stays for the sessions there.
    let at = record.context.at.clone().map(String::from);
    let named: [&dyn ToSql; 6] = [profile, uid, id, &started_from, &at, name];
    let unnamed: [&dyn ToSql; 8] = [profile, uid, id, &started_from, &at, cwd, client, parent_exe];
    let parameters: &[&dyn ToSql] = if record.name.is_some() { &named } else { &unnamed };
    connection.prepare_cached(&sql)?.query_map(parameters, read)?.collect()
}

fn latest_sql(has_name: bool, which: &str) -> String {
    let whose = if has_name {
        "name = ?6"
    } else {
        "cwd IS ?6 AND client IS ?7 AND parent_exe IS ?8 AND name IS NULL"
    };
    format!(
        "SELECT id, shim_pid, shim_born, started_ms, seen_ms, detached_ms FROM session
        WHERE {whose} AND profile = ?1 AND uid = ?2 AND {which} AND id <> ?3 AND started_ms >= ?4
            AND (?5 IS NULL OR coalesce(json_extract(context, '$.at'), ?5) = ?5)
        ORDER BY started_ms DESC LIMIT {CANDIDATES_MAX}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::file::OpenFile;

    fn candidate(id: &str, is_detached: bool, started_ms: i64, seen_ms: i64) -> Candidate {
        Candidate { id: id.to_owned(), shim: None, is_detached, started_ms, seen_ms, last_ms: seen_ms }
    }

    #[test]
    fn the_first_decisive_candidate_ends_the_search() {
        let now = now_ms();
        let looked = std::cell::Cell::new(0);
        let choose = |candidates: Vec<Candidate>| {
            looked.set(0);
            let may_return = |_: Option<ShimProcess>| {
                looked.set(looked.get() + 1);
                true
            };
            let chosen = Candidates(candidates).choose(1000, &|id| id.starts_with("connected"), &may_return);
            (chosen.left.map(|left| left.id), looked.get())
        };
        let left = candidate("left", true, now - 50, now - 5);
        let later = candidate("waits", false, now - 40, now);
        let earlier = candidate("waits", false, now - 60, now);
        assert_eq!(choose(vec![left.clone(), earlier]), (Some("left".to_owned()), 0));
        assert_eq!(choose(vec![later.clone(), left.clone()]), (Some("left".to_owned()), 1));
        let since = candidate("connected", false, now - 1, now);
        assert_eq!(choose(vec![since, left.clone()]), (None, 0), "it began later");
        let came_back = candidate("connected again", true, now - 40, now - 5);
        assert_eq!(choose(vec![came_back, left]), (Some("left".to_owned()), 0));
        let old = candidate("old", true, now - 5000, now - 4000);
        assert_eq!(choose(vec![old]), (None, 0), "it is too old");
    }

    #[test]
    fn candidates_are_found_by_an_index_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        OpenFile::open(&path).map_err(|_| "cannot open").unwrap();
        let connection = Connection::open(&path).unwrap();
        for (which, index) in [(ATTACHED, "session_attached"), (DETACHED, "session_detached")] {
            let sql = format!("EXPLAIN QUERY PLAN {}", latest_sql(false, which));
            let mut statement = connection.prepare(&sql).unwrap();
            let parameters = (0..statement.parameter_count()).map(|_| "x");
            let plan: Vec<String> = statement
                .query_map(rusqlite::params_from_iter(parameters), |row| row.get(3))
                .unwrap()
                .collect::<rusqlite::Result<_>>()
                .unwrap();
            assert!(plan.iter().all(|step| step.contains(index)), "{plan:?}");
        }
    }
}
