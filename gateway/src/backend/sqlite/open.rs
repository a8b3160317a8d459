//! Opening a file: flags, limits, hooks, and attaching other databases.

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, ffi};

use super::compile::allow_texts;
use super::databases::Database;
use super::diagnosis::{diagnose, other_kind};
use super::failure::{cancelled, from_sqlite};
use super::ffi::NamedConnection;
use super::file::{FileId, ImmutableWal, sql_path};
use super::functions;
use super::guard::Guard;
use super::interrupt::Interrupt;
use super::state::Traces;
use crate::backend::{BackendError, ErrorKind, Held};
use crate::os;

/// Steps of SQLite's virtual machine between two checks of the cancel flag: well under a millisecond.
const PROGRESS_STEPS: i32 = 1000;
/// The most columns in a result or a table: SQLite's own default. A lower limit would make a file with one
/// wider table unreadable ("malformed database schema").
const COLUMNS_MAX: i32 = 2000;
/// Longest statement, in bytes.
const SQL_BYTES_MAX: i32 = 1 << 20;
/// Longest pattern of LIKE and GLOB, in bytes: matching takes pattern times text, and cannot be interrupted.
/// At worst it takes two or three seconds on the longest value.
const PATTERN_BYTES_MAX: i32 = 128;
/// The deepest nesting of triggers.
const TRIGGER_DEPTH_MAX: i32 = 100;
/// Longest pause between two attempts to get a lock.
const BUSY_PAUSE_MAX: Duration = Duration::from_millis(25);
/// The most databases attached at once, not counting the main one: SQLite's SQLITE_MAX_ATTACHED.
pub(super) const ATTACHED_MAX: usize = 10;

/// Settings for opening files, the same for every file of a connection.
pub(super) struct Opener {
    pub(super) read_only: bool,
    pub(super) busy_timeout: Duration,
    pub(super) guard: Arc<Guard>,
    pub(super) interrupt: Arc<Interrupt>,
    /// Whether locks are waited for, for as long as `busy_timeout` says. Written by the connection's thread.
    pub(super) is_patient: Arc<AtomicBool>,
}

/// A database that could not be attached, and why.
pub(super) struct NotAttached {
    pub(super) name: String,
    pub(super) error: BackendError,
}

/// An open file and its attached databases.
pub(super) struct OpenDatabase {
    connection: NamedConnection,
    main: Attached,
    attached: Vec<Attached>,
    pub(super) traces: Traces,
}

/// An open database, either the main one or an attached one.
struct Attached {
    database: Database,
    id: FileId,
    /// Opened as immutable: valid for one request, then checked again.
    immutable: bool,
}

impl Opener {
    /// Opens `database` as the main database of a new connection.
    pub(super) fn open(&self, database: &Database) -> Result<OpenDatabase, BackendError> {
        self.try_open(database).map_err(|error| self.explain(&error, database))
    }

    fn try_open(&self, database: &Database) -> Result<OpenDatabase, Error> {
        let (attached, connection) = self.try_both(database, |path| self.connect(path))?;
        self.interrupt.set_handle(connection.get_interrupt_handle());
        let name = CString::new(database.name.as_str())?;
        let connection = NamedConnection::new(connection, name)?;
        let traces = Traces::default();
        traces.query_only.set(self.read_only);
        Ok(OpenDatabase { connection, main: attached, attached: Vec::new(), traces })
    }

    /// Opens a file by its path; if that fails because its WAL index is missing, opens it as immutable.
    fn try_both<T>(
        &self,
        database: &Database,
        open: impl Fn(&str) -> Result<T, Error>,
    ) -> Result<(Attached, T), Error> {
        let attached =
            Attached { database: database.clone(), id: FileId::of(&database.path), immutable: false };
        if std::fs::metadata(&database.path).is_ok_and(|found| other_kind(&found).is_some()) {
            return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CANTOPEN), None));
        }
        match open(&sql_path(&database.path)) {
            Ok(opened) => Ok((attached, opened)),
            Err(error) if may_lack_index(&error) => {
                let immutable = ImmutableWal::of(&database.path).ok_or(error)?;
                Ok((Attached { immutable: true, ..attached }, open(immutable.uri())?))
            }
            Err(error) => Err(error),
        }
    }

    fn connect(&self, path: &str) -> Result<Connection, Error> {
        let access =
            if self.read_only { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
        let flags = access | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        self.hook(&mut connection)?;
        harden(&connection)?;
        functions::install(&connection)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        if self.read_only {
            connection.pragma_update(None, "query_only", true)?;
        }
        Ok(connection)
    }

    fn hook(&self, connection: &mut Connection) -> Result<(), Error> {
        let (guard, interrupt) = (Arc::clone(&self.guard), Arc::clone(&self.interrupt));
        connection
            .authorizer(Some(move |context: rusqlite::hooks::AuthContext<'_>| guard.authorize(&context)))?;
        connection.progress_handler(PROGRESS_STEPS, Some(move || interrupt.must_stop()))?;
        let (interrupt, timeout) = (Arc::clone(&self.interrupt), self.busy_timeout);
        let is_patient = Arc::clone(&self.is_patient);
        let mut since = Instant::now();
        connection.busy_handler(Some(move |tries: i32| {
            if tries == 0 {
                since = Instant::now();
            }
            let pause = Duration::from_millis(1u64 << tries.clamp(0, 5)).min(BUSY_PAUSE_MAX);
            is_patient.load(Ordering::Relaxed) && since.elapsed() < timeout && !interrupt.wait(pause)
        }))
    }

    /// Adds the file's name to an error.
    fn explain(&self, error: &Error, database: &Database) -> BackendError {
        if self.interrupt.is_cancelled() {
            return cancelled();
        }
        let mut explained = from_sqlite(error);
        let found = diagnose(&database.path, error, self.read_only);
        let (name, path) = (&database.name, database.path.display());
        explained.message = match &found {
            Some(found) => {
                format!("cannot open database {name} ({path}): {} ({})", found.what, explained.message)
            }
            None => format!("cannot open database {name} ({path}): {}", explained.message),
        };
        let code = error.sqlite_error_code();
        // A file that cannot be opened and shows no reason is being replaced, or its share is coming back.
        explained.may_retry = matches!(code, Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen))
            && found.is_none()
            && explained.kind == ErrorKind::Unavailable;
        explained.next_step = found.map(|found| found.next_step).or(explained.next_step);
        if explained.kind == ErrorKind::Statement || explained.kind == ErrorKind::Refused {
            explained.kind = ErrorKind::Unavailable;
        }
        // SQLite does not say why; the connections that are open must do then.
        if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) && os::test_out_of_descriptors() {
            explained.kind = ErrorKind::Exhausted;
            explained.message.push_str(": no file descriptors are left");
            explained.next_step = Some(os::RAISE_LIMIT.to_owned());
        }
        explained
    }
}

impl OpenDatabase {
    /// The connection.
    pub(super) fn connection(&self) -> &Connection {
        self.connection.get()
    }

    /// The main database.
    pub(super) fn main(&self) -> &Database {
        &self.main.database
    }

    /// Whether anything is attached to it.
    pub(super) fn has_attached(&self) -> bool {
        !self.attached.is_empty()
    }

    /// Whether this is `database`, and its file is still the one that was opened.
    pub(super) fn is(&self, database: &Database) -> bool {
        self.main.is(database)
    }

    /// Attaches `wanted` and detaches everything else; returns those that cannot be attached. The attached
    /// databases depend only on the statement, never on an earlier one: SQLite looks for unqualified names in
    /// all of them.
    pub(super) fn attach_exactly(
        &mut self,
        opener: &Opener,
        wanted: &[&Database],
    ) -> Result<Vec<NotAttached>, BackendError> {
        if wanted.len() > ATTACHED_MAX {
            return Err(too_many(wanted));
        }
        let stays = |attached: &Attached| wanted.iter().any(|database| attached.is(database));
        for gone in self.attached.extract_if(.., |attached| !stays(attached)) {
            let detached = self.connection.get().execute("DETACH DATABASE ?1", [&gone.database.name]);
            detached.map_err(|error| from_sqlite(&error))?;
        }
        let mut failed = Vec::new();
        for database in wanted {
            if self.attached.iter().any(|attached| attached.is(database)) {
                continue;
            }
            match self.attach(opener, database) {
                Ok(attached) => self.attached.push(attached),
                Err(error) => failed.push(self.not_attached(opener, database, &error)),
            }
        }
        Ok(failed)
    }

    /// Attaches `wanted`, too, while the session holds something here: as long as there is room nothing is detached, and
    /// never what the transaction has used. Returns those that cannot be attached.
    pub(super) fn attach_more(
        &mut self,
        opener: &Opener,
        wanted: &[&Database],
    ) -> Result<Vec<NotAttached>, BackendError> {
        if wanted.len() > ATTACHED_MAX {
            return Err(too_many(wanted));
        }
        let mut failed = Vec::new();
        for database in wanted {
            let known = self.attached.iter().position(|attached| attached.database == **database);
            if let Some(at) = known {
                // One whose file is another now, unless the transaction uses it.
                if self.attached[at].is(database) || !self.detach(at) {
                    continue;
                }
            }
            while self.attached.len() >= ATTACHED_MAX {
                let spare = |attached: &Attached| !wanted.contains(&&attached.database);
                let spare =
                    (0..self.attached.len()).filter(|at| spare(&self.attached[*at])).collect::<Vec<_>>();
                if !spare.into_iter().any(|at| self.detach(at)) {
                    return Err(too_many_held(database));
                }
            }
            match self.attach(opener, database) {
                Ok(attached) => self.attached.push(attached),
                Err(error) => failed.push(self.not_attached(opener, database, &error)),
            }
        }
        Ok(failed)
    }

    /// Detaches one, if the transaction has not used it.
    fn detach(&mut self, at: usize) -> bool {
        let name = &self.attached[at].database.name;
        let detached = self.connection.get().execute("DETACH DATABASE ?1", [name]).is_ok();
        if detached {
            self.attached.remove(at);
        }
        detached
    }

    fn not_attached(&self, opener: &Opener, database: &Database, error: &Error) -> NotAttached {
        let error = match differs_in_encoding(error) {
            true => two_encodings(self.connection.get(), self.main(), database),
            false => opener.explain(error, database),
        };
        NotAttached { name: database.name.clone(), error }
    }

    /// Whether the file is still the one that was opened.
    pub(super) fn is_current(&self) -> bool {
        self.main.immutable || self.main.id.is_current(&self.main.database.path)
    }

    /// What of a session's own it holds.
    pub(super) fn held(&self) -> Held {
        self.traces.held(self.connection())
    }

    fn attach(&self, opener: &Opener, database: &Database) -> Result<Attached, Error> {
        let connection = self.connection.get();
        let attach = |path: &str| connection.execute("ATTACH DATABASE ?1 AS ?2", [path, &database.name]);
        opener.try_both(database, attach).map(|(attached, _)| attached)
    }

    /// The names of the open databases.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.main).chain(&self.attached).map(|attached| attached.database.name.as_str())
    }
}

impl Attached {
    fn is(&self, database: &Database) -> bool {
        !self.immutable && self.database == *database && self.id.is_current(&database.path)
    }
}

/// A file in WAL mode cannot be opened if its index (`-shm`) is missing and cannot be created.
fn may_lack_index(error: &Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, ReadOnly};
    matches!(error.sqlite_error_code(), Some(CannotOpen | ReadOnly))
}

/// Limits and switches against hostile SQL and hostile files.
fn harden(connection: &Connection) -> Result<(), Error> {
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, functions::VALUE_BYTES_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_COLUMN, COLUMNS_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, SQL_BYTES_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_BYTES_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_TRIGGER_DEPTH, TRIGGER_DEPTH_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Views and triggers may use full-text functions and pragmas that read: what is dangerous SQLite keeps to
    // a client's text (DIRECTONLY) and the guard refuses there; a test names what is left.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false)?;
    allow_texts(connection, true)
}

/// SQLite has no code for it.
fn differs_in_encoding(error: &Error) -> bool {
    error.to_string().contains("same text encoding")
}

fn two_encodings(connection: &Connection, main: &Database, other: &Database) -> BackendError {
    let (main, other) = (&main.name, &other.name);
    let encoding: Result<String, Error> = connection.pragma_query_value(None, "encoding", |row| row.get(0));
    let encoding = encoding.unwrap_or_else(|_| "one".to_owned());
    BackendError::new(
        ErrorKind::Statement,
        format!(
            "one statement cannot use both {main} and {other}: their files have different text encodings ({main} \
             has {encoding}, {other} another one), and SQLite attaches only files of the same one"
        ),
    )
    .with_next_step(format!(
        "call set_context with database {other}, or set `database` on the call, and query each of the two alone"
    ))
}

fn too_many_held(wanted: &Database) -> BackendError {
    BackendError::new(
        ErrorKind::Statement,
        format!(
            "{} cannot be opened: the session's open transaction uses {ATTACHED_MAX} databases besides the first already",
            wanted.name
        ),
    )
    .with_next_step("end the transaction with COMMIT or ROLLBACK first")
}

fn too_many(wanted: &[&Database]) -> BackendError {
    let names: Vec<&str> = wanted.iter().map(|database| database.name.as_str()).collect();
    BackendError::new(
        ErrorKind::Statement,
        format!("the statement uses {} databases besides the current one: {}", names.len(), names.join(", ")),
    )
    .with_next_step(format!("use at most {ATTACHED_MAX}; split the statement if it needs more"))
}
