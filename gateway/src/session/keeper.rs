//! Writes sessions down, so that the next gateway and the client's next session find them.
//!
//! What is written when:
//!
//! | event | what |
//! |---|---|
//! | a session's first call | the session, and what it inherits ([`Keeper::register`]) |
//! | `set_context` | its context, also as the one of its identity, before the answer ([`Keeper::persist`]) |
//! | every [`KEEP_INTERVAL`] | contexts and counters that have changed ([`Keeper::persist_changed`]) |
//! | the end of a connection | the last of them; detached if no shim will come back ([`Keeper::persist_ended`]) |
//!
//! Nothing here blocks: the state file has a thread of its own, and processes are looked at on others.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::{Session, SessionTable};
use crate::results::ResultStore;
use crate::state::{IsConnected, Registered, StateError, StateStore};

/// How often changed sessions are written down: a gateway that is killed loses the counters of this time.
pub const KEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Sessions that are written down in one transaction, at most: others wait for the file meanwhile.
const PERSIST_STEP: usize = 256;

/// Writes sessions down.
#[derive(Clone, Debug)]
pub struct Keeper {
    state: Arc<StateStore>,
    table: Arc<SessionTable>,
    /// How long a session is kept whose client is gone, in milliseconds.
    ttl_ms: i64,
    /// What goes with the sessions.
    results: Option<Arc<ResultStore>>,
}

impl Keeper {
    /// Writes those of `table` to `state`; sessions whose clients are gone are kept for `ttl`.
    pub fn new(state: Arc<StateStore>, table: Arc<SessionTable>, ttl: Duration) -> Self {
        Self { state, table, ttl_ms: i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX), results: None }
    }

    /// With the results that go with the sessions.
    #[must_use]
    pub fn with_results(self, results: Arc<ResultStore>) -> Self {
        Self { results: Some(results), ..self }
    }

    /// Registers `session`, whose client calls itself `client`; returns what it inherits if it is new and a
    /// context is remembered for its identity. Once that is applied, call [`Session::set_persisted`]: before, the session's context
    /// is not the one to be written down.
    /// `None` if it failed, which is logged: it is tried again with the next interval, and the session works all the
    /// same.
    pub async fn register(&self, session: &Arc<Session>, client: Option<String>) -> Option<Registered> {
        let is_new = !session.is_registered();
        let identity = if is_new { session.own_identity_key(client.clone()) } else { None };
        match self.state.register(session.record(client), identity, self.ttl_ms).await {
            Ok(registered) => Some(registered),
            Err(error) => {
                tracing::warn!(%error, "cannot register the session; trying again later");
                None
            }
        }
    }

    fn is_connected(&self) -> IsConnected {
        let table = Arc::clone(&self.table);
        Arc::new(move |id| table.is_connected(id))
    }

    /// Writes down how these sessions are now; what fails is tried again.
    pub async fn persist(&self, sessions: Vec<Arc<Session>>) {
        for step in sessions.chunks(PERSIST_STEP) {
            self.persist_step(step.to_vec()).await;
        }
    }

    /// Writes down those sessions that have changed, and gives back space that the file does not need; once
    /// in a while, as `sweeps` says, forgets sessions that have been gone for too long.
    pub async fn persist_changed(&self, sweeps: bool) {
        self.state.reopen_if_replaced().await;
        let mut changed = self.table.all();
        changed.retain(|session| session.is_registered() && session.is_dirty());
        self.persist(changed).await;
        if sweeps && let Err(error) = self.sweep().await {
            tracing::warn!(%error, "cannot look for old sessions");
        }
        if let Err(error) = self.state.give_back_space().await {
            tracing::debug!(%error, "cannot give back space");
        }
    }

    /// The connection of `session` has ended: writes down what the next one is to find.
    pub async fn persist_ended(&self, session: &Arc<Session>) {
        session.note_end();
        if !session.is_persisted() || session.is_replaced() {
            return;
        }
        if let Err(error) = self.persist_last(session).await {
            let _entered = session.span.enter();
            tracing::warn!(%error, "cannot write down how the session ended");
        }
    }

    async fn persist_last(&self, session: &Arc<Session>) -> Result<(), StateError> {
        let (looked_at, id) = (Arc::clone(session), session.key.id.as_str());
        // What cannot be looked at counts as there.
        if spawn_blocking(move || looked_at.is_over()).await.unwrap_or(false) {
            return self.state.detach(id, session.snapshot()).await;
        }
        let row = (id.to_owned(), session.snapshot());
        self.state.persist(move || vec![row.clone()]).await.map(drop)
    }

    async fn persist_step(&self, sessions: Vec<Arc<Session>>) {
        let looked_at = sessions.clone();
        // Looked at in the order of writing: so an older context is never written over a newer one.
        let rows = move || {
            let row = |session: &Arc<Session>| {
                session.mark_clean();
                (session.key.id.clone(), session.snapshot())
            };
            looked_at.iter().map(row).collect()
        };
        match self.state.persist(rows).await {
            Ok(missing) => {
                for at in missing {
                    self.register_again(&sessions[at]).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot write down contexts and counters; trying again later");
                sessions.iter().for_each(|session| session.mark_dirty());
            }
        }
    }

    /// Registers a session that the state file does not have, or no longer.
    async fn register_again(&self, session: &Session) {
        match self.state.register(session.record(session.client().name), None, self.ttl_ms).await {
            Ok(_) => session.set_persisted(),
            Err(error) => {
                session.span.in_scope(|| {
                    tracing::warn!(%error, "cannot register the session; trying again later");
                });
                session.mark_dirty();
            }
        }
    }

    async fn sweep(&self) -> Result<(), StateError> {
        let is_connected = self.is_connected();
        let mut absent = self.state.absent(&is_connected).await?;
        let look = move || {
            absent.retain(|(_, shim)| !shim.is_alive());
            absent
        };
        // A panic in there is in the log.
        let gone = spawn_blocking(look).await.unwrap_or_default();
        self.state.detach_gone(&gone, &is_connected).await?;
        let sessions = self.table.all();
        let identities = move || {
            let registered = sessions.iter().filter(|session| session.is_registered());
            let keys = registered.filter_map(|session| session.own_identity_key(session.client().name));
            keys.collect::<HashSet<_>>().into_iter().collect::<Vec<_>>()
        };
        self.state.note_use(&spawn_blocking(identities).await.unwrap_or_default()).await?;
        self.state.forget_unused(self.ttl_ms).await?;
        match self.state.remove_expired(&is_connected, self.ttl_ms).await? {
            0 => {}
            removed => tracing::info!(removed, "removed old sessions that no client came back for"),
        }
        self.sweep_results().await
    }

    /// Removes the results of sessions that are not there any more, and old ones.
    async fn sweep_results(&self) -> Result<(), StateError> {
        let Some(results) = &self.results else { return Ok(()) };
        let with_results = results.sessions().await;
        let kept: HashSet<String> = self.state.known(with_results.clone()).await?.into_iter().collect();
        let is_gone = |session: &String| !kept.contains(session) && !self.table.is_connected(session);
        results.sweep(with_results.into_iter().filter(is_gone).collect()).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Context, Place};
    use crate::session::{Opening, SessionContext};

    const TTL: Duration = Duration::from_secs(60);

    fn opened(table: &Arc<SessionTable>) -> crate::session::SessionGuard {
        let session = Session::new(Opening::of(SessionTable::fresh_key()), SessionContext::default());
        table.open(session).unwrap()
    }

    fn here() -> Place {
        Place::from("fake:0".to_owned())
    }

    fn context(database: &str) -> Context {
        Context { database: Some(database.to_owned()), ..Context::default() }
    }

    #[tokio::test]
    async fn a_session_is_written_down_only_when_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (state, table) = (Arc::new(StateStore::open(folder.path()).await), SessionTable::new(9));
        let keeper = Keeper::new(Arc::clone(&state), Arc::clone(&table), TTL);
        let guard = opened(&table);
        let session = &guard.session;
        let registered = keeper.register(session, Some("editor".to_owned())).await;
        assert_eq!(registered, Some(Registered::default()));
        session.set_persisted();
        session.set_registered();
        session.counters.requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert!(session.is_dirty());
        keeper.persist_changed(true).await;
        assert!(!session.is_dirty());
        let found = state.find(&session.key).await.unwrap();
        assert!(matches!(found, crate::state::SessionLookup::Found { counts, .. } if counts.requests == 1));
    }

    #[tokio::test]
    async fn a_client_finds_the_context_it_set_and_a_replaced_connection_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (state, table) = (Arc::new(StateStore::open(folder.path()).await), SessionTable::new(9));
        let keeper = Keeper::new(state, Arc::clone(&table), TTL);
        let client = || Some("editor".to_owned());
        let introduce = |session: &Session| {
            let identity = crate::session::ClientIdentity { name: client(), ..Default::default() };
            session.set_client(identity);
        };
        let first = opened(&table);
        introduce(&first.session);
        first.session.set_context(context("START"), here());
        keeper.register(&first.session, client()).await;
        first.session.set_persisted();
        first.session.set_context(context("LEFT"), here());
        first.session.note_goodbye();
        keeper.persist_ended(&first.session).await;
        let second = opened(&table);
        introduce(&second.session);
        second.session.set_context(context("START"), here());
        let registered = keeper.register(&second.session, client()).await;
        let inherited = registered.unwrap().inherited.unwrap();
        assert_eq!((inherited.context, inherited.at), (context("LEFT"), Some(here())));
        second.session.set_persisted();
        second.session.set_context(context("OLD"), here());
        second.session.note_goodbye();
        second.session.replace();
        keeper.persist_ended(&second.session).await;
        let third = opened(&table);
        third.session.set_context(context("START"), here());
        let registered = keeper.register(&third.session, client()).await;
        let inherited = registered.unwrap().inherited;
        assert_eq!(inherited.map(|inherited| inherited.context), Some(context("LEFT")));
    }
}
