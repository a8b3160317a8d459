//! A backend for unit tests: it does what a test's script says, on tokio's clock, and records what it saw.
//!
//! Made for `#[tokio::test(start_paused = true)]`: no answer takes real time, and the order of events is
//! always the same. It reports each exchange: see [`crate::backend::Health`]. A statement without a [`Script`] succeeds at once.
//!
//! ```ignore
//! let fake = FakeBackend::new();
//! fake.script("slow", Script::completes().after(Duration::from_secs(3)));
//! fake.next_opening(ConnectScript::fails(ErrorKind::Unavailable));
//! let multiplexer = Multiplexer::new(fake.registry("fake"), pool_config);
//! let done = multiplexer.pool("fake").await?.run(request("slow"), pending()).await?;
//! assert_eq!(fake.events(), [Event::Opened(1), Event::Ran(1, "slow".to_owned())]);
//! ```

mod connection;
mod journal;
mod script;
mod signal;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sql_gate::Dialect;
use tokio::time::sleep;

use self::connection::FakeConnection;
pub(crate) use self::journal::FakeJournal;
pub(crate) use self::script::{ConnectScript, OnStop, Script};
use super::{
    Backend, BackendError, BoxFuture, Caps, Connection, Context, ErrorKind, Health, HealthReports, OpenGate,
    Operation, Ownership, Registry, Request, RequestOrigin, Transaction,
};

/// Something that the backend saw. Connections are numbered from 1, in the order in which they were opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A connection was opened.
    Opened(u64),
    /// A connection was asked to run something; see [`key`].
    Ran(u64, String),
    /// What a connection was running was cancelled.
    Cancelled(u64),
    /// What a connection was running was detached.
    Detached(u64),
    /// A connection was reset.
    Reset(u64),
    /// A connection was asked whether it works.
    Checked(u64),
    /// A connection was dropped.
    Dropped(u64),
    /// The backend was told that the gateway shuts down.
    Closed,
}

/// The backend. Clones are the same backend.
#[derive(Clone, Default)]
pub(crate) struct FakeBackend {
    shared: Arc<Mutex<Shared>>,
    health: HealthReports,
}

/// What all connections share.
#[derive(Default)]
struct Shared {
    scripts: BTreeMap<String, Script>,
    /// How the next connections open; after the last one they open at once.
    openings: VecDeque<ConnectScript>,
    /// What happens at the next resets and checks; after the last one they succeed at once.
    answers: VecDeque<ConnectScript>,
    events: Vec<Event>,
    requests: Vec<Request>,
    /// Databases that there are not. All others exist.
    missing: BTreeSet<String>,
    /// Whether only a connection knows which databases there are.
    tells_contexts: bool,
    /// Changes of the catalog so far; once it is set, that is the answer to questions about it.
    version: Option<u64>,
    /// Connections opened so far.
    opened: u64,
    /// Those that are open now.
    open: usize,
}

impl FakeBackend {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Makes every request with this [`key`] follow `script`.
    pub(crate) fn script(&self, key: &str, script: Script) {
        self.lock().scripts.insert(key.to_owned(), script);
    }

    /// Sets how the next connection opens, or, after earlier calls, the one after those.
    pub(crate) fn next_opening(&self, opening: ConnectScript) {
        self.lock().openings.push_back(opening);
    }

    /// Sets how the next reset or check ends, or, after earlier calls, the one after those.
    pub(crate) fn next_answer(&self, answer: ConnectScript) {
        self.lock().answers.push_back(answer);
    }

    /// From here on questions about the catalog are answered with the number of its changes, as it was when they came.
    pub(crate) fn count_changes(&self) {
        self.lock().version.get_or_insert(0);
    }

    /// Changes of the catalog so far.
    pub(crate) fn version(&self) -> u64 {
        self.lock().version.unwrap_or_default()
    }

    fn change_catalog(&self) {
        let mut shared = self.lock();
        shared.version = shared.version.map(|version| version + 1);
    }

    /// Answers to a reset or a check.
    async fn answer(&self, event: Event) -> Result<(), BackendError> {
        self.record(event);
        let answer = self.lock().answers.pop_front();
        let Some(ConnectScript { takes, error }) = answer else { return self.report(Ok(())) };
        wait(takes).await;
        self.report(error.map_or(Ok(()), Err))
    }

    /// From here on there is no database of this name.
    pub(crate) fn drop_database(&self, name: &str) {
        self.lock().missing.insert(name.to_owned());
    }

    /// From here on only a connection knows which databases there are.
    pub(crate) fn tell_contexts(&self) {
        self.lock().tells_contexts = true;
    }

    fn check(&self, context: &Context) -> Result<(), BackendError> {
        let database = context.database.as_deref().unwrap_or_default();
        if self.lock().missing.contains(database) {
            return Err(BackendError::new(ErrorKind::NoContext, format!("no such database: {database}")));
        }
        Ok(())
    }

    /// A registry in which this backend is the only connection.
    pub(crate) fn registry(&self, connection: &str) -> Registry {
        let (registry, backend) = (Registry::default(), self.clone());
        registry.define(connection, move || Ok(Arc::new(backend.clone())));
        registry
    }

    /// What it saw so far, in order.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.lock().events.clone()
    }

    /// The requests that ran so far, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    /// Connections that are open now.
    pub(crate) fn open_connections(&self) -> usize {
        self.lock().open
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports what an exchange came to: whatever is unavailable has failed once.
    fn report<T>(&self, done: Result<T, BackendError>) -> Result<T, BackendError> {
        match &done {
            Err(error) if error.kind == ErrorKind::Unavailable => self.health.failed(error.clone(), 1),
            Err(error) if error.kind == ErrorKind::Cancelled => {}
            _ => self.health.answered(),
        }
        done
    }

    fn record(&self, event: Event) {
        self.lock().events.push(event);
    }

    /// Records that `connection` runs `request`, and returns what it does.
    fn begin(&self, connection: u64, request: &Request) -> Script {
        let key = key(request);
        let mut shared = self.lock();
        let script = shared.scripts.get(&key).cloned().unwrap_or_else(Script::completes);
        shared.events.push(Event::Ran(connection, key));
        shared.requests.push(request.clone());
        script
    }

    fn open(&self) -> FakeConnection {
        let mut shared = self.lock();
        shared.opened += 1;
        shared.open += 1;
        let number = shared.opened;
        shared.events.push(Event::Opened(number));
        FakeConnection::new(number, self.clone())
    }

    fn dropped(&self, connection: u64) {
        let mut shared = self.lock();
        shared.open -= 1;
        shared.events.push(Event::Dropped(connection));
    }
}

impl Backend for FakeBackend {
    fn kind(&self) -> &'static str {
        "fake"
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    /// Every context exists, just as it is spelled, but for the databases that were dropped.
    fn resolve<'a>(&'a self, wanted: &'a Context) -> BoxFuture<'a, Result<Context, BackendError>> {
        let found = if self.tells_contexts() { Ok(()) } else { self.check(wanted) };
        Box::pin(std::future::ready(found.map(|()| wanted.clone())))
    }

    fn tells_contexts(&self) -> bool {
        self.lock().tells_contexts
    }

    fn report_to(&self, health: Arc<dyn Health>) {
        self.health.attach(health);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.record(Event::Closed);
        Box::pin(std::future::ready(()))
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, BackendError>> {
        Box::pin(async move {
            let opening = self.lock().openings.pop_front();
            if let Some(ConnectScript { takes, error }) = opening {
                wait(takes).await;
                self.report(error.map_or(Ok(()), Err))?;
            }
            Ok(Box::new(self.open()) as Box<dyn Connection>)
        })
    }
}

/// What a request is called in scripts and events: a statement's text, `catalog`, `use context`, or `fetch`
/// and the id of the query that an earlier gateway started.
pub(crate) fn key(request: &Request) -> String {
    match (&request.earlier, &request.operation) {
        (Some(query_id), _) => format!("fetch {query_id}"),
        (None, Operation::Statement { sql, .. }) => sql.clone(),
        (None, Operation::Catalog(_)) => "catalog".to_owned(),
        (None, Operation::UseContext) => "use context".to_owned(),
    }
}

/// A request to run `sql` for a minute at most.
pub(crate) fn request(sql: &str) -> Request {
    Request {
        context: Context::default(),
        operation: Operation::Statement {
            sql: sql.to_owned(),
            transaction: Transaction::None,
            parameters: Default::default(),
        },
        caps: Caps { rows_max: 100, bytes_max: 10_000, count_rows_max: 100 },
        timeout: Duration::from_secs(60),
        origin: RequestOrigin::default(),
        earlier: None,
        journal: Arc::new(FakeJournal::default()),
        statement: None,
        ownership: Ownership::Shared,
        is_running: None,
        gate: Arc::new(OpenGate),
        row_filter: None,
        wall: None,
        cost: None,
        sink: None,
        rows_skipped: 0,
        only_reads_earlier: false,
    }
}

/// Waits for `time`, and not at all for none: a timer of zero may take until the next tick.
async fn wait(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

/// An error of `kind`.
pub(crate) fn error(kind: ErrorKind) -> BackendError {
    BackendError::new(kind, format!("scripted: {kind:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Catalog;

    #[tokio::test(start_paused = true)]
    async fn a_signal_that_finds_nothing_running_does_not_reach_the_next_statement() {
        let fake = FakeBackend::new();
        fake.script("slow", Script::completes().after(Duration::from_secs(1)));
        let mut connection = fake.connect().await.unwrap();
        connection.canceller().cancel();
        connection.canceller().detach();
        assert!(connection.run(request("slow")).await.is_ok());
        assert_eq!(fake.events(), [Event::Opened(1), Event::Ran(1, "slow".to_owned())]);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_are_no_statements_have_names_of_their_own() {
        let fake = FakeBackend::new();
        let mut connection = fake.connect().await.unwrap();
        let catalog = Request { operation: Operation::Catalog(Catalog::Databases), ..request("") };
        let use_context = Request { operation: Operation::UseContext, ..request("") };
        let fetch = Request { earlier: Some("01".to_owned()), ..request("insert") };
        for (request, expected) in [(catalog, "catalog"), (use_context, "use context"), (fetch, "fetch 01")] {
            assert_eq!(key(&request), expected);
            let done = connection.run(request).await.unwrap();
            assert_eq!(done.rows.to_rows(), [[Some(expected.to_owned())]]);
        }
    }
}
