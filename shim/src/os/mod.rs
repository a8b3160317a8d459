//! Operating system calls about users, files, connections and processes, in one place: what differs between systems is
//! behind the same functions in `unix` (with `linux` and `macos` for what these do not share) and in `windows`.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(all(unix, not(target_os = "linux")))]
mod macos;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io;
use std::path::{Path, PathBuf};

#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

/// The entry at a path, without following a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its kind.
    pub kind: EntryKind,
    /// Its owner. On Windows the user also stands for the system and its administrators, who may do everything.
    pub owner: User,
    /// Its permission bits. On Windows, 0700 and what its access list allows others: 044 to read, 022 to change.
    pub mode: u32,
}

/// Kinds of directory entries, as far as they matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A socket; on Windows, a named pipe.
    Socket,
    /// A symbolic link.
    Link,
    /// A file.
    File,
    /// Anything else.
    Other,
}

/// The entry at `path`; `None` if there is none.
///
/// # Errors
/// The system's, for any reason but absence.
pub fn look(path: &Path) -> io::Result<Option<Entry>> {
    match entry(path) {
        Ok(entry) => Ok(Some(entry)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file of this program: the path it was launched by if that is absolute, so that an installation behind
/// a link can be replaced; otherwise the path that the system reports.
pub fn own_program() -> Option<PathBuf> {
    let launched = std::env::args_os().next().map(PathBuf::from);
    launched.filter(|path| path.is_absolute() && path.is_file()).or_else(|| std::env::current_exe().ok())
}
