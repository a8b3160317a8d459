//! The sample data: TPC-H as database `SNOWFLAKE_SAMPLE_DATA`, which every Snowflake account has too.
//!
//! It has a folder of its own, away from the user's files. It is written to a hidden file there, synced, and
//! renamed, all under a lock: a process killed halfway leaves a file that is never served and that the next
//! start removes, and of two starts at once the second finds it done. The file is in rollback-journal mode,
//! which needs no other file: it can be read from a write-protected folder.

mod rows;

use std::fs::File;
use std::io;
use std::path::Path;

use rusqlite::{Connection, Error};

use super::databases::SAMPLE_DATABASE;
use super::folder::{self, Folder, SAMPLE_FILE};
use crate::backend::{BackendError, ErrorKind};
use crate::os;

/// Its comment in the list of databases.
pub(super) const SAMPLE_COMMENT: &str = "sample data: TPC-H at scale factor 0.01";

/// At most one exists, and only the process that holds the lock touches it.
const UNFINISHED: &str = ".SNOWFLAKE_SAMPLE_DATA.unfinished";
const LOCK: &str = ".SNOWFLAKE_SAMPLE_DATA.lock";

/// Creates the sample data in the folder `place` if no database has its name.
pub(super) fn fill(folder: &Folder, place: &Path, home_variable: &str) -> Result<(), BackendError> {
    if folder.list().find(SAMPLE_DATABASE).is_ok() {
        return Ok(());
    }
    folder::create(place, home_variable)?;
    create(place).map_err(|cause| {
        let what = format!("cannot write the sample data to {}: {cause}", place.display());
        BackendError::new(ErrorKind::Unavailable, what).with_next_step(
            "make the folder writable, or set sample_data = false under [sqlite] in config.toml",
        )
    })
}

fn create(folder: &Path) -> io::Result<()> {
    // Released when the file is closed, also by a kill.
    let lock = File::options().create(true).append(true).open(folder.join(LOCK))?;
    lock.lock()?;
    let (unfinished, place) = (folder.join(UNFINISHED), folder.join(SAMPLE_FILE));
    if place.exists() {
        return Ok(());
    }
    remove(&unfinished)?;
    write(&unfinished).map_err(io::Error::other)?;
    File::options().write(true).open(&unfinished)?.sync_all()?;
    std::fs::rename(&unfinished, &place)?;
    os::sync_folder(folder)
}

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

/// Without journal and syncs: an unfinished file is removed, and a finished one is synced before it is
/// renamed.
fn write(path: &Path) -> Result<(), Error> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -65536; \
         PRAGMA locking_mode = EXCLUSIVE; BEGIN",
    )?;
    connection.execute_batch(include_str!("schema.sql"))?;
    rows::insert(&connection)?;
    connection.execute_batch(include_str!("finish.sql"))?;
    connection.execute_batch("COMMIT")?;
    connection.close().map_err(|(_, error)| error)
}
