//! Owner and mode of a file, and the commands that change them.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::os::FileAccess;

/// Who may do everything.
pub const ADMINISTRATOR: &str = "root";

pub(in crate::os) fn access_at(path: &Path) -> io::Result<FileAccess> {
    std::fs::metadata(path).map(|found| access(&found))
}

pub(in crate::os) fn access_of(file: &File) -> io::Result<FileAccess> {
    file.metadata().map(|found| access(&found))
}

fn access(found: &Metadata) -> FileAccess {
    let mode = found.mode() & 0o777;
    FileAccess {
        is_own: found.uid() == rustix::process::geteuid().as_raw(),
        is_administrators: found.uid() == 0,
        owner: format!("user id {}", found.uid()),
        mode,
        others: format!("mode {mode:03o}"),
    }
}

/// What its user runs to have a file for themselves.
pub fn command_to_forbid_others(path: &Path) -> String {
    format!("run: chmod 0600 {}", path.display())
}

/// What its user runs so that others write to a file no more.
pub fn command_to_forbid_writing(path: &Path) -> String {
    format!("run: chmod o-w {}", path.display())
}

/// What an administrator runs to own a file.
pub fn command_to_give_to_administrators(path: &Path) -> String {
    format!("run as root: chown root {}", path.display())
}

/// What an administrator runs so that users write to a file no more.
pub fn command_to_protect_from_users(path: &Path) -> String {
    format!("run as root: chmod go-w {}", path.display())
}
