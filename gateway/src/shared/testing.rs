//! The shared parts of a gateway over the scriptable backend, in a home of their own: for the unit tests of
//! the rooms above.

use std::collections::BTreeMap;
use std::sync::Arc;

use snowgate_link::endpoint::Endpoint;

use super::{Budget, ProcessFacts, Shared};
use crate::audit::Audit;
use crate::backend::fake::FakeBackend;
use crate::config::{Config, Paths};
use crate::multiplexer::Multiplexer;
use crate::session::{Opening, Session, SessionContext, SessionGuard, SessionTable};
use crate::state::StateStore;
use crate::telemetry::RequestStreams;

/// The shared parts, and the backend behind them.
pub(crate) struct TestGateway {
    pub(crate) shared: Arc<Shared>,
    pub(crate) fake: FakeBackend,
    _home: tempfile::TempDir,
}

impl TestGateway {
    /// With the default configuration.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With the default configuration, changed.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::below(home.path());
        let mut config = Config::load(&paths, &BTreeMap::new()).unwrap();
        change(&mut config);
        let fake = FakeBackend::new();
        let multiplexer = Multiplexer::new(fake.registry(config.backend.connection()), config.pool.clone());
        let pool = multiplexer.pool(config.backend.connection()).await.unwrap();
        let endpoint = Endpoint::resolve(None, Some(home.path())).unwrap();
        let state = StateStore::open(&paths.state_dir).await;
        let budget = Budget::of(None, 0, config.gateway.sessions_max, config.pool.connections_max).unwrap();
        let process = ProcessFacts {
            budget,
            logs: Vec::new(),
            service: None,
            service_problem: None,
            streams: RequestStreams::default(),
            audit: Audit::default(),
            set_log_level: None,
        };
        let shared = Shared::new(config, paths, endpoint, multiplexer, pool, state, process);
        Self { shared, fake, _home: home }
    }

    /// A new session of the default profile.
    pub(crate) fn open_session(&self) -> SessionGuard {
        self.open_session_as(|_| {})
    }

    /// A new session of the default profile, changed.
    pub(crate) fn open_session_as(&self, change: impl FnOnce(&mut Opening)) -> SessionGuard {
        let mut opening = Opening::of(SessionTable::fresh_key());
        opening.profile = self.shared.live().profiles.find(&self.shared.config, "default").unwrap();
        opening.journal = self.shared.state.id();
        opening.journal_is_whole = true;
        change(&mut opening);
        self.shared.sessions.open(Session::new(opening, SessionContext::default())).unwrap()
    }
}
