//! Who may use a file: its owner and list, read as a mode, and the commands that change them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::AsRawHandle as _;
use std::path::Path;

use snowgate_link::os::user;
use windows_sys::Win32::Foundation::{GENERIC_ALL, GENERIC_EXECUTE, GENERIC_READ, GENERIC_WRITE};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_APPEND_DATA, FILE_DELETE_CHILD, FILE_EXECUTE, FILE_FLAG_BACKUP_SEMANTICS,
    FILE_READ_ATTRIBUTES, FILE_READ_EA, FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA, FILE_WRITE_EA, READ_CONTROL,
    SYNCHRONIZE, WRITE_DAC, WRITE_OWNER,
};

use super::security::{ADMINISTRATORS, Descriptor, Grant, OWNERS, SYSTEM, TRUSTED_INSTALLER};
use super::users::name_of_sid;
use crate::os::FileAccess;

/// Who may do everything.
pub const ADMINISTRATOR: &str = "an administrator";

/// The rights that change a file or what is in it.
const CHANGES: u32 = GENERIC_ALL
    | GENERIC_WRITE
    | FILE_WRITE_DATA
    | FILE_APPEND_DATA
    | FILE_WRITE_ATTRIBUTES
    | FILE_WRITE_EA
    | FILE_DELETE_CHILD
    | DELETE
    | WRITE_DAC
    | WRITE_OWNER;

/// The rights that tell nothing of what is in a file.
const HARMLESS: u32 =
    FILE_READ_ATTRIBUTES | FILE_READ_EA | READ_CONTROL | SYNCHRONIZE | FILE_EXECUTE | GENERIC_EXECUTE;

/// What else may have a part in a right to change a file: those that only read.
const _: () = assert!(CHANGES & (HARMLESS | GENERIC_READ) == 0);

/// The bits of others, for those who read and for those who change.
const OTHERS_READ: u32 = 0o044;
const OTHERS_CHANGE: u32 = 0o022;

pub(in crate::os) fn access_at(path: &Path) -> io::Result<FileAccess> {
    // A folder can be opened, too, and nothing is asked for but its list.
    access_of(
        &OpenOptions::new().access_mode(READ_CONTROL).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path)?,
    )
}

pub(in crate::os) fn access_of(file: &File) -> io::Result<FileAccess> {
    let descriptor = Descriptor::of_file(file.as_raw_handle())?;
    let owner = descriptor.owner()?;
    let own = if file.metadata()?.is_dir() { 0o700 } else { 0o600 };
    let (others, who) = others(descriptor.grants()?.as_deref());
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

/// The bits of those that are neither this user nor may do everything, and who they are.
fn others(grants: Option<&[Grant]>) -> (u32, Vec<String>) {
    const EVERYONE: &str = "S-1-1-0";
    let Some(grants) = grants else { return (OTHERS_READ | OTHERS_CHANGE, vec![EVERYONE.to_owned()]) };
    let (mut bits, mut who) = (0, Vec::new());
    let own = user().0;
    for Grant { sid, mask } in grants {
        let is_other = *sid != own && !is_trusted(sid) && !OWNERS.contains(&sid.as_str());
        if !is_other || mask & !HARMLESS == 0 {
            continue;
        }
        bits |= if mask & CHANGES == 0 { OTHERS_READ } else { OTHERS_CHANGE };
        if mask & !(HARMLESS | CHANGES) != 0 || mask & GENERIC_ALL != 0 {
            bits |= OTHERS_READ;
        }
        if !who.contains(sid) {
            who.push(sid.clone());
        }
    }
    (bits, who)
}

fn is_trusted(sid: &str) -> bool {
    [SYSTEM, ADMINISTRATORS, TRUSTED_INSTALLER].contains(&sid)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(list: &str) -> u32 {
        others(Descriptor::parse(list).unwrap().grants().unwrap().as_deref()).0
    }

    #[test]
    fn a_list_is_read_as_a_mode() {
        let own = user();
        assert_eq!(bits(&format!("D:P(A;;FA;;;{own})(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)")), 0);
        assert_eq!(bits("D:(A;;FR;;;WD)"), 0o044);
        assert_eq!(bits("D:(A;;FW;;;BU)"), 0o022);
        assert_eq!(bits("D:(A;;FR;;;BU)(A;;FW;;;WD)"), 0o066);
        assert_eq!(bits("D:(A;;FA;;;AU)"), 0o066);
        assert_eq!(bits("D:(A;;GA;;;AU)"), 0o066);
        assert_eq!(bits("D:(A;;FX;;;AU)(A;OICIIO;FA;;;WD)"), 0, "neither read nor changed");
        assert_eq!(others(None).0, 0o066, "no list lets in everyone");
    }
}
