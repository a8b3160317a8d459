//! Tokens that replace the user's part in later log-ins, in memory and in a file that only the user can read.
//!
//! The file has one token for each host, user and kind of log-in. It is written as a whole under another name
//! and renamed, with mode 0600, and what the system can do beyond that without a desktop session
//! (docs/decisions/no-keyring.md).

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use snowgate_link::os;

use snowflake_wire::Secret;

use crate::os::{
    FileAccess, command_to_forbid_others, make_private_folders, open_sealed, replace_locked, seal,
};

/// The longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// How long another gateway may hold the file's lock, and the pause between two attempts to take it. It holds
/// it for as long as a small file takes to be written.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The token of one user of one account.
pub(super) struct TokenCache {
    file: Option<PathBuf>,
    /// The token's key in the file.
    name: String,
    /// `None` until the file was read; then the token, if there is one.
    token: Mutex<Option<Option<Secret>>>,
}

impl TokenCache {
    pub(super) fn new(file: Option<PathBuf>, host: &str, user: &str, kind: &str) -> Self {
        let name = format!("{host}:{}:{kind}", user.to_ascii_uppercase());
        Self { file, name, token: Mutex::new(None) }
    }

    /// The token, if there is one. Blocks.
    pub(super) fn token(&self) -> Option<Secret> {
        self.lock().get_or_insert_with(|| self.load()).clone()
    }

    /// Stores `token`. Blocks.
    pub(super) fn store(&self, token: &Secret) {
        *self.lock() = Some(Some(token.clone()));
        self.update_file(|tokens| {
            let before = tokens.insert(self.name.clone(), token.expose().to_owned());
            before.as_deref() != Some(token.expose())
        });
    }

    /// Removes `refused`, unless it was replaced meanwhile. Blocks.
    pub(super) fn remove(&self, refused: &Secret) {
        let mut token = self.lock();
        if matches!(&*token, Some(Some(known)) if known == refused) {
            *token = Some(None);
        }
        drop(token);
        self.update_file(|tokens| {
            let is_it = tokens.get(&self.name).is_some_and(|known| known == refused.expose());
            is_it && tokens.remove(&self.name).is_some()
        });
    }

    fn lock(&self) -> MutexGuard<'_, Option<Option<Secret>>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(&self) -> Option<Secret> {
        let mut tokens = read(self.file.as_deref()?).unwrap_or_else(|error| {
            tracing::warn!(%error, "remembered log-ins could not be read");
            BTreeMap::new()
        });
        tokens.remove(&self.name).map(Secret::new)
    }

    /// Writes the file again if `change` returns that it changed the tokens. A file that cannot be read is
    /// never written: what is in it would be lost.
    fn update_file(&self, change: impl FnOnce(&mut BTreeMap<String, String>) -> bool) {
        let Some(file) = &self.file else { return };
        let updated = lock_file(file, LOCK_TIMEOUT).and_then(|_lock| {
            let mut tokens = read(file)?;
            if change(&mut tokens) { write(file, &tokens) } else { Ok(()) }
        });
        if let Err(error) = updated {
            let file = file.display();
            tracing::warn!(%file, %error, "the log-in could not be saved; the next gateway will ask again");
        }
    }
}

/// Locks the file against other gateways that share it, until the returned lock is dropped. Waits for it
/// `timeout` at most.
fn lock_file(file: &Path, timeout: Duration) -> io::Result<File> {
    if let Some(folder) = file.parent() {
        make_private_folders(folder)?;
    }
    let path = file.with_extension("lock");
    let (lock, deadline) = (os::open_private(&path, true)?, Instant::now() + timeout);
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                let why = format!("another process has held {} for {timeout:?}", path.display());
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            Err(TryLockError::WouldBlock) => sleep(LOCK_PAUSE),
        }
    }
}

/// The tokens in the file; none where there is no file.
///
/// # Errors
/// There is one, and what is in it is not known.
fn read(file: &Path) -> io::Result<BTreeMap<String, String>> {
    match read_existing(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        tokens => tokens,
    }
}

fn read_existing(file: &Path) -> io::Result<BTreeMap<String, String>> {
    let (length, access) = (std::fs::metadata(file)?.len(), FileAccess::at(file)?);
    // On Windows, what an administrator's program makes may belong to all of them.
    let is_trusted = access.is_own || access.is_administrators;
    if length > FILE_BYTES_MAX || access.is_open_to_others() || !is_trusted {
        let command = command_to_forbid_others(file);
        let why = format!(
            "it is too large, or readable by other users; remove it, or make it yours alone ({command})"
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    let damaged = |error: &dyn std::fmt::Display| {
        let why = format!("it is damaged ({error}); remove it, and log in once more");
        io::Error::new(io::ErrorKind::InvalidData, why)
    };
    let tokens = open_sealed(std::fs::read(file)?).map_err(|error| damaged(&error))?;
    serde_json::from_slice(&tokens).map_err(|error| damaged(&error))
}

fn write(file: &Path, tokens: &BTreeMap<String, String>) -> io::Result<()> {
    replace_locked(file, &seal(&serde_json::to_vec(tokens)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_remembered_for_its_user_and_kind_of_log_in_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.json");
        let cache = |user, way| TokenCache::new(Some(file.clone()), "host", user, way);
        cache("me", "id").store(&Secret::new("t1"));
        cache("me", "mfa").store(&Secret::new("t2"));
        assert_eq!(cache("ME", "id").token(), Some(Secret::new("t1")));
        assert_eq!(cache("you", "id").token(), None);
        cache("me", "id").remove(&Secret::new("t1"));
        assert_eq!(cache("me", "id").token(), None);
        assert_eq!(cache("me", "mfa").token(), Some(Secret::new("t2")));
    }

    #[test]
    fn a_file_that_others_can_read_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.json");
        let cache = || TokenCache::new(Some(file.clone()), "host", "me", "id");
        cache().store(&Secret::new("t"));
        assert_eq!(FileAccess::at(&file).unwrap().mode, 0o600);
        crate::os::set_mode_at(&file, 0o644).unwrap();
        assert_eq!(cache().token(), None);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_never_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.json");
        let cache = |user| TokenCache::new(Some(file.clone()), "host", user, "id");
        cache("other").store(&Secret::new("precious"));
        let whole = std::fs::read(&file).unwrap();
        let damaged = whole[..whole.len() / 2].to_vec();
        std::fs::write(&file, &damaged).unwrap();
        let mine = cache("me");
        mine.store(&Secret::new("new"));
        mine.remove(&Secret::new("new"));
        assert_eq!(std::fs::read(&file).unwrap(), damaged);
        std::fs::write(&file, whole).unwrap();
        mine.store(&Secret::new("newer"));
        assert_eq!(cache("other").token(), Some(Secret::new("precious")));
        assert_eq!(cache("me").token(), Some(Secret::new("newer")));
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        mine.store(&Secret::new("newest"));
        assert!(file.is_dir() && mine.token() == Some(Secret::new("newest")), "it is known all the same");
    }

    #[test]
    fn the_lock_is_waited_for_with_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.json");
        let held = lock_file(&file, Duration::ZERO).unwrap();
        let error = lock_file(&file, LOCK_PAUSE).unwrap_err();
        assert!(error.to_string().contains("tokens.lock"), "{error}");
        drop(held);
        // A process that another test starts has the lock until it becomes another program.
        lock_file(&file, LOCK_TIMEOUT).unwrap();
    }

    #[test]
    fn without_a_file_the_token_is_kept_in_memory() {
        let cache = TokenCache::new(None, "host", "me", "id");
        assert_eq!(cache.token(), None);
        cache.store(&Secret::new("t"));
        assert_eq!(cache.token(), Some(Secret::new("t")));
    }

    #[test]
    fn removing_an_old_token_keeps_the_one_that_replaced_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.json");
        let cache = TokenCache::new(Some(file.clone()), "host", "me", "id");
        cache.store(&Secret::new("new"));
        cache.remove(&Secret::new("old"));
        assert_eq!(cache.token(), Some(Secret::new("new")));
        assert_eq!(TokenCache::new(Some(file), "host", "me", "id").token(), Some(Secret::new("new")));
    }

    #[test]
    fn gateways_that_share_the_file_lose_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.json");
        let cache = |user: &str| TokenCache::new(Some(file.clone()), "host", user, "id");
        std::thread::scope(|scope| {
            for user in ["a", "b", "c", "d"] {
                let cache = cache(user);
                scope.spawn(move || (0..20).for_each(|n| cache.store(&Secret::new(format!("{user}{n}")))));
            }
        });
        for user in ["a", "b", "c", "d"] {
            assert_eq!(cache(user).token(), Some(Secret::new(format!("{user}19"))));
        }
    }
}
