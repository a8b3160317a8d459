//! The embedded backend: a folder of SQLite files, each a database with the one schema `main`.
//!
//! A connection is a thread that owns one open file (`connection`, `worker`, `open`); the other databases
//! that a statement mentions (`tokens`) are attached to it. SQLite's authorizer (`guard`, `rules`) decides
//! what a client's SQL may do, whether or not the files are writable.

mod budget;
mod catalog;
mod compile;
mod connection;
mod databases;
mod double_quotes;
mod failure;
mod ffi;
mod file;
mod folder;
mod foreign;
mod functions;
mod guard;
mod hints;
mod interrupt;
mod names;
mod open;
mod rules;
mod sample;
mod settings;
mod statement;
#[cfg(test)]
mod tests;
mod tokens;
mod value;
mod worker;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use names::{DATABASE_NAME, objection as database_name_objection};
pub use settings::SqliteSettings;

use self::connection::SqliteConnection;
use self::databases::{Database, Origin};
use self::folder::Folder;
use self::guard::Guard;
use self::interrupt::Interrupt;
use self::open::Opener;
use self::worker::Worker;
use super::{Backend, BackendError, BoxFuture, Connection, Context, ErrorKind};

/// How long the start may wait for locks on the files that the config names, in total. It does not wait for
/// locks on files in the folder.
const START_LOCKS_MAX: Duration = Duration::from_millis(500);

/// Bounds what statements take of memory and disk. Call it before anything in the process uses SQLite, the state
/// file included; further calls do nothing.
pub fn install_budgets() {
    ffi::install();
}

/// The SQLite files of one folder, and those the config names.
pub struct SqliteBackend {
    folder: Arc<Folder>,
    read_only: bool,
    busy_timeout: Duration,
}

impl SqliteBackend {
    /// Creates the default folder and the sample data if they are missing, and tries to open every file that the
    /// config names. Blocks: it reads and may write files.
    ///
    /// # Errors
    /// The problem with the folder or a file, the setting that named it, and what to do.
    pub fn open(settings: &SqliteSettings) -> Result<Self, BackendError> {
        install_budgets();
        let folder = Folder::new(settings)?;
        folder.prepare(settings)?;
        if let Some(place) = &settings.sample_folder {
            sample::fill(&folder, place, settings.home_variable)?;
        }
        let backend = Self {
            folder: Arc::new(folder),
            read_only: settings.read_only,
            busy_timeout: settings.busy_timeout,
        };
        backend.try_files()?;
        Ok(backend)
    }

    /// Opens each file once: a failure is an error for the config's files and a warning for the folder's. A
    /// locked file is not a failure.
    fn try_files(&self) -> Result<(), BackendError> {
        let until = Instant::now() + START_LOCKS_MAX.min(self.busy_timeout);
        for database in self.folder.configured() {
            let left = until.saturating_duration_since(Instant::now());
            try_file(&self.opener(Arc::default(), left), database)
                .map_err(|error| name_config_key(error, &database.name))?;
        }
        let opener = self.opener(Arc::default(), Duration::ZERO);
        for database in self.folder.list()?.iter().filter(|database| database.origin == Origin::Folder) {
            if let Err(error) = try_file(&opener, database) {
                tracing::warn!(database = database.name, %error, "cannot open database");
            }
        }
        Ok(())
    }

    fn opener(&self, interrupt: Arc<Interrupt>, busy_timeout: Duration) -> Opener {
        let guard = Arc::new(Guard::default());
        Opener { read_only: self.read_only, busy_timeout, guard, interrupt }
    }
}

impl Backend for SqliteBackend {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn resolve<'a>(&'a self, wanted: &'a Context) -> BoxFuture<'a, Result<Context, BackendError>> {
        let (folder, wanted) = (Arc::clone(&self.folder), wanted.clone());
        Box::pin(async move {
            let resolved = tokio::task::spawn_blocking(move || folder.list()?.resolve(&wanted)).await;
            resolved.unwrap_or_else(|cause| {
                Err(BackendError::new(ErrorKind::Unavailable, format!("cannot list the databases: {cause}")))
            })
        })
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, BackendError>> {
        Box::pin(async move {
            let interrupt = Arc::new(Interrupt::default());
            let opener = self.opener(Arc::clone(&interrupt), self.busy_timeout);
            let folder = Arc::clone(&self.folder);
            let connection =
                SqliteConnection::start(interrupt, |usable| Worker::new(folder, opener, usable))?;
            Ok(Box::new(connection) as Box<dyn Connection>)
        })
    }
}

/// Opens and closes a file; a lock on it is not an error.
fn try_file(opener: &Opener, database: &Database) -> Result<(), BackendError> {
    match opener.open(database) {
        Err(error) if error.kind != ErrorKind::Busy => Err(error),
        _ => Ok(()),
    }
}

fn name_config_key(mut error: BackendError, name: &str) -> BackendError {
    error.message = format!("sqlite.databases.{name}: {}", error.message);
    error.next_step = Some(match error.next_step {
        Some(step) => format!("{step}; or change sqlite.databases.{name} in config.toml"),
        None => format!("change sqlite.databases.{name} in config.toml"),
    });
    error
}
