//! Which files can be opened: looked at when that matters, and remembered while they stay as they are.
//!
//! No session waits for a file that it does not use. So a locked file is not waited for here, but for a moment
//! where it would be the default database: a commit that happens to run must not give a session another one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::databases::{Database, Databases};
use super::file::{FileId, beside};
use super::guard::Guard;
use super::interrupt::Interrupt;
use super::open::Opener;
use crate::backend::{BackendError, ErrorKind};

/// How long a look counts for a file that seems unchanged: permissions and locks do not show in it.
const AGE_MAX: Duration = Duration::from_secs(1);
/// How long the choice of the default database waits for locked files, in total.
const DEFAULT_LOCKS_MAX: Duration = Duration::from_millis(300);
/// Whether a file can be opened.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    Readable,
    /// Another program has locked it.
    Locked,
    Broken(BackendError),
}

/// The files looked at so far.
pub(super) struct Checkups {
    read_only: bool,
    /// Written by whoever has looked at a file; never held while one is looked at.
    seen: Mutex<BTreeMap<PathBuf, Checkup>>,
}

struct Checkup {
    database: Database,
    stamp: Stamp,
    at: Instant,
    /// How long a lock was waited for.
    patience: Duration,
    verdict: Verdict,
}

/// The state of a file, as far as it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    id: FileId,
    bytes: u64,
    changed: Option<SystemTime>,
    has_journal: bool,
}

impl Stamp {
    fn of(path: &Path) -> Self {
        let found = std::fs::metadata(path).ok();
        Self {
            id: FileId::of(path),
            bytes: found.as_ref().map_or(0, std::fs::Metadata::len),
            changed: found.and_then(|found| found.modified().ok()),
            has_journal: beside(path, "-journal").exists(),
        }
    }
}

impl Checkups {
    /// Nothing is known yet.
    pub(super) fn new(read_only: bool) -> Self {
        Self { read_only, seen: Mutex::default() }
    }

    /// Whether `database` can be opened; a lock on it is waited for up to `patience`.
    pub(super) fn check(&self, database: &Database, patience: Duration) -> Verdict {
        let stamp = Stamp::of(&database.path);
        if let Some(known) = self.known(database, stamp, patience) {
            return known;
        }
        let opener = Opener {
            read_only: self.read_only,
            busy_timeout: patience,
            guard: Arc::new(Guard::default()),
            interrupt: Arc::new(Interrupt::default()),
            is_patient: Arc::new(true.into()),
        };
        let verdict = match opener.open(database) {
            Ok(_) => Verdict::Readable,
            Err(error) if error.kind == ErrorKind::Busy => Verdict::Locked,
            // It says nothing about the file.
            Err(error) if error.kind == ErrorKind::Exhausted => return Verdict::Readable,
            Err(error) => Verdict::Broken(error),
        };
        self.remember(database, stamp, patience, verdict.clone());
        verdict
    }

    /// The verdict on each of `databases`, without waiting for locks. After `time`, the others count as readable.
    pub(super) fn check_all<'a>(
        &self,
        databases: &'a Databases,
        time: Duration,
    ) -> Vec<(&'a Database, Verdict)> {
        let until = Instant::now() + time;
        let paths: Vec<&Path> = databases.iter().map(|database| database.path.as_path()).collect();
        self.seen().retain(|path, _| paths.contains(&path.as_path()));
        let look = |database| match Instant::now() < until {
            true => (database, self.check(database, Duration::ZERO)),
            false => (database, Verdict::Readable),
        };
        databases.iter().map(look).collect()
    }

    /// The database of a context that names none.
    pub(super) fn default_of<'a>(&self, databases: &'a Databases) -> Result<&'a Database, BackendError> {
        let until = Instant::now() + DEFAULT_LOCKS_MAX;
        databases.default_database(|database| {
            let patience = until.saturating_duration_since(Instant::now());
            // What counts is whether it was waited for, not to the millisecond.
            let patience = if patience.is_zero() { patience } else { DEFAULT_LOCKS_MAX };
            matches!(self.check(database, patience), Verdict::Readable)
        })
    }

    /// The files that could not be opened when they were last looked at, and are as they were.
    pub(super) fn problems(&self) -> Vec<BackendError> {
        let broken = |checkup: &Checkup| match &checkup.verdict {
            Verdict::Broken(error) if checkup.stamp == Stamp::of(&checkup.database.path) => {
                Some(error.clone())
            }
            _ => None,
        };
        self.seen().values().filter_map(broken).collect()
    }

    fn known(&self, database: &Database, stamp: Stamp, patience: Duration) -> Option<Verdict> {
        let seen = self.seen();
        let checkup = seen.get(&database.path)?;
        let is_waited_for = !matches!(checkup.verdict, Verdict::Locked) || patience <= checkup.patience;
        let is_current = is_waited_for && checkup.at.elapsed() < AGE_MAX;
        (is_current && checkup.stamp == stamp && checkup.database == *database)
            .then(|| checkup.verdict.clone())
    }

    fn remember(&self, database: &Database, stamp: Stamp, patience: Duration, verdict: Verdict) {
        let checkup = Checkup { database: database.clone(), stamp, at: Instant::now(), patience, verdict };
        let error = match &checkup.verdict {
            Verdict::Broken(error) => Some(error.clone()),
            _ => None,
        };
        let before = self.seen().insert(database.path.clone(), checkup);
        let is_new = !before
            .is_some_and(|before| before.stamp == stamp && matches!(before.verdict, Verdict::Broken(_)));
        if let Some(error) = error.filter(|_| is_new) {
            tracing::warn!(database = database.name, %error, "cannot open database");
        }
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Checkup>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
