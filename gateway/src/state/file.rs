//! The state file itself: created, opened, changed, found to be unusable, set aside.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use snowgate_link::os;
use uuid::Uuid;

use super::results::Results;
use super::{audit, front, now_ms, remembered, usage};
use crate::os::{FileId, FileStamp, is_refused_link, make_private_folders};

/// The layout that this build reads and writes; any other is set aside.
pub(super) const LAYOUT: i32 = 1;

/// How long another process may hold the file while it is opened: at first the gateway before, which is closing
/// it, and on a busy machine takes its time; later somebody who keeps it. Once it is open SQLite does not wait at
/// all: see `thread`.
pub(super) const FIRST_OPENING_TIMEOUT: Duration = Duration::from_millis(1500);
pub(super) const OPENING_TIMEOUT: Duration = Duration::from_millis(250);

/// Memory for pages, in KiB, and statements that stay prepared: more than there are.
const CACHE_KIB: i64 = 1024;
const STATEMENTS_MAX: usize = 64;

/// Bytes of the write-ahead log that stay when it was written back.
const WAL_BYTES_MAX: i64 = 4 << 20;

/// Files set aside that are kept; the oldest go first.
const ASIDE_MAX: usize = 5;

const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE session (
    id TEXT PRIMARY KEY,
    secret BLOB NOT NULL,
    name TEXT,
    uid INTEGER NOT NULL,
    parent_exe TEXT,
    cwd TEXT,
    client TEXT,
    profile TEXT NOT NULL,
    shim_pid INTEGER,
    shim_born INTEGER,
    context TEXT NOT NULL,
    requests INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    detached_ms INTEGER
) WITHOUT ROWID;
CREATE INDEX session_name ON session (name) WHERE name IS NOT NULL;
CREATE TABLE journal (
    session TEXT NOT NULL,
    request INTEGER NOT NULL,
    digest BLOB NOT NULL,
    started_ms INTEGER NOT NULL,
    query_id TEXT,
    finished INTEGER,
    result TEXT,
    PRIMARY KEY (session, request)
) WITHOUT ROWID;
CREATE INDEX journal_finished ON journal (session, finished) WHERE finished IS NOT NULL;
";

/// Files of this layout may lack these, and have an index less useful. An older build does without.
const INDEXES: &str = "
CREATE INDEX IF NOT EXISTS session_detached_ms ON session (detached_ms) WHERE detached_ms IS NOT NULL;
DROP INDEX IF EXISTS session_identity;
DROP INDEX IF EXISTS session_attached;
DROP INDEX IF EXISTS session_detached;
";

/// How something is done with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It reads.
    Read,
    /// It reads and writes, in a transaction.
    Write,
    /// It cannot be done in a transaction.
    Bare,
}

/// What a job may use of the open file.
pub(super) struct Access<'a> {
    pub(super) connection: &'a Connection,
    pub(super) results: &'a mut Results,
}

/// An open state file.
#[derive(Debug)]
pub(super) struct OpenFile {
    connection: Connection,
    results: Results,
    /// Drawn when the file was made.
    pub(super) id: String,
    file: FileId,
}

/// Why a state file is not open.
#[derive(Debug)]
pub(super) enum Unopened {
    /// It will never be.
    Unusable(String),
    /// The disk, the folder or another process is in the way.
    Later(String),
}

impl From<rusqlite::Error> for Unopened {
    fn from(error: rusqlite::Error) -> Self {
        if is_unusable(&error) { Self::Unusable(error.to_string()) } else { Self::Later(error.to_string()) }
    }
}

/// Whether `error` says that the file's content is damaged, or not SQLite's at all.
pub(super) fn is_unusable(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

impl OpenFile {
    /// Opens the file, or makes it.
    pub(super) fn open(path: &Path, wait: Duration) -> Result<Self, Unopened> {
        prepare(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(wait)?;
        let layout = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if layout == 0 {
            // Before anything is in it. Other files are converted once they have much to give back; for them
            // this would have to wait for whoever holds the file.
            connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
        }
        // NORMAL: a commit is handed to the system; only checkpoints wait for the disk.
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;
            PRAGMA cache_size = -{CACHE_KIB}; PRAGMA journal_size_limit = {WAL_BYTES_MAX};"
        ))?;
        match layout {
            0 => make(&mut connection)?,
            LAYOUT => check(&connection)?,
            other => {
                return Err(Unopened::Unusable(format!("it has layout {other}, this build knows {LAYOUT}")));
            }
        }
        remembered::prepare(&mut connection)?;
        usage::prepare(&connection)?;
        front::prepare(&connection)?;
        audit::prepare(&connection)?;
        // Without them it works, too, and the next gateway tries again.
        if let Err(error) = connection.execute_batch(INDEXES) {
            tracing::warn!(%error, "cannot add indexes to the state file");
        }
        let id = connection.query_row("SELECT value FROM meta WHERE key = 'id'", [], |row| row.get(0))?;
        let file = file_at(path).map_err(|error| Unopened::Later(error.to_string()))?;
        let results = Results::of(&connection)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.busy_timeout(Duration::ZERO)?;
        Ok(Self { connection, results, id, file })
    }

    /// Has `run` done; a change is committed only if `is_wanted` says so afterwards, else `None` is returned
    /// and nothing is changed. After an error nothing is changed, either.
    pub(super) fn attempt<T>(
        &mut self,
        mode: Mode,
        run: &mut impl FnMut(&mut Access<'_>) -> rusqlite::Result<T>,
        is_wanted: impl Fn() -> bool,
    ) -> rusqlite::Result<Option<T>> {
        let Self { connection, results, .. } = self;
        let control = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(drop);
        if mode != Mode::Write {
            return run(&mut Access { connection, results }).map(Some);
        }
        // At once: a transaction that reads before it writes could find that others have written meanwhile.
        control("BEGIN IMMEDIATE")?;
        let done = run(&mut Access { connection, results }).and_then(|done| {
            if !is_wanted() {
                return Ok(None);
            }
            control("COMMIT").map(|()| Some(done))
        });
        if matches!(done, Ok(Some(_))) {
            results.commit();
        } else {
            results.roll_back();
            if !connection.is_autocommit() {
                control("ROLLBACK")?;
            }
        }
        done
    }

    /// Whether it is still the file at `path`.
    pub(super) fn is_in_place(&self, path: &Path) -> bool {
        file_at(path).is_ok_and(|file| file == self.file)
    }
}

fn file_at(path: &Path) -> io::Result<FileId> {
    Ok(FileStamp::of_entry(path)?.id)
}

/// Makes the folder and an empty file that only the owner can read.
fn prepare(path: &Path) -> Result<(), Unopened> {
    let later = |error: io::Error| Unopened::Later(error.to_string());
    if let Some(folder) = path.parent() {
        make_private_folders(folder).map_err(later)?;
    }
    match os::open_private(path, false) {
        Ok(file) if file.metadata().map_err(later)?.is_file() => Ok(()),
        Ok(_) => Err(Unopened::Unusable("it is no regular file".to_owned())),
        // Something stands there that is not for us to read: a folder, a link, another user's file.
        Err(error) if is_of_file(&error) && std::fs::symlink_metadata(path).is_ok() => {
            Err(Unopened::Unusable(error.to_string()))
        }
        Err(error) => Err(later(error)),
    }
}

/// Whether the file, not the system's lack of anything, is why it cannot be opened.
fn is_of_file(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, PermissionDenied};
    matches!(error.kind(), IsADirectory | PermissionDenied) || is_refused_link(error)
}

fn make(connection: &mut Connection) -> Result<(), Unopened> {
    let making = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let tables: u32 = making.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 {
        return Err(Unopened::Unusable("it is another program's".to_owned()));
    }
    making.execute_batch(SCHEMA)?;
    making.execute("INSERT INTO meta VALUES ('id', ?1)", [Uuid::new_v4().to_string()])?;
    making.pragma_update(None, "user_version", LAYOUT)?;
    Ok(making.commit()?)
}

fn check(connection: &Connection) -> Result<(), Unopened> {
    let report: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if report == "ok" { Ok(()) } else { Err(Unopened::Unusable(report)) }
}

/// Renames the file and what belongs to it; returns the new name.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = beside(path, &format!(".aside-{}", now_ms()));
    std::fs::rename(path, &aside)?;
    for part in ["-wal", "-shm"] {
        match std::fs::rename(beside(path, part), beside(&aside, part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    drop_oldest(path);
    Ok(aside)
}

/// `path` with `suffix` behind its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Keeps the newest [`ASIDE_MAX`] of the files that were set aside.
fn drop_oldest(path: &Path) {
    let prefix = beside(path, ".aside-");
    let Some(prefix) = prefix.file_name().and_then(|name| name.to_str()) else { return };
    let entries = path.parent().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten();
    let is_database = |name: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.parse::<i64>().is_ok());
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_database))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    for file in files.iter().rev().skip(ASIDE_MAX) {
        for part in ["", "-wal", "-shm"] {
            // What cannot be removed now is tried again the next time.
            let _ = std::fs::remove_file(beside(file, part));
        }
    }
}
