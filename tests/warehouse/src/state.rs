//! Everything that the stand-in knows, under one lock.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::builder::Settings;
use super::catalog::Catalog;
use super::faults::Faults;
use super::log_in::Challenges;
use super::oauth::OAuth;
use super::parameters;
use super::query::{Done, Queries};
use super::seen::{QueryState, Seen, SeenQuery};
use super::session::{Context, Sessions};
use super::sql::SqlError;
use super::user::User;

/// What the requests and the test share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

/// Written by requests and by the test.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) address: SocketAddr,
    /// By name.
    pub(super) users: BTreeMap<String, User>,
    pub(super) catalog: Catalog,
    pub(super) sessions: Sessions,
    pub(super) challenges: Challenges,
    pub(super) oauth: OAuth,
    pub(super) queries: Queries,
    /// Names that held queries may go on for.
    pub(super) released: HashSet<String>,
    pub(super) faults: Faults,
    pub(super) seen: Seen,
    /// Every token and proof key that was ever given to a client.
    pub(super) granted: Vec<String>,
    /// Links to chunks that name another one have expired.
    pub(super) links_epoch: u64,
    /// What chunks are encrypted with, as far as clients can tell.
    pub(super) storage_key: String,
}

impl Shared {
    pub(super) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Looks at the state, or changes it. Nothing is awaited in there.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes whoever waits for the state.
    pub(super) fn changed(&self) {
        self.changed.notify_waiters();
    }

    /// Waits until `look` finds something, at most `limit`.
    pub(super) async fn wait<T>(
        &self,
        limit: Duration,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                if let Some(found) = self.with(&mut look) {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(limit, waiting).await.ok()
    }
}

impl State {
    /// What tests see of a query.
    ///
    /// # Panics
    /// There is none of that name.
    pub(super) fn look_at(&mut self, id: &str) -> &mut SeenQuery {
        let query = self.queries.get(id).expect("a query that was added");
        &mut self.seen.queries[query.seen]
    }

    /// Ends a query with an error, unless it has ended.
    pub(super) fn fail(&mut self, id: &str, error: SqlError) {
        let code = error.code.clone();
        if self.settle(id, error) {
            self.look_at(id).state = QueryState::Failed(code);
        }
    }

    /// Aborts a query; gives whether it was still running.
    pub(super) fn abort(&mut self, id: &str) -> bool {
        let effective = self.settle(id, SqlError::canceled());
        if effective {
            self.look_at(id).state = QueryState::Aborted;
        }
        effective
    }

    fn settle(&mut self, id: &str, error: SqlError) -> bool {
        let session = self.queries.get(id).and_then(|query| self.sessions.get(query.session));
        let context = session.map_or_else(Context::default, |session| session.context.clone());
        let parameters = session.map(parameters::of).unwrap_or_default();
        self.queries.settle(id, Done { outcome: Err(error), context, parameters })
    }

    /// Ends a session, and its queries but for detached ones.
    pub(super) fn end_session(&mut self, session: u64) {
        self.end(session, false);
    }

    /// A client closes a session. That ends detached queries, too: the official Python connector does not
    /// close a session while it has some.
    pub(super) fn close_session(&mut self, session: u64) {
        self.end(session, true);
    }

    fn end(&mut self, session: u64, detached_too: bool) {
        for id in self.queries.running_in(session, detached_too) {
            self.abort(&id);
        }
        self.sessions.end(session);
    }
}
