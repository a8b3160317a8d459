//! What differs between two configurations, and what of it a gateway that runs can apply.
//!
//! | what | applies |
//! |---|---|
//! | the keys in [`LIVE`], profiles, roles and saved questions | at once, also for sessions that are open |
//! | the connection of a profile, by name or by what it is | with a restart, and with it all profiles and roles: none is applied by half |
//! | everything else | with a restart |

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Config;
use super::keys::{CONNECTIONS, DATABASES, PROFILES, QUERIES, ROLES, SESSION_PARAMETERS};
use super::kind::Value;
use super::questions::PARAMETERS;
use super::settings::{ProfileSettings, Setting, Settings};

/// The scalar keys that apply at once; those that end with `*`: all that begin so.
const LIVE: &[&str] = &[
    "gateway.idle_exit_minutes",
    "gateway.drain_timeout_ms",
    "gateway.hello_timeout_ms",
    "gateway.client_settings",
    "gateway.backends_max",
    "gateway.log_level",
    "limits.*",
    "queries.slow_ms",
    "alerts.*",
];

/// Those among them that do not: what they bound is made once.
const NOT_LIVE: &[&str] = &[
    "limits.result_bytes_in_flight_max",
    "limits.global_result_bytes_in_flight_max",
    "alerts.enabled",
    "alerts.interval_s",
    "alerts.for_s",
    "alerts.resolve_after_s",
    "alerts.webhook",
];

/// The key of a profile that names its connection.
const CONNECTION: &str = "connection";

/// One setting that has changed. Secrets are not shown, as nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its path: `limits.rows_max`, `profiles.NAME.database`.
    pub key: String,
    /// What it was; `None`: not set.
    pub from: Option<String>,
    /// What it is; `None`: not set.
    pub to: Option<String>,
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What applies at once.
    pub live: Vec<Change>,
    /// What applies with a restart.
    pub restart: Vec<Change>,
    /// Why profiles and roles need a restart, if they do.
    pub profiles_wait: Option<String>,
}

/// Whether `path` is of a profile, a role, a saved question, or of the order of profiles.
fn is_of_profiles(path: &str) -> bool {
    let of = |table: &&str| path.strip_prefix(*table).is_some_and(|rest| rest.starts_with(['.', ' ']));
    // A key of the section itself has one dot.
    let is_of_question = path.strip_prefix(QUERIES).is_some_and(|rest| rest.matches('.').count() > 1);
    is_of_question || [PROFILES, ROLES].iter().any(of)
}

/// Whether a change of `path` applies at once.
fn is_live(path: &str) -> bool {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None => path == pattern,
    };
    is_of_profiles(path) || (LIVE.iter().any(|pattern| fits(pattern)) && !NOT_LIVE.contains(&path))
}

impl Changes {
    /// What differs in `new`: from what applies (`before`) where that can be changed, and from what the gateway was started
    /// with (`started`) where it cannot.
    pub fn between(started: &Config, before: &Config, new: &Config) -> Self {
        let profiles_wait = before.profiles_wait(new);
        let is_now = |path: &str| is_live(path) && !(is_of_profiles(path) && profiles_wait.is_some());
        let (mut live, mut restart) = (Vec::new(), Vec::new());
        let (of_start, of_before, of_new) =
            (flattened(&started.origins), flattened(&before.origins), flattened(&new.origins));
        let paths: BTreeSet<&String> = of_start.keys().chain(of_before.keys()).chain(of_new.keys()).collect();
        for path in paths {
            let (known, list) =
                if is_now(path) { (&of_before, &mut live) } else { (&of_start, &mut restart) };
            let (from, to) = (known.get(path), of_new.get(path));
            if from != to {
                let shown = |value: Option<&Value>| value.map(Value::to_shown);
                list.push(Change { key: path.clone(), from: shown(from), to: shown(to) });
            }
        }
        restart.extend(changed_credentials(started, new, &restart));
        Self { live, restart, profiles_wait }
    }
}

/// Connections that are others although no key of theirs is: what is no setting has changed, a password for example.
fn changed_credentials(started: &Config, new: &Config, listed: &[Change]) -> Vec<Change> {
    let of_start = started.all_connections();
    let is_listed = |name: &str| {
        let of_connection = format!("{CONNECTIONS}.{name}.");
        let of_section = format!("{name}.");
        listed
            .iter()
            .any(|change| change.key.starts_with(&of_connection) || change.key.starts_with(&of_section))
    };
    let changed = new.all_connections().into_iter().filter(|(name, connection)| {
        of_start.get(name).is_some_and(|before| before != connection) && !is_listed(name)
    });
    changed.map(|(name, _)| Change { key: format!("credentials of {name}"), from: None, to: None }).collect()
}

/// Every value by its path.
fn flattened(settings: &Settings) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for (path, setting) in settings.scalars() {
        all.insert(path.to_owned(), setting.value.clone());
    }
    for (table, below) in [
        (format!("sqlite.{DATABASES}"), &settings.databases),
        (format!("snowflake.{SESSION_PARAMETERS}"), &settings.session_parameters),
    ] {
        for (name, setting) in below {
            all.insert(format!("{table}.{name}"), setting.value.clone());
        }
    }
    for (name, connection) in &settings.connections {
        for (path, value) in flattened(&connection.settings) {
            if let Some(key) = path.strip_prefix(&format!("{}.", connection.kind())) {
                all.insert(format!("{CONNECTIONS}.{name}.{key}"), value);
            }
        }
        all.insert(format!("{CONNECTIONS}.{name}.kind"), Value::Text(connection.kind().to_owned()));
    }
    for (table, named) in [(PROFILES, &settings.profiles), (ROLES, &settings.roles)] {
        for (name, keys) in named {
            flatten_named(&mut all, &format!("{table}.{name}"), keys);
        }
    }
    for (name, question) in &settings.questions {
        flatten_named(&mut all, &format!("{QUERIES}.{name}"), &question.keys);
        for (parameter, keys) in &question.parameters {
            flatten_named(&mut all, &format!("{QUERIES}.{name}.{PARAMETERS}.{parameter}"), keys);
        }
    }
    all.insert(format!("{PROFILES} (their order)"), Value::Texts(settings.profile_order.clone()));
    all
}

fn flatten_named(all: &mut BTreeMap<String, Value>, path: &str, keys: &ProfileSettings) {
    for (key, Setting { value, .. }) in keys {
        all.insert(format!("{path}.{key}"), value.clone());
    }
}

impl Config {
    /// This configuration, with what of `new` applies at once; `takes_profiles`: profiles and roles, too.
    #[must_use]
    pub fn with_live_of(&self, new: &Self, takes_profiles: bool) -> Self {
        let mut config = self.clone();
        config.gateway.idle_exit = new.gateway.idle_exit;
        config.gateway.drain_timeout = new.gateway.drain_timeout;
        config.gateway.hello_timeout = new.gateway.hello_timeout;
        config.gateway.serves_client_settings = new.gateway.serves_client_settings;
        config.gateway.backends_max = new.gateway.backends_max;
        config.gateway.log_level = new.gateway.log_level;
        let results = (self.limits.usage.all_result_bytes, self.limits.usage.result_bytes);
        config.limits = new.limits.clone();
        (config.limits.usage.all_result_bytes, config.limits.usage.result_bytes) = results;
        config.observing.queries.slow = new.observing.queries.slow;
        config.observing.alerts.thresholds = new.observing.alerts.thresholds;
        if takes_profiles {
            config.profiles.clone_from(&new.profiles);
            config.profile_order.clone_from(&new.profile_order);
            config.roles.clone_from(&new.roles);
            config.questions.clone_from(&new.questions);
        }
        config.file.clone_from(&new.file);
        config.system_file.clone_from(&new.system_file);
        config.warnings.clone_from(&new.warnings);
        config.origins.clone_from(&new.origins);
        if !takes_profiles {
            // What waits is still to be told of when it applies.
            config.origins.profiles.clone_from(&self.origins.profiles);
            config.origins.profile_order.clone_from(&self.origins.profile_order);
            config.origins.roles.clone_from(&self.origins.roles);
            config.origins.questions.clone_from(&self.origins.questions);
        }
        config
    }

    /// Why the profiles of `new` cannot be used on this configuration's connections: one of those is another now, or a profile
    /// is on one that it was not on.
    pub fn profiles_wait(&self, new: &Self) -> Option<String> {
        let (default, new_default) = (self.backend.connection(), new.backend.connection());
        if default != new_default {
            return Some(format!("the backend has changed, from {default} to {new_default}"));
        }
        let moved = new.profiles.iter().find_map(|(name, profile)| {
            let before = self.profiles.get(name)?;
            (before.connection != profile.connection)
                .then(|| format!("{PROFILES}.{name}.{CONNECTION} has changed"))
        });
        moved.or_else(|| self.unused_connection_of(new)).or_else(|| {
            let (before, after) = (self.all_connections(), new.all_connections());
            let used = self.used_connections();
            let changed = used.into_iter().find(|name| before.get(*name) != after.get(*name))?;
            Some(format!("the connection {changed}, which profiles use, has changed"))
        })
    }

    /// Which profile of `new` is on a connection that no session of this configuration uses. There is no pool of it, no
    /// descriptor is set aside for it, and for a client with its own settings it has not been decided which one it is.
    pub fn unused_connection_of(&self, new: &Self) -> Option<String> {
        let used = self.used_connections();
        let default = new.backend.connection();
        new.profiles.iter().find_map(|(name, profile)| {
            let connection = profile.connection.as_deref().unwrap_or(default);
            (!used.contains(connection))
                .then(|| format!("profile {name} uses the connection {connection}, which was not in use"))
        })
    }

    /// A short digest of every value, by which two configurations can be told apart.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (path, value) in flattened(&self.origins) {
            digest.update(format!("{path}={}\n", value.to_toml()));
        }
        digest.finalize()[..6].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Paths;
    use crate::config::keys::KEYS;

    /// What each text makes in the same home.
    fn load<const N: usize>(texts: [&str; N]) -> [Config; N] {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::below(home.path());
        texts.map(|text| {
            std::fs::write(&paths.config_file, text).unwrap();
            Config::load(&paths, &BTreeMap::new()).unwrap()
        })
    }

    fn changes(before: &str, new: &str) -> Changes {
        let [before, new] = load([before, new]);
        Changes::between(&before, &before, &new)
    }

    fn keys(changes: &[Change]) -> Vec<&str> {
        changes.iter().map(|change| change.key.as_str()).collect()
    }

    #[test]
    fn every_key_applies_at_once_or_with_a_restart_and_every_pattern_is_of_use() {
        let live: Vec<&str> = KEYS.iter().map(|key| key.path).filter(|path| is_live(path)).collect();
        for section in [
            "allocator",
            "http",
            "backend",
            "sqlite",
            "snowflake",
            "pool",
            "breaker",
            "logs",
            "audit",
            "metrics",
            "session",
        ] {
            assert!(!live.iter().any(|path| path.starts_with(&format!("{section}."))), "{section}: {live:?}");
        }
        for pattern in LIVE {
            let start = pattern.trim_end_matches('*');
            assert!(live.iter().any(|path| path.starts_with(start)), "{pattern}");
        }
        for path in NOT_LIVE {
            assert!(KEYS.iter().any(|key| key.path == *path), "{path}");
        }
    }

    #[test]
    fn what_applies_at_once_is_told_from_what_needs_a_restart() {
        let found = changes(
            "[limits]\nrows_max = 10\n[pool]\nconnections_max = 5\n",
            "[limits]\nrows_max = 20\n[pool]\nconnections_max = 6\n[profiles.new]\ndatabase = \"A\"\n",
        );
        assert_eq!(keys(&found.live), ["limits.rows_max", "profiles (their order)", "profiles.new.database"]);
        assert_eq!(keys(&found.restart), ["pool.connections_max"]);
        let rows = &found.live[0];
        assert_eq!((rows.from.as_deref(), rows.to.as_deref()), (Some("10"), Some("20")));
        assert_eq!(changes("[limits]\nrows_max = 10", "\n\n[limits]\nrows_max = 10"), Changes::default());
    }

    #[test]
    fn a_profile_on_another_connection_keeps_all_profiles_waiting() {
        let connection = "[connections.other]\nkind = \"sqlite\"\n";
        let found = changes(
            "[profiles.a]\ndatabase = \"A\"\n",
            &format!("{connection}[profiles.a]\ndatabase = \"B\"\n[profiles.b]\nconnection = \"other\"\n"),
        );
        assert_eq!(found.live, []);
        assert!(keys(&found.restart).contains(&"profiles.a.database"), "{found:?}");
        assert!(found.profiles_wait.unwrap().contains("connection other"));
        let moved = changes(
            &format!("{connection}[profiles.a]\nstatements = [\"read\"]\n"),
            &format!("{connection}[profiles.a]\nconnection = \"other\"\n"),
        );
        assert!(moved.profiles_wait.unwrap().contains("profiles.a.connection"));
    }

    #[test]
    fn profiles_wait_where_a_connection_is_another_than_the_one_they_would_run_on() {
        let other = |folder: &str| format!("[connections.other]\nkind = \"sqlite\"\nfolder = \"{folder}\"\n");
        let profile = "[profiles.a]\nstatements = [\"read\"]\n";
        let on_other = "[profiles.b]\nconnection = \"other\"\n";
        let cases = [
            // Defined since the start, and no session could use it.
            (other("x"), format!("{}{on_other}", other("x")), Some("connection other, which was not in use")),
            (
                format!("{}{on_other}", other("x")),
                format!("{}{on_other}rows_max = 3\n", other("y")),
                Some("connection other, which profiles use, has changed"),
            ),
            // A profile is made wider in the edit that moves it to another place.
            (
                format!("[sqlite]\nfolder = \"prod\"\n{profile}"),
                "[sqlite]\nfolder = \"dev\"\n[profiles.a]\nstatements = [\"read\", \"write\"]\n".to_owned(),
                Some("connection sqlite, which profiles use, has changed"),
            ),
            (
                "[sqlite]\nread_only = true\n".to_owned(),
                "[sqlite]\nread_only = false\n".to_owned(),
                Some("connection sqlite"),
            ),
            // One that no profile uses is of no concern.
            (format!("{}{profile}", other("x")), format!("{}{profile}rows_max = 3\n", other("y")), None),
            (format!("{}{on_other}", other("x")), format!("{}{on_other}rows_max = 3\n", other("x")), None),
        ];
        for (before, new, expected) in cases {
            let why = changes(&before, &new).profiles_wait;
            match expected {
                Some(expected) => assert!(why.as_ref().is_some_and(|why| why.contains(expected)), "{why:?}"),
                None => assert_eq!(why, None),
            }
        }
    }

    #[test]
    fn what_has_waited_is_named_when_it_applies() {
        let moved = "[connections.other]\nkind = \"sqlite\"\n[profiles.b]\nconnection = \"other\"\n";
        let wider = "[profiles.default]\nrows_max = 5\n[roles.r]\npermissions = [\"read_tables\"]\n";
        let [before, waits, new] = load(["", &format!("{wider}{moved}"), wider]);
        let first = Changes::between(&before, &before, &waits);
        assert!(first.profiles_wait.is_some() && first.live.is_empty(), "{first:?}");
        let now = before.with_live_of(&waits, false);
        let second = Changes::between(&before, &now, &new);
        let named = keys(&second.live);
        assert!(named.contains(&"profiles.default.rows_max"), "{named:?}");
        assert!(named.iter().any(|key| key.starts_with("roles.r.")), "{named:?}");
    }

    #[test]
    fn only_what_applies_at_once_is_taken() {
        let [before, new] =
            load(["[pool]\nconnections_max = 5", "[pool]\nconnections_max = 6\n[limits]\nrows_max = 7"]);
        let now = before.with_live_of(&new, true);
        assert_eq!((now.pool.connections_max, now.limits.rows_max), (5, 7));
        assert_ne!(before.digest(), new.digest());
        assert_eq!(new.digest(), now.digest());
    }
}
