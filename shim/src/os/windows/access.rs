//! Access lists: what modes are elsewhere.
//!
//! "Private" is a list that is not inherited and lets in the user and the system alone. What others may do is read from an
//! entry's list: a right for any other identifier, but for the administrators, who may do everything anyway.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::{FileTypeExt, OpenOptionsExt};
use std::os::windows::io::FromRawHandle;
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{
    ERROR_ALREADY_EXISTS, GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateDirectoryW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_FLAG_BACKUP_SEMANTICS,
    FILE_FLAG_OPEN_REPARSE_POINT, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, OPEN_ALWAYS,
    READ_CONTROL,
};
use windows_sys::Win32::System::Pipes::WaitNamedPipeW;

use super::security::{Descriptor, is_trusted, rights_of_others};
use super::wide::wide_path;
use super::{User, check, user};
use crate::os::{Entry, EntryKind};

/// The list of a file of this user alone.
///
/// # Errors
/// The system's.
pub fn private_file() -> io::Result<Descriptor> {
    Descriptor::parse(&format!("D:P(A;;FA;;;{})(A;;FA;;;SY)", user()))
}

/// The list of a folder of this user alone, which what is made in it inherits.
///
/// # Errors
/// The system's.
pub fn private_folder() -> io::Result<Descriptor> {
    Descriptor::parse(&format!("D:P(A;OICI;FA;;;{})(A;OICI;FA;;;SY)", user()))
}

/// Owner and list of a pipe of this user alone. An elevated process would make it the administrators'.
///
/// # Errors
/// The system's.
pub fn private_pipe() -> io::Result<Descriptor> {
    let user = user();
    Descriptor::parse(&format!("O:{user}D:P(A;;GA;;;{user})(A;;GA;;;SY)"))
}

/// Creates the directories of a path that are missing, each for its owner alone; one that is there is left unchanged.
///
/// # Errors
/// The system's.
pub fn make_parents(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .filter(|part| !part.as_os_str().is_empty())
        .take_while(|part| !part.is_dir())
        .collect();
    missing.into_iter().rev().try_for_each(make_private_dir)
}

/// Creates a directory that only its owner can use; an existing one is left unchanged.
///
/// # Errors
/// The system's.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    let descriptor = private_folder()?;
    let (name, attributes) = (wide_path(path), descriptor.attributes());
    // SAFETY: a name that ends with NUL, and attributes that outlive the call.
    match check(unsafe { CreateDirectoryW(name.as_ptr(), &raw const attributes) }) {
        // Another process may have made it just now.
        Err(error) if error.raw_os_error() == Some(ERROR_ALREADY_EXISTS.cast_signed()) && path.is_dir() => {
            Ok(())
        }
        other => other,
    }
}

/// Opens or creates a file that only its owner can read, without following a link.
///
/// # Errors
/// The system's.
pub fn open_private(path: &Path, truncate: bool) -> io::Result<File> {
    let descriptor = private_file()?;
    let (name, attributes) = (wide_path(path), descriptor.attributes());
    // SAFETY: a name that ends with NUL, and attributes that outlive the call.
    let handle = unsafe {
        CreateFileW(
            name.as_ptr(),
            GENERIC_READ | GENERIC_WRITE,
            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
            &raw const attributes,
            OPEN_ALWAYS,
            FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT,
            ptr::null_mut(),
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just opened, and nothing else knows it.
    let file = unsafe { File::from_raw_handle(handle) };
    if file.metadata()?.file_type().is_symlink() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a link"));
    }
    if truncate {
        file.set_len(0)?;
    }
    Ok(file)
}

/// The entry at `path`, which may be a pipe.
///
/// # Errors
/// The system's.
pub fn entry(path: &Path) -> io::Result<Entry> {
    if super::place::is_pipe(path) {
        let name = wide_path(path);
        // SAFETY: a name that ends with NUL. One millisecond: it is only asked whether there is one.
        return match check(unsafe { WaitNamedPipeW(name.as_ptr(), 1) }) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
            // Whose it is can only be asked of the process at its other end.
            _ => Ok(Entry { kind: EntryKind::Socket, owner: user(), mode: 0o600 }),
        };
    }
    let kind = match std::fs::symlink_metadata(path)?.file_type() {
        kind if kind.is_symlink() || kind.is_symlink_dir() => EntryKind::Link,
        kind if kind.is_dir() => EntryKind::Directory,
        kind if kind.is_file() => EntryKind::File,
        _ => EntryKind::Other,
    };
    let (owner, mode) = access_of(path)?;
    Ok(Entry { kind, owner, mode })
}

/// Owner and mode of a file or folder.
fn access_of(path: &Path) -> io::Result<(User, u32)> {
    // A folder can be opened, too, and nothing is asked for but its list. A link is not followed.
    let flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT;
    let file = OpenOptions::new().access_mode(READ_CONTROL).custom_flags(flags).open(path)?;
    let descriptor = Descriptor::of_file(&file)?;
    let owner = descriptor.owner()?;
    let owner = if is_trusted(&owner) { user() } else { User(owner) };
    Ok((owner, 0o700 | rights_of_others(descriptor.grants()?.as_deref()).0))
}

/// What to do about the directory at `path` that is not this user's alone.
pub fn make_private_step(path: &Path) -> String {
    let (path, user) = (path.display(), user());
    format!(
        r#"icacls "{path}" /inheritance:r /grant:r "*{user}:(OI)(CI)F" "*S-1-5-18:(OI)(CI)F", or set SNOWGATE_SOCKET to the name of a pipe"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_private_is_the_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        let private = folder.path().join("a").join("private");
        make_parents(&private).unwrap();
        make_private_dir(&private).unwrap();
        make_parents(&private).unwrap();
        let expected = |kind| Entry { kind, owner: user(), mode: 0o700 };
        for made in [&private, private.parent().unwrap()] {
            assert_eq!(entry(made).unwrap(), expected(EntryKind::Directory));
        }
        let file = private.join("é 日本");
        open_private(&file, false).unwrap();
        assert_eq!(entry(&file).unwrap(), expected(EntryKind::File));
        std::fs::write(&file, "content").unwrap();
        assert_eq!(open_private(&file, false).unwrap().metadata().unwrap().len(), 7);
        assert_eq!(open_private(&file, true).unwrap().metadata().unwrap().len(), 0);
        assert_eq!(entry(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
