//! Profiles: what a session gets from the one it is opened with.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::backend::Context;
use crate::config::{Config, ProfileConfig, UnknownProfile};

/// A profile, as its sessions use it. Immutable: a change of the configuration counts from the next start on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its name in the configuration.
    pub name: String,
    /// The name of the connection its sessions use, as the registry of backends knows it.
    pub connection: String,
    /// Whether statements that may change something are refused there.
    pub read_only: bool,
    /// The context its sessions start in, as written: the backend completes it.
    pub context: Context,
}

/// All profiles of the configuration.
#[derive(Debug, Default)]
pub struct Profiles {
    by_name: BTreeMap<String, Arc<Profile>>,
}

impl Profiles {
    /// The profiles of `config`.
    pub fn of(config: &Config) -> Self {
        let profile = |(name, settings): (&String, &ProfileConfig)| {
            (name.clone(), Arc::new(Profile::of(config, name, settings)))
        };
        Self { by_name: config.profiles.iter().map(profile).collect() }
    }

    /// The profile of this name, one of those of `config`.
    ///
    /// # Errors
    /// There is none; the error names the nearest.
    pub fn find(&self, config: &Config, name: &str) -> Result<Arc<Profile>, UnknownProfile> {
        let settings = config.profile(name)?;
        let made = || Arc::new(Profile::of(config, name, settings));
        Ok(self.by_name.get(name).map_or_else(made, Arc::clone))
    }
}

impl Profile {
    fn of(config: &Config, name: &str, settings: &ProfileConfig) -> Self {
        Self {
            name: name.to_owned(),
            connection: config.backend.connection().to_owned(),
            read_only: config.read_only(),
            context: Context {
                role: settings.role.clone(),
                warehouse: settings.warehouse.clone(),
                database: settings.database.clone(),
                schema: settings.schema.clone(),
            },
        }
    }
}
