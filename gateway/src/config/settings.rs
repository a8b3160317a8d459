//! Effective values with their origins: the merged layers, before they become typed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::error::Place;
use super::keys::{DATABASES, Fallback, KEYS, Key, PROFILE_DEFAULT, PROFILES};
use super::kind::Value;

/// Where an effective value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is not set.
    Default,
    /// The config file.
    File {
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
            Self::Environment { variable } => f.write_str(variable),
            Self::Connection { name, file } => write!(f, "connection {name} of {}", file.display()),
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
    /// `[profiles.*]`, by name.
    pub(super) profiles: BTreeMap<String, ProfileSettings>,
}

impl Settings {
    /// The values if nothing is configured.
    pub(super) fn defaults(data_dir: &Path) -> Self {
        let scalars = KEYS.iter().filter_map(|key| Some((key.path, fallback(key, data_dir)?))).collect();
        let profiles = BTreeMap::from([(PROFILE_DEFAULT.to_owned(), ProfileSettings::new())]);
        Self { scalars, databases: BTreeMap::new(), profiles }
    }

    /// Where the value of `path` came from: `pool.connections_max`, `sqlite.databases.NAME` or
    /// `profiles.NAME.role`. `None` for a path that has no value.
    pub fn origin(&self, path: &str) -> Option<&Origin> {
        let setting = self.scalars.get(path).or_else(|| self.named(path))?;
        Some(&setting.origin)
    }

    fn named(&self, path: &str) -> Option<&Setting> {
        let (table, rest) = path.split_once('.')?;
        if table == PROFILES {
            let (profile, key) = rest.rsplit_once('.')?;
            return self.profiles.get(profile)?.get(key);
        }
        self.databases.get(rest.strip_prefix(DATABASES)?.strip_prefix('.')?)
    }

    pub(super) fn set(&mut self, key: &Key, value: Value, origin: Origin) {
        self.scalars.insert(key.path, Setting { value, origin });
    }

    pub(super) fn get(&self, key: &Key) -> &Setting {
        &self.scalars[key.path]
    }

    /// The value of a key that may have none.
    pub(super) fn find(&self, key: &Key) -> Option<&Setting> {
        self.scalars.get(key.path)
    }

    /// Whether `key` is not set.
    pub(super) fn is_default(&self, key: &Key) -> bool {
        self.find(key).is_none_or(|setting| setting.origin == Origin::Default)
    }

    /// The place of the value of `key`; if it is not set, `file`, the config file.
    pub(super) fn place(&self, key: &Key, file: &Path) -> Place {
        match self.find(key).map(|setting| &setting.origin) {
            Some(Origin::File { line, column }) => {
                Place::Position { file: file.to_owned(), line: *line, column: *column }
            }
            Some(Origin::Environment { variable }) => Place::Variable(variable.clone()),
            Some(Origin::Connection { file, .. }) => Place::File(file.clone()),
            Some(Origin::Default) | None => Place::File(file.to_owned()),
        }
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
