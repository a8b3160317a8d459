//! The configuration that holds now: that of the start, with what `snowgate reload` has changed since.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::{Change, ClientLimits, Config, RoleConfig};
use crate::session::Profiles;

/// What holds from one reload to the next; replaced as a whole.
#[derive(Debug)]
pub struct Live {
    /// What applies: in all else than [`Config::with_live_of`] takes, as it was at the start.
    pub config: Arc<Config>,
    /// Its profiles.
    pub profiles: Arc<Profiles>,
    /// What an API key with a role may use over time, by the role's name.
    pub role_limits: BTreeMap<String, Arc<ClientLimits>>,
    /// What was read, and waits for a restart.
    pub needs_restart: Vec<Change>,
    /// When it was read, in milliseconds since 1970.
    pub loaded_ms: u64,
    /// [`Config::digest`] of what was read.
    pub digest: String,
}

impl Live {
    /// `config` applies; `needs_restart` of what was read does not.
    pub fn new(config: Config, needs_restart: Vec<Change>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            profiles: Arc::new(Profiles::of(&config)),
            role_limits: role_limits(&config),
            digest: config.digest(),
            config: Arc::new(config),
            needs_restart,
            loaded_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

fn role_limits(config: &Config) -> BTreeMap<String, Arc<ClientLimits>> {
    let of_key = |(name, role): (&String, &RoleConfig)| {
        (name.clone(), Arc::new(ClientLimits::of_role(name, &role.limits)))
    };
    config.roles.iter().map(of_key).collect()
}
