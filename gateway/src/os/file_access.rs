//! Who may use a file.

use std::fs::File;
use std::io;
use std::path::Path;

use super::system;

/// The bits of a mode by which others than the owner may do something.
const OTHERS: u32 = 0o077;
/// The bits by which others, and by which all others, may write.
const OTHERS_WRITE: u32 = 0o022;
const WORLD_WRITES: u32 = 0o002;

/// Who may use a file, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileAccess {
    /// Whether this user owns it.
    pub is_own: bool,
    /// Whether the system's administrators own it (root).
    pub is_administrators: bool,
    /// The owner, for people.
    pub owner: String,
    /// Its permission bits. On Windows they are made of the list of who may do what, where the system and its administrators do
    /// not count: they may do everything on Unix, too.
    pub mode: u32,
    /// What lets others in, for people.
    pub others: String,
}

impl FileAccess {
    /// Of the file that `path` leads to.
    ///
    /// # Errors
    /// The system's.
    pub fn at(path: &Path) -> io::Result<Self> {
        system::access_at(path)
    }

    /// Of an open file.
    ///
    /// # Errors
    /// The system's.
    pub fn of(file: &File) -> io::Result<Self> {
        system::access_of(file)
    }

    /// Whether others may do something with it.
    pub fn is_open_to_others(&self) -> bool {
        self.mode & OTHERS != 0
    }

    /// Whether some others may write to it.
    pub fn is_writable_by_others(&self) -> bool {
        self.mode & OTHERS_WRITE != 0
    }

    /// Whether everyone may write to it.
    pub fn is_writable_by_all(&self) -> bool {
        self.mode & WORLD_WRITES != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::{PRIVATE, READABLE, create_file, set_mode_at};

    #[test]
    fn a_mode_says_who_may_use_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        create_file(&file, b"secret").unwrap();
        let access = || FileAccess::at(&file).unwrap();
        assert!(!access().is_open_to_others() && access().is_own, "{:?}", access());
        set_mode_at(&file, READABLE).unwrap();
        assert!(access().is_open_to_others() && !access().is_writable_by_others(), "{:?}", access());
        set_mode_at(&file, 0o666).unwrap();
        assert!(access().is_writable_by_others() && access().is_writable_by_all(), "{:?}", access());
        set_mode_at(&file, PRIVATE).unwrap();
        assert_eq!(FileAccess::of(&File::open(&file).unwrap()).unwrap(), access());
        assert!(!access().is_open_to_others(), "{:?}", access());
        assert_eq!(std::fs::read(&file).unwrap(), b"secret");
    }
}
