//! The named connections of Snowflake's own tools: `connections.toml`, the tables `[connections.NAME]` of
//! `config.toml`, and the variables `SNOWFLAKE_CONNECTIONS_NAME_KEY`. Here: which one is used.
//!
//! Source: "Connecting with a connections.toml file" in the documentation of Snowflake's Python connector,
//! and its `config_manager.py`; for the variables `snow_connector.py` of snowflake-cli.

use std::path::{Path, PathBuf};

use toml::{Table, Value as Toml};

use super::Secrets;
use super::connection::{Connection, Entry};
use crate::config::error::{ConfigError, Place};
use crate::config::resolver::Resolver;
use crate::config::settings::{Origin, Settings};
use crate::config::{Environment, Paths, file, keys, suggest};
use crate::os;

/// The variable that names the folder of the files.
const HOME: &str = "SNOWFLAKE_HOME";

/// The variable that names the default connection.
const DEFAULT_NAME: &str = "SNOWFLAKE_DEFAULT_CONNECTION_NAME";

/// Both.
pub(in crate::config) const VARIABLES: [&str; 2] = [HOME, DEFAULT_NAME];

/// The prefix of the variables that set one key of a connection.
pub(in crate::config) const CONNECTION_PREFIX: &str = "SNOWFLAKE_CONNECTIONS_";

/// The connection that is used if none is named.
const DEFAULT: &str = "default";

/// Sets values that are not set yet from a connection, if one is to be used.
pub(super) fn apply(
    env: &dyn Environment,
    paths: &Paths,
    settings: &mut Settings,
    secrets: &mut Secrets,
) -> Result<(), Vec<ConfigError>> {
    let wanted = settings.text_if_set(&keys::SNOWFLAKE_CONNECTION);
    if wanted.is_none() && settings.find(&keys::SNOWFLAKE_ACCOUNT).is_some() {
        return Ok(());
    }
    let folder = folder(env, paths).map_err(|error| vec![error])?;
    let found = Connections::read(&folder).map_err(|error| vec![error])?;
    let has_file = found.is_some();
    let found = found.unwrap_or_else(|| Connections::none(&folder));
    let named = wanted.clone().or_else(|| env.get(DEFAULT_NAME)).or_else(|| found.default_name.clone());
    let name = match named {
        Some(name) => name,
        None => match found.default(env).map_err(|error| vec![error])? {
            Some(name) => name,
            None => return Ok(()),
        },
    };
    let entries = found.entries(&name, env);
    match (entries, wanted) {
        (Some(entries), _) => {
            let resolver = Resolver { base: found.file.parent(), home: paths.home_dir.as_deref() };
            Connection { name: &name, resolver, settings, secrets }.fill(&entries)
        }
        (None, Some(name)) if !has_file => Err(vec![missing_file(settings, paths, &name, &folder)]),
        (None, None) if !has_file => Ok(()),
        (None, _) => Err(vec![found.unknown(&name)]),
    }
}

/// The names of the connections in Snowflake's own files; none where there are no files, or none that can be read.
pub fn connection_names(env: &dyn Environment, paths: &Paths) -> Vec<String> {
    let found = folder(env, paths).and_then(|folder| Connections::read(&folder));
    let Ok(Some(found)) = found else { return Vec::new() };
    found.names().into_iter().map(str::to_owned).collect()
}

/// The folder of Snowflake's files: the variable, `~/.snowflake` if there is one, the system's place for
/// settings.
fn folder(env: &dyn Environment, paths: &Paths) -> Result<PathBuf, ConfigError> {
    let resolver = Resolver { base: None, home: paths.home_dir.as_deref() };
    if let Some(text) = env.get(HOME) {
        return resolver.resolve(&text).map_err(|refusal| ConfigError {
            place: Place::Variable(HOME.to_owned()),
            key: None,
            message: refusal.message,
            hint: refusal.hint,
        });
    }
    // Without a home there are no such files: this path does not exist.
    let home = paths.home_dir.clone().unwrap_or_else(|| PathBuf::from("/nonexistent"));
    let usual = home.join(".snowflake");
    if usual.is_dir() {
        return Ok(usual);
    }
    Ok(os::snowflake_folder(&home, env.get("XDG_CONFIG_HOME").map(PathBuf::from)))
}

/// The content of the files.
struct Connections {
    file: PathBuf,
    connections: Table,
    default_name: Option<String>,
}

impl Connections {
    fn read(folder: &Path) -> Result<Option<Self>, ConfigError> {
        let (named, general) = (folder.join("connections.toml"), folder.join("config.toml"));
        let connections = read_table(&named)?;
        let settings = read_table(&general)?;
        let default_name = settings
            .as_ref()
            .and_then(|settings| settings.get("default_connection_name")?.as_str().map(str::to_owned));
        if let Some(connections) = connections {
            return Ok(Some(Self { file: named, connections: unfolded(connections), default_name }));
        }
        Ok(settings.map(|mut settings| {
            let connections = match settings.remove("connections") {
                Some(Toml::Table(connections)) => connections,
                _ => Table::new(),
            };
            Self { file: general, connections, default_name }
        }))
    }

    /// What there is without a file.
    fn none(folder: &Path) -> Self {
        Self { file: folder.join("connections.toml"), connections: Table::new(), default_name: None }
    }

    /// The names of the connections.
    fn names(&self) -> Vec<&str> {
        let tables = self.connections.iter().filter(|(_, value)| value.is_table());
        tables.map(|(name, _)| name.as_str()).collect()
    }

    /// The connection that is used if none is named: `default`, or the only one.
    fn default(&self, env: &dyn Environment) -> Result<Option<String>, ConfigError> {
        let names = self.names();
        if names.contains(&DEFAULT) || !self.variables(DEFAULT, env).is_empty() {
            return Ok(Some(DEFAULT.to_owned()));
        }
        match names[..] {
            [] => Ok(None),
            [only] => Ok(Some(only.to_owned())),
            _ => Err(ConfigError {
                place: Place::File(self.file.clone()),
                key: None,
                message: "has several connections, and none of them is called \"default\"".to_owned(),
                hint: Some(format!(
                    "name one with `connection` under [snowflake], or with the variable {DEFAULT_NAME}; available: {}",
                    names.join(", ")
                )),
            }),
        }
    }

    /// What is set for the connection `name`: by variables, and else by the file. `None`: there is no such
    /// connection.
    fn entries(&self, name: &str, env: &dyn Environment) -> Option<Vec<Entry>> {
        let table = self.connections.get(name).and_then(Toml::as_table);
        let variables = self.variables(name, env);
        if table.is_none() && variables.is_empty() {
            return None;
        }
        let origin = Origin::Connection { name: name.to_owned(), file: self.file.clone() };
        let of_file = table.into_iter().flatten().map(|(key, value)| Entry {
            key: key.clone(),
            value: value.clone(),
            origin: origin.clone(),
        });
        Some(variables.into_iter().chain(of_file).collect())
    }

    /// What variables set for the connection `name`.
    fn variables(&self, name: &str, env: &dyn Environment) -> Vec<Entry> {
        let own = prefix(name);
        // `SNOWFLAKE_CONNECTIONS_DEV_EU_USER` is the user of `dev_eu`, if there is such a connection, and not
        // the value `eu_user` of `dev`.
        let longer: Vec<String> = self.names().into_iter().map(prefix).collect();
        let is_others = |variable: &str| {
            longer.iter().any(|other| other.len() > own.len() && variable.starts_with(other))
        };
        let found = env.names_with(&own).into_iter().filter(|variable| !is_others(variable));
        found
            .filter_map(|variable| {
                let key = variable.strip_prefix(&own)?.to_ascii_lowercase();
                let value = Toml::String(env.get(&variable)?);
                Some(Entry { key, value, origin: Origin::Environment { variable } })
            })
            .collect()
    }

    fn unknown(&self, name: &str) -> ConfigError {
        let known = self.names();
        let hint = match suggest::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if known.is_empty() => "add it there, or set `account` under [snowflake]".to_owned(),
            None => format!("available: {}", known.join(", ")),
        };
        let message = format!("has no connection {name:?}");
        ConfigError { place: Place::File(self.file.clone()), key: None, message, hint: Some(hint) }
    }
}

/// The prefix of the variables of the connection `name`.
fn prefix(name: &str) -> String {
    let plain = |char: char| if char.is_alphanumeric() { char.to_ascii_uppercase() } else { '_' };
    format!("{CONNECTION_PREFIX}{}_", name.chars().map(plain).collect::<String>())
}

/// The tables of `connections.toml`, which some users write as in `config.toml`: `[connections.NAME]`.
fn unfolded(mut connections: Table) -> Table {
    let is_folded = connections
        .get("connections")
        .and_then(Toml::as_table)
        .is_some_and(|table| !table.is_empty() && table.values().all(Toml::is_table));
    if is_folded && let Some(Toml::Table(folded)) = connections.remove("connections") {
        for (name, connection) in folded {
            connections.entry(name).or_insert(connection);
        }
    }
    connections
}

fn read_table(path: &Path) -> Result<Option<Table>, ConfigError> {
    let Some(text) = file::read_private(path)? else { return Ok(None) };
    // Some editors write a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let table = text.parse::<Table>().map_err(|error| ConfigError {
        place: Place::File(path.to_owned()),
        key: None,
        // The message alone: the text around it in the file may be a password.
        message: format!("invalid TOML: {}", error.message()),
        hint: None,
    })?;
    Ok(Some(table))
}

/// A connection was named, but there is no file.
fn missing_file(settings: &Settings, paths: &Paths, name: &str, folder: &Path) -> ConfigError {
    let message =
        format!("is {name:?}, but there is no connections.toml or config.toml in {}", folder.display());
    ConfigError {
        place: settings.place(&keys::SNOWFLAKE_CONNECTION, &paths.config_file),
        key: Some(keys::SNOWFLAKE_CONNECTION.path.to_owned()),
        message,
        hint: Some("create the file, or set its folder with SNOWFLAKE_HOME".to_owned()),
    }
}
