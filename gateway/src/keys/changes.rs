//! What the user does to keys: make, revoke, rotate. Pure, but for the random numbers.

use uuid::Uuid;

use super::file::KeyFileError;
use super::record::is_name;
use super::record::{KEYS_MAX, KeyFile, KeyRecord, NAME_BYTES_MAX, RANGES_MAX, SECRETS_MAX, SecretRecord};
use super::secret::{KeyDigest, NoRandomness, generate};
use crate::config::parse_range;

/// What a new key is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewKey {
    /// Its name: unique.
    pub name: String,
    /// The profile of its sessions; `None`: the one that fits.
    pub profile: Option<String>,
    /// Its role; `None`: what its profile allows.
    pub role: Option<String>,
    /// When it ends, in milliseconds since 1970; `None`: never.
    pub expires_ms: Option<u64>,
    /// The addresses and ranges that it may come from; none: all.
    pub allow_from: Vec<String>,
    /// Requests in any minute; `None`: as many as it likes.
    pub requests_per_minute: Option<u64>,
    /// Requests in any hour; `None`: as many as it likes.
    pub requests_per_hour: Option<u64>,
}

/// A key that was made, and that is shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct MadeKey {
    /// Its id: that never changes.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The key itself.
    pub key: String,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: Option<u64>,
    /// Until when what it replaces is good.
    pub old_until_ms: Option<u64>,
}

/// The keys cannot be changed like that.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// What was asked for is wrong.
    #[error("{message}")]
    Wrong {
        /// What is wrong.
        message: String,
        /// What to do about it.
        next_step: String,
    },
    /// The file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The system.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

impl KeyError {
    fn wrong(message: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self::Wrong { message: message.into(), next_step: next_step.into() }
    }

    /// What to do about it.
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::Wrong { next_step, .. } => Some(next_step.clone()),
            Self::File(error) => Some(error.next_step()),
            Self::Random(_) => None,
        }
    }

    /// Whether the command line is wrong.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Wrong { .. })
    }
}

fn new_secret(now_ms: u64) -> Result<(String, SecretRecord), KeyError> {
    let key = generate()?;
    let (sha256, rest) = (KeyDigest::of(&key).to_hex(), serde_json::Map::new());
    Ok((key, SecretRecord { sha256, created_ms: now_ms, expires_ms: None, rest }))
}

impl KeyFile {
    pub(super) fn create(&mut self, now_ms: u64, new: NewKey) -> Result<MadeKey, KeyError> {
        if !is_name(&new.name) {
            let message =
                format!("the name {:?} cannot be used", new.name.chars().take(32).collect::<String>());
            let next_step = format!("use 1 to {NAME_BYTES_MAX} letters, digits, dots, dashes or underscores");
            return Err(KeyError::wrong(message, next_step));
        }
        if self.keys.iter().any(|key| key.name == new.name) {
            let message = format!("there is a key called `{0}` already", new.name);
            let next_step = format!(
                "choose another name; `snowgate keys rotate {0}` gives that one a new secret, `snowgate keys revoke {0}` ends it",
                new.name
            );
            return Err(KeyError::wrong(message, next_step));
        }
        if self.keys.len() >= KEYS_MAX {
            let message = format!("there are {KEYS_MAX} keys, which is the limit");
            return Err(KeyError::wrong(message, "revoke one that is not used: `snowgate keys list`"));
        }
        if new.allow_from.len() > RANGES_MAX {
            let message =
                format!("{} ranges of addresses are over the limit of {RANGES_MAX}", new.allow_from.len());
            return Err(KeyError::wrong(message, "write larger ranges"));
        }
        let mut allow_from = Vec::new();
        for text in &new.allow_from {
            let Some(range) = parse_range(text) else {
                let message = format!("{text:?} is no range of addresses");
                let next_step = "write --allow-from 10.0.0.0/8, 192.168.1.7 or 2001:db8::/32";
                return Err(KeyError::wrong(message, next_step));
            };
            allow_from.push(range.to_string());
        }
        if new.expires_ms.is_some_and(|at| at <= now_ms) {
            return Err(KeyError::wrong("the key would have expired already", "give --expires a later time"));
        }
        let (key, secret) = new_secret(now_ms)?;
        let id = format!("key-{}", &Uuid::new_v4().simple().to_string()[..12]);
        self.keys.push(KeyRecord {
            id: id.clone(),
            name: new.name.clone(),
            profile: new.profile,
            role: new.role,
            created_ms: now_ms,
            expires_ms: new.expires_ms,
            allow_from,
            requests_per_minute: new.requests_per_minute,
            requests_per_hour: new.requests_per_hour,
            secrets: vec![secret],
            rest: serde_json::Map::new(),
        });
        Ok(MadeKey { id, name: new.name, key, expires_ms: new.expires_ms, old_until_ms: None })
    }

    /// Ends the key called `which`, by name or id. Returns its name.
    pub(super) fn revoke(&mut self, which: &str) -> Result<String, KeyError> {
        let at = self.position(which)?;
        Ok(self.keys.remove(at).name)
    }

    /// Gives the key called `which` another secret; what it has is good for `overlap_ms` more.
    pub(super) fn rotate(&mut self, now_ms: u64, which: &str, overlap_ms: u64) -> Result<MadeKey, KeyError> {
        let at = self.position(which)?;
        let key = &mut self.keys[at];
        if key.is_over(now_ms) {
            let message =
                format!("the key `{}` has expired, so another secret would not be good either", key.name);
            let next_step = "revoke it and create it again";
            return Err(KeyError::wrong(message, next_step));
        }
        key.secrets.retain(|secret| !secret.is_over(now_ms));
        let until_ms = now_ms.saturating_add(overlap_ms);
        for secret in &mut key.secrets {
            secret.expires_ms = Some(secret.expires_ms.map_or(until_ms, |earlier| earlier.min(until_ms)));
        }
        key.secrets.retain(|secret| !secret.is_over(now_ms));
        if key.secrets.len() >= SECRETS_MAX {
            let message = format!(
                "{} earlier secrets of the key `{}` are still good, which is the limit",
                key.secrets.len(),
                key.name
            );
            let next_step =
                "wait until one has ended (`snowgate keys list --json`), or end them now with --overlap 0";
            return Err(KeyError::wrong(message, next_step));
        }
        let old_until_ms = key.secrets.iter().filter_map(|secret| secret.expires_ms).max();
        let (text, secret) = new_secret(now_ms)?;
        key.secrets.push(secret);
        let (id, name, expires_ms) = (key.id.clone(), key.name.clone(), key.expires_ms);
        Ok(MadeKey { id, name, key: text, expires_ms, old_until_ms })
    }

    fn position(&self, which: &str) -> Result<usize, KeyError> {
        let found = self.keys.iter().position(|key| key.name == which || key.id == which);
        found.ok_or_else(|| {
            // It may be a key itself, which is not to be shown again.
            let shown: String = which.chars().filter(|char| !char.is_control()).take(8).collect();
            let dots = if shown == which { "" } else { "..." };
            let message = format!("there is no key called {:?}", format!("{shown}{dots}"));
            KeyError::wrong(message, "`snowgate keys list` shows the names")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> NewKey {
        NewKey { name: name.to_owned(), ..NewKey::default() }
    }

    fn message<T>(result: Result<T, KeyError>) -> String {
        result
            .err()
            .map(|error| format!("{error}; {}", error.next_step().unwrap_or_default()))
            .unwrap_or_default()
    }

    #[test]
    fn a_key_is_kept_as_its_digest_alone() {
        let mut file = KeyFile::default();
        let made = file.create(1, named("bi")).unwrap();
        let text = file.to_text();
        assert!(!text.contains(&made.key) && text.contains(&KeyDigest::of(&made.key).to_hex()));
        assert_eq!(KeyFile::parse(&text).unwrap(), file);
        assert_eq!(file.revoke(&made.id).unwrap(), "bi");
        assert!(file.keys.is_empty());
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_to_do() {
        let mut file = KeyFile::default();
        file.create(1, named("bi")).unwrap();
        assert!(message(file.create(1, named("bi"))).contains("keys rotate bi"));
        for name in ["", "a b", "a@b", "a#b", &"x".repeat(65)] {
            assert!(message(file.create(1, named(name))).contains("cannot be used"), "{name}");
        }
        let ranges = NewKey { allow_from: vec!["10.0.0.0/99".to_owned()], ..named("r") };
        assert!(message(file.create(1, ranges)).contains("no range of addresses"));
        let past = NewKey { expires_ms: Some(1), ..named("p") };
        assert!(message(file.create(1, past)).contains("expired already"));
        let wrong = message(file.revoke("sgk_0123456789abcdef"));
        assert!(wrong.contains("sgk_0123...") && !wrong.contains("456789"), "{wrong}");
    }

    #[test]
    fn a_rotation_leaves_what_there_was_for_a_while() {
        let mut file = KeyFile::default();
        file.create(0, named("bi")).unwrap();
        let made = file.rotate(10, "bi", 100).unwrap();
        assert_eq!(made.old_until_ms, Some(110));
        let ends =
            |file: &KeyFile| file.keys[0].secrets.iter().map(|secret| secret.expires_ms).collect::<Vec<_>>();
        assert_eq!(ends(&file), [Some(110), None]);
        file.rotate(20, "bi", 1_000).unwrap();
        assert_eq!(
            ends(&file),
            [Some(110), Some(1_020), None],
            "no rotation makes an older one good for longer"
        );
        assert_eq!(file.rotate(30, "bi", 0).unwrap().old_until_ms, None);
        assert_eq!(ends(&file), [None]);
    }

    #[test]
    fn secrets_and_keys_are_bounded() {
        let mut file = KeyFile::default();
        file.create(0, named("bi")).unwrap();
        for _ in 1..SECRETS_MAX {
            file.rotate(0, "bi", 1_000).unwrap();
        }
        assert!(message(file.rotate(0, "bi", 1_000)).contains("--overlap 0"));
        for number in 1..KEYS_MAX {
            file.create(0, named(&format!("k{number}"))).unwrap();
        }
        assert!(message(file.create(0, named("more"))).contains("1000 keys"));
    }
}
