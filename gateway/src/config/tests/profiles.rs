//! `[profiles.NAME]` as users write it.

use sql_gate::{Class, ClassSet};

use super::*;
use crate::backend::SecondaryRoles;

const WHOLE: &str = "\
[profiles.zeta]
match = [{ folder = '~/a/**', client = 'x' }, { parent = 'p' }]
connection = 'sqlite'
role = 'R'
warehouse = 'W'
database = 'D'
schema = 'S'
secondary_roles = 'none'
isolation = 'strict'
access_role = 'analyst'
statements = ['read', 'write']
allowed_databases = ['A', 'B*']
denied_databases = ['C']
allowed_schemas = ['A.main']
denied_schemas = ['Y.main']
allowed_tables = ['A.main.*']
denied_tables = ['A.SECRET']
tools = ['session_info', 'execute_query']
result_app = false
export_folder = '/srv/exports'
rows_max = 10
bytes_max = 2048
statement_timeout_ms = 1000
answer_within_ms = 2000
requests_max = 2
weight = 7
priority = 4
slots_max = 3
requests_per_second = 1
requests_burst = 2
requests_per_minute = 3
requests_per_hour = 4
requests_per_day = 5
queries_per_minute = 6
queries_burst = 7
queries_per_hour = 8
queries_per_day = 9
rows_per_day = 10
bytes_per_day = 11
backend_seconds_per_day = 12
concurrent_max = 13
sessions_per_client_max = 3
result_bytes_in_flight_max = 2000000
max_bytes_scanned = 1_000_000_000
max_partitions = 100
max_rows_estimated = 5000
cost_guard = 'ask'
cost_unknown = 'refuse'
lease_idle_ms = 0
pin_idle_ms = 500
require_agent_session = true
require_scope = 'SC'
validator = ['/bin/check', '-x']
validator_text = true
[profiles.alpha.match]
key = 'k'
";

#[test]
fn every_key_is_read() {
    let mut home = Home::with_file(WHOLE);
    home.paths.home_dir = Some("/home/ada".into());
    let config = home.load().unwrap();
    let profile = &config.profiles["zeta"];
    let text = |text: &str| Some(text.to_owned());
    let exports = std::path::PathBuf::from("/srv/exports");
    let expected = ProfileConfig {
        limits: ProfileLimits {
            values: LimitValues::of(|limit| limit as u64 + 1),
            sessions_max: 3,
            result_bytes: Some(2_000_000),
        },
        matches: vec![
            ProfileMatch { client: text("x"), folder: text("/home/ada/a/**"), ..ProfileMatch::default() },
            ProfileMatch { parent: text("p"), ..ProfileMatch::default() },
        ],
        connection: text("sqlite"),
        secondary_roles: Some(SecondaryRoles::None),
        isolation: IsolationLevel::Strict,
        statements: Some([Class::Read, Class::Write].into_iter().collect::<ClassSet>()),
        access_role: text("analyst"),
        names: NameLists {
            allowed_databases: vec!["A".to_owned(), "B*".to_owned()],
            denied_databases: vec!["C".to_owned()],
            allowed_schemas: vec!["A.main".to_owned()],
            denied_schemas: vec!["Y.main".to_owned()],
            allowed_tables: vec!["A.main.*".to_owned()],
            denied_tables: vec!["A.SECRET".to_owned()],
        },
        tools: Some(vec!["session_info".to_owned(), "execute_query".to_owned()]),
        hides_app: true,
        export_folder: home.paths.config_file.parent().map(|base| base.join(&exports)),
        rows_max: Some(10),
        bytes_max: Some(2048),
        statement_timeout: Some(Duration::from_secs(1)),
        answer_within: Some(Duration::from_secs(2)),
        requests_max: Some(2),
        weight: Some(7),
        priority: Some(4),
        slots_max: Some(3),
        cost: CostConfig {
            bytes: Some(1_000_000_000),
            partitions: Some(100),
            rows: Some(5_000),
            asks: true,
            refuses_unknown: true,
        },
        lease_idle: Some(Duration::ZERO),
        pin_idle: Some(Duration::from_millis(500)),
        require_agent_session: true,
        require_scope: text("SC"),
        validator: Some(ValidatorConfig {
            command: vec!["/bin/check".to_owned(), "-x".to_owned()],
            sends_text: true,
        }),
        role: text("R"),
        warehouse: text("W"),
        database: text("D"),
        schema: text("S"),
    };
    assert_eq!(*profile, expected);
    assert_eq!(config.profiles["alpha"].matches[0].key.as_deref(), Some("k"));
    for key in super::super::profile_keys::PROFILE_KEYS {
        assert!(WHOLE.contains(&format!("\n{} = ", key.name)), "{}", key.name);
    }
}

#[test]
fn what_is_shown_is_read_again_in_the_same_order() {
    let mut home = Home::with_file(WHOLE);
    home.paths.home_dir = Some("/home/ada".into());
    let shown = home.load().unwrap();
    assert_eq!(shown.profile_order, ["zeta", "alpha", "default"]);
    let toml = shown.to_toml();
    assert!(toml.contains("# isolation is not set: `\"moderate\"`"), "{toml}");
    assert!(
        toml.contains("match = [{ client = \"x\", folder = \"~/a/**\" }, { parent = \"p\" }]  # line 2"),
        "{toml}"
    );
    let json = shown.to_json();
    assert_eq!(json["profile_order"], serde_json::json!(["zeta", "alpha", "default"]));
    assert_eq!(json["settings"]["profiles"]["zeta"]["match"]["value"][1]["parent"], "p");
    assert_eq!(json["profile_defaults"]["pin_idle_ms"], "300000");
    std::fs::write(&home.paths.config_file, toml).unwrap();
    let again = home.load().unwrap();
    assert_eq!((again.profiles, again.profile_order), (shown.profiles, shown.profile_order));
}

#[test]
fn every_error_has_its_place_and_says_what_is_right() {
    for (lines, expected) in [
        (
            "colour = 1",
            "4:1: profiles.p.colour: unknown key\n  hint: valid keys of a profile: match, connection, ",
        ),
        (
            "allowed_table = ['A']",
            "4:1: profiles.p.allowed_table: unknown key\n  hint: did you mean `allowed_tables`?",
        ),
        (
            "read_only = true",
            "4:1: profiles.p.read_only: unknown key\n  hint: `read_only` belongs to a connection",
        ),
        (
            "folder = '/a'",
            "4:1: profiles.p.folder: unknown key\n  hint: write `match = [{ folder = \"...\" }]`",
        ),
        (
            "busy_timeout_ms = 1",
            "4:1: profiles.p.busy_timeout_ms: unknown key\n  hint: `busy_timeout_ms` belongs in [sqlite]",
        ),
        ("statements = ['read', 'select']", "4:23: profiles.p.statements: expected one of \"read\", "),
        ("statements = ['reed']", "hint: did you mean \"read\"?"),
        ("statements = ['insert']", "hint: did you mean \"write\"?"),
        ("statements = []", "4:14: profiles.p.statements: the list is empty"),
        ("statements = 'read, write'", "hint: write `statements = [\"read\", \"write\"]`"),
        ("statements = ['read', 'read']", "4:23: profiles.p.statements: \"read\" is there twice"),
        ("tools = ['execute_querry']", "hint: did you mean \"execute_query\"?"),
        ("tools = [1]", "4:10: profiles.p.tools: expected a text in quotes, got 1"),
        ("allowed_tables = 'A.B.C'", "hint: write `allowed_tables = [\"A.B.C\"]`"),
        ("denied_tables = ['']", "4:18: profiles.p.denied_tables: the pattern is empty"),
        ("isolation = 'strickt'", "hint: did you mean \"strict\"?"),
        ("secondary_roles = 'some'", "expected one of \"all\", \"none\", got \"some\""),
        ("rows_max = 0", "expected a whole number from 1 to 1000000, got 0\n  hint: write `rows_max = 1`"),
        ("pin_idle_ms = '5m'", "hint: write `pin_idle_ms = 300000`"),
        ("require_agent_session = 'yes'", "hint: write `require_agent_session = true`"),
        ("validator = 'check'", "expected a list of texts like [\"program\", \"argument\"]"),
        (
            "connection = 'sqlit'",
            "4:14: profiles.p.connection: there is no connection \"sqlit\"\n  hint: did you mean \"sqlite\"?",
        ),
        ("match = []", "4:9: profiles.p.match: the list is empty"),
        ("match = [{}]", "4:10: profiles.p.match: the table is empty"),
        ("match = 'claude'", "hint: write `match = [{ client = \"claude\" }]`"),
        ("match = ['claude']", "4:10: profiles.p.match: expected a list of tables"),
        (
            "match = [{ cwd = '/a' }]",
            "4:12: profiles.p.match.cwd: unknown key\n  hint: did you mean `folder`?",
        ),
        ("match = [{ client = 1 }]", "4:21: profiles.p.match.client: expected a pattern in quotes, got 1"),
        ("match = [{ folder = 'a' }]", "4:21: profiles.p.match.folder: \"a\" is a relative path"),
        ("match = [{ key = 'a' }, { key = 'a' }]", "4:25: profiles.p.match: the same table is there twice"),
    ] {
        let errors = Home::with_file(&format!("# 1\n# 2\n[profiles.p]\n{lines}\n")).errors();
        assert_eq!(errors.len(), 1, "{lines}: {errors:#?}");
        assert!(errors[0].contains(expected), "{lines}: {}", errors[0]);
    }
}

#[test]
fn every_example_loads_without_a_warning() {
    let mut seen = 0;
    // Tests run in the package's folder.
    for entry in std::fs::read_dir("../examples").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            seen += 1;
            let mut home = Home::with_file(&std::fs::read_to_string(&path).unwrap());
            home.paths.home_dir = Some("/home/ada".into());
            assert_eq!(home.warnings(), [] as [String; 0], "{}", path.display());
        }
    }
    assert!(seen >= 2);
}

#[test]
fn default_has_no_match_and_lists_may_be_empty() {
    let errors = Home::with_file("[profiles.default]\nmatch = [{ client = '*' }]\n").errors();
    assert!(
        errors[0].starts_with("config.toml:2:1: profiles.default.match: `default` is for every"),
        "{errors:?}"
    );
    let config = Home::with_file("[profiles.default]\nallowed_tables = []\n").load().unwrap();
    assert_eq!(config.profile("default"), Ok(&ProfileConfig::default()));
}

#[test]
fn what_is_likely_wrong_is_a_warning() {
    let home = Home::with_file(
        "[limits]\nrows_max = 5\n[profiles.a]\nrows_max = 6\nmatch = { client = '*' }\n[profiles.b]\n\
         validator_text = true\nmatch = { client = 'b', folder = '/b' }\n",
    );
    assert_eq!(
        home.warnings(),
        [
            "config.toml:4:12: profiles.a.rows_max: 6 is above limits.rows_max = 5, which counts",
            "config.toml:7:18: profiles.b.validator_text: has no effect: the profile has no `validator`",
            "config.toml:8:9: profiles.b.match: no session gets here: what fits this fits the profile `a`, which is tried first",
        ]
    );
}

#[test]
fn a_users_file_changes_nothing_of_a_systems_profile_and_comes_behind_it() {
    let system = "[profiles.z]\nmatch = { client = 'c' }\nrows_max = 5\n";
    let user = "[profiles.a]\nmatch = { client = '*' }\n[profiles.z]\nmatch = { client = 'd' }\nrows_max = 9\n\
                statements = ['read']\n";
    let home = Home::with_file(user).with_system_file(system);
    let config = home.load().unwrap();
    assert_eq!(config.profile_order, ["z", "a", "default"]);
    let z = &config.profiles["z"];
    assert_eq!((z.rows_max, z.matches[0].client.as_deref(), z.statements), (Some(5), Some("c"), None));
    let warnings = home.warnings().join("\n");
    for key in ["match", "rows_max", "statements"] {
        assert!(warnings.contains(&format!("profiles.z.{key}: the value ")), "{key}: {warnings}");
    }
}

#[test]
fn what_protects_in_a_profile_of_the_usual_file_holds_if_a_variable_names_another() {
    let mut home = Home::with_file(
        "[profiles.p]\nmatch = { client = 'c' }\nrows_max = 5\nrole = 'R'\n[profiles.q]\ndenied_tables = ['T']\n",
    );
    let named = home.dir.path().join("named.toml");
    let text = "[profiles.first]\nmatch = { client = '*' }\n[profiles.p]\nrows_max = 9\nrole = 'S'\nbytes_max = 2048\n\
                export_folder = '/srv/out'\n[profiles.q]\nmatch = { client = 'c' }\n";
    std::fs::write(&named, text).unwrap();
    home.paths.usual_file = Some(std::mem::replace(&mut home.paths.config_file, named));
    let config = home.load().unwrap();
    assert_eq!(config.profile_order, ["p", "q", "first", "default"]);
    let p = &config.profiles["p"];
    assert_eq!((p.rows_max, p.bytes_max, p.role.as_deref()), (Some(5), Some(2048), Some("S")));
    let q = &config.profiles["q"];
    assert!(q.matches.is_empty() && q.names.denied_tables == ["T"]);
    let warnings = home.warnings().join("\n");
    assert!(warnings.contains("profiles.p.rows_max: the value 9 was not taken"), "{warnings}");
    assert!(warnings.contains("profiles.q.match: the value "), "{warnings}");
    // One without a folder has decided that nothing is exported.
    assert_eq!(p.export_folder, None);
    assert!(warnings.contains("profiles.p.export_folder: the value "), "{warnings}");
}
