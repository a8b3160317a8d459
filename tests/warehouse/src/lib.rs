//! A warehouse that is none: a server on this machine that speaks the protocol of Snowflake's drivers, knows
//! a handful of statements, fails where a test wants it to, and remembers all that it saw.
//!
//! It is started in the test's own process, on a free port of 127.0.0.1, and is gone when its handle is
//! dropped. It never looks at the clock for more than a statement asks for: tokens expire, links go stale and
//! held queries go on when the test says so.
//!
//! The README beside this crate lists its statements and says which clients that are not ours work against
//! it.

mod answers;
mod browser;
mod builder;
mod catalog;
mod endpoint;
mod faults;
mod gate;
mod log_in;
mod oauth;
mod parameters;
mod query;
mod result;
pub mod secrets;
mod seen;
mod server;
mod session;
mod sql;
mod state;
pub mod support;
mod user;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use browser::{Page, visit};
pub use builder::Builder;
pub use catalog::ColumnDefinition;
use catalog::{Relation, Row};
pub use endpoint::Endpoint;
pub use faults::{Fault, Strike};
pub use gate::Gate;
pub use oauth::{OAuth, OAuthPage};
pub use seen::{QueryState, Seen, SeenAbort, SeenLogIn, SeenQuery, SeenRequest};
use server::Server;
pub use session::Context;
use session::Session;
pub use sql::{Binding, Bindings, PlanFigures};
use state::Shared;
use support::until;
pub use user::{SecondFactor, User};

/// What it says that it is.
const SERVER_VERSION: &str = "9.30.1";

/// A running stand-in. Dropping it stops it.
#[derive(Debug)]
pub struct Warehouse {
    server: Server,
    shared: Arc<Shared>,
}

impl Warehouse {
    /// One with the usual user ([`secrets`]) and contents.
    ///
    /// # Panics
    /// The system gives no port or no thread.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// One that is about to start.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.with(|state| state.address)
    }

    /// Its address as a URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Looks at what it saw.
    pub fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        self.shared.with(|state| look(&state.seen))
    }

    /// Waits until what it saw `holds`; returns how long that took.
    ///
    /// # Panics
    /// It does not within [`support::patience`].
    #[track_caller]
    pub fn until(&self, what: &str, mut holds: impl FnMut(&Seen) -> bool) -> Duration {
        until(what, || self.seen(&mut holds))
    }

    // Faults.

    /// From now on, `fault` strikes requests to `endpoint`. Of several rules, the first that strikes wins.
    pub fn fault(&self, endpoint: Endpoint, strike: Strike, fault: Fault) {
        self.shared.with(|state| state.faults.add(Some(endpoint), strike, fault));
    }

    /// From now on, `fault` strikes requests to any endpoint.
    pub fn fault_anywhere(&self, strike: Strike, fault: Fault) {
        self.shared.with(|state| state.faults.add(None, strike, fault));
    }

    /// Nothing goes wrong any more, but for what already does.
    pub fn clear_faults(&self) {
        self.shared.with(|state| state.faults.clear());
    }

    /// Refuses connections from now on, and resets those that are open. Queries go on.
    pub fn go_down(&self) {
        self.server.go_down();
    }

    /// Accepts connections again, on the same port.
    pub fn come_up(&self) {
        self.server.come_up();
    }

    /// Resets all open connections.
    pub fn hang_up(&self) {
        self.server.hang_up();
    }

    // Sessions.

    /// The sessions that are open, with their contexts.
    pub fn sessions(&self) -> Vec<(u64, Context)> {
        let listed = |session: &Session| (session.id, session.context.clone());
        self.shared.with(|state| state.sessions.open_ones().map(listed).collect())
    }

    /// All session tokens expire now; master tokens renew them.
    pub fn expire_tokens(&self) {
        self.shared.with(|state| state.sessions.tokens.expire(None));
    }

    /// The token of one session expires now.
    pub fn expire_token_of(&self, session: u64) {
        self.shared.with(|state| state.sessions.tokens.expire(Some(session)));
    }

    /// All session and master tokens expire now: only new log-ins help.
    pub fn expire_masters(&self) {
        self.shared.with(|state| {
            state.sessions.tokens.expire(None);
            state.sessions.tokens.expire_master(None);
        });
    }

    /// Ends all sessions, with their temporary tables, open transactions and running queries.
    pub fn end_sessions(&self) {
        self.shared.with(|state| {
            let open: Vec<u64> = state.sessions.open_ones().map(|session| session.id).collect();
            open.into_iter().for_each(|id| state.end_session(id));
        });
        self.shared.changed();
    }

    // Queries.

    /// Lets the queries go on that wait in `held('name')`, those that are still to come too.
    pub fn release(&self, name: &str) {
        self.shared.with(|state| state.released.insert(name.to_owned()));
        self.shared.changed();
    }

    /// The links to all chunks expire now. Asking for a result again gives new ones.
    pub fn expire_links(&self) {
        self.shared.with(|state| state.links_epoch += 1);
    }

    /// Every token and proof key that it ever gave to a client: of sessions, to renew them, to log in by
    /// later.
    pub fn granted(&self) -> Vec<String> {
        self.shared.with(|state| state.granted.clone())
    }

    /// Changes how its OAuth server works.
    pub fn oauth(&self, change: impl FnOnce(&mut OAuth)) {
        self.shared.with(|state| change(&mut state.oauth));
    }

    /// Every OAuth access token that it has given expires now.
    pub fn expire_access_tokens(&self) {
        self.shared.with(|state| {
            state
                .users
                .values_mut()
                .for_each(|user| user.oauth_tokens.values_mut().for_each(|old| *old = true));
        });
    }

    /// From now on, EXPLAIN says this of every statement.
    pub fn set_plan(&self, figures: PlanFigures) {
        self.shared.with(|state| state.catalog.plan = figures);
    }

    // Users and contents.

    /// Changes a user.
    ///
    /// # Panics
    /// There is none of this name.
    #[track_caller]
    pub fn change_user(&self, name: &str, change: impl FnOnce(&mut User)) {
        let changed = self.shared.with(|state| state.users.get_mut(name).map(change));
        assert!(changed.is_some(), "there is no user {name}");
    }

    /// Adds a table or replaces it.
    ///
    /// # Panics
    /// `name` is not `DATABASE.SCHEMA.TABLE`, or there is no such schema.
    #[track_caller]
    pub fn add_table(&self, name: &str, columns: Vec<ColumnDefinition>, rows: Vec<Row>) {
        let (database, schema, table) = full_name(name);
        self.shared.with(|state| {
            let schema = state
                .catalog
                .schema_mut(&database, &schema)
                .unwrap_or_else(|error| panic!("{}", error.message));
            schema.relations.insert(table, Relation::table(columns, rows));
        });
    }

    /// The rows of a table: of each value, its text or NULL. What a transaction has not committed is not
    /// among them.
    ///
    /// # Panics
    /// There is no such table.
    #[track_caller]
    pub fn rows(&self, name: &str) -> Vec<Row> {
        let rows = self
            .shared
            .with(|state| state.catalog.relation(&full_name(name)).map(|found| found.rows.clone()));
        rows.unwrap_or_else(|| panic!("there is no table {name}"))
    }

    /// How often `key` is the first value of a row: how often the statement was carried out that inserted it.
    #[track_caller]
    pub fn count_key(&self, table: &str, key: &str) -> usize {
        self.rows(table).iter().filter(|row| row[0].as_deref() == Some(key)).count()
    }
}

/// The parts of `DATABASE.SCHEMA.TABLE`, each as it is stored.
#[track_caller]
fn full_name(name: &str) -> catalog::FullName {
    match name.split('.').collect::<Vec<_>>().as_slice() {
        &[database, schema, table] => (database.into(), schema.into(), table.into()),
        _ => panic!("{name} is not DATABASE.SCHEMA.TABLE"),
    }
}
