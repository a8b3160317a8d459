//! Reading files whole, up to a bound, and replacing them whole.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::system::{create_private, open_regular, rename_over, set_mode, sync_folder};

/// The mode of a file that only its user may read. On Windows a mode is made a list of who may do what.
pub const PRIVATE: u32 = 0o600;
/// The mode of a file that every user may read.
pub const READABLE: u32 = 0o644;

/// What is in a file of `bytes_max` bytes at most. It is never waited for: a pipe in its place has no end.
///
/// # Errors
/// The system's; `InvalidInput` for what is no regular file; `FileTooLarge` for more bytes.
pub fn read_whole(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
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
    put(path, &beside, true, |file| write(file, bytes), || Ok(true)).map(drop)?;
    sync_folder(folder_of(path))
}

/// As [`replace_file`], for what is written anew all the time: it is not waited for until it is on disk.
///
/// # Errors
/// See there.
pub fn replace_often(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let finish = |mut file: &File| file.write_all(bytes).and_then(|()| set_mode(file, mode));
    put(path, &beside_of_process(path)?, false, finish, || Ok(true)).map(drop)
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
    let replaced = put(path, &beside_of_process(path)?, true, fill, may_replace)?;
    if replaced {
        sync_folder(folder_of(path))?;
    }
    Ok(replaced)
}

/// Makes `beside`, and moves it to `path` if it may be.
fn put<E: From<io::Error>>(
    path: &Path,
    beside: &Path,
    is_durable: bool,
    fill: impl FnOnce(&File) -> Result<(), E>,
    may_replace: impl FnOnce() -> Result<bool, E>,
) -> Result<bool, E> {
    // Left by a process that was killed; or put there by another user, whose link is not followed.
    let _ = std::fs::remove_file(beside);
    let replaced = (|| {
        fill(&create_private(beside)?)?;
        let may = may_replace()?;
        if may {
            rename_over(beside, path, is_durable)?;
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
    let written = write(&create_private(path)?, bytes);
    if written.is_err() {
        // Of no use, and in the way of the next attempt.
        let _ = std::fs::remove_file(path);
    }
    written
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
    use crate::os::FileAccess;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn only_a_regular_file_is_read_and_no_more_than_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_whole(folder.path(), 9).unwrap_err().kind(), io::ErrorKind::InvalidInput);
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
        // Of a killed process.
        std::fs::write(beside_of_process(&path).unwrap(), "half").unwrap();
        std::fs::write(beside(&path, "new").unwrap(), "half").unwrap();
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
            assert_eq!(FileAccess::at(&path).unwrap().mode, mode);
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
        assert_eq!(FileAccess::at(&path).unwrap().mode, PRIVATE);
        assert_eq!(create_file(&path, b"b").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a");
    }
}
