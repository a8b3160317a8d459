//! Writes sessions down, so that the next gateway and the client's next session find them.
//!
//! What is written when:
//!
//! | event | what |
//! |---|---|
//! | a session's first call | the session, and what it inherits ([`Keeper::register`]) |
//! | `set_context` | its context, before the answer ([`Keeper::persist`]) |
//! | every [`KEEP_INTERVAL`] | contexts and counters that have changed ([`Keeper::persist_changed`]) |
//! | the end of a connection | the last of them; detached if no shim will come back ([`Keeper::persist_ended`]) |
//!
//! Everything here blocks for as long as a few system calls take; the async functions do that on a thread
//! that may.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tracing::Span;

use super::{Session, SessionTable};
use crate::state::{Registered, StateError, StateStore};

/// How often changed sessions are written down: a gateway that is killed loses the counters of this time.
pub const KEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Writes sessions down.
#[derive(Clone, Debug)]
pub struct Keeper {
    state: Arc<StateStore>,
    /// How long a session is kept whose client is gone, in milliseconds.
    ttl_ms: i64,
}

impl Keeper {
    /// Writes to `state`; sessions whose clients are gone are kept for `ttl`.
    pub fn new(state: Arc<StateStore>, ttl: Duration) -> Self {
        Self { state, ttl_ms: i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX) }
    }

    /// Registers `session`, whose client calls itself `client`; returns what it inherits if it follows an
    /// earlier session. Once that is applied, call [`Session::set_persisted`]: before, the session's context
    /// is not the one to be written down.
    /// `None` if it failed, which is logged: it is tried again with the next interval, and the session works all the
    /// same.
    pub async fn register(&self, session: &Arc<Session>, client: Option<String>) -> Option<Registered> {
        let (record, follows) = (session.record(client), !session.is_registered());
        let (state, ttl_ms) = (Arc::clone(&self.state), self.ttl_ms);
        let registered = spawn_blocking(move || state.register(&record, follows, ttl_ms)).await;
        match registered {
            Ok(Ok(registered)) => Some(registered),
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot register the session; trying again later");
                None
            }
            // The panic itself is in the log.
            Err(error) => {
                tracing::error!(%error, "cannot register the session");
                None
            }
        }
    }

    /// Writes down how these sessions are now; what fails is tried again.
    pub async fn persist(&self, sessions: Vec<Arc<Session>>) {
        let (keeper, span) = (self.clone(), Span::current());
        // A panic in there is in the log.
        let _ = spawn_blocking(move || span.in_scope(|| keeper.persist_now(&sessions))).await;
    }

    /// Writes down those sessions of `table` that have changed, and once in a while, as `sweeps` says,
    /// forgets those that have been gone for too long.
    pub async fn persist_changed(&self, table: &Arc<SessionTable>, sweeps: bool) {
        let (keeper, table, span) = (self.clone(), Arc::clone(table), Span::current());
        // A panic in there is in the log.
        let _ = spawn_blocking(move || {
            let _entered = span.entered();
            keeper.state.reopen_if_replaced();
            let sessions = table.all();
            let changed = sessions.iter().filter(|session| session.is_registered() && session.is_dirty());
            keeper.persist_now(&changed.cloned().collect::<Vec<_>>());
            if sweeps {
                keeper.sweep(&sessions);
            }
        })
        .await;
    }

    /// The connection of `session` has ended: writes down what the next one is to find.
    pub async fn persist_ended(&self, session: &Arc<Session>) {
        if !session.is_persisted() || session.is_replaced() {
            return;
        }
        let (keeper, ended) = (self.clone(), Arc::clone(session));
        // A panic in there is in the log.
        let _ = spawn_blocking(move || {
            let _entered = ended.span.enter();
            if let Err(error) = keeper.persist_last(&ended) {
                tracing::warn!(%error, "cannot write down how the session ended");
            }
        })
        .await;
    }

    fn persist_last(&self, session: &Session) -> Result<(), StateError> {
        let (id, snapshot) = (session.key.id.as_str(), session.snapshot());
        if session.is_over() {
            self.state.detach(id, &snapshot)
        } else {
            self.state.persist([(id, snapshot)].into_iter()).map(drop)
        }
    }

    fn persist_now(&self, sessions: &[Arc<Session>]) {
        if sessions.is_empty() {
            return;
        }
        // Looked at in the order of writing: so an older context is never written over a newer one.
        let rows = sessions.iter().map(|session| {
            session.mark_clean();
            (session.key.id.as_str(), session.snapshot())
        });
        match self.state.persist(rows) {
            Ok(missing) => missing.into_iter().for_each(|at| self.register_again(&sessions[at])),
            Err(error) => {
                tracing::warn!(%error, "cannot write down contexts and counters; trying again later");
                sessions.iter().for_each(|session| session.mark_dirty());
            }
        }
    }

    /// Registers a session that the state file does not have, or no longer.
    fn register_again(&self, session: &Session) {
        match self.state.register(&session.record(session.client().name), false, self.ttl_ms) {
            Ok(_) => session.set_persisted(),
            Err(error) => {
                session.span.in_scope(|| {
                    tracing::warn!(%error, "cannot register the session; trying again later");
                });
                session.mark_dirty();
            }
        }
    }

    fn sweep(&self, sessions: &[Arc<Session>]) {
        let connected: HashSet<String> = sessions.iter().map(|session| session.key.id.clone()).collect();
        match self.state.sweep(&connected, self.ttl_ms) {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed old sessions that no client came back for"),
            Err(error) => tracing::warn!(%error, "cannot look for old sessions"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Context;
    use crate::session::{Opening, SessionContext};

    const TTL: Duration = Duration::from_secs(60);

    fn opened(table: &Arc<SessionTable>) -> crate::session::SessionGuard {
        let session = Session::new(Opening::of(SessionTable::fresh_key()), SessionContext::default());
        table.open(session).unwrap()
    }

    fn context(database: &str) -> Context {
        Context { database: Some(database.to_owned()), ..Context::default() }
    }

    #[tokio::test]
    async fn a_session_is_written_down_only_when_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let state = Arc::new(StateStore::open(folder.path()));
        let (keeper, table) = (Keeper::new(Arc::clone(&state), TTL), SessionTable::new(9));
        let guard = opened(&table);
        let session = &guard.session;
        let registered = keeper.register(session, Some("editor".to_owned())).await;
        assert_eq!(registered, Some(Registered::default()));
        session.set_persisted();
        session.set_registered();
        session.counters.requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert!(session.is_dirty());
        keeper.persist_changed(&table, true).await;
        assert!(!session.is_dirty());
        let found = state.resume(&session.key, None).unwrap();
        assert!(matches!(found, crate::state::SessionLookup::Found { counts, .. } if counts.requests == 1));
    }

    #[tokio::test]
    async fn a_client_finds_the_context_it_left_and_a_replaced_connection_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = Arc::new(StateStore::open(folder.path()));
        let (keeper, table) = (Keeper::new(state, TTL), SessionTable::new(9));
        let client = || Some("editor".to_owned());
        let first = opened(&table);
        keeper.register(&first.session, client()).await;
        first.session.set_persisted();
        first.session.set_context(context("LEFT"));
        first.session.note_goodbye();
        keeper.persist_ended(&first.session).await;
        let second = opened(&table);
        let registered = keeper.register(&second.session, client()).await;
        assert_eq!(registered.unwrap().inherited, Some(context("LEFT")));
        second.session.set_persisted();
        second.session.set_context(context("OLD"));
        second.session.note_goodbye();
        second.session.replace();
        keeper.persist_ended(&second.session).await;
        let third = opened(&table);
        let registered = keeper.register(&third.session, client()).await;
        assert_ne!(registered.unwrap().inherited, Some(context("OLD")));
    }
}
