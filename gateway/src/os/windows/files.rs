//! Files by the system's own means: opened without waiting, private from the beginning, with a list that is made of a mode.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _};
use std::path::{Component, Path, Prefix};
use std::ptr;
use std::time::Duration;

use snowgate_link::os::user;
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Security::Authorization::{SE_FILE_OBJECT, SetNamedSecurityInfoW};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, SetKernelObjectSecurity,
    UNPROTECTED_DACL_SECURITY_INFORMATION,
};
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateFileW, FILE_APPEND_DATA, FILE_ATTRIBUTE_NORMAL, FILE_CREATION_DISPOSITION,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, FILE_TYPE_DISK, FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA, GetFileType,
    MOVEFILE_REPLACE_EXISTING, MOVEFILE_WRITE_THROUGH, MoveFileExW, OPEN_ALWAYS, READ_CONTROL, ReOpenFile,
    SYNCHRONIZE, WRITE_DAC,
};

use super::{check, is_error};
use crate::os::PRIVATE;
use snowgate_link::os::wide_path;
use snowgate_link::os::{Descriptor, SYSTEM};

const SHARE_ALL: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

/// How often a file is moved that another program (a virus scanner, an indexer) holds for a moment, and the pause between two
/// attempts.
const MOVES_MAX: u32 = 10;
const MOVE_PAUSE: Duration = Duration::from_millis(20);

/// Opens a regular file, and nothing else: a pipe or a device in its place is not waited for.
///
/// # Errors
/// The system's; `InvalidInput` for what is no regular file.
pub(in crate::os) fn open_regular(path: &Path) -> io::Result<File> {
    let no_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is not a file");
    // Who listens on a pipe would notice that it is opened.
    if let Some(Component::Prefix(prefix)) = path.components().next()
        && matches!(prefix.kind(), Prefix::DeviceNS(_))
    {
        return Err(no_file());
    }
    // A folder cannot be opened like a file, and that would be said as "access is denied".
    if path.is_dir() {
        return Err(no_file());
    }
    let file = File::open(path)?;
    // SAFETY: a handle that is open.
    let kind = unsafe { GetFileType(file.as_raw_handle()) };
    if kind == FILE_TYPE_DISK { Ok(file) } else { Err(no_file()) }
}

/// Makes a file that is not there yet, its user's alone.
///
/// # Errors
/// The system's; `AlreadyExists` where something is, also a link.
pub fn create_private(path: &Path) -> io::Result<File> {
    open_private(path, GENERIC_READ | GENERIC_WRITE | WRITE_DAC, CREATE_NEW)
}

/// Opens a file to read it and to write at its end, and makes it, its user's alone, where there is none.
///
/// # Errors
/// The system's.
pub fn append_private(path: &Path) -> io::Result<File> {
    // Without the right to write elsewhere, each write goes to the end, wherever another process has moved that.
    open_private(path, GENERIC_READ | FILE_APPEND_DATA | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE, OPEN_ALWAYS)
}

fn open_private(path: &Path, access: u32, how: FILE_CREATION_DISPOSITION) -> io::Result<File> {
    let descriptor = Descriptor::parse(&sddl(PRIVATE, false))?;
    let (name, attributes) = (wide_path(path), descriptor.attributes());
    // A link is not followed where a file is made.
    let links = if how == CREATE_NEW { FILE_FLAG_OPEN_REPARSE_POINT } else { 0 };
    let flags = FILE_ATTRIBUTE_NORMAL | links;
    // SAFETY: a name that ends with NUL, and attributes that outlive the call.
    let handle = unsafe {
        CreateFileW(name.as_ptr(), access, SHARE_ALL, &raw const attributes, how, flags, ptr::null_mut())
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just opened, and nothing else knows it.
    Ok(unsafe { File::from_raw_handle(handle) })
}

/// Sets the length of a file that was opened by [`append_private`]: that handle may only append.
///
/// # Errors
/// The system's.
pub fn set_length(file: &File, bytes: u64) -> io::Result<()> {
    // SAFETY: a handle that is open.
    let handle = unsafe { ReOpenFile(file.as_raw_handle(), FILE_WRITE_DATA | SYNCHRONIZE, SHARE_ALL, 0) };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just opened, and nothing else knows it.
    unsafe { File::from_raw_handle(handle) }.set_len(bytes)
}

/// Moves a file to `path`, in the place of what is there, also while that is open. `is_durable`: returns when it is on disk.
pub(in crate::os) fn rename_over(from: &Path, path: &Path, is_durable: bool) -> io::Result<()> {
    let mut attempt = 1;
    loop {
        match move_over(from, path, is_durable) {
            Err(error) if is_busy(&error) && attempt < MOVES_MAX && !path.is_dir() => {
                attempt += 1;
                std::thread::sleep(MOVE_PAUSE);
            }
            moved => return moved,
        }
    }
}

fn move_over(from: &Path, path: &Path, is_durable: bool) -> io::Result<()> {
    if is_durable {
        let (from, to) = (wide_path(from), wide_path(path));
        let how = MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH;
        // SAFETY: two names that end with NUL.
        if unsafe { MoveFileExW(from.as_ptr(), to.as_ptr(), how) } != 0 {
            return Ok(());
        }
    }
    // It also replaces a file that is open, which the call above refuses.
    std::fs::rename(from, path)
}

fn is_busy(error: &io::Error) -> bool {
    is_error(error, ERROR_SHARING_VIOLATION) || is_error(error, ERROR_ACCESS_DENIED)
}

/// The list of a mode: the user and the system may do everything, all others what its bits for them say.
pub(super) fn sddl(mode: u32, is_folder: bool) -> String {
    let inherited = if is_folder { "OICI" } else { "" };
    let mut list = format!("D:P(A;{inherited};FA;;;{})(A;{inherited};FA;;;{SYSTEM})", user());
    for (bits, rights) in [(0o044, "FR"), (0o022, "FW"), (0o011, "FX")] {
        if mode & bits != 0 {
            list.push_str(&format!("(A;{inherited};{rights};;;WD)"));
        }
    }
    list
}

/// Gives `file`, which [`create_private`] has made, the list of this mode.
///
/// # Errors
/// The system's.
pub fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    set_list(file, &Descriptor::parse(&sddl(mode, false))?)
}

/// Gives `file`, which [`create_private`] has made, the list that the file at `like` has. The owner stays: only administrators could
/// give it to another.
///
/// # Errors
/// The system's.
pub fn copy_access(file: &File, like: &Path) -> io::Result<()> {
    set_list(file, &Descriptor::of_file(&open_for_list(like, READ_CONTROL)?)?)
}

/// Gives the file or folder at `path` the list of this mode; what is in a folder and has no list of its own gets it, too.
///
/// # Errors
/// The system's.
pub fn set_mode_at(path: &Path, mode: u32) -> io::Result<()> {
    let is_folder = std::fs::metadata(path)?.is_dir();
    let descriptor = Descriptor::parse(&sddl(mode, is_folder))?;
    if is_folder {
        pass_list_down(path, &descriptor)?;
    }
    // Also for a folder: Wine has added to its list what the folder above gives.
    set_list(&open_for_list(path, READ_CONTROL | WRITE_DAC)?, &descriptor)
}

/// Opens a file or folder for nothing but its list.
fn open_for_list(path: &Path, access: u32) -> io::Result<File> {
    OpenOptions::new().access_mode(access).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path)
}

/// Sets the list of `file` alone, as it is.
fn set_list(file: &File, descriptor: &Descriptor) -> io::Result<()> {
    let protection = match descriptor.is_protected()? {
        true => PROTECTED_DACL_SECURITY_INFORMATION,
        // What is of its folder stays so.
        false => UNPROTECTED_DACL_SECURITY_INFORMATION,
    };
    // SAFETY: a handle that is open, and a descriptor that outlives the call.
    check(unsafe {
        SetKernelObjectSecurity(
            file.as_raw_handle(),
            DACL_SECURITY_INFORMATION | protection,
            descriptor.as_ptr(),
        )
    })
}

/// Sets the list of a folder, and of what is in it.
fn pass_list_down(path: &Path, descriptor: &Descriptor) -> io::Result<()> {
    let name = wide_path(path);
    // SAFETY: a name that ends with NUL, and a list that outlives the call.
    let error = unsafe {
        SetNamedSecurityInfoW(
            name.as_ptr(),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
            ptr::null_mut(),
            ptr::null_mut(),
            descriptor.list()?,
            ptr::null(),
        )
    };
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error.cast_signed())) }
}

/// Names in a folder are on disk once [`rename_over`] has returned.
///
/// # Errors
/// None.
pub fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether `error` says that a link is in the place of a file, where none is followed.
pub fn is_refused_link(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;
    use crate::os::test_support::lacks_in_wine;
    use crate::os::{FileAccess, read_whole, replace_file, replace_locked};

    #[test]
    fn what_is_no_regular_file_is_not_read() {
        for odd in [r"\\.\pipe\snowgate-none", r"\\.\NUL", "NUL"] {
            let error = read_whole(Path::new(odd), 9).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{odd}");
        }
    }

    #[test]
    fn what_is_appended_goes_to_the_end_and_can_be_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (mut one, mut two) = (append_private(&path).unwrap(), append_private(&path).unwrap());
        assert_eq!(FileAccess::at(&path).unwrap().mode, PRIVATE);
        one.write_all(b"1").unwrap();
        two.write_all(b"2").unwrap();
        one.write_all(b"3").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"123");
        set_length(&one, 2).unwrap();
        let mut text = String::new();
        two.read_to_string(&mut text).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"12");
    }

    #[test]
    fn a_file_has_the_list_of_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let [like, new] = ["like", "new"].map(|name| folder.path().join(name));
        for mode in [0o644, 0o600] {
            replace_file(&like, b"", mode).unwrap();
            let file = create_private(&new).unwrap();
            copy_access(&file, &like).unwrap();
            assert_eq!(FileAccess::of(&file).unwrap().mode, mode);
            drop(file);
            std::fs::remove_file(&new).unwrap();
        }
    }

    #[test]
    fn a_long_path_is_no_hindrance() {
        let folder = tempfile::tempdir().unwrap();
        let deep = (0..20).fold(folder.path().to_owned(), |path, _| path.join("a long name of a folder"));
        crate::os::make_folder_private(&deep).unwrap();
        replace_file(&deep.join("file"), b"deep", PRIVATE).unwrap();
        assert_eq!(read_whole(&deep.join("file"), 9).unwrap(), b"deep");
        assert_eq!(FileAccess::at(&deep.join("file")).unwrap().mode, PRIVATE);
    }

    #[test]
    fn a_file_that_is_being_read_is_replaced_and_its_reader_goes_on_with_the_one_before() {
        if lacks_in_wine("refuses to replace a file that is open") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        replace_locked(&path, b"one").unwrap();
        let mut reader = File::open(&path).unwrap();
        replace_locked(&path, b"two").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), std::fs::read_to_string(&path).unwrap().as_str()), ("one", "two"));
    }
}
