//! Builds the immutable [`Config`] from file and environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sql_gate::Dialect;

use super::connections::{self, ConnectionConfig};
use super::document::Source;
use super::error::{ConfigError, ConfigErrors, UnknownProfile, UnknownRole, Warning};
use super::http::HttpConfig;
use super::kind::Value;
use super::observing::ObservingConfig;
use super::questions::{self, SavedQuestion};
use super::results::ResultsConfig;
use super::roles::{self, RoleConfig};
use super::sections::{
    BackendKind, GatewayConfig, LimitsConfig, PoolConfig, ProfileConfig, SessionConfig, SqliteConfig,
};
use super::settings::{Layer, Origin, Setting, Settings};
use super::{
    Environment, Paths, backend_kind, checks, document, file, http_checks, inspect, overrides,
    profile_checks, profile_names, snowflake, suggest,
};
use crate::backend::snowflake::SnowflakeSettings;

/// The whole configuration, checked. Built once by [`Config::load`]; nothing writes it afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The process and its sessions.
    pub gateway: GatewayConfig,
    /// Sessions, and how long their context is kept.
    pub session: SessionConfig,
    /// The HTTP front; `None`: it is not enabled.
    pub http: Option<HttpConfig>,
    /// What runs the statements.
    pub backend: BackendKind,
    /// The embedded backend.
    pub sqlite: SqliteConfig,
    /// The Snowflake account, if that is the backend.
    pub snowflake: Option<SnowflakeSettings>,
    /// The connections besides `sqlite` and `snowflake`, by name.
    pub connections: BTreeMap<String, ConnectionConfig>,
    /// The shared connections.
    pub pool: PoolConfig,
    /// What one statement may cost and return.
    pub limits: LimitsConfig,
    /// What results keep beyond what is shown.
    pub results: ResultsConfig,
    /// What is seen of the gateway, and how.
    pub observing: ObservingConfig,
    /// Profiles by name; `default` is always among them.
    pub profiles: BTreeMap<String, ProfileConfig>,
    /// Their names in the order in which they are tried: that of the files and of their lines; `default` is last unless a
    /// file has it.
    pub profile_order: Vec<String>,
    /// Roles by name; the built-in ones are always among them.
    pub roles: BTreeMap<String, RoleConfig>,
    /// Saved questions by name.
    pub questions: BTreeMap<String, Arc<SavedQuestion>>,
    /// `SNOWGATE_LOG`, checked: a level or a list of targets that overrides [`GatewayConfig::log_level`].
    pub log_targets: Option<String>,
    /// The file that was read; `None` if there is none.
    pub file: Option<PathBuf>,
    /// The system's file, if there is one.
    pub system_file: Option<PathBuf>,
    /// Every value as `config show` prints it, with its origin.
    pub origins: Settings,
    /// Likely mistakes that do not stop the gateway.
    pub warnings: Vec<Warning>,
}

/// The merged layers.
struct Merged {
    settings: Settings,
    account: Option<SnowflakeSettings>,
    connections: BTreeMap<String, ConnectionConfig>,
    file: Option<PathBuf>,
    system_file: Option<PathBuf>,
}

impl Config {
    /// Whether statements that may change something are refused.
    pub fn read_only(&self) -> bool {
        self.snowflake.as_ref().map_or(self.sqlite.read_only, |snowflake| snowflake.read_only)
    }

    /// The same of the connection called `connection`.
    pub fn is_read_only(&self, connection: &str) -> bool {
        if let Some(named) = self.connections.get(connection) {
            return named.read_only();
        }
        match &self.snowflake {
            Some(account) if connection == BackendKind::Snowflake.connection() => account.read_only,
            _ => self.sqlite.read_only,
        }
    }

    /// All connections by name, those of `[sqlite]` and `[snowflake]` among them.
    pub fn all_connections(&self) -> BTreeMap<String, ConnectionConfig> {
        let sqlite = (BackendKind::Sqlite, ConnectionConfig::Sqlite(self.sqlite.clone()));
        let account = self
            .snowflake
            .as_ref()
            .map(|account| (BackendKind::Snowflake, ConnectionConfig::Snowflake(Box::new(account.clone()))));
        let built_in = [Some(sqlite), account].into_iter().flatten();
        let built_in = built_in.map(|(kind, connection)| (kind.connection().to_owned(), connection));
        let named = self.connections.iter().map(|(name, connection)| (name.clone(), connection.clone()));
        built_in.chain(named).collect()
    }

    /// How many connections sessions can use: the default one, and those of profiles.
    pub fn pools(&self) -> usize {
        self.used_connections().len()
    }

    /// The connections that sessions can use, by name: the default one, and those of profiles.
    pub fn used_connections(&self) -> BTreeSet<&str> {
        let default = self.backend.connection();
        let named = self.profiles.values().map(|profile| profile.connection.as_deref().unwrap_or(default));
        named.chain([default]).collect()
    }

    /// How the connection called `connection` writes names.
    pub fn dialect(&self, connection: &str) -> Dialect {
        let kind = self.connections.get(connection).map(ConnectionConfig::kind);
        if kind == Some(BackendKind::Snowflake) || connection == BackendKind::Snowflake.connection() {
            Dialect::Snowflake
        } else {
            Dialect::Sqlite
        }
    }

    /// Reads the config files that exist, and the environment's overrides.
    ///
    /// # Errors
    ///
    /// Every error in files and environment. Of a file that is not valid TOML only the syntax errors are
    /// reported.
    pub fn load(paths: &Paths, env: &dyn Environment) -> Result<Self, ConfigErrors> {
        Self::read(paths, env, None).map_err(|errors| errors.found_with(overrides::check_command(env)))
    }

    /// The same as if the user's file had `text`, which is not written yet.
    ///
    /// # Errors
    ///
    /// Those of [`Config::load`].
    pub fn load_text(paths: &Paths, env: &dyn Environment, text: String) -> Result<Self, ConfigErrors> {
        Self::read(paths, env, Some(text)).map_err(|errors| errors.found_with(overrides::check_command(env)))
    }

    fn read(paths: &Paths, env: &dyn Environment, text: Option<String>) -> Result<Self, ConfigErrors> {
        let mut settings = Settings::defaults(&paths.data_dir);
        let mut errors = Vec::new();
        let mut apply = |file: &Path, layer, text: Result<Option<String>, ConfigError>| {
            let text = text.unwrap_or_else(|error| {
                errors.push(error);
                None
            });
            if let Some(text) = &text {
                errors.extend(document::apply(Source { text, file, layer }, paths, &mut settings));
            }
            text.is_some()
        };
        let system_file = paths
            .system_file
            .as_ref()
            .filter(|system| apply(&system.path, Layer::System, file::read_system(system)));
        if let Some(usual) = &paths.usual_file {
            apply(usual, Layer::Usual, file::read_usual(usual));
        }
        let text = text.map_or_else(|| file::read(paths), |text| Ok(Some(text)));
        let has_file = apply(&paths.config_file, Layer::User, text);
        let overridden = overrides::apply(env, paths, &mut settings);
        errors.extend(overridden.errors);
        let (secrets, account_errors) = snowflake::apply_variables(env, paths, &mut settings);
        errors.extend(backend_kind::decide(env, paths, &mut settings));
        if snowflake::is_backend(&settings) {
            errors.extend(account_errors);
        }
        settings.complete_profile_order();
        if errors.is_empty() {
            errors.extend(checks::run(&mut settings, &paths.config_file));
            errors.extend(http_checks::errors(&settings, &paths.config_file));
            errors.extend(profile_checks::errors(&settings, &paths.config_file));
            errors.extend(roles::errors(&settings, &paths.config_file));
            errors.extend(questions::errors(&settings, &paths.config_file));
        }
        ConfigErrors::check(errors)?;
        let account = snowflake::assemble(env, paths, &mut settings, secrets).or_else(|errors| {
            // Never empty here.
            ConfigErrors::check(errors).map(|()| None)
        })?;
        let (connections, found) = connections::assemble(env, paths, &mut settings).or_else(|errors| {
            // Never empty here.
            ConfigErrors::check(errors).map(|()| (BTreeMap::new(), Vec::new()))
        })?;
        let mut warnings = overridden.warnings;
        warnings.extend(found);
        warnings.extend(settings.refused.iter().map(|refused| refused.warning(paths)));
        warnings.append(&mut settings.warnings);
        warnings.extend(checks::folders(&settings, &paths.config_file));
        warnings.extend(inspect::warnings(env, paths, &settings));
        warnings.extend(profile_checks::warnings(&settings, &paths.config_file));
        warnings.extend(profile_names::warnings(&settings, &paths.config_file));
        warnings.extend(roles::warnings(&settings, &paths.config_file));
        warnings.extend(questions::warnings(&settings, &paths.config_file));
        let merged = Merged {
            settings,
            account,
            connections,
            file: has_file.then(|| paths.config_file.clone()),
            system_file: system_file.map(|system| system.path.clone()),
        };
        Ok(Self::assemble(merged, paths, overridden.log_targets, warnings))
    }

    fn assemble(merged: Merged, paths: &Paths, log_targets: Option<String>, warnings: Vec<Warning>) -> Self {
        let Merged { settings, account, connections, file, system_file } = merged;
        let profiles = settings.profiles.iter();
        Self {
            gateway: GatewayConfig::from_settings(&settings),
            session: SessionConfig::from_settings(&settings),
            http: HttpConfig::from_settings(&settings),
            backend: if account.is_some() { BackendKind::Snowflake } else { BackendKind::Sqlite },
            sqlite: SqliteConfig::from_settings(&settings, paths),
            snowflake: account,
            connections,
            pool: PoolConfig::from_settings(&settings),
            limits: LimitsConfig::from_settings(&settings),
            results: ResultsConfig::from_settings(&settings),
            observing: ObservingConfig::from_settings(&settings),
            profiles: profiles
                .map(|(name, keys)| (name.clone(), ProfileConfig::from_settings(keys, paths)))
                .collect(),
            profile_order: settings.profile_order.clone(),
            roles: roles::assemble(&settings),
            questions: questions::assemble(&settings),
            log_targets,
            file,
            system_file,
            origins: settings,
            warnings,
        }
    }

    /// The variables of `env` that decide a value.
    pub fn deciding_variables(&self, env: &dyn Environment) -> Vec<String> {
        let names = [env.names(), env.names_with("SNOWFLAKE_")].concat();
        names.into_iter().filter(|name| self.origins.is_decided_by(name)).collect()
    }

    /// The keys of what is a secret, or may be one (arguments of `token_command`), in the user's own file.
    pub fn secrets_of_file(&self) -> Vec<String> {
        let may_be_one = |setting: &Setting| match &setting.value {
            Value::Hidden(_) => true,
            Value::SecretCommand(words) => words.len() > 1,
            _ => false,
        };
        let is_one = |setting: &Setting| may_be_one(setting) && matches!(setting.origin, Origin::File { .. });
        let of = |table: &str, settings: &Settings| -> Vec<String> {
            let found = settings.scalars().filter(|(_, setting)| is_one(setting));
            found.map(|(path, _)| format!("{table}{path}")).collect()
        };
        let named = self.origins.connections.iter();
        let named =
            named.flat_map(|(name, connection)| of(&format!("connections.{name}: "), &connection.settings));
        of("", &self.origins).into_iter().chain(named).collect()
    }

    /// The profiles in the order in which they are tried.
    pub fn profiles_in_order(&self) -> impl Iterator<Item = (&str, &ProfileConfig)> {
        self.profile_order.iter().filter_map(|name| Some((name.as_str(), self.profiles.get(name)?)))
    }

    /// Where the profile called `name` stands, if that is a file before the user's: then no later one widens it.
    pub fn protected_profile(&self, name: &str) -> Option<&Origin> {
        self.origins.protected_profiles.get(name)
    }

    /// The saved questions that the profile called `profile` offers.
    pub fn questions_of<'a>(&'a self, profile: &'a str) -> impl Iterator<Item = &'a Arc<SavedQuestion>> {
        self.questions.values().filter(move |question| self.origins.offers(profile, question))
    }

    /// The role called `name`.
    ///
    /// # Errors
    ///
    /// [`UnknownRole`], with the nearest known name.
    pub fn role(&self, name: &str) -> Result<&RoleConfig, UnknownRole> {
        self.roles.get(name).ok_or_else(|| UnknownRole {
            name: name.to_owned(),
            nearest: suggest::nearest(name, self.roles.keys().map(String::as_str)).map(str::to_owned),
            known: self.roles.keys().cloned().collect(),
        })
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
            known: self.profile_order.clone(),
        })
    }
}
