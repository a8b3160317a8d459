//! Builds the immutable [`Config`] from file and environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::{ConfigErrors, UnknownProfile, Warning};
use super::sections::{
    BackendKind, GatewayConfig, LimitsConfig, PoolConfig, ProfileConfig, SessionConfig, SqliteConfig,
};
use super::settings::Settings;
use super::{Environment, Paths, checks, document, file, overrides, snowflake, suggest};
use crate::backend::snowflake::SnowflakeSettings;

/// The whole configuration, checked. Built once by [`Config::load`]; nothing writes it afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The process and its sessions.
    pub gateway: GatewayConfig,
    /// Sessions, and how long their context is kept.
    pub session: SessionConfig,
    /// What runs the statements.
    pub backend: BackendKind,
    /// The embedded backend.
    pub sqlite: SqliteConfig,
    /// The Snowflake account, if that is the backend.
    pub snowflake: Option<SnowflakeSettings>,
    /// The shared connections.
    pub pool: PoolConfig,
    /// What one statement may cost and return.
    pub limits: LimitsConfig,
    /// Profiles by name; `default` is always among them.
    pub profiles: BTreeMap<String, ProfileConfig>,
    /// `SNOWGATE_LOG`, checked: a level or a list of targets that overrides [`GatewayConfig::log_level`].
    pub log_targets: Option<String>,
    /// The file that was read; `None` if there is none.
    pub file: Option<PathBuf>,
    /// Every value as `config show` prints it, with its origin.
    pub origins: Settings,
    /// Likely mistakes that do not stop the gateway.
    pub warnings: Vec<Warning>,
}

/// The merged layers.
struct Merged {
    settings: Settings,
    account: Option<SnowflakeSettings>,
    file: Option<PathBuf>,
}

impl Config {
    /// Whether statements that may change something are refused.
    pub fn read_only(&self) -> bool {
        self.snowflake.as_ref().map_or(self.sqlite.read_only, |snowflake| snowflake.read_only)
    }

    /// Reads the config file, if there is one, and the environment's overrides.
    ///
    /// # Errors
    ///
    /// Every error in file and environment. Of a file that is not valid TOML only the syntax errors are
    /// reported.
    pub fn load(paths: &Paths, env: &dyn Environment) -> Result<Self, ConfigErrors> {
        let mut settings = Settings::defaults(&paths.data_dir);
        let mut errors = Vec::new();
        let text = file::read(paths).unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        if let Some(text) = &text {
            errors.extend(document::apply(text, paths, &mut settings));
        }
        let overridden = overrides::apply(env, paths, &mut settings);
        errors.extend(overridden.errors);
        let secrets = snowflake::apply_variables(env, paths, &mut settings, &mut errors);
        if errors.is_empty() {
            errors.extend(checks::run(&mut settings, &paths.config_file));
        }
        ConfigErrors::check(errors)?;
        let account = snowflake::assemble(env, paths, &mut settings, secrets).or_else(|errors| {
            // Never empty here.
            ConfigErrors::check(errors).map(|()| None)
        })?;
        let file = text.map(|_| paths.config_file.clone());
        let merged = Merged { settings, account, file };
        Ok(Self::assemble(merged, overridden.log_targets, overridden.warnings))
    }

    fn assemble(merged: Merged, log_targets: Option<String>, warnings: Vec<Warning>) -> Self {
        let Merged { settings, account, file } = merged;
        let profiles = settings.profiles.iter();
        Self {
            gateway: GatewayConfig::from_settings(&settings),
            session: SessionConfig::from_settings(&settings),
            backend: if account.is_some() { BackendKind::Snowflake } else { BackendKind::Sqlite },
            sqlite: SqliteConfig::from_settings(&settings),
            snowflake: account,
            pool: PoolConfig::from_settings(&settings),
            limits: LimitsConfig::from_settings(&settings),
            profiles: profiles
                .map(|(name, keys)| (name.clone(), ProfileConfig::from_settings(keys)))
                .collect(),
            log_targets,
            file,
            origins: settings,
            warnings,
        }
    }

    /// The profile called `name`.
    ///
    /// # Errors
    ///
    /// [`UnknownProfile`], with the nearest known name.
    pub fn profile(&self, name: &str) -> Result<&ProfileConfig, UnknownProfile> {
        self.profiles.get(name).ok_or_else(|| UnknownProfile {
            name: name.to_owned(),
            nearest: suggest::nearest(name, self.profiles.keys().map(String::as_str)).map(str::to_owned),
            known: self.profiles.keys().cloned().collect(),
        })
    }
}
