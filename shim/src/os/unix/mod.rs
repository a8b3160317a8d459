//! Linux, macOS and other Unix systems. `raw` has the calls that neither std nor rustix has, `marks` locks that can be
//! looked at, `place` where a gateway listens, `start` what keeps a gateway clear of its client's leftovers.

mod marks;
mod place;
pub(super) mod raw;
mod start;
mod stdio;

use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
/// The connection to a gateway; a reference reads and writes.
pub use std::os::unix::net::UnixStream as Stream;
use std::path::Path;

pub use marks::{holder_of_mark, mark};
pub use place::{
    NO_HOME_STEP, OTHER_SOCKET, OWN_SOCKET, SHORTER_SOCKET, SOCKET_PATH_BYTES_MAX, named_place, socket_in,
};
pub use start::*;
pub use stdio::*;

#[cfg(target_os = "linux")]
pub use super::linux::*;
#[cfg(not(target_os = "linux"))]
pub use super::macos::*;
use super::{Entry, EntryKind};

/// A user of the system; it is shown as its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(pub u32);

impl std::fmt::Display for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl User {
    /// The user of this number.
    pub fn of_number(number: u32) -> Self {
        Self(number)
    }

    /// The user's number.
    pub fn number(&self) -> u32 {
        self.0
    }
}

/// The effective user of this process.
pub fn user() -> User {
    User(rustix::process::geteuid().as_raw())
}

impl From<&Metadata> for Entry {
    fn from(metadata: &Metadata) -> Self {
        let kind = match metadata.file_type() {
            kind if kind.is_dir() => EntryKind::Directory,
            kind if kind.is_socket() => EntryKind::Socket,
            kind if kind.is_symlink() => EntryKind::Link,
            kind if kind.is_file() => EntryKind::File,
            _ => EntryKind::Other,
        };
        Self { kind, owner: User(metadata.uid()), mode: metadata.mode() & 0o7777 }
    }
}

pub(super) fn entry(path: &Path) -> io::Result<Entry> {
    Ok(Entry::from(&std::fs::symlink_metadata(path)?))
}

/// Creates the directories of a path that are missing; they are private by this process's mask.
///
/// # Errors
/// The system's.
pub fn make_parents(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Creates a directory that only its owner can use; an existing one is left unchanged.
///
/// # Errors
/// The system's.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Opens or creates a file that only its owner can read, without following a link.
///
/// # Errors
/// The system's.
pub fn open_private(path: &Path, truncate: bool) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let mut flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    if truncate {
        flags |= OFlags::TRUNC;
    }
    Ok(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// What to do about the directory at `path` that is not this user's alone.
pub fn make_private_step(path: &Path) -> String {
    format!("chmod 700 {}, or set SNOWGATE_SOCKET to another path", path.display())
}

/// What ends the process whose number stands behind it.
pub const KILL: &str = "kill";

/// Makes every folder and file that this process creates, and those it starts, private to the user. Returns the mask that
/// the process had before.
pub fn make_files_private() -> u32 {
    use rustix::fs::Mode;
    let before = rustix::process::umask(Mode::RWXG | Mode::RWXO).as_raw_mode();
    // A mode has 16 bits on macOS.
    #[allow(clippy::useless_conversion)]
    u32::from(before)
}

/// Takes the lock of `file`, which goes with the file or the process.
///
/// # Errors
/// Another has it, or the system's.
pub fn try_lock(file: &File) -> Result<(), TryLockError> {
    file.try_lock()
}

/// Takes the lock of `file` together with others who only look.
///
/// # Errors
/// Another has it for itself, or the system's.
pub fn try_lock_shared(file: &File) -> Result<(), TryLockError> {
    file.try_lock_shared()
}

/// Reads from `file` at `offset`.
///
/// # Errors
/// The system's.
pub fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(bytes, offset)
}
