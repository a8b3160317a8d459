//! What replaces a person at later log-ins: the tokens that the account grants, in memory and in a file of the user's own.
//!
//! The file holds, for each account, user and way, one token. It is written whole beside itself and renamed, with mode 0600.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use snowgate_link::os;

use snowflake_wire::Secret;

/// The longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The token of one user of one account.
pub(super) struct Remembered {
    file: Option<PathBuf>,
    /// Under which name the file has it.
    name: String,
    /// `None` until it is looked for; then what there is.
    token: Mutex<Option<Option<Secret>>>,
}

impl Remembered {
    pub(super) fn new(file: Option<PathBuf>, host: &str, user: &str, way: &str) -> Self {
        let name = format!("{host}:{}:{way}", user.to_ascii_uppercase());
        Self { file, name, token: Mutex::new(None) }
    }

    /// The token, if there is one. Blocks.
    pub(super) fn token(&self) -> Option<Secret> {
        self.lock().get_or_insert_with(|| self.load()).clone()
    }

    /// Keeps `token`. Blocks.
    pub(super) fn keep(&self, token: &Secret) {
        *self.lock() = Some(Some(token.clone()));
        self.change(|tokens| {
            let before = tokens.insert(self.name.clone(), token.expose().to_owned());
            before.as_deref() != Some(token.expose())
        });
    }

    /// Forgets `refused`, unless it was replaced meanwhile. Blocks.
    pub(super) fn forget(&self, refused: &Secret) {
        let mut token = self.lock();
        if matches!(&*token, Some(Some(known)) if known == refused) {
            *token = Some(None);
        }
        drop(token);
        self.change(|tokens| {
            let is_it = tokens.get(&self.name).is_some_and(|known| known == refused.expose());
            is_it && tokens.remove(&self.name).is_some()
        });
    }

    fn lock(&self) -> MutexGuard<'_, Option<Option<Secret>>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(&self) -> Option<Secret> {
        let mut tokens = read(self.file.as_deref()?).unwrap_or_else(|error| {
            tracing::warn!(%error, "remembered log-ins cannot be read");
            BTreeMap::new()
        });
        tokens.remove(&self.name).map(Secret::new)
    }

    /// Has `change` edit what the file holds; it says whether it did.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, String>) -> bool) {
        let Some(file) = &self.file else { return };
        let changed = alone(file).and_then(|_lock| {
            let mut tokens = read(file).unwrap_or_default();
            if change(&mut tokens) { write(file, &tokens) } else { Ok(()) }
        });
        if let Err(error) = changed {
            tracing::warn!(file = %file.display(), %error, "the log-in is not remembered beyond this gateway");
        }
    }
}

/// Keeps other gateways that share the file from changing it, until what this gives is dropped.
fn alone(file: &Path) -> io::Result<File> {
    if let Some(folder) = file.parent() {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder)?;
    }
    let lock = os::open_private(&file.with_extension("lock"), true)?;
    lock.lock()?;
    Ok(lock)
}

fn read(file: &Path) -> io::Result<BTreeMap<String, String>> {
    match std::fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX || is_open_to_others(&metadata) => {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is too long, or open to others"));
        }
        Ok(_) => {}
    }
    Ok(serde_json::from_str(&std::fs::read_to_string(file)?)?)
}

#[cfg(unix)]
fn is_open_to_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.mode() & 0o077 != 0 || metadata.uid() != os::euid()
}

#[cfg(not(unix))]
fn is_open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

fn write(file: &Path, tokens: &BTreeMap<String, String>) -> io::Result<()> {
    let beside = file.with_extension("new");
    // Whatever a gateway that was killed has left there.
    let _ = std::fs::remove_file(&beside);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut to = options.open(&beside)?;
    to.write_all(&serde_json::to_vec(tokens)?)?;
    to.sync_all()?;
    std::fs::rename(&beside, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_remembered_for_its_user_and_way_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.json");
        let remembered = |user, way| Remembered::new(Some(file.clone()), "host", user, way);
        remembered("me", "id").keep(&Secret::new("t1"));
        remembered("me", "mfa").keep(&Secret::new("t2"));
        assert_eq!(remembered("ME", "id").token(), Some(Secret::new("t1")));
        assert_eq!(remembered("you", "id").token(), None);
        remembered("me", "id").forget(&Secret::new("t1"));
        assert_eq!(remembered("me", "id").token(), None);
        assert_eq!(remembered("me", "mfa").token(), Some(Secret::new("t2")));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_the_user_s_own_or_is_not_read() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.json");
        let remembered = || Remembered::new(Some(file.clone()), "host", "me", "id");
        remembered().keep(&Secret::new("t"));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(remembered().token(), None);
    }

    #[test]
    fn without_a_file_it_is_kept_in_memory() {
        let remembered = Remembered::new(None, "host", "me", "id");
        assert_eq!(remembered.token(), None);
        remembered.keep(&Secret::new("t"));
        assert_eq!(remembered.token(), Some(Secret::new("t")));
    }

    #[test]
    fn a_token_that_was_replaced_is_not_forgotten_with_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.json");
        let remembered = Remembered::new(Some(file.clone()), "host", "me", "id");
        remembered.keep(&Secret::new("new"));
        remembered.forget(&Secret::new("old"));
        assert_eq!(remembered.token(), Some(Secret::new("new")));
        assert_eq!(Remembered::new(Some(file), "host", "me", "id").token(), Some(Secret::new("new")));
    }

    #[test]
    fn gateways_that_share_the_file_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.json");
        let remembered = |user: &str| Remembered::new(Some(file.clone()), "host", user, "id");
        std::thread::scope(|scope| {
            for user in ["a", "b", "c", "d"] {
                let remembered = remembered(user);
                scope
                    .spawn(move || (0..20).for_each(|n| remembered.keep(&Secret::new(format!("{user}{n}")))));
            }
        });
        for user in ["a", "b", "c", "d"] {
            assert_eq!(remembered(user).token(), Some(Secret::new(format!("{user}19"))));
        }
    }
}
