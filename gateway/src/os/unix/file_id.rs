//! Which file is at a path.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::os::{FileId, FileStamp};

pub(in crate::os) fn stamp_at(path: &Path) -> io::Result<FileStamp> {
    std::fs::metadata(path).map(|found| stamp(&found))
}

pub(in crate::os) fn stamp_of_entry(path: &Path) -> io::Result<FileStamp> {
    std::fs::symlink_metadata(path).map(|found| stamp(&found))
}

pub(in crate::os) fn stamp_of(file: &File) -> io::Result<FileStamp> {
    file.metadata().map(|found| stamp(&found))
}

fn stamp(found: &Metadata) -> FileStamp {
    FileStamp {
        id: FileId { volume: found.dev(), number: found.ino().into() },
        bytes: found.len(),
        names: found.nlink(),
        created: found.created().ok(),
        modified: found.modified().ok(),
        changed: (found.ctime(), found.ctime_nsec()),
    }
}
