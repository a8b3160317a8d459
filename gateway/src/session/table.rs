//! The table of open sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use snowgate_link::hello::SessionKey;
use uuid::Uuid;

use super::{Session, SessionView};

/// The longest session id a shim may present, in bytes: ours have 36.
const ID_BYTES_MAX: usize = 64;

/// Why a session cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The table is full.
    #[error("{0} sessions are open, which is the limit")]
    Full(usize),
    /// Somebody presents a session that is another's.
    #[error("session {0} belongs to another shim")]
    NotYours(String),
}

/// All open sessions, at most `sessions_max`.
#[derive(Debug)]
pub struct SessionTable {
    sessions_max: usize,
    /// Written when a session opens and when its guard is dropped.
    sessions: Mutex<HashMap<String, Arc<Session>>>,
}

/// An open session; dropping it takes the session out of the table.
#[derive(Debug)]
pub struct SessionGuard {
    table: Arc<SessionTable>,
    /// The session.
    pub session: Arc<Session>,
}

impl SessionTable {
    /// An empty table.
    pub fn new(sessions_max: usize) -> Arc<Self> {
        Arc::new(Self { sessions_max, sessions: Mutex::default() })
    }

    /// The key for a new connection: the one presented where it can be this gateway's, else a fresh one.
    pub fn key_for(presented: Option<&SessionKey>) -> SessionKey {
        let sound = |text: &str| {
            !text.is_empty()
                && text.len() <= ID_BYTES_MAX
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        match presented {
            Some(key) if sound(&key.id) && sound(&key.secret) => key.clone(),
            _ => SessionKey { id: Uuid::new_v4().to_string(), secret: Uuid::new_v4().simple().to_string() },
        }
    }

    /// Opens `session`. One that is open under the same id and secret is replaced, and everything it runs stops: its
    /// shim has a new connection.
    ///
    /// # Errors
    /// The table is full, or the id is taken under another secret.
    pub fn open(self: &Arc<Self>, session: Session) -> Result<SessionGuard, TableError> {
        let mut sessions = self.lock();
        if let Some(open) = sessions.get(&session.key.id) {
            if open.key != session.key {
                return Err(TableError::NotYours(session.key.id));
            }
            open.gone.cancel();
        } else if sessions.len() >= self.sessions_max {
            return Err(TableError::Full(self.sessions_max));
        }
        let session = Arc::new(session);
        sessions.insert(session.key.id.clone(), Arc::clone(&session));
        Ok(SessionGuard { table: Arc::clone(self), session })
    }

    /// How many sessions are open.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The open sessions, oldest first.
    pub fn views(&self) -> Vec<SessionView> {
        let mut sessions: Vec<_> = self.lock().values().cloned().collect();
        sessions.sort_by_key(|session| session.started_at);
        sessions.iter().map(|session| SessionView::of(session)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        self.session.gone.cancel();
        let mut sessions = self.table.lock();
        // A newer connection of the same shim may have taken the place already.
        if sessions.get(&self.session.key.id).is_some_and(|open| Arc::ptr_eq(open, &self.session)) {
            sessions.remove(&self.session.key.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use snowgate_link::hello::Origin;

    use super::*;
    use crate::session::SessionContext;

    fn session(key: SessionKey) -> Session {
        Session::new(key, Origin::default(), 1, "default".into(), SessionContext::default())
    }

    #[test]
    fn a_full_table_refuses_and_a_closed_session_makes_room() {
        let table = SessionTable::new(1);
        let first = table.open(session(SessionTable::key_for(None))).unwrap();
        assert_eq!(table.open(session(SessionTable::key_for(None))).unwrap_err(), TableError::Full(1));
        drop(first);
        assert!(table.is_empty());
        table.open(session(SessionTable::key_for(None))).unwrap();
    }

    #[test]
    fn a_second_connection_replaces_the_first_and_outlives_it() {
        let table = SessionTable::new(1);
        let key = SessionTable::key_for(None);
        let first = table.open(session(key.clone())).unwrap();
        let second = table.open(session(SessionTable::key_for(Some(&key)))).unwrap();
        assert!(first.session.gone.is_cancelled() && !second.session.gone.is_cancelled());
        drop(first);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_stolen_id_does_not_open_a_session() {
        let table = SessionTable::new(9);
        let owner = table.open(session(SessionTable::key_for(None))).unwrap();
        let id = owner.session.key.id.clone();
        let thief = session(SessionKey { id: id.clone(), secret: "guess".into() });
        assert_eq!(table.open(thief).unwrap_err(), TableError::NotYours(id));
        assert!(!owner.session.gone.is_cancelled());
    }

    #[test]
    fn an_id_that_is_none_of_ours_is_not_taken_over() {
        let odd = SessionKey { id: "../../etc\n".into(), secret: "x".into() };
        assert_ne!(SessionTable::key_for(Some(&odd)).id, odd.id);
    }
}
