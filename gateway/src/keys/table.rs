//! The keys as requests are compared with them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};
use tokio_util::sync::CancellationToken;

use super::identity::KeyIdentity;
use super::rates::Rate;
use super::record::{KeyFile, KeyRecord};
use super::secret::KeyDigest;
use crate::config::{RoleConfig, ranges_contain};

/// One key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) identity: Arc<KeyIdentity>,
    /// The addresses that it may come from; none: all.
    ranges: Vec<IpNet>,
    pub(super) rate: Rate,
    expires_ms: Option<u64>,
    /// Whether its role is in the configuration.
    pub(super) has_role: bool,
}

/// One secret of a key.
#[derive(Clone, Debug)]
pub(super) struct Secret {
    digest: KeyDigest,
    /// Where its key is.
    key: usize,
    expires_ms: Option<u64>,
    /// Cancelled once it is good no more: what runs for it ends.
    pub(super) ended: CancellationToken,
}

/// All keys.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) keys: Vec<Key>,
    secrets: Vec<Secret>,
}

impl Table {
    /// The keys of `file`; of `before`, the secrets that are the same still are the same.
    pub(super) fn of(file: &KeyFile, roles: &BTreeMap<String, RoleConfig>, before: &Self) -> Self {
        let mut table = Self::default();
        for record in &file.keys {
            let Some(key) = Key::of(record, roles) else { continue };
            let at = table.keys.len();
            for secret in &record.secrets {
                let Some(digest) = KeyDigest::from_hex(&secret.sha256) else { continue };
                let known = before
                    .secrets
                    .iter()
                    .find(|known| known.digest == digest && before.keys[known.key].identity == key.identity);
                let expires_ms = match (record.expires_ms, secret.expires_ms) {
                    (Some(key), Some(own)) => Some(key.min(own)),
                    (key, own) => key.or(own),
                };
                let ended = known.map(|known| known.ended.clone()).unwrap_or_default();
                table.secrets.push(Secret { digest, key: at, expires_ms, ended });
            }
            table.keys.push(key);
        }
        for gone in &before.secrets {
            let is_kept = |now: &Secret| {
                now.digest == gone.digest && table.keys[now.key].identity == before.keys[gone.key].identity
            };
            if !table.secrets.iter().any(is_kept) {
                gone.ended.cancel();
            }
        }
        table
    }

    /// The secret with this digest. Every secret is compared, whole, whatever comes: the time says nothing about which
    /// one it is like, nor how much.
    pub(super) fn find(&self, digest: &KeyDigest) -> Option<(&Key, &Secret)> {
        let mut found = u32::MAX;
        for (at, secret) in (0u32..).zip(&self.secrets) {
            found.conditional_assign(&at, secret.digest.0.ct_eq(&digest.0));
        }
        let secret = self.secrets.get(usize::try_from(found).ok()?)?;
        Some((&self.keys[secret.key], secret))
    }

    /// Ends what has expired. Returns whether something has since the last time.
    pub(super) fn end_expired(&self, now_ms: u64) -> bool {
        let over =
            self.secrets.iter().filter(|secret| secret.is_over(now_ms) && !secret.ended.is_cancelled());
        over.map(|secret| secret.ended.cancel()).count() > 0
    }

    /// Whether the key that `identity` is of is there as it was, and good.
    pub(super) fn is_live(&self, identity: &KeyIdentity, now_ms: u64) -> bool {
        let good = |secret: &Secret| !secret.is_over(now_ms) && *self.keys[secret.key].identity == *identity;
        self.secrets.iter().any(good)
    }
}

impl Secret {
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        self.expires_ms.is_some_and(|at| at <= now_ms)
    }
}

impl Key {
    fn of(record: &KeyRecord, roles: &BTreeMap<String, RoleConfig>) -> Option<Self> {
        let role = record.role.as_deref();
        let permissions = match role {
            None => KeyIdentity::permissions_without_role(),
            Some(role) => roles.get(role).map(|role| role.permissions).unwrap_or_default(),
        };
        let identity = KeyIdentity {
            id: record.id.clone(),
            name: record.name.clone(),
            profile: record.profile.clone(),
            role: record.role.clone(),
            permissions,
        };
        Some(Self {
            identity: Arc::new(identity),
            ranges: record.ranges()?,
            rate: Rate {
                per_minute: record.requests_per_minute.unwrap_or_default(),
                per_hour: record.requests_per_hour.unwrap_or_default(),
            },
            expires_ms: record.expires_ms,
            has_role: role.is_none_or(|role| roles.contains_key(role)),
        })
    }

    /// Whether it may come from `address`. What comes over a Unix socket has none, and is of this machine.
    pub(super) fn may_come_from(&self, address: Option<IpAddr>) -> bool {
        self.ranges.is_empty() || ranges_contain(&self.ranges, address)
    }

    /// Whether the key as a whole, and not only one of its secrets, has expired.
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        self.expires_ms.is_some_and(|at| at <= now_ms)
    }
}
