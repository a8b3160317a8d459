//! The backend as the multiplexer sees it: through [`Backend`] and [`Connection`], on real files.

mod across;
mod cancel;
mod catalog;
mod cost_guard;
mod costs;
mod files;
mod gate;
mod reach;
mod refusals;
mod rows;
mod sample;
mod schema;
mod state;
mod unqualified;
mod writing;

use std::collections::BTreeMap;
use std::future::ready;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{SqliteBackend, SqliteSettings};
use crate::backend::{
    Backend, BackendError, BoxFuture, Caps, Catalog, Cell, Completion, Connection, Context, ErrorKind,
    OpenGate, Operation, Ownership, Request, RequestOrigin, Transaction, WriteJournal,
};

/// Long enough that reaching it means a hang.
const PATIENCE: Duration = Duration::from_secs(30);

const CAPS: Caps = Caps { rows_max: 1000, bytes_max: 1 << 20, count_rows_max: 1_000_000 };

/// A count that would take hours.
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

/// A folder of databases and what a test does with it.
struct Fixture {
    dir: Arc<tempfile::TempDir>,
    settings: SqliteSettings,
}

impl Fixture {
    fn new() -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let settings = SqliteSettings {
            folder: dir.path().to_owned(),
            databases: BTreeMap::new(),
            creates_folder: true,
            read_only: true,
            sample_folder: None,
            home_variable: "HOME",
            busy_timeout: PATIENCE,
        };
        Self { dir, settings }
    }

    /// With `shop.db`: 3 items, 1 view, and `crm.db`: 2 people.
    fn shop() -> Self {
        let fixture = Self::new();
        fixture.file(
            "shop.db",
            "CREATE TABLE Items(id INTEGER PRIMARY KEY, name TEXT NOT NULL, owner INT, price REAL DEFAULT 1.5);
             INSERT INTO Items VALUES (1, 'pen', 1, 2.0), (2, 'ink', 2, 3.25), (3, 'mug', 1, NULL);
             CREATE VIEW Cheap AS SELECT name FROM Items WHERE price < 3;",
        );
        fixture.file(
            "crm.db",
            "CREATE TABLE people(id INT, name TEXT); INSERT INTO people VALUES (1, 'Ann'), (2, 'Bo')",
        );
        fixture
    }

    fn writable(mut self) -> Self {
        self.settings.read_only = false;
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str, sql: &str) {
        rusqlite::Connection::open(self.path(name)).unwrap().execute_batch(sql).unwrap();
    }

    fn open(&self) -> SqliteBackend {
        SqliteBackend::open(&self.settings).unwrap()
    }

    /// A connection whose context is the database `name`.
    async fn client(&self, name: &str) -> Client {
        Client { _dir: Some(Arc::clone(&self.dir)), ..client(&self.open(), name).await }
    }
}

async fn client(backend: &SqliteBackend, name: &str) -> Client {
    let context = Context { database: Some(name.into()), ..Context::default() };
    Client { connection: backend.connect().await.unwrap(), context, _dir: None }
}

/// A connection and the context of its requests.
struct Client {
    connection: Box<dyn Connection>,
    context: Context,
    /// Keeps the folder of a fixture that is gone.
    _dir: Option<Arc<tempfile::TempDir>>,
}

/// Accepts every write, or none.
#[derive(Debug)]
enum TestJournal {
    Accepts,
    Refuses,
}

impl WriteJournal for TestJournal {
    fn begin<'a>(&'a self, _: Option<&'a str>) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(ready(match self {
            Self::Accepts => Ok(()),
            Self::Refuses => Err(BackendError::new(ErrorKind::OutcomeUnknown, "closed")),
        }))
    }

    fn record_query_id<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        unreachable!("SQLite has no names for queries");
    }
}

fn request(context: Context, operation: Operation, caps: Caps, journal: TestJournal) -> Request {
    Request {
        context,
        operation,
        caps,
        timeout: PATIENCE,
        origin: RequestOrigin::default(),
        earlier: None,
        journal: Arc::new(journal),
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

impl Client {
    async fn run(&mut self, operation: Operation, caps: Caps) -> Result<Completion, BackendError> {
        self.request(request(self.context.clone(), operation, caps, TestJournal::Accepts)).await
    }

    /// Runs what must not change anything.
    async fn run_gated(&mut self, sql: &str, transaction: Transaction) -> Result<Completion, BackendError> {
        let operation = statement(sql, transaction);
        self.request(request(self.context.clone(), operation, CAPS, TestJournal::Refuses)).await
    }

    async fn request(&mut self, request: Request) -> Result<Completion, BackendError> {
        tokio::time::timeout(PATIENCE, self.connection.run(request)).await.expect("an answer in time")
    }

    async fn sql(&mut self, sql: &str) -> Result<Completion, BackendError> {
        self.run(statement(sql, Transaction::None), CAPS).await
    }

    async fn rows(&mut self, sql: &str) -> Vec<Vec<Cell>> {
        self.sql(sql).await.unwrap().rows.to_rows()
    }

    /// The rows as `a|b;c|d`.
    async fn text(&mut self, sql: &str) -> String {
        flat(&self.sql(sql).await.unwrap())
    }

    async fn error(&mut self, sql: &str) -> BackendError {
        self.sql(sql).await.unwrap_err()
    }

    async fn catalog(&mut self, catalog: Catalog) -> Result<Completion, BackendError> {
        self.run(Operation::Catalog(catalog), CAPS).await
    }
}

fn statement(sql: &str, transaction: Transaction) -> Operation {
    Operation::Statement { sql: sql.into(), transaction, parameters: Default::default() }
}

fn flat(completion: &Completion) -> String {
    let row = |row: &Vec<Cell>| {
        row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect::<Vec<_>>().join("|")
    };
    completion.rows.to_rows().iter().map(row).collect::<Vec<_>>().join(";")
}
