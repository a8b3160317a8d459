//! Which file it is, whatever it is called, and which version of it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::system;

/// Tells a file from all others that are there at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    pub(super) volume: u64,
    pub(super) number: u128,
}

/// A file as it was looked at: another stamp if it was replaced or written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// Which file it is.
    pub id: FileId,
    /// Its length.
    pub bytes: u64,
    /// How many names (hard links) it has.
    pub names: u64,
    /// When it was made, where the file system knows.
    pub created: Option<SystemTime>,
    /// When it was last written to.
    pub modified: Option<SystemTime>,
    /// When anything of it changed last, in the system's own units.
    pub(super) changed: (i64, i64),
}

impl FileStamp {
    /// That of the file that `path` leads to.
    ///
    /// # Errors
    /// The system's.
    pub fn at(path: &Path) -> io::Result<Self> {
        system::stamp_at(path)
    }

    /// That of what is at `path`, also if it is a link.
    ///
    /// # Errors
    /// The system's.
    pub fn of_entry(path: &Path) -> io::Result<Self> {
        system::stamp_of_entry(path)
    }

    /// That of an open file.
    ///
    /// # Errors
    /// The system's.
    pub fn of(file: &File) -> io::Result<Self> {
        system::stamp_of(file)
    }
}

impl FileId {
    /// Whether it is that of `file`.
    pub fn is_of(self, file: &File) -> bool {
        FileStamp::of(file).is_ok_and(|stamp| stamp.id == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_under_each_of_its_names_and_another_in_its_place_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two, other] = ["one", "two", "other"].map(|name| folder.path().join(name));
        std::fs::write(&one, "1").unwrap();
        std::fs::write(&other, "1").unwrap();
        let before = FileStamp::at(&one).unwrap();
        assert_eq!((before.names, before.bytes), (1, 1));
        std::fs::hard_link(&one, &two).unwrap();
        let (now, second) = (FileStamp::of_entry(&one).unwrap(), FileStamp::at(&two).unwrap());
        assert_eq!((now.id, now.names), (second.id, 2));
        assert!(before.id == now.id && now.id.is_of(&File::open(&two).unwrap()));
        assert_ne!(FileStamp::at(&other).unwrap().id, now.id);
        std::fs::rename(&other, &one).unwrap();
        assert_ne!(FileStamp::at(&one).unwrap().id, now.id);
        assert_eq!(FileStamp::at(&two).unwrap().id, now.id);
        assert_eq!(FileStamp::at(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(FileStamp::at(folder.path()).is_ok(), "folders have an id, too");
    }

    #[test]
    fn a_file_that_is_written_to_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        std::fs::write(&file, "1").unwrap();
        let before = FileStamp::at(&file).unwrap();
        assert_eq!(FileStamp::at(&file).unwrap(), before);
        std::fs::write(&file, "12").unwrap();
        let after = FileStamp::at(&file).unwrap();
        assert!(after != before && after.id == before.id);
    }
}
