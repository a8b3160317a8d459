//! The lock that Claude Code holds while it writes its config: a folder beside the file, as npm's `proper-lockfile` makes it.
//!
//! Without it a change is still safe in itself (`Target::write` compares before it replaces), but Claude Code, which runs in many
//! windows and writes this file often, could write what it had read before.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// A lock that was not renewed for so long belongs to a process that is gone.
const STALE: Duration = Duration::from_secs(10);

/// How long another's lock is waited for; then the comparison has to do.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How often it is tried.
const INTERVAL: Duration = Duration::from_millis(20);

/// The file that is locked so.
const FILE: &str = ".claude.json";

/// The lock, until it is dropped; or none, where there is none to have.
#[derive(Debug)]
pub(crate) struct ClientLock(Option<PathBuf>);

impl ClientLock {
    /// Takes the lock of `file`, if its client uses one.
    pub(crate) fn take(file: &Path) -> Self {
        if file.file_name().is_none_or(|name| name != FILE) {
            return Self(None);
        }
        let folder = file.with_file_name(format!("{FILE}.lock"));
        let began = Instant::now();
        loop {
            match fs::create_dir(&folder) {
                Ok(()) => return Self(Some(folder)),
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Self(None),
                Err(_) if is_stale(&folder) || began.elapsed() >= TIMEOUT => return Self(None),
                Err(_) => std::thread::sleep(INTERVAL),
            }
        }
    }
}

impl Drop for ClientLock {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            // One that stays is stale in ten seconds.
            let _ = fs::remove_dir(folder);
        }
    }
}

fn is_stale(folder: &Path) -> bool {
    let renewed = fs::metadata(folder).and_then(|it| it.modified());
    renewed.is_ok_and(|renewed| SystemTime::now().duration_since(renewed).is_ok_and(|age| age > STALE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_a_folder_that_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let lock = ClientLock::take(&folder.path().join(FILE));
        assert!(folder.path().join(".claude.json.lock").is_dir());
        drop(lock);
        assert!(ClientLock::take(&folder.path().join("mcp.json")).0.is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn another_ones_lock_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let other = ClientLock::take(&file);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| ClientLock::take(&file).0.is_some());
            drop(other);
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    #[cfg(unix)]
    fn a_stale_lock_and_a_missing_folder_hold_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let held = folder.path().join(".claude.json.lock");
        fs::create_dir(&held).unwrap();
        fs::File::open(&held).unwrap().set_modified(SystemTime::now() - 2 * STALE).unwrap();
        assert!(ClientLock::take(&folder.path().join(FILE)).0.is_none());
        assert!(held.is_dir(), "it is another one's to remove");
        assert!(ClientLock::take(&folder.path().join("gone").join(FILE)).0.is_none());
    }
}
