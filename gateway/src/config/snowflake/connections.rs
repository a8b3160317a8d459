//! The named connections of Snowflake's own tools: `connections.toml`, or the tables `[connections.NAME]` of
//! `config.toml`.
//!
//! Source: "Connecting with a connections.toml file" in the documentation of Snowflake's Python connector,
//! and its `config_manager.py`.

use std::path::{Path, PathBuf};

use snowflake_wire::Secret;
use toml::{Table, Value as Toml};

use super::Secrets;
use super::fields::{FIELDS, Field, Target, normalize_authenticator};
use crate::config::error::{ConfigError, InvalidValue, Place};
use crate::config::kind::RawValue;
use crate::config::resolver::Resolver;
use crate::config::settings::{Origin, Settings};
use crate::config::{Environment, Paths, file, keys, suggest};

/// The variable that names the folder of the files.
const HOME: &str = "SNOWFLAKE_HOME";

/// The variable that names the default connection.
const DEFAULT_NAME: &str = "SNOWFLAKE_DEFAULT_CONNECTION_NAME";

/// Both.
pub(in crate::config) const VARIABLES: [&str; 2] = [HOME, DEFAULT_NAME];

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
    let Some(found) = Connections::read(&folder).map_err(|error| vec![error])? else {
        return match wanted {
            Some(name) => Err(vec![missing_file(settings, paths, &name, &folder)]),
            None => Ok(()),
        };
    };
    let name = wanted.clone().or_else(|| env.get(DEFAULT_NAME)).or_else(|| found.default_name.clone());
    let is_named = name.is_some();
    let name = name.unwrap_or_else(|| "default".to_owned());
    match found.connections.get(&name) {
        Some(Toml::Table(connection)) => fill(connection, &name, &found.file, paths, settings, secrets),
        _ if is_named => Err(vec![found.unknown(&name)]),
        _ => Ok(()),
    }
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
    Ok(if cfg!(target_os = "macos") {
        home.join("Library/Application Support/snowflake")
    } else {
        env.get("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from).join("snowflake")
    })
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
            return Ok(Some(Self { file: named, connections, default_name }));
        }
        Ok(settings.map(|mut settings| {
            let connections = match settings.remove("connections") {
                Some(Toml::Table(connections)) => connections,
                _ => Table::new(),
            };
            Self { file: general, connections, default_name }
        }))
    }

    fn unknown(&self, name: &str) -> ConfigError {
        let known: Vec<&str> = self.connections.keys().map(String::as_str).collect();
        let hint = match suggest::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if known.is_empty() => "add it there, or set `account` under [snowflake]".to_owned(),
            None => format!("available: {}", known.join(", ")),
        };
        let message = format!("has no connection {name:?}");
        ConfigError { place: Place::File(self.file.clone()), key: None, message, hint: Some(hint) }
    }
}

fn read_table(path: &Path) -> Result<Option<Table>, ConfigError> {
    let Some(text) = file::read_private(path)? else { return Ok(None) };
    let table = text.parse::<Table>().map_err(|error| ConfigError {
        place: Place::File(path.to_owned()),
        key: None,
        // The message alone: the text around it in the file may be a password.
        message: format!("invalid TOML: {}", error.message()),
        hint: None,
    })?;
    Ok(Some(table))
}

fn fill(
    connection: &Table,
    name: &str,
    file: &Path,
    paths: &Paths,
    settings: &mut Settings,
    secrets: &mut Secrets,
) -> Result<(), Vec<ConfigError>> {
    let origin = Origin::Connection { name: name.to_owned(), file: file.to_owned() };
    let resolver = Resolver { base: file.parent(), home: paths.home_dir.as_deref() };
    let mut errors = Vec::new();
    for field in FIELDS {
        let Some((key, value)) = value_of(connection, field) else { continue };
        if let Err(refusal) = set(field, &value, &resolver, &origin, settings, secrets) {
            errors.push(ConfigError {
                place: Place::File(file.to_owned()),
                key: Some(format!("{name}.{key}")),
                message: refusal.message,
                hint: refusal.hint,
            });
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn set(
    field: &Field,
    value: &Toml,
    resolver: &Resolver<'_>,
    origin: &Origin,
    settings: &mut Settings,
    secrets: &mut Secrets,
) -> Result<(), InvalidValue> {
    match field.target {
        Target::Secret(slot) => {
            let slot = slot(secrets);
            if slot.is_none() {
                // A passcode may be written as a number.
                let text =
                    value.as_str().map(str::to_owned).or_else(|| Some(value.as_integer()?.to_string()));
                let text = text.ok_or_else(|| InvalidValue::new("expected a string"))?;
                *slot = Some((Secret::new(text), origin.clone()));
            }
        }
        Target::Key(key) if !settings.is_default(key) => {}
        Target::Key(key) => {
            let text = match value {
                Toml::String(text) if key.path == keys::AUTHENTICATOR.path => normalize_authenticator(text),
                Toml::String(text) => text.clone(),
                other => other.to_string(),
            };
            let value = key.kind.check(RawValue::from_variable(key.kind, &text), resolver)?;
            settings.set(key, value, origin.clone());
        }
    }
    Ok(())
}

/// The connection's value of `field`, and the name it has there. Like other tools, it ignores case and treats
/// an empty text as not set.
fn value_of(connection: &Table, field: &Field) -> Option<(String, Toml)> {
    let named = |name: &&str| {
        connection.iter().find(|(key, value)| key.eq_ignore_ascii_case(name) && value.as_str() != Some(""))
    };
    let (key, value) = field.names.iter().find_map(named)?;
    Some((key.clone(), value.clone()))
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
