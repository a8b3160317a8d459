//! Effective values with their origins: the merged layers, before they become typed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::Paths;
use super::connections::{KIND, NamedConnection};
use super::error::{Place, Warning};
use super::keys::{
    BACKEND_KIND, CONNECTIONS, DATABASES, Fallback, KEYS, Key, PROFILE_DEFAULT, PROFILES, QUERIES, ROLES,
    SESSION_PARAMETERS, SNOWFLAKE_ACCOUNT, SNOWFLAKE_CONNECTION,
};
use super::kind::Value;
use super::protection::Protection;
use super::questions::{PARAMETERS, QuestionSettings};
use super::webhook::Webhook;

/// The layers, in the order in which they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Nothing is set.
    Default,
    /// The system's file.
    System,
    /// The user's usual file, if the variable `SNOWGATE_CONFIG` names another: only what protects is read.
    Usual,
    /// The user's file.
    User,
    /// A connection of Snowflake's own files: it sets only what no other layer sets.
    Connection,
    /// The environment.
    Environment,
}

/// Where an effective value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is not set.
    Default,
    /// The user's config file.
    File {
        /// The line of the value, from 1.
        line: usize,
        /// Its column, from 1, in characters.
        column: usize,
    },
    /// A file read before it, whose settings the user's file can only narrow.
    EarlierFile {
        /// The file.
        file: PathBuf,
        /// Which one.
        layer: Layer,
        /// The line of the value, from 1.
        line: usize,
        /// Its column, from 1, in characters.
        column: usize,
    },
    /// A variable of the environment.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A connection of one of Snowflake's own files.
    Connection {
        /// The connection's name.
        name: String,
        /// The file.
        file: PathBuf,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { line, .. } => write!(f, "line {line} of the config file"),
            Self::EarlierFile { file, line, .. } => write!(f, "line {line} of {}", file.display()),
            Self::Environment { variable } => f.write_str(variable),
            Self::Connection { name, file } => write!(f, "connection {name} of {}", file.display()),
        }
    }
}

impl Origin {
    /// Its layer.
    pub fn layer(&self) -> Layer {
        match self {
            Self::Default => Layer::Default,
            Self::File { .. } => Layer::User,
            Self::EarlierFile { layer, .. } => *layer,
            Self::Environment { .. } => Layer::Environment,
            Self::Connection { .. } => Layer::Connection,
        }
    }

    /// The place of a value with this origin; if it is not set, `file`, the config file.
    pub(super) fn place(&self, file: &Path) -> Place {
        match self {
            Self::File { line, column } => {
                Place::Position { file: file.to_owned(), line: *line, column: *column }
            }
            Self::EarlierFile { file, line, column, .. } => {
                Place::Position { file: file.clone(), line: *line, column: *column }
            }
            Self::Environment { variable } => Place::Variable(variable.clone()),
            Self::Connection { file, .. } => Place::File(file.clone()),
            Self::Default => Place::File(file.to_owned()),
        }
    }
}

/// One effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// The keys of one profile that are set.
pub(super) type ProfileSettings = BTreeMap<&'static str, Setting>;

/// Every effective value and its origin.
///
/// Invariant: `scalars` holds each key of the table with a value of its kind, unless its fallback is `Unset`;
/// `profiles` holds `default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// By path (`pool.connections_max`).
    scalars: BTreeMap<&'static str, Setting>,
    /// `[sqlite.databases]`, by name as written.
    pub(super) databases: BTreeMap<String, Setting>,
    /// `[snowflake.session_parameters]`, by name in upper case.
    pub(super) session_parameters: BTreeMap<String, Setting>,
    /// `[connections.*]`, by name.
    pub(super) connections: BTreeMap<String, NamedConnection>,
    /// `[profiles.*]`, by name.
    pub(super) profiles: BTreeMap<String, ProfileSettings>,
    /// `[roles.*]`, by name, as far as a file sets them.
    pub(super) roles: BTreeMap<String, ProfileSettings>,
    /// `[queries.NAME]`, by name.
    pub(super) questions: BTreeMap<String, QuestionSettings>,
    /// The tables with fixed keys that files contain.
    pub(super) sections: Vec<SectionUse>,
    /// `[sqlite.databases]` in the system's file: the list is complete then.
    pub(super) databases_of_system: Option<Origin>,
    /// The names of the profiles in the order of files and lines: the first that fits is used.
    pub(super) profile_order: Vec<String>,
    /// The profiles of the files before the user's, which a later file cannot widen.
    pub(super) protected_profiles: BTreeMap<String, Origin>,
    /// Values that were not taken, because an earlier layer protects against them.
    pub(super) refused: Vec<Refused>,
    /// What is likely wrong in a connection of Snowflake's own files.
    pub(super) warnings: Vec<Warning>,
}

/// A table with fixed keys in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SectionUse {
    pub(super) name: &'static str,
    /// Its name in the file.
    pub(super) origin: Origin,
    /// Whether it has a key; in the system's file, one that does more than to protect.
    pub(super) is_filled: bool,
}

/// A value that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// Its key with the section.
    pub(super) path: String,
    pub(super) value: Value,
    pub(super) origin: Origin,
    /// What decided instead.
    pub(super) by: Origin,
    pub(super) why: &'static str,
}

impl Refused {
    /// What a user should know: which value was not taken, and what decided instead.
    pub(super) fn warning(&self, paths: &Paths) -> Warning {
        Warning {
            place: self.origin.place(&paths.config_file),
            key: Some(self.path.clone()),
            message: self.reason(paths),
        }
    }

    fn reason(&self, paths: &Paths) -> String {
        let Self { value, why, .. } = self;
        let value = value.to_shown();
        match &self.by {
            Origin::Default => {
                let (section, key) = self.path.split_once('.').unwrap_or_default();
                let file = paths.config_file.display();
                format!(
                    "the value {value} was not taken: it would widen the default, which only a config file can; \
                     write `{key} = {value}` under [{section}] in {file}"
                )
            }
            by => format!("the value {value} was not taken: it would {why} {}", by.place(&paths.config_file)),
        }
    }
}

impl Settings {
    /// The values if nothing is configured.
    pub(super) fn defaults(data_dir: &Path) -> Self {
        let scalars = KEYS.iter().filter_map(|key| Some((key.path, fallback(key, data_dir)?))).collect();
        let profiles = BTreeMap::from([(PROFILE_DEFAULT.to_owned(), ProfileSettings::new())]);
        Self {
            scalars,
            databases: BTreeMap::new(),
            session_parameters: BTreeMap::new(),
            connections: BTreeMap::new(),
            profiles,
            roles: BTreeMap::new(),
            questions: BTreeMap::new(),
            sections: Vec::new(),
            databases_of_system: None,
            profile_order: Vec::new(),
            protected_profiles: BTreeMap::new(),
            refused: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Where the value of `path` came from: `pool.connections_max`, `sqlite.databases.NAME` or
    /// `profiles.NAME.role`. `None` for a path that has no value.
    pub fn origin(&self, path: &str) -> Option<&Origin> {
        let setting = self.scalars.get(path).or_else(|| self.named(path))?;
        Some(&setting.origin)
    }

    /// Whether the variable `name` decides a value.
    pub(crate) fn is_decided_by(&self, name: &str) -> bool {
        let settings = self.scalars.values().chain(self.session_parameters.values());
        let mut origins = settings.map(|setting| &setting.origin);
        origins.any(|origin| matches!(origin, Origin::Environment { variable } if variable == name))
    }

    fn named(&self, path: &str) -> Option<&Setting> {
        let (table, rest) = path.split_once('.')?;
        if table == PROFILES {
            let (profile, key) = rest.rsplit_once('.')?;
            return self.profiles.get(profile)?.get(key);
        }
        if table == ROLES {
            let (role, key) = rest.rsplit_once('.')?;
            return self.roles.get(role)?.get(key);
        }
        if table == QUERIES {
            let (question, key) = rest.split_once('.')?;
            let question = self.questions.get(question)?;
            return match key.strip_prefix(PARAMETERS).and_then(|rest| rest.strip_prefix('.')) {
                Some(rest) => {
                    let (name, key) = rest.split_once('.')?;
                    question.parameters.iter().find(|(known, _)| known == name)?.1.get(key)
                }
                None => question.keys.get(key),
            };
        }
        if table == CONNECTIONS {
            let (name, connection) = self.connections.iter().find(|(name, _)| {
                rest.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.'))
            })?;
            let key = &rest[name.len() + 1..];
            let kind = connection.kind();
            let path = if key == KIND { BACKEND_KIND.path.to_owned() } else { format!("{kind}.{key}") };
            return connection
                .settings
                .scalars
                .get(path.as_str())
                .or_else(|| connection.settings.named(&path));
        }
        if let Some(name) = rest.strip_prefix(SESSION_PARAMETERS) {
            return self.session_parameters.get(name.strip_prefix('.')?);
        }
        self.databases.get(rest.strip_prefix(DATABASES)?.strip_prefix('.')?)
    }

    /// All files have been read: `default` is tried last unless a file has it.
    pub(super) fn complete_profile_order(&mut self) {
        if !self.profile_order.iter().any(|name| name == PROFILE_DEFAULT) {
            self.profile_order.push(PROFILE_DEFAULT.to_owned());
        }
    }

    /// The profiles in the order in which they are tried.
    pub(super) fn profiles_in_order(&self) -> impl Iterator<Item = (&String, &ProfileSettings)> {
        self.profile_order.iter().filter_map(|name| self.profiles.get_key_value(name))
    }

    /// Sets `key` as the layer of `origin` wants, unless an earlier layer protects against that.
    pub(super) fn offer(&mut self, key: &Key, value: Value, origin: Origin) {
        let Some((by, why)) = self.objection(key, &value, origin.layer()) else {
            self.set(key, value, origin);
            return;
        };
        if self.find(key).is_none_or(|setting| setting.value != value) {
            self.refused.push(Refused { path: key.path.to_owned(), value, origin, by, why });
        }
    }

    /// What protects `key` from `value`, and why. An equal value keeps its earlier origin.
    fn objection(&self, key: &Key, value: &Value, layer: Layer) -> Option<(Origin, &'static str)> {
        let protection = key.protection;
        if protection == Protection::Free {
            return None;
        }
        if protection == Protection::Account
            && let Some(origin) = self.account_origin(layer)
        {
            return Some((origin.clone(), "change how the account is reached, which is set by"));
        }
        let current = self.find(key)?;
        let is_guarded = match current.origin.layer() {
            Layer::Default => layer == Layer::Environment && protection.guards_default(),
            Layer::Connection | Layer::Environment => false,
            Layer::System => layer > Layer::System,
            file => file < layer && protection.is_policy(),
        };
        let is_narrower = current.value != *value && protection.narrows(&current.value, value);
        if !is_guarded || is_narrower {
            return None;
        }
        let why = if protection.is_policy() { "widen what is set by" } else { "change what is set by" };
        Some((current.origin.clone(), why))
    }

    /// The account or connection that the system's file has set, if `layer` is a later one.
    fn account_origin(&self, layer: Layer) -> Option<&Origin> {
        let set = [&SNOWFLAKE_ACCOUNT, &SNOWFLAKE_CONNECTION].into_iter().filter_map(|key| self.find(key));
        set.map(|setting| &setting.origin)
            .find(|origin| origin.layer() == Layer::System && layer > Layer::System)
    }

    pub(super) fn set(&mut self, key: &Key, value: Value, origin: Origin) {
        self.scalars.insert(key.path, Setting { value, origin });
    }

    pub(super) fn get(&self, key: &Key) -> &Setting {
        &self.scalars[key.path]
    }

    /// All values of fixed keys, by path.
    pub(super) fn scalars(&self) -> impl Iterator<Item = (&'static str, &Setting)> {
        self.scalars.iter().map(|(path, setting)| (*path, setting))
    }

    /// The value of a key that may have none.
    pub(super) fn find(&self, key: &Key) -> Option<&Setting> {
        self.scalars.get(key.path)
    }

    /// Whether `key` is not set.
    pub(super) fn is_default(&self, key: &Key) -> bool {
        self.find(key).is_none_or(|setting| setting.origin == Origin::Default)
    }

    /// Whether `key` has the value that it has if it is not set.
    pub(super) fn has_default_value(&self, key: &Key, paths: &Paths) -> bool {
        let default = fallback(key, &paths.data_dir).map(|setting| setting.value);
        self.find(key).map(|setting| &setting.value) == default.as_ref()
    }

    /// The place of the value of `key`; if it is not set, `file`, the config file.
    pub(super) fn place(&self, key: &Key, file: &Path) -> Place {
        self.find(key).map_or(&Origin::Default, |setting| &setting.origin).place(file)
    }

    /// The text of a key that may have none.
    pub(super) fn text_if_set(&self, key: &Key) -> Option<String> {
        self.find(key).map(|_| self.text(key).to_owned())
    }

    /// The path of a key that may have none.
    pub(super) fn path_if_set(&self, key: &Key) -> Option<PathBuf> {
        self.find(key).map(|setting| setting.value.to_path())
    }

    pub(super) fn integer(&self, key: &Key) -> u64 {
        match &self.get(key).value {
            Value::Integer(number) => *number,
            other => unreachable!("{} is a number by its kind, not {other:?}", key.path),
        }
    }

    pub(super) fn boolean(&self, key: &Key) -> bool {
        self.get(key).value == Value::Boolean(true)
    }

    pub(super) fn text(&self, key: &Key) -> &str {
        match &self.get(key).value {
            Value::Text(text) => text,
            other => unreachable!("{} is a text by its kind, not {other:?}", key.path),
        }
    }

    /// A secret that is set.
    pub(super) fn webhook_if_set(&self, key: &Key) -> Option<Webhook> {
        match &self.find(key)?.value {
            Value::Hidden(webhook) => Some(webhook.clone()),
            other => unreachable!("{} is a secret by its kind, not {other:?}", key.path),
        }
    }

    /// A number that may be left out.
    pub(super) fn integer_if_set(&self, key: &Key) -> Option<u64> {
        self.find(key).map(|_| self.integer(key))
    }

    /// The words of a command that is set.
    pub(super) fn command_if_set(&self, key: &Key) -> Option<Vec<String>> {
        match &self.find(key)?.value {
            Value::Command(words) | Value::SecretCommand(words) => Some(words.clone()),
            other => unreachable!("{} is a command by its kind, not {other:?}", key.path),
        }
    }

    pub(super) fn path(&self, key: &Key) -> PathBuf {
        self.get(key).value.to_path()
    }
}

impl Value {
    /// The path of a value whose kind is a path.
    pub(super) fn to_path(&self) -> PathBuf {
        match self {
            Self::Path(path) => path.clone(),
            other => unreachable!("{other:?} is not a path, although only paths pass the check"),
        }
    }
}

fn fallback(key: &Key, data_dir: &Path) -> Option<Setting> {
    let value = match key.fallback {
        Fallback::Unset => return None,
        Fallback::Integer(number) => Value::Integer(number),
        Fallback::Boolean(truth) => Value::Boolean(truth),
        Fallback::Text(text) => Value::Text(text.to_owned()),
        Fallback::DataFolder(name) => Value::Path(data_dir.join(name)),
    };
    Some(Setting { value, origin: Origin::Default })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_hold_every_key() {
        let settings = Settings::defaults(Path::new("/data"));
        for key in KEYS {
            let has_value = !matches!(key.fallback, Fallback::Unset);
            assert_eq!(settings.origin(key.path), has_value.then_some(&Origin::Default));
        }
        assert!(settings.profiles.contains_key(PROFILE_DEFAULT));
        assert_eq!(settings.origin("pool.nothing"), None);
    }

    #[test]
    fn origins_of_named_settings_are_found() {
        let mut settings = Settings::defaults(Path::new("/data"));
        let line =
            |line| Setting { value: Value::Text("x".to_owned()), origin: Origin::File { line, column: 1 } };
        settings.databases.insert("a.b".to_owned(), line(3));
        settings.profiles.insert("p.q".to_owned(), ProfileSettings::from([("role", line(4))]));
        assert_eq!(settings.origin("sqlite.databases.a.b"), Some(&Origin::File { line: 3, column: 1 }));
        assert_eq!(settings.origin("profiles.p.q.role"), Some(&Origin::File { line: 4, column: 1 }));
        assert_eq!(settings.origin("profiles.p.q.schema"), None);
    }
}
