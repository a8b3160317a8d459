//! What a client's config file was before Snowgate changed it: backups, and what `uninstall` takes back.
//!
//! It is in Snowgate's own state folder, which only its user can read, and not beside the file: such files hold other
//! programs' secrets, and those of a project are committed.

use std::collections::BTreeMap;
use std::fs::{self, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::edit::Made;
use super::error::ClientError;
use crate::os::{make_private_folders, replace_locked};
use snowgate_link::os;

/// How many earlier versions of a file are kept.
const BACKUPS_MAX: usize = 5;

/// For how many files something is remembered; those without an entry of ours make room.
const FILES_MAX: usize = 200;

/// The larger files here are the backups, which are as large as the configs.
const RECORD_BYTES_MAX: u64 = 1 << 20;

/// How long one `snowgate` waits for another that changes configs.
const LOCK_TIMEOUT: Duration = Duration::from_secs(20);

/// How often it looks.
const LOCK_INTERVAL: Duration = Duration::from_millis(10);

/// Below the state folder.
const FOLDER: &str = "clients";
const LOCK: &str = "lock";
const RECORD: &str = "record.json";
const ORIGINAL: &str = "original";

/// What is known of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The file.
    pub(crate) path: PathBuf,
    /// Whether it was not there before.
    pub(crate) is_created: bool,
    /// The folders that were made for it, the outermost first.
    pub(crate) folders: Vec<PathBuf>,
    /// Of what the file holds since the last change of ours, the SHA-256.
    pub(crate) after: String,
    /// Whether nothing but our changes lies between `original` and `after`.
    pub(crate) has_original: bool,
    /// Our entries, and what was made around each.
    pub(crate) entries: BTreeMap<String, Made>,
}

impl Record {
    /// Whether `text` is what the last change of ours has left.
    pub(crate) fn is_current(&self, text: &str) -> bool {
        self.after == digest(text)
    }

    /// Notes that `text` is what a change of ours has left.
    pub(crate) fn note_after(&mut self, text: &str) {
        self.after = digest(text);
    }

    /// Forgets an entry. What was made for it is another one's now, if there is one.
    pub(crate) fn forget(&mut self, name: &str) {
        let Some(made) = self.entries.remove(name) else { return };
        if made != Made::default()
            && let Some(heir) = self.entries.values_mut().find(|made| **made == Made::default())
        {
            *heir = made;
        }
    }
}

/// The folder of all that is remembered.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    folder: PathBuf,
}

impl Memory {
    /// That of this state folder.
    pub(crate) fn in_folder(state_dir: &Path) -> Self {
        Self { folder: state_dir.join(FOLDER) }
    }

    /// Waits until no other `snowgate` changes configs, and keeps it so until the file is dropped. `path` is the config that is
    /// to be changed.
    ///
    /// # Errors
    /// The system's, or another one does not let go of it.
    pub(crate) fn lock(&self, path: &Path) -> Result<fs::File, ClientError> {
        self.lock_within(path, LOCK_TIMEOUT)
    }

    fn lock_within(&self, path: &Path, timeout: Duration) -> Result<fs::File, ClientError> {
        let lock = self.folder.join(LOCK);
        let file = make_private_folders(&self.folder)
            .and_then(|()| fs::OpenOptions::new().create(true).truncate(false).write(true).open(&lock));
        let mut file = file.map_err(|source| self.failed(path, source))?;
        let began = Instant::now();
        loop {
            match os::try_lock(&file) {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(self.failed(path, source)),
                Err(TryLockError::WouldBlock) if began.elapsed() < timeout => {
                    std::thread::sleep(LOCK_INTERVAL);
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = fs::read_to_string(&lock).ok().and_then(|text| text.trim().parse().ok());
                    let (path, waited_s) = (path.to_owned(), timeout.as_secs());
                    return Err(ClientError::Locked { path, lock, holder, waited_s });
                }
            }
        }
        // For those who wait; without it, they are told less.
        let _ = file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
        Ok(file)
    }

    /// Something about the config at `path` could not be written down.
    pub(crate) fn failed(&self, path: &Path, source: io::Error) -> ClientError {
        ClientError::Memory { path: path.to_owned(), folder: self.folder.clone(), source }
    }

    /// What is known of `file`. A record that cannot be read counts as none: the text alone tells enough.
    pub(crate) fn record(&self, file: &Path) -> Option<Record> {
        let path = self.folder_of(file).join(RECORD);
        if fs::metadata(&path).ok()?.len() > RECORD_BYTES_MAX {
            return None;
        }
        let record: Record = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        (record.path == file).then_some(record)
    }

    /// Writes down what is known of a file.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn store(&self, record: &Record) -> io::Result<()> {
        let folder = self.folder_of(&record.path);
        make_private_folders(&folder)?;
        if !record.has_original {
            let _ = fs::remove_file(folder.join(ORIGINAL));
        }
        replace_locked(&folder.join(RECORD), &serde_json::to_vec_pretty(record)?)?;
        self.make_room();
        Ok(())
    }

    /// Keeps what a file was before the first entry of ours.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn store_original(&self, file: &Path, text: &str) -> io::Result<()> {
        let folder = self.folder_of(file);
        make_private_folders(&folder)?;
        replace_locked(&folder.join(ORIGINAL), text.as_bytes())
    }

    /// What a file was before the first entry of ours.
    pub(crate) fn original(&self, file: &Path) -> Option<String> {
        fs::read_to_string(self.folder_of(file).join(ORIGINAL)).ok()
    }

    /// Keeps `text` as the newest backup of `file`; returns where.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn back_up(&self, file: &Path, text: &str) -> io::Result<PathBuf> {
        let folder = self.folder_of(file);
        make_private_folders(&folder)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let backup = |number: usize| folder.join(format!("{number}-{name}"));
        for number in (1..BACKUPS_MAX).rev() {
            if backup(number).exists() {
                fs::rename(backup(number), backup(number + 1))?;
            }
        }
        replace_locked(&backup(1), text.as_bytes())?;
        Ok(backup(1))
    }

    fn folder_of(&self, file: &Path) -> PathBuf {
        self.folder.join(&digest(&file.to_string_lossy())[..16])
    }

    /// Removes what is known of the files without an entry that were changed longest ago.
    fn make_room(&self) {
        let Ok(folders) = fs::read_dir(&self.folder) else { return };
        let folders = folders.filter_map(Result::ok).map(|entry| entry.path());
        let mut folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
        if folders.len() <= FILES_MAX {
            return;
        }
        let changed = |folder: &PathBuf| fs::metadata(folder.join(RECORD)).and_then(|it| it.modified()).ok();
        folders.sort_by_key(changed);
        let has_entries = |folder: &PathBuf| {
            let record = fs::read(folder.join(RECORD)).ok();
            record
                .and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok())
                .is_some_and(|record| !record.entries.is_empty())
        };
        let surplus = folders.len() - FILES_MAX;
        for folder in folders.iter().filter(|folder| !has_entries(folder)).take(surplus) {
            // The next change tries again.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_backups_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::in_folder(folder.path());
        let file = Path::new("/x/mcp.json");
        for number in 0..BACKUPS_MAX + 3 {
            let path = memory.back_up(file, &number.to_string()).unwrap();
            assert_eq!(fs::read_to_string(path).unwrap(), number.to_string());
        }
        assert_eq!(fs::read_dir(memory.folder_of(file)).unwrap().count(), BACKUPS_MAX);
    }

    #[test]
    fn who_waits_in_vain_is_told_of_the_file_the_holder_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::in_folder(folder.path());
        const LOCK_FILE: &str = if cfg!(windows) { r"clients\lock" } else { "clients/lock" };
        let file = Path::new("/x/mcp.json");
        let held = memory.lock(file).unwrap();
        let refused = memory.lock_within(file, Duration::ZERO).unwrap_err();
        let own = std::process::id().to_string();
        assert!(
            refused.to_string().contains("/x/mcp.json was left as it is")
                && refused.to_string().contains(&own)
        );
        assert!(refused.next_step().contains(&own), "{}", refused.next_step());
        held.set_len(0).unwrap();
        let unnamed = memory.lock_within(file, Duration::ZERO).unwrap_err();
        assert!(unnamed.next_step().contains(LOCK_FILE), "{}", unnamed.next_step());
        drop(held);
        drop(memory.lock_within(file, Duration::ZERO).unwrap());
    }

    #[test]
    fn a_record_is_read_back_and_a_damaged_one_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::in_folder(folder.path());
        let file = Path::new("/x/mcp.json");
        let mut record = Record { path: file.to_owned(), is_created: true, ..Record::default() };
        record.note_after("text");
        memory.store(&record).unwrap();
        assert_eq!(memory.record(file), Some(record));
        fs::write(memory.folder_of(file).join(RECORD), "{").unwrap();
        assert_eq!(memory.record(file), None);
    }

    #[test]
    fn files_without_an_entry_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::in_folder(folder.path());
        let store = |number: usize, entries: BTreeMap<String, Made>| {
            let path = PathBuf::from(format!("/x/{number}"));
            memory.store(&Record { path, entries, ..Record::default() }).unwrap();
        };
        store(0, BTreeMap::from([("snowgate".to_owned(), Made::default())]));
        (1..FILES_MAX + 5).for_each(|number| store(number, BTreeMap::new()));
        assert_eq!(fs::read_dir(&memory.folder).unwrap().count(), FILES_MAX);
        assert!(memory.record(Path::new("/x/0")).is_some());
    }

    #[test]
    fn what_was_made_for_an_entry_passes_to_the_next_one() {
        let made = Made { containers: 1, interior: None };
        let mut record = Record::default();
        record.entries.insert("a".into(), made.clone());
        record.entries.insert("b".into(), Made::default());
        record.forget("a");
        assert_eq!(record.entries["b"], made);
    }
}
