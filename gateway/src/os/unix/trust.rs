//! Whether a program can be run, and whether others can put another in its place.

use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Where `path` leads, behind all links.
///
/// # Errors
/// The system's; something on the way is not there.
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// Whether this user may run `path`.
pub fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Whether anyone may run it: what is not that is no program.
pub fn is_program(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o111 != 0
}

/// Whether `path` leads through another process, whose files may be another system's.
pub fn is_of_a_process(path: &Path) -> bool {
    path.starts_with("/proc")
}

/// Whether another user than this one and root can change what is at `path`, which has no links in it, or put another file in its
/// place. In a folder like `/tmp` each user can only replace what is their own.
pub fn others_may_write(path: &Path) -> bool {
    const GROUP_AND_OTHERS_WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    let own = rustix::process::geteuid().as_raw();
    is_of_a_process(path)
        || path.ancestors().any(|part| {
            std::fs::metadata(part).map_or(true, |found| {
                let mode = found.permissions().mode();
                let is_open = mode & GROUP_AND_OTHERS_WRITE != 0 && !(found.is_dir() && mode & STICKY != 0);
                is_open || ![0, own].contains(&found.uid())
            })
        })
}

/// Gives a folder that was just made this mode, whatever the process's mask is.
///
/// # Errors
/// The system's.
pub fn set_folder_mode(folder: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(folder, Permissions::from_mode(mode))
}
