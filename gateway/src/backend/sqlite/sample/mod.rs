//! The sample data: TPC-H as database `SNOWFLAKE_SAMPLE_DATA`, which every Snowflake account has too.
//!
//! It is written to a hidden file in the same folder, synced, and renamed, all under a lock: a process killed
//! halfway leaves a file that is never served and that the next start removes, and of two starts at once the
//! second finds it done. The file is in rollback-journal mode, which needs no other file: it can be read from
//! a write-protected folder.

mod rows;

use std::fs::File;
use std::io;
use std::path::Path;

use rusqlite::{Connection, Error};

use super::databases::SAMPLE_DATABASE;
use super::folder::Folder;
use crate::backend::{BackendError, ErrorKind};

/// Its comment in the list of databases.
pub(super) const SAMPLE_COMMENT: &str = "sample data: TPC-H at scale factor 0.01";

const FILE: &str = "SNOWFLAKE_SAMPLE_DATA.db";
/// At most one exists, and only the process that holds the lock touches it.
const UNFINISHED: &str = ".SNOWFLAKE_SAMPLE_DATA.unfinished";
const LOCK: &str = ".SNOWFLAKE_SAMPLE_DATA.lock";

/// Creates the folder, only for its owner, if it is missing.
pub(super) fn create_folder(path: &Path) -> Result<(), BackendError> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|cause| {
        BackendError::new(
            ErrorKind::Unavailable,
            format!("cannot create the folder {}: {cause}", path.display()),
        )
        .with_next_step("set sqlite.folder in config.toml to a folder that can be created")
    })
}

/// Creates the sample data if no database has its name. A failure is only a warning if there are other
/// databases.
pub(super) fn fill(folder: &Folder) -> Result<(), BackendError> {
    let databases = folder.list()?;
    if databases.find(SAMPLE_DATABASE).is_ok() {
        return Ok(());
    }
    match create(folder.path()) {
        Ok(()) => Ok(()),
        Err(cause) if databases.iter().next().is_some() => {
            tracing::warn!(folder = %folder.path().display(), %cause, "cannot write the sample data");
            Ok(())
        }
        Err(cause) => Err(BackendError::new(
            ErrorKind::Unavailable,
            format!("cannot write the sample data to {}: {cause}", folder.path().display()),
        )
        .with_next_step(
            "make the folder writable, or set sample_data = false under [sqlite] in config.toml",
        )),
    }
}

fn create(folder: &Path) -> io::Result<()> {
    // Released when the file is closed, also by a kill.
    let lock = File::options().create(true).append(true).open(folder.join(LOCK))?;
    lock.lock()?;
    let (unfinished, place) = (folder.join(UNFINISHED), folder.join(FILE));
    if place.exists() {
        return Ok(());
    }
    remove(&unfinished)?;
    write(&unfinished).map_err(io::Error::other)?;
    File::options().write(true).open(&unfinished)?.sync_all()?;
    std::fs::rename(&unfinished, &place)?;
    sync_folder(folder)
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

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Other systems cannot sync a folder.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
