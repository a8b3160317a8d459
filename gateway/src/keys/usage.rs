//! When each key was used last: in a file of its own, so that a request changes nothing of the keys.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::os::replace_locked;

/// The file, in the state folder.
const FILE: &str = "keys-used.json";

/// The last use of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUse {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// From where; `None`: a Unix socket.
    pub address: Option<IpAddr>,
    /// Requests that it was good for, in all.
    #[serde(default)]
    pub requests: u64,
}

/// The last use of each key, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Usage {
    #[serde(default)]
    pub(super) used: BTreeMap<String, LastUse>,
}

impl Usage {
    pub(super) fn file(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// What is written down; nothing where that cannot be read: no key is less good for it.
    pub(super) fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(Self::file(folder)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        replace_locked(&Self::file(folder), &serde_json::to_vec(self)?)
    }

    pub(super) fn note(&mut self, now_ms: u64, id: &str, address: Option<IpAddr>) {
        let requests = self.used.get(id).map_or(0, |used| used.requests).saturating_add(1);
        let last = LastUse { at_ms: now_ms, address, requests };
        match self.used.get_mut(id) {
            Some(used) => *used = last,
            None => drop(self.used.insert(id.to_owned(), last)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_use_outlives_the_gateway_and_a_damaged_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut usage = Usage::default();
        usage.note(1, "a", None);
        usage.note(2, "a", Some([10, 0, 0, 1].into()));
        usage.write(folder.path()).unwrap();
        let read = Usage::read(folder.path());
        assert_eq!(read.used["a"], LastUse { at_ms: 2, address: Some([10, 0, 0, 1].into()), requests: 2 });
        std::fs::write(Usage::file(folder.path()), "{").unwrap();
        assert_eq!(Usage::read(folder.path()), Usage::default());
    }
}
