//! Keys as people and scripts see them. Nothing here is secret.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::identity::KeyIdentity;
use super::record::KeyRecord;
use super::usage::Usage;

/// One key, for `snowgate keys list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyView {
    /// Its id, which never changes.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `active` or `expired`.
    pub state: String,
    /// The profile of its sessions; `None`: the one that fits.
    pub profile: Option<String>,
    /// Its role; `None`: what its profile allows.
    pub role: Option<String>,
    /// When it was made, in milliseconds since 1970, like all times here.
    pub created_ms: u64,
    /// When it ends; `None`: never.
    pub expires_ms: Option<u64>,
    /// The addresses that it may come from; none: all.
    pub allow_from: Vec<String>,
    /// Requests in any minute; `None`: as many as it likes.
    pub requests_per_minute: Option<u64>,
    /// Requests in any hour; `None`: as many as it likes.
    pub requests_per_hour: Option<u64>,
    /// Its secrets that are good, the newest last: more than one after a rotation.
    pub secrets: Vec<SecretView>,
    /// When it was used last; `None`: never.
    pub last_used_ms: Option<u64>,
    /// From which address; `None`: never, or over a Unix socket.
    pub last_address: Option<IpAddr>,
    /// Requests that it was good for.
    pub requests: u64,
}

/// One secret of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretView {
    /// When it was made.
    pub created_ms: u64,
    /// When a rotation has it end; `None`: with the key.
    pub expires_ms: Option<u64>,
}

impl KeyView {
    /// Whom it stands for, as far as profiles and roles go.
    pub fn identity(&self) -> KeyIdentity {
        KeyIdentity {
            id: self.id.clone(),
            name: self.name.clone(),
            profile: self.profile.clone(),
            role: self.role.clone(),
            permissions: KeyIdentity::permissions_without_role(),
        }
    }

    pub(super) fn of(key: &KeyRecord, usage: &Usage, now_ms: u64) -> Self {
        let used = usage.used.get(&key.id);
        let good = key.secrets.iter().filter(|secret| !secret.is_over(now_ms));
        let secret = |secret: &super::record::SecretRecord| SecretView {
            created_ms: secret.created_ms,
            expires_ms: secret.expires_ms,
        };
        Self {
            id: key.id.clone(),
            name: key.name.clone(),
            state: if key.is_over(now_ms) { "expired" } else { "active" }.to_owned(),
            profile: key.profile.clone(),
            role: key.role.clone(),
            created_ms: key.created_ms,
            expires_ms: key.expires_ms,
            allow_from: key.allow_from.clone(),
            requests_per_minute: key.requests_per_minute,
            requests_per_hour: key.requests_per_hour,
            secrets: good.map(secret).collect(),
            last_used_ms: used.map(|used| used.at_ms),
            last_address: used.and_then(|used| used.address),
            requests: used.map_or(0, |used| used.requests),
        }
    }
}

/// How the keys are, for `snowgate status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysView {
    /// How many there are.
    pub keys: usize,
    /// Why all are refused.
    pub problem: Option<String>,
    /// What should be mended.
    pub warning: Option<String>,
    /// Requests that were not let in since the gateway started.
    pub refused: u64,
    /// Addresses that are refused for wrong keys.
    pub locked_addresses: usize,
}
