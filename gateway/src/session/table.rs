//! The table of open sessions.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use snowgate_link::hello::SessionKey;
use uuid::Uuid;

use super::seats::Seats;
use super::{NoSeat, Principal, ResultMemory, Session};
use crate::audit::Notice;
use crate::telemetry::Telemetry;

/// The longest session id a shim may present, in bytes: ours have 36.
const ID_BYTES_MAX: usize = 64;

/// Why a session cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The table is full.
    #[error("{0} sessions are open, which is the limit")]
    Full(usize),
}

/// What a shim may have of the session it presents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It presents none.
    New(SessionKey),
    /// It goes on with that one.
    Resumed(SessionKey),
    /// That one is not its own, or none of ours: it gets another.
    Lost(SessionKey),
}

/// All open sessions, at most `sessions_max`.
#[derive(Debug)]
pub struct SessionTable {
    sessions_max: usize,
    /// Written when a session opens and when its guard is dropped.
    sessions: Mutex<HashMap<String, Arc<Session>>>,
    /// What all sessions share.
    results: Arc<ResultMemory>,
    telemetry: Arc<Telemetry>,
    /// How many each client has.
    seats: Seats,
    /// Sessions that went on after their gateway, or their connection, had ended.
    resumed: AtomicU64,
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
        Self::with(sessions_max, ResultMemory::default(), Telemetry::in_memory())
    }

    /// An empty table, whose sessions share `results` and tell `telemetry` of their requests.
    pub fn with(sessions_max: usize, results: ResultMemory, telemetry: Arc<Telemetry>) -> Arc<Self> {
        let (sessions, results, seats) = (Mutex::default(), Arc::new(results), Seats::default());
        Arc::new(Self { sessions_max, sessions, results, telemetry, seats, resumed: AtomicU64::new(0) })
    }

    /// Counts `session` among those of its client, unless it is; closes another one of it, if that is idle and the client
    /// has more than it may.
    ///
    /// # Errors
    /// It has as many as it may, and none is idle.
    pub fn take_seat(&self, session: &Arc<Session>) -> Result<(), NoSeat> {
        session.results.join(&session.principal(), session.profile.limits.result_bytes);
        self.seats.take(session)
    }

    /// What the client of the session `id` is to be told, if that was closed because its client opened another.
    pub fn take_closed(&self, id: &str) -> Option<String> {
        self.seats.take_closed(id)
    }

    /// The clients whose sessions are limited: how many they have, how many they may have, and the setting that says so.
    pub fn seats(&self) -> Vec<(Principal, usize, usize, String)> {
        self.seats.counts()
    }

    /// A new key.
    pub fn fresh_key() -> SessionKey {
        SessionKey { id: Uuid::new_v4().to_string(), secret: Uuid::new_v4().simple().to_string() }
    }

    /// What a shim that presents this key may have, as far as the open sessions tell.
    pub fn claim(&self, presented: Option<&SessionKey>) -> Claim {
        let sound = |text: &str| {
            !text.is_empty()
                && text.len() <= ID_BYTES_MAX
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let Some(key) = presented else { return Claim::New(Self::fresh_key()) };
        let is_another_s = self.lock().get(&key.id).is_some_and(|open| open.key != *key);
        if is_another_s || !sound(&key.id) || !sound(&key.secret) {
            return Claim::Lost(Self::fresh_key());
        }
        Claim::Resumed(key.clone())
    }

    /// Opens `session`. One that is open under the same id and secret is replaced, and everything it runs
    /// stops: its shim has a new connection.
    ///
    /// # Errors
    /// The table is full.
    pub fn open(self: &Arc<Self>, mut session: Session) -> Result<SessionGuard, TableError> {
        let mut sessions = self.lock();
        if let Some(open) = sessions.get(&session.key.id) {
            open.replace();
        } else if sessions.len() >= self.sessions_max {
            return Err(TableError::Full(self.sessions_max));
        }
        session.results = self.results.share(session.gone.clone());
        session.telemetry = Some(Arc::clone(&self.telemetry));
        let session = Arc::new(session);
        sessions.insert(session.key.id.clone(), Arc::clone(&session));
        self.telemetry.audit.note(|| Notice::session_opened(session.asker(), session.is_resumed));
        Ok(SessionGuard { table: Arc::clone(self), session })
    }

    /// A session goes on that was open before.
    pub fn note_resumed(&self) {
        self.resumed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many have gone on.
    pub fn resumed(&self) -> u64 {
        self.resumed.load(Ordering::Relaxed)
    }

    /// How many sessions are open.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Whether the session of this id has a connection, and its client has not left.
    pub fn is_connected(&self, id: &str) -> bool {
        self.lock().get(id).is_some_and(|session| session.is_connected())
    }

    /// The open sessions.
    pub fn all(&self) -> Vec<Arc<Session>> {
        self.lock().values().cloned().collect()
    }

    /// The open sessions, oldest first.
    pub fn sorted(&self) -> Vec<Arc<Session>> {
        let mut sessions = self.all();
        sessions.sort_by_key(|session| session.started_at);
        sessions
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        self.session.gone.cancel();
        self.session.results.close();
        self.table.telemetry.audit.note(|| Notice::session_ended(self.session.asker()));
        let mut sessions = self.table.lock();
        // A newer connection of the same shim may have taken the place already.
        if sessions.get(&self.session.key.id).is_some_and(|open| Arc::ptr_eq(open, &self.session)) {
            sessions.remove(&self.session.key.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Opening, SessionContext};

    fn session(key: SessionKey) -> Session {
        Session::new(Opening::of(key), SessionContext::default())
    }

    #[test]
    fn a_full_table_refuses_and_a_closed_session_makes_room() {
        let table = SessionTable::new(1);
        let first = table.open(session(SessionTable::fresh_key())).unwrap();
        assert_eq!(table.open(session(SessionTable::fresh_key())).unwrap_err(), TableError::Full(1));
        drop(first);
        assert!(table.is_empty());
        table.open(session(SessionTable::fresh_key())).unwrap();
    }

    #[test]
    fn a_second_connection_replaces_the_first_and_outlives_it() {
        let table = SessionTable::new(1);
        let key = SessionTable::fresh_key();
        let first = table.open(session(key.clone())).unwrap();
        assert_eq!(table.claim(Some(&key)), Claim::Resumed(key.clone()));
        let second = table.open(session(key)).unwrap();
        assert!(first.session.gone.is_cancelled() && !second.session.gone.is_cancelled());
        drop(first);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn neither_a_stolen_id_nor_an_odd_one_is_taken_over() {
        let table = SessionTable::new(9);
        let owner = table.open(session(SessionTable::fresh_key())).unwrap();
        let stolen = SessionKey { id: owner.session.key.id.clone(), secret: "guess".into() };
        for presented in [stolen, SessionKey { id: "../../etc\n".into(), secret: "x".into() }] {
            let Claim::Lost(key) = table.claim(Some(&presented)) else { panic!("{presented:?}") };
            assert_ne!(key.id, presented.id);
        }
        assert!(!owner.session.gone.is_cancelled());
    }
}
