//! A stand-in, about to start.

use std::collections::BTreeMap;
use std::time::Duration;

use super::catalog::Catalog;
use super::server::Server;
use super::state::{Shared, State};
use super::{User, Warehouse, secrets};

/// What does not change while it runs.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) port: u16,
    /// A question for a result is held for so long.
    pub(super) hold: Duration,
    pub(super) token_validity: Duration,
    pub(super) master_validity: Duration,
    /// The HTTP status of refusals that are about the session's token.
    pub(super) unauthorized_status: u16,
    /// Whether log-ins that ask a person are remembered, where clients want that.
    pub(super) remembers: bool,
}

/// A stand-in, about to start.
#[derive(Debug)]
pub struct Builder {
    settings: Settings,
    users: BTreeMap<String, User>,
    catalog: Catalog,
}

impl Builder {
    pub(super) fn new() -> Self {
        let settings = Settings {
            port: 0,
            hold: Duration::from_secs(45),
            token_validity: Duration::from_secs(3600),
            master_validity: Duration::from_secs(4 * 3600),
            unauthorized_status: 200,
            remembers: true,
        };
        let user = secrets::usual_user();
        Self { settings, users: [(user.name.clone(), user)].into(), catalog: Catalog::sample() }
    }

    /// On this port, instead of a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.settings.port = port;
        self
    }

    /// Questions for a result of a running query are held for so long, instead of 45 s.
    #[must_use]
    pub fn hold(mut self, hold: Duration) -> Self {
        self.settings.hold = hold;
        self
    }

    /// What log-ins and renewals say of how long session and master tokens are good. Nothing expires by
    /// itself, whatever is said: see [`Warehouse::expire_tokens`].
    #[must_use]
    pub fn stated_validity(mut self, session: Duration, master: Duration) -> Self {
        (self.settings.token_validity, self.settings.master_validity) = (session, master);
        self
    }

    /// Refused session tokens come with this HTTP status, 401 for example, instead of 200.
    #[must_use]
    pub fn unauthorized_status(mut self, status: u16) -> Self {
        self.settings.unauthorized_status = status;
        self
    }

    /// Log-ins by browser and with a second factor give no token that replaces them later, whatever clients
    /// want.
    #[must_use]
    pub fn grants_no_tokens(mut self) -> Self {
        self.settings.remembers = false;
        self
    }

    /// With another user. The first one of the same name is replaced.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.users.insert(user.name.clone(), user);
        self
    }

    /// With another database, empty but for its schema `PUBLIC`.
    #[must_use]
    pub fn database(mut self, name: &str) -> Self {
        self.catalog.add_database(name);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// The port is taken, or the system gives no thread.
    pub fn start(self) -> Warehouse {
        let Self { settings, users, catalog } = self;
        let bound = Server::bind(settings.port);
        let state = State {
            settings,
            address: bound.address(),
            users,
            catalog,
            sessions: Default::default(),
            challenges: Default::default(),
            oauth: Default::default(),
            queries: Default::default(),
            released: Default::default(),
            faults: Default::default(),
            seen: Default::default(),
            granted: Default::default(),
            links_epoch: 1,
            storage_key: secrets::STORAGE_KEY.into(),
        };
        let shared = std::sync::Arc::new(Shared::new(state));
        Warehouse { server: bound.start(std::sync::Arc::clone(&shared)), shared }
    }
}
