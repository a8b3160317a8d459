//! The keys as `keys.json` has them. What this build does not know in it is kept as it is.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::secret::KeyDigest;
use crate::config::parse_range;

/// The layout that this build writes, and the newest that it reads. A build that adds a restriction raises it, so that no
/// older one lets in what it does not understand.
pub(super) const LAYOUT: u32 = 1;

/// Keys, at most.
pub const KEYS_MAX: usize = 1_000;

/// Secrets of one key that are valid at the same time, at most: the newest, and those that it has replaced.
pub(super) const SECRETS_MAX: usize = 4;

/// Ranges of addresses of one key, at most.
pub(super) const RANGES_MAX: usize = 64;

/// The longest name, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 64;

/// All of `keys.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyFile {
    /// How it is laid out.
    pub(super) layout: u32,
    /// In the order in which they were made.
    pub(super) keys: Vec<KeyRecord>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

impl Default for KeyFile {
    fn default() -> Self {
        Self { layout: LAYOUT, keys: Vec::new(), rest: Map::new() }
    }
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyRecord {
    /// Never changes.
    pub(super) id: String,
    /// Unique.
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) profile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<String>,
    /// In milliseconds since 1970, like all times here.
    pub(super) created_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_ms: Option<u64>,
    /// The addresses that it may come from; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) allow_from: Vec<String>,
    /// Requests in any minute and in any hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) requests_per_minute: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) requests_per_hour: Option<u64>,
    /// The newest last.
    pub(super) secrets: Vec<SecretRecord>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// One secret of a key: a rotation adds another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SecretRecord {
    /// In hexadecimal digits.
    pub(super) sha256: String,
    pub(super) created_ms: u64,
    /// When a rotation has it end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_ms: Option<u64>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

impl SecretRecord {
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        self.expires_ms.is_some_and(|at| at <= now_ms)
    }
}

impl KeyFile {
    /// The file with this text.
    ///
    /// # Errors
    /// What is wrong with it, without a word of its text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            layout: u32,
        }
        let damaged = |error: serde_json::Error| {
            format!("it is damaged at line {}, column {}", error.line(), error.column())
        };
        let head: Head = serde_json::from_str(text).map_err(damaged)?;
        if head.layout > LAYOUT {
            return Err(format!("it was written by a newer build (layout {}, not {LAYOUT})", head.layout));
        }
        let file: Self = serde_json::from_str(text).map_err(damaged)?;
        file.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<(), String> {
        if self.keys.len() > KEYS_MAX {
            return Err(format!("it has {} keys, which is over the limit of {KEYS_MAX}", self.keys.len()));
        }
        for (at, key) in self.keys.iter().enumerate() {
            let which = at + 1;
            key.check().map_err(|why| format!("{why} of key {which} in it cannot be used"))?;
            if self.keys[..at].iter().any(|other| other.name == key.name || other.id == key.id) {
                return Err(format!("the name or id of key {which} in it is there twice"));
            }
        }
        Ok(())
    }

    pub(super) fn to_text(&self) -> String {
        // Texts and numbers are all that is in it.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl KeyRecord {
    fn check(&self) -> Result<(), &'static str> {
        if !is_name(&self.name) || !is_name(&self.id) {
            return Err("the name or id");
        }
        if self.allow_from.len() > RANGES_MAX || self.ranges().is_none() {
            return Err("the address list");
        }
        let digests = self.secrets.iter().all(|secret| KeyDigest::from_hex(&secret.sha256).is_some());
        // Room for what a later build may allow.
        if self.secrets.is_empty() || self.secrets.len() > 4 * SECRETS_MAX || !digests {
            return Err("the secret");
        }
        Ok(())
    }

    /// The addresses that it may come from.
    pub(super) fn ranges(&self) -> Option<Vec<IpNet>> {
        self.allow_from.iter().map(|text| parse_range(text)).collect()
    }

    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        self.expires_ms.is_some_and(|at| at <= now_ms)
    }
}

/// Whether `name` can be a key's: it is part of the names of clients, behind `@`.
pub(super) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = r#"{"id":"a","name":"n","created_ms":1,"secrets":[{"sha256":"0000000000000000000000000000000000000000000000000000000000000000","created_ms":1,"later":2}],"colour":"red"}"#;

    fn file(keys: &str) -> String {
        format!(r#"{{"layout":1,"keys":[{keys}],"more":[1]}}"#)
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let text = KeyFile::parse(&file(KEY)).unwrap().to_text();
        for known in ["\"later\": 2", "\"colour\": \"red\"", "\"more\""] {
            assert!(text.contains(known), "{text}");
        }
        assert_eq!(KeyFile::parse(&text), KeyFile::parse(&file(KEY)));
    }

    #[test]
    fn a_file_that_cannot_be_used_says_why_and_none_of_its_text() {
        for (text, expected) in [
            ("", "damaged at line 1"),
            ("{\"layout\":1}", "damaged"),
            ("{\"layout\":2,\"what\":\"sgk_secret\"}", "a newer build (layout 2, not 1)"),
            (&file(&KEY.replace("\"n\"", "\"a b\"")), "the name or id of key 1"),
            (&file(&KEY.replace("00000000000000", "z")), "the secret of key 1"),
            (
                &file(&KEY.replace("\"name\"", "\"allow_from\":[\"10.0.0.0/99\"],\"name\"")),
                "the address list",
            ),
            (&file(&format!("{KEY},{KEY}")), "key 2 in it is there twice"),
        ] {
            let why = KeyFile::parse(text).unwrap_err();
            assert!(why.contains(expected) && !why.contains("secret\""), "{why}");
        }
        assert!(KeyFile::parse(&file("")).unwrap().keys.is_empty());
    }
}
