//! The embedded backend: a folder of SQLite files, each a database with the one schema `main`.
//!
//! The databases are found anew for each request (`folder`, `databases`). A connection is a thread that owns one
//! open file (`connection`, `worker`, `open`); the other databases that a statement mentions (`tokens`) are
//! attached to it. A file that cannot be opened (`diagnosis` says why, `checkups` remembers) harms only itself; `outages` says when none can be used. SQLite's authorizer (`guard`, `rules`) decides
//! what a client's SQL may do, whether or not the files are writable.

mod budget;
mod catalog;
mod check_up;
mod checkups;
mod compile;
mod connection;
mod cost;
mod databases;
mod diagnosis;
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
mod objects;
mod open;
mod outages;
mod oversize;
mod parameters;
mod plan;
mod rules;
mod sample;
#[cfg(test)]
mod samples;
mod settings;
mod state;
mod statement;
#[cfg(test)]
mod tests;
mod tokens;
mod turns;
mod unqualified;
mod value;
mod worker;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

pub use check_up::{SqliteCheckUp, check_up};
pub(crate) use names::{DATABASE_NAME, objection as database_name_objection};
#[cfg(test)]
pub(crate) use samples::samples;
pub use settings::SqliteSettings;

use sql_gate::Dialect;

use self::catalog::said;
use self::checkups::Checkups;
use self::connection::SqliteConnection;
use self::databases::{Database, Databases, LeftOut};
use self::folder::Folder;
use self::guard::Guard;
use self::interrupt::Interrupt;
use self::open::Opener;
use self::turns::WriteTurns;
use self::worker::Worker;
use super::{
    Backend, BackendError, BackendStatus, BoxFuture, Connection, Context, ErrorKind, Health, HealthReports,
};

/// How long the start looks at files, in total. It does not wait for locks.
const START_LOOK_MAX: Duration = Duration::from_millis(500);
/// Files that cannot be opened that `status` names, at most.
const PROBLEMS_SHOWN_MAX: usize = 20;

/// Bounds what statements take of memory and disk. Call it before anything in the process uses SQLite, the state
/// file included; further calls do nothing.
pub fn install_budgets() {
    ffi::install();
}

/// The files, and what is known of them.
struct Files {
    folder: Folder,
    checkups: Checkups,
    /// Connections with a transaction open: one of them may hold a lock that another waits for.
    open_transactions: AtomicUsize,
    /// Whose turn it is to write.
    turns: WriteTurns,
    /// Hears whether they can be used.
    health: HealthReports,
}

impl Files {
    /// The database of a context that names none.
    fn default_of<'a>(&self, databases: &'a Databases) -> Result<&'a Database, BackendError> {
        let default = self.checkups.default_of(databases)?;
        self.folder.note_default(&default.name);
        Ok(default)
    }

    /// What keeps databases from being served, for people.
    fn problem(&self) -> Option<String> {
        let folder = self.folder.last_look();
        let unreadable = self.checkups.problems();
        let not_served = unreadable.iter().map(said).chain(folder.left_out.iter().map(LeftOut::said));
        let more = (unreadable.len() + folder.left_out.len()).saturating_sub(PROBLEMS_SHOWN_MAX);
        let mut problems: Vec<String> =
            folder.problem.iter().map(said).chain(not_served.take(PROBLEMS_SHOWN_MAX)).collect();
        if more > 0 {
            problems.push(format!("and {more} more databases cannot be opened: list_databases says why"));
        }
        (!problems.is_empty()).then(|| problems.join("\n"))
    }
}

/// The SQLite files of one folder, and those the config names.
pub struct SqliteBackend {
    files: Arc<Files>,
    /// The folder as the system has it, without links.
    site: String,
    read_only: bool,
    busy_timeout: Duration,
}

impl SqliteBackend {
    /// Creates the default folder and the sample data if they are missing, and looks at the files. Blocks: it
    /// reads and may write files. A file that cannot be opened or written is a warning: the rest is served.
    ///
    /// # Errors
    /// A name in the config that no database can have, or the default folder cannot be created.
    pub fn open(settings: &SqliteSettings) -> Result<Self, BackendError> {
        install_budgets();
        let folder = Folder::new(settings)?;
        folder.prepare(settings)?;
        if let Some(place) = &settings.sample_folder
            && let Err(error) = sample::fill(&folder, place, settings.home_variable)
        {
            folder.note_not_made(error);
        }
        let files = Files {
            folder,
            checkups: Checkups::new(settings.read_only),
            open_transactions: AtomicUsize::new(0),
            turns: WriteTurns::default(),
            health: HealthReports::default(),
        };
        files.checkups.check_all(&files.folder.list(), START_LOOK_MAX);
        let path = files.folder.path();
        let site = path.canonicalize().unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned();
        Ok(Self {
            files: Arc::new(files),
            site,
            read_only: settings.read_only,
            busy_timeout: settings.busy_timeout,
        })
    }

    fn opener(&self, interrupt: Arc<Interrupt>, busy_timeout: Duration) -> Opener {
        let guard = Arc::new(Guard::default());
        let is_patient = Arc::new(true.into());
        Opener { read_only: self.read_only, busy_timeout, guard, interrupt, is_patient }
    }
}

impl Backend for SqliteBackend {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn site(&self) -> Option<&str> {
        Some(&self.site)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn sees_objects(&self) -> bool {
        true
    }

    fn resolve<'a>(&'a self, wanted: &'a Context) -> BoxFuture<'a, Result<Context, BackendError>> {
        let (files, wanted) = (Arc::clone(&self.files), wanted.clone());
        Box::pin(async move {
            let resolved = tokio::task::spawn_blocking(move || {
                files.folder.list().resolve(&wanted, |databases| files.default_of(databases))
            });
            let resolved = resolved.await;
            resolved.unwrap_or_else(|cause| {
                Err(BackendError::new(ErrorKind::Unavailable, format!("cannot list the databases: {cause}")))
            })
        })
    }

    fn completed(&self, context: &Context) -> Context {
        let mut completed = context.clone();
        if completed.database.is_none() {
            completed.database = self.files.folder.last_look().default;
        }
        completed
    }

    fn status(&self) -> BackendStatus {
        let target = format!("folder {}", self.files.folder.path().display());
        BackendStatus { target: Some(target), problem: self.files.problem(), wall: None }
    }

    fn report_to(&self, health: Arc<dyn Health>) {
        self.files.health.attach(health);
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, BackendError>> {
        Box::pin(async move {
            let interrupt = Arc::new(Interrupt::default());
            let opener = self.opener(Arc::clone(&interrupt), self.busy_timeout);
            let files = Arc::clone(&self.files);
            let connection = SqliteConnection::start(interrupt, |shared| Worker::new(files, opener, shared))?;
            Ok(Box::new(connection) as Box<dyn Connection>)
        })
    }
}
