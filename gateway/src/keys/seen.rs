//! What has become of the keys from one reading of `keys.json` to the next: the command line changes it, and the gateway sees that.

use std::collections::BTreeMap;

use super::record::KeyFile;

/// What was done to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// `key_created`, `key_rotated`, `key_revoked`.
    pub event: &'static str,
    /// The key's name.
    pub name: String,
}

/// Names of keys and digests of their secrets, by the keys' ids.
#[derive(Debug, Default)]
pub(super) struct Fingerprints(BTreeMap<String, (String, Vec<String>)>);

impl Fingerprints {
    /// Those of `file`.
    pub(super) fn of(file: &KeyFile) -> Self {
        let secrets = |key: &super::record::KeyRecord| {
            key.secrets.iter().map(|secret| secret.sha256.clone()).collect::<Vec<_>>()
        };
        Self(file.keys.iter().map(|key| (key.id.clone(), (key.name.clone(), secrets(key)))).collect())
    }
}

/// What was done to the keys of `before`, where there are those of `now`.
pub(super) fn changes_between(before: &Fingerprints, now: &Fingerprints) -> Vec<KeyChange> {
    let change = |event, name: &str| KeyChange { event, name: name.to_owned() };
    let gone = before.0.iter().filter(|(id, _)| !now.0.contains_key(*id));
    let mut changes: Vec<_> = gone.map(|(_, (name, _))| change("key_revoked", name)).collect();
    for (id, (name, secrets)) in &now.0 {
        match before.0.get(id) {
            None => changes.push(change("key_created", name)),
            // Secrets that are over go with a rotation: only new ones tell of it.
            Some((_, known)) if secrets.iter().any(|secret| !known.contains(secret)) => {
                changes.push(change("key_rotated", name));
            }
            Some(_) => {}
        }
    }
    changes
}
