//! The identity and state of database files.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::os::{self, FileStamp};

/// Identifies the file at a path: a file that was replaced under an open connection must be opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    /// A missing file has none, and is another than any file.
    file: Option<(os::FileId, Option<SystemTime>)>,
}

impl FileId {
    /// The file at `path` now.
    pub(super) fn of(path: &Path) -> Self {
        Self { file: FileStamp::at(path).ok().map(|found| (found.id, found.created)) }
    }

    /// Whether `path` still leads to this file.
    pub(super) fn is_current(self, path: &Path) -> bool {
        self == Self::of(path)
    }
}

/// A path as SQL text. Callers' paths are UTF-8 (see [`super::folder`]) and absolute, so never taken for a
/// URI.
pub(super) fn sql_path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A file in WAL mode with an empty log and without an index, which cannot be created: there is no writer,
/// since a writer would have created the index. SQLite can read such a file if it is opened as immutable.
#[derive(Debug)]
pub(super) struct ImmutableWal {
    uri: String,
}

impl ImmutableWal {
    /// The file at `path`, if it is such a file.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let log_is_empty = std::fs::metadata(beside(path, "-wal")).map_or(true, |log| log.len() == 0);
        let fits = log_is_empty && !beside(path, "-shm").exists() && is_in_wal_mode(path);
        fits.then(|| Self { uri: format!("file:{}?immutable=1", escaped(&sql_path(path))) })
    }

    /// The URI that opens it.
    pub(super) fn uri(&self) -> &str {
        &self.uri
    }
}

/// The file beside the database at `path` that SQLite names with `suffix`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Byte 18 of a database's header is 2 in WAL mode (<https://sqlite.org/fileformat2.html>, 1.3.3).
fn is_in_wal_mode(path: &Path) -> bool {
    let mut header = [0; 19];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header[18] == 2
}

fn escaped(path: &str) -> String {
    os::sqlite_uri_path(path.replace('%', "%25").replace('?', "%3f").replace('#', "%23"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_has_another_id() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        std::fs::write(&one, "1").unwrap();
        std::fs::write(&two, "2").unwrap();
        let id = FileId::of(&one);
        std::fs::write(&one, "changed in place").unwrap();
        assert!(id.is_current(&one));
        std::fs::rename(&two, &one).unwrap();
        assert!(!id.is_current(&one));
        std::fs::remove_file(&one).unwrap();
        assert!(!id.is_current(&one));
    }

    #[test]
    fn only_a_quiet_wal_file_is_immutable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(os::test_support::file_name("50%?#.db"));
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE t(x)").unwrap();
        assert!(ImmutableWal::of(&path).is_none(), "rollback mode needs no help");
        connection.execute_batch("PRAGMA journal_mode = wal; INSERT INTO t VALUES (1)").unwrap();
        assert!(ImmutableWal::of(&path).is_none(), "another connection has it open");
        drop(connection);
        let immutable = ImmutableWal::of(&path).unwrap();
        let read = rusqlite::Connection::open(immutable.uri()).unwrap();
        assert_eq!(read.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    }
}
