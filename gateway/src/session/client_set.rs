//! The settings of clients whose own environment configures something else than the gateway's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::Profiles;
use crate::config::Config;

/// What one set of settings comes to; shared by all sessions whose clients have the same set.
#[derive(Debug)]
pub struct ClientSet {
    /// The variables in which it differs from the gateway's, by name.
    pub names: Vec<String>,
    /// The connections of the configuration, and what they are called in the registry.
    pub connections: BTreeMap<String, String>,
    /// Written when the set is made and when the configuration is read again; held for a moment.
    live: RwLock<(Arc<Config>, Arc<Profiles>)>,
    /// Why the profiles of the files cannot be applied on the connections of the set. Written by a reload; while it is there,
    /// calls of the set's sessions are refused.
    outdated: Mutex<Option<String>>,
}

impl ClientSet {
    /// What `config` comes to on `connections`.
    pub fn new(names: Vec<String>, config: Config, connections: BTreeMap<String, String>) -> Self {
        let profiles = Arc::new(Profiles::on(&config, &connections));
        Self {
            names,
            connections,
            live: RwLock::new((Arc::new(config), profiles)),
            outdated: Mutex::default(),
        }
    }

    /// The configuration that files and these variables make, and its profiles, on the connections of the set.
    pub fn configured(&self) -> (Arc<Config>, Arc<Profiles>) {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why calls of its sessions are refused until their clients connect anew, if they are.
    pub fn outdated(&self) -> Option<String> {
        self.outdated.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What of `new` can be applied is, on the same connections; `takes_profiles`: profiles and roles, too. `wait`: why those
    /// cannot be used here, because they were made for other connections. Profiles that are to apply and cannot are never
    /// passed over: the set is outdated then, since what it has may be wider.
    pub fn apply(&self, new: &Config, takes_profiles: bool, wait: Option<String>) {
        let before = self.configured().0;
        if takes_profiles {
            // `new` may have other connections than this client's variables make. A profile is never on one that was not in
            // use when the set was made: its name would be the gateway's own connection.
            let outdated = wait.or_else(|| before.unused_connection_of(new));
            *self.outdated.lock().unwrap_or_else(PoisonError::into_inner) = outdated;
        }
        let takes_profiles = takes_profiles && self.outdated().is_none();
        let config = before.with_live_of(new, takes_profiles);
        let profiles = Arc::new(Profiles::on(&config, &self.connections));
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = (Arc::new(config), profiles);
    }
}
