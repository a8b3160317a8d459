//! What protects: system's file, user's file, environment, each of which can only narrow it.

use super::*;
use crate::config::kind::{Kind, Value};
use crate::config::protection::Protection;

/// `[section]\nkey = value\n` for a key of the table.
fn line(key: &keys::Key, value: &str) -> String {
    format!("[{}]\n{} = {value}\n", key.section, key.name)
}

/// A narrow and a wide value of a key that protects by itself.
fn narrow_and_wide(key: &keys::Key) -> Option<(String, String)> {
    match (key.protection, key.kind) {
        (Protection::AtMost, Kind::Integer { min, max }) => Some((min.to_string(), max.to_string())),
        (Protection::True, Kind::Boolean) => Some(("true".to_owned(), "false".to_owned())),
        (Protection::False, Kind::Boolean) => Some(("false".to_owned(), "true".to_owned())),
        _ => None,
    }
}

/// The value of `key` as the file would have it.
fn value(home: &Home, key: &keys::Key) -> String {
    let config = home.load().unwrap_or_else(|errors| panic!("{}: {errors}", key.path));
    config.origins.get(key).value.to_toml()
}

/// A home in which a value of any one key is valid.
fn home(file: &str) -> Home {
    Home::with_file(&format!("backend.kind = 'sqlite'\n{file}"))
        .with_variable("SNOWGATE_POOL_CONNECTIONS_MIN", "0")
}

#[test]
fn a_variable_narrows_every_key_that_protects_and_widens_none() {
    let mut seen = 0;
    for key in KEYS {
        let Some((narrow, wide)) = narrow_and_wide(key) else { continue };
        seen += 1;
        let with = |file: &str, variable: &str| home(file).with_variable(&key.variable(), variable);
        let widened = with(&line(key, &narrow), &wide);
        assert_eq!(value(&widened, key), narrow, "{}", key.path);
        let warnings = widened.warnings();
        let expected = format!(
            "{}: {}: the value {wide} was not taken: it would widen what is set by config.toml:3:",
            key.variable(),
            key.path
        );
        assert!(warnings.iter().any(|warning| warning.starts_with(&expected)), "{expected}\n{warnings:#?}");
        assert_eq!(value(&with(&line(key, &wide), &narrow), key), narrow, "{}", key.path);
        // Without a file the default of a switch protects; a bound is not decided.
        let default = value(&home(""), key);
        let is_decided = key.protection.guards_default() && default != wide;
        assert_eq!(value(&with("", &wide), key), *if is_decided { &default } else { &wide }, "{}", key.path);
        assert_eq!(value(&with("", &narrow), key), narrow, "{}", key.path);
        // A file may widen the default.
        assert_eq!(value(&home(&line(key, &wide)), key), wide, "{}", key.path);
    }
    assert!(seen > 8, "{seen}");
}

#[test]
fn a_users_file_narrows_the_systems_and_widens_nothing_in_it() {
    for key in KEYS {
        let Some((narrow, wide)) = narrow_and_wide(key) else { continue };
        let with = |system: &str, user: &str| home(&line(key, user)).with_system_file(&line(key, system));
        let widened = with(&narrow, &wide);
        assert_eq!(value(&widened, key), narrow, "{}", key.path);
        let expected = format!("{}: the value {wide} was not taken", key.path);
        let warned = widened.warnings().into_iter().find(|warning| warning.contains(&expected));
        let warned = warned.unwrap_or_else(|| panic!("{expected}"));
        assert!(warned.starts_with("config.toml:3:") && warned.contains("system.toml:2:"), "{warned}");
        assert_eq!(value(&with(&wide, &narrow), key), narrow, "{}", key.path);
    }
}

#[test]
fn every_layer_narrows_the_one_before() {
    let home = Home::with_file("[limits]\nrows_max = 500\nbytes_max = 4096\n")
        .with_system_file("[limits]\nrows_max = 1000\nbytes_max = 2048\ncount_rows_max = 7\n")
        .with_variable("SNOWGATE_LIMITS_ROWS_MAX", "700")
        .with_variable("SNOWGATE_LIMITS_COUNT_ROWS_MAX", "5");
    let limits = home.load().unwrap().limits;
    assert_eq!((limits.rows_max, limits.bytes_max, limits.count_rows_max), (500, 2048, 5));
}

#[test]
fn a_default_that_protects_is_widened_by_a_file_only_and_the_warning_says_how() {
    let home = Home::empty().with_variable("SNOWGATE_SQLITE_READ_ONLY", "false");
    assert!(home.load().unwrap().sqlite.read_only);
    assert_eq!(
        home.warnings(),
        [
            "SNOWGATE_SQLITE_READ_ONLY: sqlite.read_only: the value false was not taken: it would widen the default, \
             which only a config file can; write `read_only = false` under [sqlite] in config.toml"
        ]
    );
}

#[test]
fn of_what_protects_nothing_the_later_value_is_used() {
    for key in KEYS.iter().filter(|key| key.protection == Protection::Free) {
        let (one, two) = match key.kind {
            Kind::Integer { min, .. } => (min.to_string(), (min + 1).to_string()),
            Kind::Boolean => ("true".to_owned(), "false".to_owned()),
            Kind::Choice { accepted } | Kind::Word { accepted, .. } => {
                (accepted[0].to_owned(), accepted[1].to_owned())
            }
            Kind::Command | Kind::SecretCommand => unreachable!("{} decides what runs", key.path),
            Kind::Texts(_) | Kind::Matches => unreachable!("{} is no key of a profile", key.path),
            Kind::Path | Kind::SecretFile | Kind::Name => ("/one".to_owned(), "/two".to_owned()),
            Kind::Webhook => ("https://one".to_owned(), "https://two".to_owned()),
        };
        let in_file = |value: &str| {
            let is_bare = matches!(key.kind, Kind::Integer { .. } | Kind::Boolean);
            line(key, &if is_bare { value.to_owned() } else { format!("'{value}'") })
        };
        let written = |home: &Home| {
            let config = home.load().unwrap_or_else(|errors| panic!("{}: {errors}", key.path));
            match &config.origins.get(key).value {
                Value::Text(text) => text.clone(),
                other => other.to_toml(),
            }
        };
        let text = |value: &str| format!("backend.kind = 'sqlite'\n{}", in_file(value));
        assert_eq!(written(&Home::with_file(&text(&two)).with_system_file(&in_file(&one))), two);
        assert_eq!(written(&Home::with_file(&text(&one)).with_variable(&key.variable(), &two)), two);
    }
}

#[test]
fn a_choice_stays_as_the_systems_file_made_it_and_no_other_file_s() {
    let [user, system, variable] = ["/user", "/system", "/variable"].map(absolute);
    let file = |folder: &str| format!("[backend]\nkind = 'sqlite'\n[sqlite]\nfolder = '{folder}'\n");
    let home = Home::with_file(&file(&user))
        .with_system_file(&file(&system))
        .with_variable("SNOWGATE_BACKEND_KIND", "snowflake")
        .with_variable("SNOWGATE_SQLITE_FOLDER", &variable);
    let config = home.load().unwrap();
    assert_eq!(config.backend, BackendKind::Sqlite);
    assert_eq!(config.sqlite.folder, std::path::Path::new(&system));
    assert!(!config.sqlite.creates_folder);
    let home = Home::with_file(&file(&user)).with_variable("SNOWGATE_SQLITE_FOLDER", &variable);
    assert_eq!(home.load().unwrap().sqlite.folder, std::path::Path::new(&variable));
}

#[test]
fn the_systems_list_of_databases_and_its_profiles_are_complete() {
    let sales = absolute("/sales.db");
    let system = &format!("[sqlite.databases]\nSALES = '{sales}'\n[profiles.analyst]\nrole = 'READER'\n");
    let user = "[sqlite.databases]\nsales = '/mine.db'\nOTHER = '/other.db'\n[profiles.analyst]\nrole = 'ADMIN'\n\
                [profiles.mine]\nrole = 'ME'\n";
    let home = Home::with_file(user).with_system_file(system);
    let config = home.load().unwrap();
    assert_eq!(config.sqlite.databases, BTreeMap::from([("SALES".to_owned(), sales.into())]));
    assert_eq!(config.profiles["analyst"].role.as_deref(), Some("READER"));
    assert_eq!(config.profiles["mine"].role.as_deref(), Some("ME"));
    let warnings = home.warnings().join("\n");
    for key in ["sqlite.databases.sales", "sqlite.databases.OTHER", "profiles.analyst.role"] {
        assert!(warnings.contains(&format!("{key}: the value ")), "{key}: {warnings}");
    }
    let closed = Home::with_file("[sqlite.databases]\nA = '/a'\n").with_system_file("[sqlite.databases]\n");
    assert!(closed.load().unwrap().sqlite.databases.is_empty());
}

#[test]
fn no_variable_moves_the_systems_file() {
    for name in ["SNOWGATE_HOME", "SNOWGATE_CONFIG", "HOME", "XDG_CONFIG_HOME", "SNOWGATE_SYSTEM_CONFIG"] {
        let elsewhere = absolute("/elsewhere");
        let env = BTreeMap::from([(name.to_owned(), elsewhere.clone())]);
        let file = Paths::discover(&env).unwrap().system_file.unwrap();
        assert!(!file.is_named && !file.path.starts_with(&elsewhere), "{name}: {file:?}");
        let folder = crate::os::system_config_folder().unwrap();
        assert!(file.path.starts_with(folder), "{name}: {file:?}");
    }
}

#[test]
fn an_error_in_the_systems_file_names_that_file() {
    let errors = Home::with_file("[limits]\nrows_max = 1\n")
        .with_system_file("[limits]\nrows_max = 0\nrow_max = 1\n")
        .errors();
    assert!(errors[0].starts_with("system.toml:2:12: limits.rows_max: expected"), "{errors:?}");
    assert!(errors[1].starts_with("system.toml:3:1: limits.row_max: unknown key"), "{errors:?}");
}

#[test]
fn the_usual_file_still_protects_if_a_variable_names_another() {
    let mut home =
        Home::with_file("[sqlite]\nread_only = true\nbusy_timeout_ms = 1\n[limits]\nrows_max = 5\n");
    let named = home.dir.path().join("named.toml");
    std::fs::write(&named, "[sqlite]\nread_only = false\n[limits]\nrows_max = 4\n").unwrap();
    home.paths.usual_file = Some(std::mem::replace(&mut home.paths.config_file, named));
    let config = home.load().unwrap();
    assert!(config.sqlite.read_only);
    assert_eq!(config.limits.rows_max, 4);
    // The rest of the usual file is not read.
    assert_eq!(config.sqlite.busy_timeout, Duration::from_secs(5));
    assert!(home.warnings()[0].contains("it would widen what is set by config.toml:2:13"));
}

#[test]
fn show_has_the_source_of_every_value_and_what_was_not_taken() {
    let home = Home::with_file("[limits]\nrows_max = 9\n")
        .with_system_file("[sqlite]\nread_only = true\n")
        .with_variable("SNOWGATE_LIMITS_ROWS_MAX", "10")
        .with_variable("SNOWGATE_SQLITE_READ_ONLY", "false");
    let config = home.load().unwrap();
    let system = home.dir.path().join("system.toml").display().to_string();
    let toml = config.to_toml();
    for expected in [
        format!("# system's file, which the others can only narrow: {system}"),
        format!("read_only = true  # line 2 of {system}"),
        "# 10 from SNOWGATE_LIMITS_ROWS_MAX was not taken: it would widen what is set by line 2 of the config file"
            .to_owned(),
        "rows_max = 9  # line 2 of the config file".to_owned(),
    ] {
        assert!(toml.contains(&expected), "{expected}\n{toml}");
    }
    let json = config.to_json();
    assert_eq!(json["system_file"], system);
    assert_eq!(json["settings"]["sqlite"]["read_only"]["origin"], "system file");
    assert_eq!(json["settings"]["sqlite"]["read_only"]["file"], system);
    let not_taken = json["not_taken"].as_array().unwrap();
    assert_eq!(not_taken.len(), 2, "{not_taken:?}");
    let rows = not_taken.iter().find(|refused| refused["key"] == "limits.rows_max").unwrap();
    assert_eq!((&rows["value"], &rows["variable"]), (&10.into(), &"SNOWGATE_LIMITS_ROWS_MAX".into()));
    assert_eq!(rows["because_of"], serde_json::json!({"origin": "file", "line": 2}));
}
