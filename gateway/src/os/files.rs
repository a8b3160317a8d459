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
    let without_waiting = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(without_waiting).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
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
/// The system's; then nothing has changed.
pub fn replace_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    replace_file_if(path, bytes, |file| set_mode(file, mode), || Ok(true)).map(drop)
}

/// As [`replace_file`]: `finish` gives the new file its mode before it is in place, and `may_replace` is asked at last. Returns
/// what it said.
///
/// # Errors
/// The system's, and those of the two; then nothing has changed.
pub fn replace_file_if<E: From<io::Error>>(
    path: &Path,
    bytes: &[u8],
    finish: impl FnOnce(&File) -> Result<(), E>,
    may_replace: impl FnOnce() -> Result<bool, E>,
) -> Result<bool, E> {
    let beside = beside(path)?;
    // Left by a process of this number that was killed; or put there by another user, whose link is not followed.
    let _ = std::fs::remove_file(&beside);
    let replaced = (|| {
        let mut file = create(&beside)?;
        file.write_all(bytes)?;
        finish(&file)?;
        file.sync_all()?;
        let may = may_replace()?;
        if may {
            std::fs::rename(&beside, path)?;
        }
        Ok(may)
    })();
    if !matches!(replaced, Ok(true)) {
        // It is of no use; that it cannot be removed adds nothing.
        let _ = std::fs::remove_file(&beside);
    } else if let Some(folder) = path.parent() {
        sync_folder(folder);
    }
    replaced
}

/// Writes a file that is not there yet, its user's alone: whole, or not at all.
///
/// # Errors
/// The system's; `AlreadyExists` where something is, also a link.
pub fn create_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
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

/// Waits until the names in `folder` are on disk; file systems that cannot say so count as done.
pub fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)
}

/// A name in the same folder, hidden, and of this process.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.new", std::process::id()));
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
        for odd in [path.as_path(), folder.path(), Path::new("/dev/null")] {
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
        symlink(folder.path().join("elsewhere"), beside(&path).unwrap()).unwrap();
        for (text, mode) in [("a", PRIVATE), ("b", READABLE)] {
            replace_file(&path, text.as_bytes(), mode).unwrap();
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
