//! The layers together: files and variables as users write them.

mod connections;
mod profiles;
mod protection;
mod questions;
mod warnings;
mod wrong_values;

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::Level;

use super::keys::KEYS;
use super::*;
use crate::os::test_support::{absolute, without_folder};

struct Home {
    dir: tempfile::TempDir,
    paths: Paths,
    env: BTreeMap<String, String>,
}

impl Home {
    fn with_file(text: &str) -> Self {
        let home = Self::empty();
        std::fs::write(&home.paths.config_file, text).unwrap();
        home
    }

    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::below(dir.path());
        Self { dir, paths, env: BTreeMap::new() }
    }

    fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a system's file.
    fn with_system_file(mut self, text: &str) -> Self {
        let path = self.dir.path().join("system.toml");
        std::fs::write(&path, text).unwrap();
        self.paths = self.paths.with_system_file(Some(path));
        self
    }

    /// The warnings, without the folder.
    fn warnings(&self) -> Vec<String> {
        let warnings = self.load().unwrap_or_else(|errors| panic!("{errors}")).warnings;
        warnings.iter().map(|warning| without_folder(&warning.to_string(), self.dir.path())).collect()
    }

    fn load(&self) -> Result<Config, ConfigErrors> {
        Config::load(&self.paths, &self.env)
    }

    /// The errors, one a string, without the folder.
    fn errors(&self) -> Vec<String> {
        let errors = self.load().unwrap_err();
        errors.iter().map(|error| without_folder(&error.to_string(), self.dir.path())).collect()
    }
}

#[test]
fn without_any_configuration_the_defaults_apply() {
    let home = Home::empty();
    let config = home.load().unwrap();
    assert_eq!(config.file, None);
    assert_eq!(config.backend, BackendKind::Sqlite);
    assert_eq!(config.gateway.idle_exit, Some(Duration::from_secs(900)));
    assert_eq!(config.gateway.log_level, Level::INFO);
    assert_eq!(config.sqlite.folder, home.dir.path().join("data/databases"));
    assert!(config.sqlite.read_only && config.sqlite.creates_folder);
    assert_eq!(config.sqlite.sample_folder, Some(home.dir.path().join("data/sample")));
    assert_eq!(config.pool.connections_min, 2);
    assert_eq!(config.pool.connections_max, 10);
    assert_eq!(config.pool.allocator, AllocatorConfig::default());
    assert_eq!(config.limits.rows_max, 10_000);
    assert_eq!(config.profile("default"), Ok(&ProfileConfig::default()));
}

#[test]
fn the_file_overrides_the_default_and_the_environment_overrides_the_file() {
    let text = "[pool]\nconnections_max = 6\nwait_timeout_ms = 7_000\n[sqlite]\nbusy_timeout_ms = 1\n";
    let home = Home::with_file(text)
        .with_variable("SNOWGATE_POOL_CONNECTIONS_MAX", "4")
        .with_variable("SNOWGATE_SQLITE_BUSY_TIMEOUT_MS", "2")
        .with_variable("SNOWGATE_GATEWAY_IDLE_EXIT_MINUTES", "0");
    let config = home.load().unwrap();
    assert_eq!(config.pool.connections_max, 4);
    assert_eq!(config.pool.wait_timeout, Duration::from_secs(7));
    assert_eq!(config.sqlite.busy_timeout, Duration::from_millis(2));
    assert_eq!(config.gateway.idle_exit, None);
    let variable = "SNOWGATE_POOL_CONNECTIONS_MAX".to_owned();
    assert_eq!(config.origins.origin("pool.connections_max"), Some(&Origin::Environment { variable }));
    assert_eq!(config.origins.origin("pool.wait_timeout_ms"), Some(&Origin::File { line: 3, column: 19 }));
    assert_eq!(config.origins.origin("pool.idle_timeout_ms"), Some(&Origin::Default));
}

#[test]
fn every_error_is_reported_with_its_place_and_a_hint() {
    let home = Home::with_file(
        "[gateway]\nsessions_max = 0\nlog_levl = 'info'\n\n[pool]\nconnections_max = \"many\"\nrows_max = 3\n\n\
         [limit]\nx = 1\n[limits]\nbytes_max = 8_388_608\n[backend]\nkind = 'snowflak'\n[profiles.a]\nrole = 1\n\
         wharehouse = 'w'\n",
    )
    .with_variable("SNOWGATE_LIMITS_ROWS_MAX", "lots");
    let expected = "expected a whole number from";
    assert_eq!(
        home.errors(),
        [
            format!(
                "config.toml:2:16: gateway.sessions_max: {expected} 1 to 100000, got 0\n  hint: write `sessions_max = 1`"
            ),
            "config.toml:3:1: gateway.log_levl: unknown key\n  hint: did you mean `log_level`?".to_owned(),
            format!("config.toml:6:19: pool.connections_max: {expected} 1 to 256, got \"many\""),
            "config.toml:7:1: pool.rows_max: unknown key\n  hint: `rows_max` belongs in [limits]".to_owned(),
            "config.toml:9:2: limit: unknown key or table\n  hint: did you mean [limits]?".to_owned(),
            format!(
                "config.toml:12:13: limits.bytes_max: {expected} 1024 to 7340032, got 8388608\n  \
                 hint: write `bytes_max = 7340032`"
            ),
            "config.toml:14:8: backend.kind: expected one of \"sqlite\", \"snowflake\", got \"snowflak\"\n  \
         hint: did you mean \"snowflake\"?"
                .to_owned(),
            "config.toml:16:8: profiles.a.role: expected a name of 1 to 255 characters, got 1\n  \
             hint: write `role = \"1\"`"
                .to_owned(),
            "config.toml:17:1: profiles.a.wharehouse: unknown key\n  hint: did you mean `warehouse`?"
                .to_owned(),
            format!("SNOWGATE_LIMITS_ROWS_MAX: limits.rows_max: {expected} 1 to 1000000, got \"lots\""),
        ]
    );
}

#[test]
fn every_number_is_accepted_up_to_its_bounds_only() {
    for key in KEYS {
        let kind::Kind::Integer { min, max } = key.kind else { continue };
        let load = |number: i128| {
            let text = format!("[backend]\nkind = 'sqlite'\n[{}]\n{} = {number}\n", key.section, key.name);
            // What is checked against another key has room here.
            let home = Home::with_file(&text).with_variable("SNOWGATE_POOL_CONNECTIONS_MIN", "0");
            let needs_room = key.path == "allocator.lane_slots";
            if needs_room {
                home.with_variable("SNOWGATE_POOL_CONNECTIONS_MAX", "65").load()
            } else {
                home.load()
            }
        };
        let (min, max) = (i128::from(min), i128::from(max));
        assert!(load(min).is_ok() && load(max).is_ok(), "{}", key.path);
        assert!(load(min - 1).is_err() && load(max + 1).is_err(), "{}", key.path);
    }
}

#[test]
fn conflicting_connection_counts_are_refused_but_the_default_is_adjusted() {
    let config = Home::with_file("[pool]\nconnections_max = 1\n").load().unwrap();
    assert_eq!((config.pool.connections_min, config.pool.connections_max), (1, 1));
    let home =
        Home::with_file("[pool]\nconnections_min = 5\n").with_variable("SNOWGATE_POOL_CONNECTIONS_MAX", "4");
    assert_eq!(
        home.errors(),
        ["config.toml:2:19: pool.connections_min: expected at most pool.connections_max = 4 \
         (SNOWGATE_POOL_CONNECTIONS_MAX), got 5\n  hint: lower it, or raise pool.connections_max"]
    );
}

#[test]
fn syntax_errors_are_reported_with_their_position() {
    let home =
        Home::with_file("[gateway]\nidle_exit_minutes = \n[pool\nconnections_max = 3\nconnections_max = 3\n");
    let errors = home.errors();
    assert!(errors.len() >= 2, "{errors:#?}");
    assert!(errors[0].starts_with("config.toml:2:"), "{errors:#?}");
    assert!(errors.iter().all(|error| error.contains("invalid TOML: ")), "{errors:#?}");
}

#[test]
fn values_instead_of_tables_are_refused() {
    let home = Home::with_file("pool = 3\nprofiles = []\n");
    assert_eq!(
        home.errors(),
        [
            "config.toml:1:8: pool: expected a table\n  hint: write [pool] on a separate line",
            "config.toml:2:12: profiles: expected a table\n  hint: write [profiles] on a separate line",
        ]
    );
}

#[test]
fn dotted_keys_and_inline_tables_are_accepted() {
    let config =
        Home::with_file("gateway.sessions_max = 7\npool = { connections_max = 0x10 }\n").load().unwrap();
    assert_eq!((config.gateway.sessions_max, config.pool.connections_max), (7, 16));
}

#[test]
fn single_databases_are_resolved_and_their_names_checked() {
    let text =
        "[sqlite]\nfolder = 'dbs'\n[sqlite.databases]\nSALES = 'a/sales.db'\nsales = 'b'\nMain = 'c'\n";
    let home = Home::with_file(text);
    let errors = home.errors();
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert!(errors.iter().any(|error| error.contains("only in case")), "{errors:#?}");
    assert!(errors.iter().any(|error| error.contains("sqlite.databases.Main: not a valid database name")));

    let home = Home::with_file("[sqlite]\nfolder = 'dbs'\n[sqlite.databases]\nSALES = 'a/sales.db'\n");
    let sqlite = home.load().unwrap().sqlite;
    assert_eq!(sqlite.folder, home.dir.path().join("dbs"));
    assert_eq!(sqlite.databases["SALES"], home.dir.path().join("a/sales.db"));
}

#[test]
fn database_names_that_the_backend_refuses_are_refused() {
    let long = "n".repeat(129);
    for name in [&long, "a\\tb", "MAIN", "TEMP", " "] {
        let errors = Home::with_file(&format!("[sqlite.databases]\n\"{name}\" = 'x.db'\n")).errors();
        assert!(errors[0].contains(": not a valid database name: it "), "{name}: {errors:?}");
        assert!(errors[0].contains("1 to 128 bytes"), "{errors:?}");
    }
    let text = format!("[sqlite.databases]\n'{}' = 'x.db'\n'Ä' = 'y'\n'ä' = 'z'\n", &long[..128]);
    assert_eq!(Home::with_file(&text).load().unwrap().sqlite.databases.len(), 3);
}

#[test]
fn a_relative_path_in_a_variable_is_refused() {
    let errors = Home::empty().with_variable("SNOWGATE_SQLITE_FOLDER", "dbs").errors();
    assert!(
        errors[0].starts_with("SNOWGATE_SQLITE_FOLDER: sqlite.folder: expected an absolute path"),
        "{errors:?}"
    );
}

#[test]
fn a_misspelt_variable_is_a_warning() {
    let home = Home::empty()
        .with_variable("SNOWGATE_SQLITE_REDONLY", "false")
        .with_variable("SNOWGATE_SOKET", "/s")
        .with_variable("SNOWGATE_PROFILES_A_ROLE", "r")
        .with_variable("SNOWGATE_COLOUR", "blue")
        .with_variable("SNOWGATE_PROFILE", "default");
    let warnings: Vec<String> = home.load().unwrap().warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "SNOWGATE_COLOUR: unknown setting; `snowgate config reference` lists all settings",
            "SNOWGATE_PROFILES_A_ROLE: unknown setting; profiles, roles, databases and session parameters can only be set in the config file",
            "SNOWGATE_SOKET: unknown setting; did you mean `SNOWGATE_SOCKET`?",
            "SNOWGATE_SQLITE_REDONLY: unknown setting; did you mean `SNOWGATE_SQLITE_READ_ONLY`?",
        ]
    );
}

#[test]
fn log_targets_are_checked_with_the_rest() {
    let config = Home::empty().with_variable("SNOWGATE_LOG", "snowgate=debug").load().unwrap();
    assert_eq!(config.log_targets.as_deref(), Some("snowgate=debug"));
    let errors = Home::empty().with_variable("SNOWGATE_LOG", "loud").errors();
    assert!(errors[0].starts_with("SNOWGATE_LOG: \"loud\" is not a list of log targets"), "{errors:?}");
}

#[test]
fn an_unknown_profile_names_the_nearest() {
    let config = Home::with_file("[profiles.analyst]\nrole = 'ANALYST'\n").load().unwrap();
    assert_eq!(config.profile("analyst").unwrap().role.as_deref(), Some("ANALYST"));
    let near = config.profile("analist").unwrap_err().to_string();
    assert_eq!(near, "no profile `analist` in the configuration; did you mean `analyst`?");
    let far = config.profile("boss").unwrap_err().to_string();
    assert!(far.ends_with("available: analyst, default"), "{far}");
}

#[test]
fn the_output_of_show_can_be_loaded_again() {
    let text = "[gateway]\nlog_level = 'debug'\n[sqlite.databases]\n'my \\db' = \"a\\\\b.db\"\n\
                [profiles.\"a.b\"]\nrole = \"R\\\"x\"\n";
    let mut home = Home::with_file(text).with_variable("SNOWGATE_LIMITS_ROWS_MAX", "9");
    let shown = home.load().unwrap();
    let toml = shown.to_toml();
    assert!(toml.contains("log_level = \"debug\"  # line 2 of the config file"), "{toml}");
    assert!(toml.contains("rows_max = 9  # SNOWGATE_LIMITS_ROWS_MAX"), "{toml}");
    std::fs::write(&home.paths.config_file, toml).unwrap();
    home.env.clear();
    let again = home.load().unwrap();
    assert_eq!(
        (again.gateway, again.sqlite, again.limits, again.profiles),
        (shown.gateway, shown.sqlite, shown.limits, shown.profiles)
    );
}

#[test]
fn json_holds_values_with_their_origins() {
    let home =
        Home::with_file("[pool]\nconnections_max = 4\n").with_variable("SNOWGATE_SQLITE_SAMPLE_DATA", "0");
    let json = home.load().unwrap().to_json();
    let settings = &json["settings"];
    assert_eq!(json["file"], home.paths.config_file.to_str().unwrap());
    assert_eq!(
        settings["pool"]["connections_max"],
        serde_json::json!({"value": 4, "origin": "file", "line": 2})
    );
    assert_eq!(settings["sqlite"]["sample_data"]["variable"], "SNOWGATE_SQLITE_SAMPLE_DATA");
    assert_eq!(settings["limits"]["rows_max"]["origin"], "default");
    assert_eq!(settings["profiles"]["default"], serde_json::json!({}));
}

#[test]
fn the_example_loads() {
    // Tests run in the package's folder.
    let text = std::fs::read_to_string("../examples/config.toml").unwrap();
    let config = Home::with_file(&text).load().unwrap();
    assert!(config.profiles.len() > 1);
    // Every commented-out setting is right as well, and shows the default.
    let active =
        text.lines().map(|line| line.strip_prefix("#= ").unwrap_or(line)).collect::<Vec<_>>().join("\n");
    // With an account set, a connection is used only if it is named.
    let active = active.replace("connection = ", "# connection = ");
    let mut home = Home::with_file(&active);
    home.paths.home_dir = Some("/home/ada".into());
    let mut config = home.load().unwrap();
    // The example says what follows from the number of connections.
    config.pool.allocator.lane_slots = None;
    config.sqlite.folder = home.dir.path().join("data/databases");
    // That is the one of Snowflake: which it is follows from the backend.
    assert_eq!(config.pool.metadata_cache.take(), Some(std::time::Duration::from_secs(5)));
    let defaults = Home::empty().load().unwrap();
    assert_eq!(
        (config.gateway, config.session, config.pool, config.limits),
        (defaults.gateway, defaults.session, defaults.pool, defaults.limits)
    );
    for key in KEYS {
        assert!(text.contains(&format!("#= {} = ", key.name)), "the example lacks {}", key.path);
    }
}
