//! `keys.json` in the state folder: read whole, and replaced whole under a lock.
//!
//! Only its user may write it, because who writes it makes keys; one that others can read is used, and said: what is
//! in it are digests of 256 random bits, and who may do what.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use snowgate_link::os;

use super::record::KeyFile;
use crate::os::{
    ADMINISTRATOR, FileAccess, FileStamp, command_to_forbid_others, make_private_folders, replace_locked,
};

/// The file and its lock, in the state folder.
const FILE: &str = "keys.json";
const LOCK: &str = "keys.lock";

/// The longest file that is read, in bytes: over twice what the most keys take.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// How long another command may hold the lock, and the pause between two attempts to take it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The keys cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file is there, and is not used.
    #[error("the API keys in {file} are not used: {why}")]
    Unusable {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// The system's error.
    #[error("cannot {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another command holds the lock.
    #[error("another command is changing the keys: it has held {0} for 5 s")]
    Locked(PathBuf),
}

impl KeyFileError {
    /// What to do about it.
    pub fn next_step(&self) -> String {
        match self {
            Self::Unusable { file, .. } => format!(
                "correct it, or put back a copy of it; as a last resort move {} away and create new keys",
                file.display()
            ),
            Self::Io { .. } => "check that the folder is yours, and that its disk has space".to_owned(),
            Self::Locked(lock) => {
                format!("wait for that command to end; `fuser {}` shows its process", lock.display())
            }
        }
    }
}

/// Where the keys are.
#[derive(Clone, Debug)]
pub(super) struct KeyPlace {
    folder: PathBuf,
}

impl KeyPlace {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Which version is there; `None`: none, or it cannot be looked at. One system call.
    pub(super) fn stamp(&self) -> Option<FileStamp> {
        FileStamp::at(&self.file()).ok()
    }

    /// The keys, and what should be mended though they are used. Without a file there are none.
    ///
    /// # Errors
    /// There is a file, and what is in it does not count.
    pub(super) fn read(&self) -> Result<(KeyFile, Option<String>), KeyFileError> {
        let file = self.file();
        let io_error = |source| KeyFileError::Io { what: "read", path: self.file(), source };
        let unusable = |why: String| KeyFileError::Unusable { file: self.file(), why };
        let open = match File::open(&file) {
            Ok(open) => open,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((KeyFile::default(), None)),
            Err(error) => return Err(io_error(error)),
        };
        let metadata = open.metadata().map_err(io_error)?;
        if !metadata.is_file() {
            return Err(unusable("it is no regular file".to_owned()));
        }
        let access = FileAccess::of(&open).map_err(io_error)?;
        let warning = check_access(&file, &access).map_err(unusable)?;
        if metadata.len() > FILE_BYTES_MAX {
            return Err(unusable(format!("it has more than {FILE_BYTES_MAX} bytes")));
        }
        let mut text = String::new();
        match open.take(FILE_BYTES_MAX).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(unusable("it is damaged: it is no text".to_owned()));
            }
            Err(error) => return Err(io_error(error)),
        }
        Ok((KeyFile::parse(&text).map_err(unusable)?, warning))
    }

    /// Has `change` change the keys, and writes them; nothing is written where it fails.
    ///
    /// # Errors
    /// They cannot be read or written, or `change` says no.
    pub(super) fn update<T, E: From<KeyFileError>>(
        &self,
        change: impl FnOnce(&mut KeyFile) -> Result<T, E>,
    ) -> Result<T, E> {
        let _lock = self.lock()?;
        let (mut keys, _) = self.read()?;
        let result = change(&mut keys)?;
        replace_locked(&self.file(), keys.to_text().as_bytes()).map_err(|source| KeyFileError::Io {
            what: "write",
            path: self.file(),
            source,
        })?;
        Ok(result)
    }

    fn lock(&self) -> Result<File, KeyFileError> {
        let path = self.folder.join(LOCK);
        let failed = |source| KeyFileError::Io { what: "lock", path: self.folder.join(LOCK), source };
        make_private_folders(&self.folder).map_err(failed)?;
        let lock = os::open_private(&path, false).map_err(failed)?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(KeyFileError::Locked(path));
                }
                Err(TryLockError::WouldBlock) => sleep(LOCK_PAUSE),
            }
        }
    }
}

/// Whether the file's owner and mode let it be used; what should be mended if so.
fn check_access(file: &Path, access: &FileAccess) -> Result<Option<String>, String> {
    let (others, command) = (&access.others, command_to_forbid_others(file));
    if !access.is_own && !access.is_administrators {
        return Err(format!("it is owned by {}, not by you or {ADMINISTRATOR}", access.owner));
    }
    if access.is_writable_by_others() {
        return Err(format!(
            "other users can write it ({others}), so they could have made keys; look through it, then {command}"
        ));
    }
    Ok(access.is_open_to_others().then(|| {
        format!(
            "{} can be read by other users ({others}): it has no key, but says which there are; {command}",
            file.display()
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, KeyPlace) {
        let folder = tempfile::tempdir().unwrap();
        let place = KeyPlace::in_folder(&folder.path().join("state"));
        (folder, place)
    }

    fn rename(place: &KeyPlace, to: &str) {
        let done = place.update::<_, KeyFileError>(|keys| {
            keys.rest.insert("test".to_owned(), to.into());
            Ok(())
        });
        done.unwrap();
    }

    #[test]
    fn it_is_made_private_and_each_change_is_seen() {
        let (_folder, place) = place();
        assert_eq!((place.stamp(), place.read().unwrap().0), (None, KeyFile::default()));
        rename(&place, "a");
        assert_eq!(FileAccess::at(&place.file()).unwrap().mode, 0o600);
        let first = place.stamp();
        rename(&place, "b");
        assert!(first.is_some() && place.stamp() != first);
        assert_eq!(place.read().unwrap().0.rest["test"], "b");
    }

    #[test]
    fn what_others_can_write_is_refused_and_what_they_can_read_is_said() {
        let (_folder, place) = place();
        rename(&place, "a");
        let set = |mode| {
            crate::os::set_mode_at(&place.file(), mode).unwrap();
            FileAccess::at(&place.file()).unwrap().others
        };
        let others = set(0o644);
        assert!(place.read().unwrap().1.unwrap().contains(&format!("read by other users ({others})")));
        let others = set(0o660);
        let error = place.read().unwrap_err().to_string();
        assert!(error.contains(&format!("other users can write it ({others})")), "{error}");
    }

    #[test]
    fn a_damaged_file_is_never_written_over() {
        let (_folder, place) = place();
        rename(&place, "a");
        std::fs::write(place.file(), "{\"layout\":1,").unwrap();
        let changed = place.update::<(), KeyFileError>(|_| panic!("it cannot be read"));
        assert!(matches!(changed, Err(KeyFileError::Unusable { .. })), "{changed:?}");
        assert_eq!(std::fs::read_to_string(place.file()).unwrap(), "{\"layout\":1,");
    }

    #[test]
    fn changes_at_the_same_time_all_count() {
        let (_folder, place) = place();
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let place = &place;
                scope.spawn(move || {
                    let done = place.update::<_, KeyFileError>(|keys| {
                        keys.rest.insert(format!("w{writer}"), writer.into());
                        Ok(())
                    });
                    done.unwrap();
                });
            }
        });
        assert_eq!(place.read().unwrap().0.rest.len(), 8);
    }
}
