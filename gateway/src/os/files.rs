//! Reading files whole, up to a bound, and replacing them whole.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The mode of a file that only its user may read.
pub const PRIVATE: u32 = 0o600;
/// The mode of a file that every user may read.
pub const READABLE: u32 = 0o644;

/// What is in a file of `bytes_max` bytes at most. It is never waited for: a pipe in its place has no end.
///
/// # Errors
/// The system's; `InvalidInput` for what is no regular file; `FileTooLarge` for more bytes.
pub fn read_whole(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let is_regular = |found: Metadata| match found.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file")),
    };
    // A socket cannot be opened, and who writes into a pipe would notice.
    is_regular(std::fs::metadata(path)?)?;
    let without_waiting = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(without_waiting).open(path)?;
    is_regular(file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let message = format!("it is larger than {bytes_max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Puts a file with `bytes` and `mode` in the place of `path`: the one that was there stays, or the new one is there whole, also
/// after a power cut. A link in its place is replaced, not followed.
///
/// # Errors
/// The system's. Nothing has changed then, unless it is the folder that cannot be written to disk.
pub fn replace_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    replace_file_if(path, bytes, |file| set_mode(file, mode), || Ok(true)).map(drop)
}

/// As [`replace_file`], for a file that only its user may read and of which the caller has the lock: what a killed process has
/// left of it is gone with the next.
///
/// # Errors
/// See there.
pub fn replace_locked(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path, "new")?;
    put(path, &beside, |file| write(file, bytes), || Ok(true)).map(drop)?;
    sync_folder(folder_of(path))
}

/// As [`replace_file`], for what is written anew all the time: it is not waited for until it is on disk.
///
/// # Errors
/// See there.
pub fn replace_often(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let finish = |mut file: &File| file.write_all(bytes).and_then(|()| set_mode(file, mode));
    put(path, &beside_of_process(path)?, finish, || Ok(true)).map(drop)
}

/// As [`replace_file`]: `finish` gives the new file its mode before it is in place, and `may_replace` is asked at last. Returns
/// what it said.
///
/// # Errors
/// See there, and those of the two.
pub fn replace_file_if<E: From<io::Error>>(
    path: &Path,
    bytes: &[u8],
    finish: impl FnOnce(&File) -> Result<(), E>,
    may_replace: impl FnOnce() -> Result<bool, E>,
) -> Result<bool, E> {
    let fill = |mut file: &File| {
        file.write_all(bytes)?;
        finish(file)?;
        Ok(file.sync_all()?)
    };
    let replaced = put(path, &beside_of_process(path)?, fill, may_replace)?;
    if replaced {
        sync_folder(folder_of(path))?;
    }
    Ok(replaced)
}

/// Makes `beside`, and moves it to `path` if it may be.
fn put<E: From<io::Error>>(
    path: &Path,
    beside: &Path,
    fill: impl FnOnce(&File) -> Result<(), E>,
    may_replace: impl FnOnce() -> Result<bool, E>,
) -> Result<bool, E> {
    // Left by a process that was killed; or put there by another user, whose link is not followed.
    let _ = std::fs::remove_file(beside);
    let replaced = (|| {
        fill(&create(beside)?)?;
        let may = may_replace()?;
        if may {
            std::fs::rename(beside, path)?;
        }
        Ok(may)
    })();
    if !matches!(replaced, Ok(true)) {
        // It is of no use; that it cannot be removed adds nothing.
        let _ = std::fs::remove_file(beside);
    }
    replaced
}

/// Writes a file that is not there yet, its user's alone: whole, or not at all.
///
/// # Errors
/// The system's; `AlreadyExists` where something is, also a link.
pub fn create_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = write(&create(path)?, bytes);
    if written.is_err() {
        // Of no use, and in the way of the next attempt.
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Gives `file` the mode and the owner that `like` has. The owner only if it is another one: only root may do that.
///
/// # Errors
/// The system's.
pub fn copy_mode_and_owner(file: &File, like: &Metadata) -> io::Result<()> {
    let now = file.metadata()?;
    if (now.uid(), now.gid()) != (like.uid(), like.gid()) {
        let owner = (now.uid() != like.uid()).then_some(like.uid());
        fchown(file, owner, Some(like.gid()))?;
    }
    file.set_permissions(like.permissions())
}

/// Gives `file` this mode, whatever the process's mask is.
///
/// # Errors
/// The system's.
pub fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
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

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)
}

fn write(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name in the same folder, hidden, and of this process.
fn beside_of_process(path: &Path) -> io::Result<PathBuf> {
    beside(path, &format!("{}.new", std::process::id()))
}

fn beside(path: &Path, end: &str) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".");
    hidden.push(end);
    Ok(path.with_file_name(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn only_a_regular_file_is_read_and_no_more_than_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for odd in [path.as_path(), folder.path(), Path::new("/dev/null"), &socket] {
            assert_eq!(
                read_whole(odd, 9).unwrap_err().kind(),
                io::ErrorKind::InvalidInput,
                "{}",
                odd.display()
            );
        }
        let file = folder.path().join("file");
        std::fs::write(&file, "0123456789").unwrap();
        assert_eq!(read_whole(&file, 10).unwrap(), b"0123456789");
        assert_eq!(read_whole(&file, 9).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_whole(&folder.path().join("no"), 9).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        // Of a killed process, and of another user.
        symlink(folder.path().join("elsewhere"), beside_of_process(&path).unwrap()).unwrap();
        symlink(folder.path().join("elsewhere"), beside(&path, "new").unwrap()).unwrap();
        type Replace = fn(&Path, &[u8], u32) -> io::Result<()>;
        let locked: Replace = |path, bytes, _| replace_locked(path, bytes);
        let cases: [(&str, Replace, u32); 5] = [
            ("1", locked, PRIVATE),
            ("2", replace_often, READABLE),
            ("3", replace_often, PRIVATE),
            ("4", replace_file, PRIVATE),
            ("b", replace_file, READABLE),
        ];
        for (text, replace, mode) in cases {
            replace(&path, text.as_bytes(), mode).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, mode);
        }
        let refused = replace_file_if(&path, b"c", |_| Ok(()), || Ok::<_, io::Error>(false));
        assert!(!refused.unwrap());
        replace_file_if(&path, b"c", |_| Err(io::Error::other("no")), || Ok(true)).unwrap_err();
        assert_eq!(names(folder.path()), ["file.json"]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "b");
        std::fs::create_dir(folder.path().join("taken")).unwrap();
        replace_file(&folder.path().join("taken"), b"d", PRIVATE).unwrap_err();
        assert_eq!(names(folder.path()).len(), 2);
        replace_often(&folder.path().join("missing").join("x.prom"), b"e", READABLE).unwrap_err();
    }

    #[test]
    fn a_new_file_is_its_users_alone_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        create_file(&path, b"a").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, PRIVATE);
        assert_eq!(create_file(&path, b"b").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let link = folder.path().join("link");
        symlink(folder.path().join("nowhere"), &link).unwrap();
        assert_eq!(create_file(&link, b"b").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a");
    }
}
