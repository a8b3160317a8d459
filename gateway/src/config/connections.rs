//! `[connections.NAME]`: connections besides the two built-in ones, each with the keys of `[sqlite]` or `[snowflake]`.
//!
//! Each has [`Settings`] of its own, in which only the section of its kind is filled: so its values are checked, kept with
//! their origins and protected against later files as those of the built-in ones. Where an earlier file protects in
//! `[sqlite]` or `[snowflake]` (`read_only`), it does so in every connection of the kind. No variable sets a key of a
//! named connection, neither ours nor those of Snowflake's tools; only the folder of Snowflake's files is looked up.

use std::collections::BTreeMap;

use super::document::{DocumentReader, SpannedValue};
use super::error::{ConfigError, InvalidValue, Warning};
use super::keys::{BACKEND_KIND, CONNECTIONS, KEYS, SECTIONS};
use super::kind::{Kind, RawValue, Value};
use super::sections::{BackendKind, SqliteConfig};
use super::settings::{Layer, Origin, Refused, Setting, Settings};
use super::{Environment, Paths, checks, snowflake};
use crate::backend::snowflake::SnowflakeSettings;

/// The key that says which backend a connection leads to.
pub(super) const KIND: &str = "kind";

/// Connections that the configuration can define, at most.
const CONNECTIONS_DEFINED_MAX: usize = 64;

/// A connection that the configuration defines by a name of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionConfig {
    /// SQLite files.
    Sqlite(SqliteConfig),
    /// A Snowflake account.
    Snowflake(Box<SnowflakeSettings>),
}

impl ConnectionConfig {
    /// The backend's kind.
    pub fn kind(&self) -> BackendKind {
        match self {
            Self::Sqlite(_) => BackendKind::Sqlite,
            Self::Snowflake(_) => BackendKind::Snowflake,
        }
    }

    /// Whether statements that may change something are refused.
    pub fn read_only(&self) -> bool {
        match self {
            Self::Sqlite(sqlite) => sqlite.read_only,
            Self::Snowflake(account) => account.read_only,
        }
    }
}

/// What the files say of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedConnection {
    /// The file that defined it first, and where.
    origin: Origin,
    /// The values of the section of its kind; `backend.kind` is its kind.
    pub(super) settings: Settings,
}

impl NamedConnection {
    /// The section whose keys it has.
    pub(super) fn kind(&self) -> &str {
        self.settings.text(&BACKEND_KIND)
    }
}

impl DocumentReader<'_> {
    pub(super) fn connections(&mut self, value: &SpannedValue<'_>) {
        let Some(table) = self.table(CONNECTIONS, value) else { return };
        for (name, value) in table {
            let (start, name) = (name.span().start, name.get_ref().to_string());
            let path = format!("{CONNECTIONS}.{name}");
            match self.check_connection_name(&name) {
                Ok(()) => self.connection(&name, &path, start, value),
                Err(refusal) => self.report(start, Some(&path), refusal),
            }
        }
    }

    fn check_connection_name(&self, name: &str) -> Result<(), InvalidValue> {
        Kind::Name.check(RawValue::Text(name.to_owned()), &self.resolver)?;
        if is_built_in(name) {
            let hint = format!("write its keys under [{name}], or choose another name");
            return Err(InvalidValue::with_hint("is the name of a built-in connection", hint));
        }
        let known = &self.settings.connections;
        if !known.contains_key(name) && known.len() >= CONNECTIONS_DEFINED_MAX {
            return Err(InvalidValue::new(format!("expected {CONNECTIONS_DEFINED_MAX} connections at most")));
        }
        Ok(())
    }

    fn connection(&mut self, name: &str, path: &str, start: usize, value: &SpannedValue<'_>) {
        let Some(table) = self.table(path, value) else { return };
        let Some((_, kind)) = table.iter().find(|(key, _)| key.get_ref() == KIND) else {
            let hint = "write `kind = \"sqlite\"` or `kind = \"snowflake\"`";
            self.report(start, Some(path), InvalidValue::with_hint("the key `kind` is missing", hint));
            return;
        };
        let kind_path = format!("{path}.{KIND}");
        let Some(setting) = self.value(&kind_path, BACKEND_KIND.kind, kind) else { return };
        let mut connection = match self.settings.connections.remove(name) {
            Some(known) if known.settings.get(&BACKEND_KIND).value != setting.value => {
                // Another kind has other keys: none of them counts.
                let by = known.origin.clone();
                self.settings.connections.insert(name.to_owned(), known);
                self.refuse(kind_path, setting, by);
                return;
            }
            Some(known) => known,
            // What a variable's file replaces is no connection; what protects in its section holds all the same.
            None if self.source.layer == Layer::Usual => return,
            None => NamedConnection { origin: self.origin(start), settings: self.fresh(setting) },
        };
        let section = SECTIONS.iter().find(|section| section.name == connection.kind());
        let section = section.map_or("", |section| section.name);
        // The reader writes into the connection's own settings meanwhile.
        std::mem::swap(self.settings, &mut connection.settings);
        self.keys_of(section, path, table);
        std::mem::swap(self.settings, &mut connection.settings);
        let refused = std::mem::take(&mut connection.settings.refused);
        self.settings.refused.extend(
            refused.into_iter().map(|refused| Refused { path: renamed(&refused.path, name), ..refused }),
        );
        self.settings.connections.insert(name.to_owned(), connection);
    }

    /// The settings of a new connection: the defaults, and what protects in the section of its kind.
    fn fresh(&self, kind: Setting) -> Settings {
        let mut settings = Settings::defaults(&self.paths.data_dir);
        settings.set(&BACKEND_KIND, kind.value, kind.origin);
        for key in KEYS.iter().filter(|key| key.protection.is_policy()) {
            if key.section != settings.text(&BACKEND_KIND) {
                continue;
            }
            let Some(Setting { value, origin }) = self.settings.find(key) else { continue };
            if (Layer::System..self.source.layer).contains(&origin.layer()) {
                settings.set(key, value.clone(), origin.clone());
            }
        }
        settings
    }
}

/// Whether `name` is that of one of the two connections that are always known.
fn is_built_in(name: &str) -> bool {
    [BackendKind::Sqlite, BackendKind::Snowflake].iter().any(|kind| kind.connection() == name)
}

/// The path of a key of a built-in connection, as it is in the connection `name`.
fn renamed(path: &str, name: &str) -> String {
    match path.split_once('.') {
        Some((section, key)) if is_built_in(section) => format!("{CONNECTIONS}.{name}.{key}"),
        _ => path.to_owned(),
    }
}

/// The environment as a named connection sees it: the variables of Snowflake's tools are the built-in one's, but for the
/// folder of their files.
struct OfNamed<'a>(&'a dyn Environment);

impl Environment for OfNamed<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let is_hidden = name.starts_with("SNOWFLAKE_") && name != "SNOWFLAKE_HOME";
        if is_hidden { None } else { self.0.get(name) }
    }

    fn names_with(&self, prefix: &str) -> Vec<String> {
        self.0.names_with(prefix).into_iter().filter(|name| self.get(name).is_some()).collect()
    }
}

/// The connections that could be made, and what is likely wrong in them.
type Assembled = (BTreeMap<String, ConnectionConfig>, Vec<Warning>);

/// The connections of `settings` by name, and what is likely wrong with them.
///
/// # Errors
/// Every value that cannot be used, by the path of its key.
pub(super) fn assemble(
    env: &dyn Environment,
    paths: &Paths,
    settings: &mut Settings,
) -> Result<Assembled, Vec<ConfigError>> {
    let (mut connections, mut warnings, mut errors) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (name, NamedConnection { settings: own, .. }) in &mut settings.connections {
        let assembled = snowflake::assemble(&OfNamed(env), paths, own, snowflake::Secrets::default());
        let mut found = std::mem::take(&mut own.warnings);
        found.extend(checks::folders(own, &paths.config_file));
        found.extend(snowflake::unusual_account(own, paths));
        found.extend(snowflake::two_regions(own, paths));
        warnings.extend(
            found
                .into_iter()
                .map(|warning| Warning { key: warning.key.map(|key| renamed(&key, name)), ..warning }),
        );
        match assembled {
            Ok(account) => {
                let sqlite = || ConnectionConfig::Sqlite(SqliteConfig::from_settings(own, paths));
                let of_account = |account| ConnectionConfig::Snowflake(Box::new(account));
                connections.insert(name.clone(), account.map_or_else(sqlite, of_account));
            }
            Err(found) => errors.extend(
                found
                    .into_iter()
                    .map(|error| ConfigError { key: error.key.map(|key| renamed(&key, name)), ..error }),
            ),
        }
    }
    if errors.is_empty() { Ok((connections, warnings)) } else { Err(errors) }
}

/// The value that says its kind is a text by its check.
pub(super) fn shown_kind(connection: &NamedConnection) -> Setting {
    let kind = connection.settings.get(&BACKEND_KIND);
    Setting { value: Value::Text(connection.kind().to_owned()), origin: kind.origin.clone() }
}
