//! The state file itself: created, opened, found to be unusable, set aside.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use snowgate_link::os;
use uuid::Uuid;

use super::now_ms;

/// The layout that this build reads and writes; any other is set aside.
const LAYOUT: i32 = 1;

/// How long another process may hold the file. Only a gateway that leaves can.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

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
CREATE INDEX session_identity ON session (cwd, client, profile);
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

/// An open state file.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) connection: Connection,
    /// Drawn when the file was made.
    pub(super) id: String,
    inode: u64,
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
    pub(super) fn open(path: &Path) -> Result<Self, Unopened> {
        prepare(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // A transaction that reads before it writes must wait for its turn at the beginning: later there is
        // no waiting.
        connection.set_transaction_behavior(TransactionBehavior::Immediate);
        // NORMAL: a commit is handed to the system; only checkpoints wait for the disk.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;",
        )?;
        match connection.query_row("PRAGMA user_version", [], |row| row.get(0))? {
            0 => make(&mut connection)?,
            LAYOUT => check(&connection)?,
            other => {
                return Err(Unopened::Unusable(format!("it has layout {other}, this build knows {LAYOUT}")));
            }
        }
        let id = connection.query_row("SELECT value FROM meta WHERE key = 'id'", [], |row| row.get(0))?;
        let inode = inode(path).map_err(|error| Unopened::Later(error.to_string()))?;
        Ok(Self { connection, id, inode })
    }

    /// Whether it is still the file at `path`.
    pub(super) fn is_in_place(&self, path: &Path) -> bool {
        inode(path).is_ok_and(|inode| inode == self.inode)
    }
}

fn inode(path: &Path) -> io::Result<u64> {
    Ok(std::fs::symlink_metadata(path)?.ino())
}

/// Makes the folder and an empty file that only the owner can read.
fn prepare(path: &Path) -> Result<(), Unopened> {
    let later = |error: io::Error| Unopened::Later(error.to_string());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(later)?;
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
    const ELOOP: i32 = if cfg!(target_os = "linux") { 40 } else { 62 };
    matches!(error.kind(), IsADirectory | PermissionDenied) || error.raw_os_error() == Some(ELOOP)
}

fn make(connection: &mut Connection) -> Result<(), Unopened> {
    let making = connection.transaction()?;
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
fn beside(path: &Path, suffix: &str) -> PathBuf {
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
