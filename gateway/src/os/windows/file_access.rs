//! Who may use a file: its owner and list, read as a mode, and the commands that change them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::Path;

use snowgate_link::os::{ADMINISTRATORS, Descriptor, SYSTEM, is_trusted, rights_of_others, user};
use windows_sys::Win32::Storage::FileSystem::{FILE_FLAG_BACKUP_SEMANTICS, READ_CONTROL};

use super::users::name_of_sid;
use crate::os::FileAccess;

/// Who may do everything.
pub const ADMINISTRATOR: &str = "an administrator";

pub(in crate::os) fn access_at(path: &Path) -> io::Result<FileAccess> {
    // A folder can be opened, too, and nothing is asked for but its list.
    access_of(
        &OpenOptions::new().access_mode(READ_CONTROL).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path)?,
    )
}

pub(in crate::os) fn access_of(file: &File) -> io::Result<FileAccess> {
    let descriptor = Descriptor::of_file(file)?;
    let owner = descriptor.owner()?;
    let own = if file.metadata()?.is_dir() { 0o700 } else { 0o600 };
    let (others, who) = rights_of_others(descriptor.grants()?.as_deref());
    Ok(FileAccess {
        is_own: owner == user().0,
        is_administrators: is_trusted(&owner),
        owner: name_of_sid(&owner),
        mode: own | others,
        others: format!(
            "{} may use it",
            who.iter().map(|sid| name_of_sid(sid)).collect::<Vec<_>>().join(", ")
        ),
    })
}

/// What its user runs to have a file for themselves. Identifiers instead of names: those are in the language of the system.
pub fn command_to_forbid_others(path: &Path) -> String {
    format!("run: icacls \"{}\" /inheritance:r /grant:r \"*{}:F\" \"*{SYSTEM}:F\"", path.display(), user())
}

/// What its user runs so that others write to a file no more.
pub fn command_to_forbid_writing(path: &Path) -> String {
    command_to_forbid_others(path)
}

/// What an administrator runs to own a file.
pub fn command_to_give_to_administrators(path: &Path) -> String {
    format!("run as an administrator: icacls \"{}\" /setowner \"*{ADMINISTRATORS}\"", path.display())
}

/// What an administrator runs so that users write to a file no more.
pub fn command_to_protect_from_users(path: &Path) -> String {
    const USERS: &str = "S-1-5-32-545";
    format!(
        "run as an administrator: icacls \"{}\" /inheritance:r /grant:r \"*{ADMINISTRATORS}:F\" \"*{SYSTEM}:F\" \"*{USERS}:R\"",
        path.display()
    )
}
