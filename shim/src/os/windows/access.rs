//! Access lists: what modes are elsewhere.
//!
//! "Private" is a list that is not inherited and lets in the user and the system alone. What others may do is read from an
//! entry's list: a right for any other identifier, but for the administrators, who may do everything anyway.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::windows::fs::FileTypeExt;
use std::os::windows::io::FromRawHandle;
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{
    ERROR_ALREADY_EXISTS, GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE, LocalFree,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW, SDDL_REVISION_1,
    SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, GetAce, INHERIT_ONLY_ACE,
    OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateDirectoryW, CreateFileW, DELETE, FILE_APPEND_DATA, FILE_ATTRIBUTE_NORMAL, FILE_DELETE_CHILD,
    FILE_FLAG_OPEN_REPARSE_POINT, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_WRITE_DATA,
    OPEN_ALWAYS, WRITE_DAC, WRITE_OWNER,
};
use windows_sys::Win32::System::Pipes::WaitNamedPipeW;

use super::user::name_of;
use super::{User, check, user, wide};
use crate::os::{Entry, EntryKind};

/// ACCESS_ALLOWED_ACE_TYPE (winnt.h).
const ALLOWED: u8 = 0;

/// GENERIC_ALL.
const GENERIC_ALL: u32 = 0x1000_0000;

/// The rights that change an entry or what is in it.
const CHANGES: u32 = GENERIC_ALL
    | GENERIC_WRITE
    | FILE_WRITE_DATA
    | FILE_APPEND_DATA
    | FILE_DELETE_CHILD
    | DELETE
    | WRITE_DAC
    | WRITE_OWNER;

/// Identifiers that may do everything with what is this user's: the system and its administrators.
const TRUSTED: [&str; 2] = ["S-1-5-18", "S-1-5-32-544"];

/// What stands for the owner: `CREATOR OWNER` and `OWNER RIGHTS`.
const OWNERS: [&str; 2] = ["S-1-3-0", "S-1-3-4"];

/// Bits of an entry that others may read, and change.
const OTHERS_READ: u32 = 0o044;
const OTHERS_CHANGE: u32 = 0o022;

/// A security descriptor of the system's memory.
#[derive(Debug)]
pub struct Descriptor(PSECURITY_DESCRIPTOR);

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: the system has allocated it so, and this is its only owner.
        unsafe { LocalFree(self.0) };
    }
}

impl Descriptor {
    /// What is written in the security descriptor definition language.
    fn parse(text: &str) -> io::Result<Self> {
        let (text, mut descriptor) = (wide(text.as_ref()), ptr::null_mut());
        // SAFETY: a text that ends with NUL, and room for a pointer.
        check(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                ptr::null_mut(),
            )
        })?;
        Ok(Self(descriptor))
    }

    /// The attributes with which something is made, of which a program that this process starts inherits nothing.
    pub fn attributes(&self) -> SECURITY_ATTRIBUTES {
        let length = u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or(0);
        SECURITY_ATTRIBUTES { nLength: length, lpSecurityDescriptor: self.0, bInheritHandle: 0 }
    }
}

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

/// Creates a directory that only its owner can use, and the folders above it as they come; an existing one is left unchanged.
///
/// # Errors
/// The system's.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let descriptor = private_folder()?;
    let (name, attributes) = (wide(path.as_os_str()), descriptor.attributes());
    // SAFETY: a name that ends with NUL, and attributes that outlive the call.
    match check(unsafe { CreateDirectoryW(name.as_ptr(), &raw const attributes) }) {
        Err(error) if error.raw_os_error() == Some(ERROR_ALREADY_EXISTS.cast_signed()) => Ok(()),
        other => other,
    }
}

/// Opens or creates a file that only its owner can read, without following a link.
///
/// # Errors
/// The system's.
pub fn open_private(path: &Path, truncate: bool) -> io::Result<File> {
    let descriptor = private_file()?;
    let (name, attributes) = (wide(path.as_os_str()), descriptor.attributes());
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
        let name = wide(path.as_os_str());
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
    let name = wide(path.as_os_str());
    let (mut owner, mut list, mut descriptor) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: a name that ends with NUL, and room for three pointers.
    let error = unsafe {
        GetNamedSecurityInfoW(
            name.as_ptr(),
            SE_FILE_OBJECT,
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
            &raw mut owner,
            ptr::null_mut(),
            &raw mut list,
            ptr::null_mut(),
            &raw mut descriptor,
        )
    };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error.cast_signed()));
    }
    // The two pointers lead into it.
    let _descriptor = Descriptor(descriptor);
    let ours = user();
    let owner = name_of(owner)?;
    let owner = if TRUSTED.contains(&owner.0.as_str()) { ours.clone() } else { owner };
    // SAFETY: a list of the descriptor, or none.
    let others = unsafe { rights_of_others(list, &ours) }?;
    Ok((owner, 0o700 | others))
}

/// The bits of those that `list` lets in beside `ours`. No list at all lets in everybody.
///
/// # Safety
/// `list` is null or a valid list.
unsafe fn rights_of_others(list: *const ACL, ours: &User) -> io::Result<u32> {
    if list.is_null() {
        return Ok(OTHERS_READ | OTHERS_CHANGE);
    }
    let mut others = 0;
    // SAFETY: a valid list, see above.
    for at in 0..u32::from(unsafe { (*list).AceCount }) {
        let mut found: *mut c_void = ptr::null_mut();
        // SAFETY: a valid list, and room for a pointer.
        check(unsafe { GetAce(list, at, &raw mut found) })?;
        // SAFETY: every entry begins with its header.
        let header = unsafe { *found.cast::<ACE_HEADER>() };
        // Entries of other kinds take rights away, or let in those that an application knows.
        if header.AceType != ALLOWED || u32::from(header.AceFlags) & INHERIT_ONLY_ACE != 0 {
            continue;
        }
        let allowed = found.cast::<ACCESS_ALLOWED_ACE>();
        // SAFETY: the header says that it is one; its identifier begins where the last field is.
        let (mask, sid) = unsafe { ((*allowed).Mask, name_of((&raw mut (*allowed).SidStart).cast())?) };
        if sid != *ours
            && !TRUSTED.contains(&sid.0.as_str())
            && !OWNERS.contains(&sid.0.as_str())
            && mask != 0
        {
            others |= OTHERS_READ | if mask & CHANGES == 0 { 0 } else { OTHERS_CHANGE };
        }
    }
    Ok(others)
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
        make_private_dir(&private).unwrap();
        make_private_dir(&private).unwrap();
        let expected = |kind| Entry { kind, owner: user(), mode: 0o700 };
        assert_eq!(entry(&private).unwrap(), expected(EntryKind::Directory));
        let file = private.join("é 日本");
        open_private(&file, false).unwrap();
        assert_eq!(entry(&file).unwrap(), expected(EntryKind::File));
        std::fs::write(&file, "content").unwrap();
        assert_eq!(open_private(&file, false).unwrap().metadata().unwrap().len(), 7);
        assert_eq!(open_private(&file, true).unwrap().metadata().unwrap().len(), 0);
        assert_eq!(entry(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_list_that_lets_others_in_is_seen() {
        use windows_sys::Win32::Security::GetSecurityDescriptorDacl;
        let others = |text: &str| {
            let descriptor = Descriptor::parse(text).unwrap();
            let (mut present, mut defaulted, mut list) = (0, 0, ptr::null_mut());
            // SAFETY: a valid descriptor, and room for what is asked.
            check(unsafe {
                GetSecurityDescriptorDacl(descriptor.0, &raw mut present, &raw mut list, &raw mut defaulted)
            })
            .unwrap();
            // SAFETY: the list of a descriptor that lives.
            unsafe { rights_of_others(list, &user()) }.unwrap()
        };
        let own = user();
        assert_eq!(others(&format!("D:P(A;;FA;;;{own})(A;;FA;;;SY)(A;;FA;;;BA)")), 0);
        assert_eq!(others(&format!("D:P(A;;FA;;;{own})(A;;FR;;;WD)")), 0o044, "everyone reads");
        assert_eq!(others(&format!("D:P(A;;FA;;;{own})(A;;FW;;;BU)")), 0o066, "users write");
        assert_eq!(others("D:P(A;;FA;;;S-1-5-21-1-2-3-1001)"), 0o066, "another user");
        assert_eq!(others("D:P(D;;FA;;;WD)(A;OICIIO;FA;;;WD)"), 0, "denied, and only for what is in it");
        // SAFETY: no list.
        assert_eq!(unsafe { rights_of_others(ptr::null(), &own) }.unwrap(), 0o066);
    }
}
