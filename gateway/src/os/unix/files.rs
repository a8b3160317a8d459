//! Files by the system's own means: opened without waiting, private from the beginning, with a mode.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::os::PRIVATE;

/// Opens a regular file, and nothing else: a pipe in its place is not waited for.
///
/// # Errors
/// The system's; `InvalidInput` for what is no regular file.
pub(in crate::os) fn open_regular(path: &Path) -> io::Result<File> {
    let is_regular = |found: Metadata| match found.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file")),
    };
    // A socket cannot be opened, and who writes into a pipe would notice.
    is_regular(std::fs::metadata(path)?)?;
    let without_waiting = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(without_waiting).open(path)?;
    is_regular(file.metadata()?)?;
    Ok(file)
}

/// Makes a file that is not there yet, its user's alone.
///
/// # Errors
/// The system's; `AlreadyExists` where something is, also a link.
pub fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)
}

/// Moves a file to `path`, in the place of what is there. That is on disk with the folder (`sync_folder`), also if `is_durable`.
pub(in crate::os) fn rename_over(from: &Path, path: &Path, _is_durable: bool) -> io::Result<()> {
    std::fs::rename(from, path)
}

/// Gives `file` the mode and the owner that the file at `like` has. The owner only if it is another one: only root may do that.
///
/// # Errors
/// The system's.
pub fn copy_access(file: &File, like: &Path) -> io::Result<()> {
    let (now, like) = (file.metadata()?, std::fs::metadata(like)?);
    if (now.uid(), now.gid()) != (like.uid(), like.gid()) {
        let owner = (now.uid() != like.uid()).then_some(like.uid());
        fchown(file, owner, Some(like.gid()))?;
    }
    file.set_permissions(like.permissions())
}

/// Sets the length of a file that was opened by [`append_private`].
///
/// # Errors
/// The system's.
pub fn set_length(file: &File, bytes: u64) -> io::Result<()> {
    file.set_len(bytes)
}

/// Gives `file` this mode, whatever the process's mask is.
///
/// # Errors
/// The system's.
pub fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// Gives the file or folder at `path` this mode.
///
/// # Errors
/// The system's.
pub fn set_mode_at(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Waits until the names in `folder` are on disk. Done where the file system has no such promise, and where the folder may be
/// written to and not read.
///
/// # Errors
/// The system's.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if has_no_promise(error.kind()) => Ok(()),
        synced => synced,
    }
}

fn has_no_promise(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(kind, InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported)
}

/// Whether `error` says that a link is in the place of a file, where none is followed.
pub fn is_refused_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// Opens a file to read it and to write at its end, and makes it, its user's alone, where there is none.
///
/// # Errors
/// The system's.
pub fn append_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(PRIVATE).open(path)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::os::{create_file, read_whole, replace_file, replace_locked};

    #[test]
    fn what_is_no_regular_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for odd in [path.as_path(), folder.path(), Path::new("/dev/null"), &socket] {
            let error = read_whole(odd, 9).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{}", odd.display());
        }
    }

    #[test]
    fn links_are_not_followed_by_what_writes() {
        let folder = tempfile::tempdir().unwrap();
        let [path, elsewhere, link] = ["file", "elsewhere", "link"].map(|name| folder.path().join(name));
        // Left by another user, where a file is written before it is in its place.
        symlink(&elsewhere, folder.path().join(format!(".file.{}.new", std::process::id()))).unwrap();
        replace_file(&path, b"a", PRIVATE).unwrap();
        symlink(&elsewhere, folder.path().join(".file.new")).unwrap();
        replace_locked(&path, b"b").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "b");
        symlink(&elsewhere, &link).unwrap();
        assert_eq!(create_file(&link, b"c").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(!elsewhere.exists());
    }

    #[test]
    fn a_file_that_is_being_read_is_replaced_and_its_reader_goes_on_with_the_one_before() {
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
