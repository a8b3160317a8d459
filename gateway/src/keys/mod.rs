//! API keys of the HTTP front: who may come in, and as whom.
//!
//! `record` is what `keys.json` has, `file` reads and replaces it, `changes` is what the user does to it: these are all
//! that the command line needs. `table` is what requests are compared with, `lockout` and `rates` are pure, `usage` is
//! the last use; [`ApiKeys`] is the lock and the clock around them.
//!
//! | a request with | is answered |
//! |---|---|
//! | a good key | by what it is for |
//! | none, a wrong one, an expired one | 401 |
//! | a good one, from an address that is not its own, or whose role is gone | 403 |
//! | a good one, over its rate | 429 |
//! | anything, from an address of which 5 wrong ones came | 429 for 15 minutes; from this machine good keys pass |
//! | anything, while `keys.json` cannot be used | 503 |

mod address;
mod changes;
mod file;
mod identity;
mod lockout;
mod rates;
mod record;
mod secret;
mod seen;
mod table;
#[cfg(test)]
mod tests;
mod usage;
mod view;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

pub use address::plain_address;
pub use changes::{KeyError, MadeKey, NewKey};
pub use file::KeyFileError;
pub use identity::KeyIdentity;
pub use lockout::{FAILURES_MAX, LOCKED_MS};
pub use record::KEYS_MAX;
use record::KeyFile;
pub use secret::KEY_BYTES_MAX;
pub use seen::KeyChange;
pub use usage::LastUse;
pub use view::{KeyView, KeysView};

use address::Site;
use file::KeyPlace;
use lockout::Lockouts;
use rates::Rates;
use secret::KeyDigest;
use seen::{Fingerprints, changes_between};
use table::Table;
use tokio_util::sync::CancellationToken;
use usage::Usage;

use crate::config::RoleConfig;
use crate::os::FileStamp;

/// A key that is good for a request.
#[derive(Clone, Debug)]
pub struct LiveKey {
    /// Whose it is.
    pub identity: Arc<KeyIdentity>,
    /// Cancelled once it is good no more: what runs for it ends.
    pub ended: CancellationToken,
}

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// It has no key.
    Missing,
    /// What it has is no key of ours: a typo, or something else.
    Malformed,
    /// There is no such key.
    Wrong,
    /// The key, or this secret of it, has expired.
    Expired,
    /// The key is good, and not from this address.
    Address {
        /// The key's name.
        name: String,
    },
    /// The key's role is not in the configuration any more.
    RoleGone {
        /// The key's name.
        name: String,
        /// The role's.
        role: String,
    },
    /// The key's rate is used up.
    TooMany {
        /// The key's name.
        name: String,
        /// When it may come again.
        retry_ms: u64,
    },
    /// Too many wrong keys came from the address.
    Locked {
        /// When it may come again.
        retry_ms: u64,
    },
    /// The keys cannot be read.
    Unavailable,
}

/// The keys of a gateway that runs. One system call a request tells whether the file is another one.
#[derive(Debug)]
pub struct ApiKeys {
    folder: PathBuf,
    place: KeyPlace,
    /// Written when the configuration is read again; held for a moment.
    roles: RwLock<BTreeMap<String, RoleConfig>>,
    /// Written where the file is another one; held for some steps in memory, and while the file is read.
    loaded: RwLock<Loaded>,
    /// Whether keys have changed or expired since [`ApiKeys::settle`] was asked last.
    has_changed: AtomicBool,
    /// Held for some steps in memory.
    guard: Mutex<Guard>,
    /// What is written down when.
    usage: Mutex<UsageState>,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Loaded {
    /// What was read; `None`: it is to be read again, whatever is there.
    stamp: Option<Option<FileStamp>>,
    table: Arc<Table>,
    /// What the file had when it was read well the last time; `None`: it never was.
    seen: Option<Fingerprints>,
    /// What has changed in it since, for [`ApiKeys::take_changes`].
    changes: Vec<KeyChange>,
    /// Why the keys do not count.
    problem: Option<String>,
    /// What should be mended.
    warning: Option<String>,
}

#[derive(Debug, Default)]
struct Guard {
    lockouts: Lockouts,
    rates: Rates,
}

#[derive(Debug, Default)]
struct UsageState {
    usage: Usage,
    is_dirty: bool,
}

impl ApiKeys {
    /// The keys in the state folder `folder`. Reads nothing yet.
    pub fn in_folder(folder: &Path, roles: BTreeMap<String, RoleConfig>) -> Self {
        Self {
            folder: folder.to_owned(),
            place: KeyPlace::in_folder(folder),
            roles: RwLock::new(roles),
            loaded: RwLock::default(),
            has_changed: AtomicBool::new(false),
            guard: Mutex::default(),
            usage: Mutex::new(UsageState { usage: Usage::read(folder), is_dirty: false }),
            refused: AtomicU64::new(0),
        }
    }

    /// The roles of the configuration are these now: the next request reads the keys with them.
    pub fn set_roles(&self, roles: BTreeMap<String, RoleConfig>) {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        let mut now = self.roles.write().unwrap_or_else(PoisonError::into_inner);
        if *now != roles {
            *now = roles;
            loaded.stamp = None;
        }
    }

    /// Whether a request with the key `presented` from `address` is let in. Blocks for a moment where the file is
    /// another one.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, presented: Option<&str>, address: Option<IpAddr>) -> Result<LiveKey, Denial> {
        let checked = self.check_at(now_ms(), presented, address);
        if checked.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        checked
    }

    fn check_at(
        &self,
        now_ms: u64,
        presented: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<LiveKey, Denial> {
        let address = address.map(plain_address);
        let site = Site::of(address);
        let locked = self.guard().lockouts.locked_for(now_ms, site);
        // Of this machine any program may come, and all that a proxy on it passes on: a wrong key of one is not to lock
        // out the others.
        if let Some(retry_ms) = locked.filter(|_| !site.is_local()) {
            return Err(Denial::Locked { retry_ms });
        }
        let presented = presented.ok_or(Denial::Missing)?;
        let table = self.table()?;
        // It is compared with all keys, also where it cannot be one, so that wrong ones take the same time.
        let digest = KeyDigest::of(presented);
        let Some((key, secret)) = table.find(&digest) else {
            let denial = if secret::is_well_formed(presented) { Denial::Wrong } else { Denial::Malformed };
            return Err(self.note_wrong(now_ms, site).unwrap_or(denial));
        };
        let name = || key.identity.name.clone();
        if secret.is_over(now_ms) || key.is_over(now_ms) {
            return Err(Denial::Expired);
        }
        if !key.may_come_from(address) {
            return Err(Denial::Address { name: name() });
        }
        if !key.has_role {
            let role = key.identity.role.clone().unwrap_or_default();
            return Err(Denial::RoleGone { name: name(), role });
        }
        {
            let mut guard = self.guard();
            guard.lockouts.note_success(now_ms, site);
            let entered = guard.rates.enter(now_ms, &key.identity.id, key.rate);
            entered.map_err(|retry_ms| Denial::TooMany { name: name(), retry_ms })?;
        }
        let mut used = lock(&self.usage);
        used.usage.note(now_ms, &key.identity.id, address);
        used.is_dirty = true;
        Ok(LiveKey { identity: Arc::clone(&key.identity), ended: secret.ended.clone() })
    }

    /// Counts a wrong key; returns whether its address was locked before.
    fn note_wrong(&self, now_ms: u64, site: Site) -> Option<Denial> {
        let mut guard = self.guard();
        if let Some(retry_ms) = guard.lockouts.locked_for(now_ms, site) {
            return Some(Denial::Locked { retry_ms });
        }
        if guard.lockouts.note_failure(now_ms, site) {
            tracing::warn!(
                ?site,
                failures = FAILURES_MAX,
                "wrong API keys came again and again: the address is refused for 15 minutes"
            );
        }
        None
    }

    /// The keys as the file has them now.
    fn table(&self) -> Result<Arc<Table>, Denial> {
        let stamp = self.place.stamp();
        {
            let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
            if loaded.stamp.as_ref() == Some(&stamp) {
                return loaded.table();
            }
        }
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        // Another request may have read it meanwhile. The stamp comes first: a change that comes while the file is read
        // is another stamp, and read the next time.
        let stamp = self.place.stamp();
        if loaded.stamp.as_ref() != Some(&stamp) {
            self.load(&mut loaded, stamp);
        }
        loaded.table()
    }

    fn load(&self, loaded: &mut Loaded, stamp: Option<FileStamp>) {
        loaded.stamp = Some(stamp);
        match self.place.read() {
            Ok((file, warning)) => {
                loaded.note_changes(&file);
                let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
                let table = Arc::new(Table::of(&file, &roles, &loaded.table));
                drop(roles);
                let is_there = |id: &str| table.keys.iter().any(|key| key.identity.id == id);
                self.guard().rates.retain(is_there);
                lock(&self.usage).usage.used.retain(|id, _| is_there(id));
                tracing::info!(keys = table.keys.len(), "the API keys were read");
                (loaded.table, loaded.problem, loaded.warning) = (table, None, warning);
            }
            Err(error) => {
                // What is open stays: which of them was revoked is not known. Nothing new is let in.
                if matches!(error, KeyFileError::Io { .. }) {
                    loaded.stamp = None;
                }
                let problem = match &error {
                    KeyFileError::Io { source, .. } => format!("{error}: {source}; {}", error.next_step()),
                    _ => format!("{error}; {}", error.next_step()),
                };
                if loaded.problem.as_ref() != Some(&problem) {
                    tracing::error!(problem, "all API keys are refused");
                }
                loaded.problem = Some(problem);
            }
        }
        self.has_changed.store(true, Ordering::Release);
    }

    /// Looks at the file, and ends what has expired. Returns whether keys may be gone that were good before.
    pub fn settle(&self) -> bool {
        let expired = self.table().is_ok_and(|table| table.end_expired(now_ms()));
        self.has_changed.swap(false, Ordering::AcqRel) || expired
    }

    /// The keys that were created, rotated or revoked since this was asked last, while the gateway ran.
    pub fn take_changes(&self) -> Vec<KeyChange> {
        std::mem::take(&mut self.loaded.write().unwrap_or_else(PoisonError::into_inner).changes)
    }

    /// Whether the key that `identity` is of is there as it was, and good. Where that is not known, it is.
    pub fn is_live(&self, identity: &KeyIdentity) -> bool {
        self.table().map_or(true, |table| table.is_live(identity, now_ms()))
    }

    /// Writes down the last use of each key, if there was one.
    pub async fn keep_usage(&self) {
        let usage = {
            let mut state = lock(&self.usage);
            if !std::mem::take(&mut state.is_dirty) {
                return;
            }
            state.usage.clone()
        };
        let folder = self.folder.clone();
        let written = tokio::task::spawn_blocking(move || usage.write(&folder)).await;
        if let Err(error) = written.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            tracing::warn!(%error, "cannot write down when API keys were used last; trying again later");
            lock(&self.usage).is_dirty = true;
        }
    }

    /// How they are, for `status`.
    pub fn view(&self) -> KeysView {
        let _ = self.table();
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        KeysView {
            keys: loaded.table.keys.len(),
            problem: loaded.problem.clone(),
            warning: loaded.warning.clone(),
            refused: self.refused.load(Ordering::Relaxed),
            locked_addresses: self.guard().lockouts.locked(now_ms()),
        }
    }

    fn guard(&self) -> MutexGuard<'_, Guard> {
        lock(&self.guard)
    }
}

impl Loaded {
    /// Keeps in mind what is new in `file`; what was there when the gateway began is not.
    fn note_changes(&mut self, file: &KeyFile) {
        let seen = Fingerprints::of(file);
        if let Some(before) = &self.seen {
            let room = CHANGES_MAX.saturating_sub(self.changes.len());
            self.changes.extend(changes_between(before, &seen).into_iter().take(room));
        }
        self.seen = Some(seen);
    }

    fn table(&self) -> Result<Arc<Table>, Denial> {
        match self.problem {
            None => Ok(Arc::clone(&self.table)),
            Some(_) => Err(Denial::Unavailable),
        }
    }
}

/// The keys as the command line changes them: no gateway is needed.
#[derive(Debug)]
pub struct KeyDesk {
    folder: PathBuf,
    place: KeyPlace,
}

impl KeyDesk {
    /// Those in the state folder `folder`.
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), place: KeyPlace::in_folder(folder) }
    }

    /// Makes a key.
    ///
    /// # Errors
    /// It cannot be.
    pub fn create(&self, new: NewKey) -> Result<MadeKey, KeyError> {
        self.place.update(|file| file.create(now_ms(), new))
    }

    /// Ends the key called `which`, by name or id; returns its name.
    ///
    /// # Errors
    /// There is none.
    pub fn revoke(&self, which: &str) -> Result<String, KeyError> {
        self.place.update(|file| file.revoke(which))
    }

    /// Gives it another secret; what it has is good for `overlap_ms` more.
    ///
    /// # Errors
    /// There is none, or it has too many.
    pub fn rotate(&self, which: &str, overlap_ms: u64) -> Result<MadeKey, KeyError> {
        self.place.update(|file| file.rotate(now_ms(), which, overlap_ms))
    }

    /// All keys, and what should be mended.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn list(&self) -> Result<(Vec<KeyView>, Option<String>), KeyFileError> {
        let (file, warning) = self.place.read()?;
        let (usage, now_ms) = (Usage::read(&self.folder), now_ms());
        let view = |key| KeyView::of(key, &usage, now_ms);
        Ok((file.keys.iter().map(view).collect(), warning))
    }
}

/// Changes that wait to be taken, at most: all keys, revoked and created anew.
const CHANGES_MAX: usize = 2 * KEYS_MAX;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
