//! The settings of clients whose own environment configures something else than the gateway's.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

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
}

impl ClientSet {
    /// What `config` comes to on `connections`.
    pub fn new(names: Vec<String>, config: Config, connections: BTreeMap<String, String>) -> Self {
        let profiles = Arc::new(Profiles::on(&config, &connections));
        Self { names, connections, live: RwLock::new((Arc::new(config), profiles)) }
    }

    /// The configuration that files and these variables make, and its profiles, on the connections of the set.
    pub fn configured(&self) -> (Arc<Config>, Arc<Profiles>) {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What of `new` can be applied is, on the same connections; `takes_profiles`: profiles and roles, too, where those are
    /// the ones that the profiles were made for.
    pub fn apply(&self, new: &Config, takes_profiles: bool) {
        let before = self.configured().0;
        // `new` may have other connections than this client's variables make. A profile is never on one that was not in use
        // when the set was made: its name would be the gateway's own connection.
        let takes_profiles = takes_profiles && before.unused_connection_of(new).is_none();
        let config = before.with_live_of(new, takes_profiles);
        let profiles = Arc::new(Profiles::on(&config, &self.connections));
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = (Arc::new(config), profiles);
    }
}
