//! What is in the state file, for `snowgate doctor` and `report`: read without changing anything, while a gateway may use it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use super::FILE;
use super::file::{LAYOUT, beside, is_unusable};

/// How long another process may hold the file meanwhile.
const WAIT: Duration = Duration::from_millis(500);

/// A larger file is not checked page by page, in bytes: that would take long.
const CHECKED_BYTES_MAX: u64 = 256 << 20;

/// What is in the state file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StateSummary {
    /// Bytes, with the write-ahead log.
    pub bytes: u64,
    /// Sessions that may come back.
    pub sessions: u64,
    /// Statements in the journal.
    pub statements: u64,
    /// Statements whose end is not known.
    pub unfinished: u64,
    /// Files that were set aside, the oldest first.
    pub set_aside: Vec<PathBuf>,
}

/// Why it cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The next gateway sets it aside and begins anew.
    Unusable(String),
    /// Something is in the way now.
    Now(String),
}

/// What is in the state file in `folder`; `None`: there is none.
///
/// # Errors
/// It cannot be read.
pub fn summary(folder: &Path) -> Result<Option<StateSummary>, Unreadable> {
    let path = folder.join(FILE);
    let set_aside = set_aside(folder);
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let nothing = StateSummary { set_aside, ..StateSummary::default() };
            return Ok((!nothing.set_aside.is_empty()).then_some(nothing));
        }
        Err(error) => return Err(Unreadable::Now(error.to_string())),
        Ok(found) if !found.is_file() => {
            return Err(Unreadable::Unusable("it is no regular file".to_owned()));
        }
        Ok(_) => {}
    }
    let log = beside(&path, "-wal");
    let bytes = size(&path) + size(&log);
    let of = |error: rusqlite::Error| match is_unusable(&error) {
        true => Unreadable::Unusable(error.to_string()),
        false => Unreadable::Now(error.to_string()),
    };
    let connection = open(&path, size(&log) > 0).map_err(of)?;
    let layout: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(of)?;
    if layout != LAYOUT {
        return Err(Unreadable::Unusable(format!("it has layout {layout}, this version knows {LAYOUT}")));
    }
    if bytes <= CHECKED_BYTES_MAX {
        let report: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(of)?;
        if report != "ok" {
            return Err(Unreadable::Unusable(report));
        }
    }
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    let counts = || -> rusqlite::Result<_> {
        Ok((
            count("SELECT count(*) FROM session")?,
            count("SELECT count(*) FROM journal")?,
            count("SELECT count(*) FROM journal WHERE finished IS NULL")?,
        ))
    };
    let (sessions, statements, unfinished) = counts().map_err(of)?;
    Ok(Some(StateSummary { bytes, sessions, statements, unfinished, set_aside }))
}

/// Without a write-ahead log nothing is to be made beside the file.
fn open(path: &Path, has_log: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if has_log {
        Connection::open_with_flags(path, flags)?
    } else {
        let mut address =
            url::Url::from_file_path(path).map_err(|()| rusqlite::Error::InvalidPath(path.to_owned()))?;
        address.set_query(Some("immutable=1"));
        Connection::open_with_flags(address.as_str(), flags | OpenFlags::SQLITE_OPEN_URI)?
    };
    connection.busy_timeout(WAIT)?;
    Ok(connection)
}

fn set_aside(folder: &Path) -> Vec<PathBuf> {
    let prefix = format!("{FILE}.aside-");
    let is_aside = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_prefix(&prefix).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_aside).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StateStore;

    #[tokio::test]
    async fn what_is_in_the_file_is_counted_while_it_is_used_and_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(summary(folder.path()), Ok(None));
        let store = StateStore::open(folder.path()).await;
        let used = summary(folder.path()).unwrap().unwrap();
        assert!(used.bytes > 0 && used.sessions == 0, "{used:?}");
        drop(store);
        let names = || -> Vec<_> {
            fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path()).collect()
        };
        let before = names();
        assert_eq!(summary(folder.path()).unwrap().unwrap().statements, 0);
        assert_eq!(names(), before, "nothing is made");
    }

    #[test]
    fn a_file_that_is_no_state_file_is_unusable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "certainly not SQLite. ".repeat(100)).unwrap();
        assert!(matches!(summary(folder.path()), Err(Unreadable::Unusable(_))));
        fs::remove_file(&path).unwrap();
        Connection::open(&path)
            .unwrap()
            .execute_batch("PRAGMA user_version = 99; CREATE TABLE t(x)")
            .unwrap();
        let Err(Unreadable::Unusable(why)) = summary(folder.path()) else { panic!("another layout") };
        assert!(why.contains("layout 99"), "{why}");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(summary(folder.path()), Err(Unreadable::Unusable(_))));
        fs::write(folder.path().join("state.db.aside-17"), "").unwrap();
        fs::remove_dir(&path).unwrap();
        assert_eq!(summary(folder.path()).unwrap().unwrap().set_aside.len(), 1);
    }
}
