//! `snowgate setup` with SQLite, by flags and at a terminal; its SQL; and that nothing is left of one that was ended.

#[cfg(unix)]
mod unix;

use std::fs;

use serde_json::json;
use snowgate_tests::Home;

const USAGE: Option<i32> = Some(64);
const CONFIG: Option<i32> = Some(78);

/// A home with a folder of one database, and the folder.
fn home() -> (Home, String) {
    let home = Home::bare();
    let folder = home.path().join("mine");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("SALES.db"), "").expect("a database");
    let folder = folder.display().to_string();
    (home, folder)
}

fn config(home: &Home) -> String {
    fs::read_to_string(home.config_file()).unwrap_or_default()
}

#[test]
fn without_a_terminal_the_flags_that_are_missing_are_named() {
    let (home, _) = home();
    let before = home.files();
    for (arguments, words) in [
        (&["setup"][..], "--backend sqlite, or --account"),
        (&["setup", "--account", "a-b"], "--authenticator, --user"),
        (&["setup", "--account", "a b"], "organization-account"),
        (&["setup", "--folder", "/no/such/folder"], "there is no folder"),
        (&["setup", "--backend", "sqlite", "--account", "a-b"], "--account belongs to Snowflake"),
        (&["setup", "--folder", "/", "--role", "r"], "--folder belongs to SQLite"),
        (&["setup", "sql", "--timeout", "604801"], "a whole number from 1 to 604800"),
        (&["setup", "sql", "--credits", "no"], "a whole number from 1 to 1000000"),
    ] {
        let done = home.run(arguments);
        assert_eq!(done.code, USAGE, "{done:?}");
        assert!(done.stderr.contains(words), "{words}: {done:?}");
    }
    assert_eq!(home.files(), before);
}

#[test]
fn what_the_config_has_stays_and_is_replaced_only_if_that_is_wanted() {
    let (home, folder) = home();
    let before =
        "# Ours.\n[backend]\nkind = \"sqlite\" # files\n[sqlite]\nsample_data = false\nread_only = false\n";
    fs::write(home.config_file(), before).expect("a config");
    let refused = home.run(&["setup", "--folder", &folder, "--yes"]);
    assert_eq!(refused.code, CONFIG, "{refused:?}");
    for words in ["sqlite.read_only = true (now false)", "--overwrite"] {
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    let dry = home.run(&["setup", "--folder", &folder, "--dry-run"]);
    assert!(dry.stdout.contains("read_only = true") && dry.stdout.starts_with("# Ours.\n"), "{dry:?}");
    assert_eq!(config(&home), before);
    let done = home.run(&["setup", "--folder", &folder, "--yes", "--overwrite"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(config(&home), dry.stdout);
    let copy = home.path().join("config.toml.bak");
    assert_eq!(fs::read_to_string(copy).expect("a copy"), before);
}

#[test]
fn a_config_that_cannot_be_read_is_left_alone() {
    let (home, folder) = home();
    for (before, words) in
        [("[sqlite\n", "is no TOML"), ("[pool]\nconnections_max = 0\n", "pool.connections_max")]
    {
        fs::write(home.config_file(), before).expect("a config");
        let done = home.run(&["setup", "--folder", &folder, "--yes"]);
        assert_eq!(done.code, CONFIG, "{done:?}");
        assert!(done.stderr.contains(words), "{words}: {done:?}");
        assert_eq!(config(&home), before);
    }
}

#[test]
fn a_test_that_fails_writes_nothing() {
    let (home, folder) = home();
    let before = home.files();
    let arguments = ["setup", "--folder", &folder, "--database", "NONE", "--yes"];
    let done = home.run(&arguments);
    assert_eq!(done.code, Some(77), "{done:?}");
    assert!(
        done.stderr.contains("the test of the connection failed") && done.stderr.contains("NONE"),
        "{done:?}"
    );
    assert!(!home.config_file().exists());
    assert!(before.iter().all(|file| home.path().join(file).exists()));
    let without = home.run(&[&arguments[..], &["--no-test"]].concat());
    assert_eq!(without.code, Some(0), "{without:?}");
    assert!(config(&home).contains("database = \"NONE\""));
}

#[test]
fn the_sql_for_a_role_is_printed_and_odd_names_stay_names() {
    let home = Home::bare();
    let usual = home.run(&["setup", "sql", "--agent"]);
    assert_eq!(usual.code, Some(0), "{usual:?}");
    for line in [
        "TYPE = SERVICE_AGENT",
        "GRANT SELECT ON FUTURE VIEWS IN DATABASE SALES TO ROLE AGENT_READER;",
        "'SNOWFLAKE$DATA_READ'",
    ] {
        assert!(usual.stdout.contains(line), "{line}: {}", usual.stdout);
    }
    let odd = home.run(&[
        "setup",
        "sql",
        "--database",
        "x\"; DROP DATABASE y; --",
        "--role",
        "table",
        "--from",
        "10.0.0.0/8",
    ]);
    assert!(
        odd.stdout.contains("USAGE ON DATABASE \"x\"\"; DROP DATABASE y; --\" TO ROLE \"TABLE\";"),
        "{}",
        odd.stdout
    );
    assert!(odd.stdout.contains("VALUE_LIST = ('10.0.0.0/8')") && odd.stdout.contains("TYPE = SERVICE\n"));
    for wrong in [["--role", ""], ["--from", "office"], ["--public-key-file", "/etc/hostname"]] {
        let done = home.run(&["setup", "sql", wrong[0], wrong[1]]);
        assert_eq!(done.code, USAGE, "{wrong:?}: {done:?}");
    }
    assert!(home.files().is_empty());
}

#[test]
fn who_is_to_write_needs_a_profile_that_may() {
    let (home, folder) = home();
    for (before, words) in [
        (
            "[profiles.default]\nstatements = ['read', 'context']\n",
            "`statements` of the profile \"default\" has only",
        ),
        ("[profiles.default]\naccess_role = 'analyst'\n", "the role \"analyst\" of the profile \"default\""),
    ] {
        fs::write(home.config_file(), before).expect("a config");
        for more in ["--yes", "--dry-run"] {
            let done = home.run(&["setup", "--folder", &folder, "--write", more]);
            assert_eq!(done.code, CONFIG, "{done:?}");
            assert!(
                done.stderr.contains(words) && done.stderr.contains("nothing was written"),
                "{words}: {done:?}"
            );
            assert_eq!(config(&home), before);
        }
    }
    let named = home.run(&["setup", "--folder", &folder, "--write", "--yes", "--profile", "my writers"]);
    assert_eq!(named.code, Some(0), "{named:?}");
    assert!(config(&home).contains("[profiles.\"my writers\"]"), "{}", config(&home));
    let explained = home.run(&["config", "explain", "--profile", "my writers"]);
    assert_eq!(explained.code, Some(0), "{explained:?}");
}

#[test]
fn values_that_are_there_already_in_another_form_are_written_no_second_time() {
    let (home, folder) = home();
    let before = format!(
        "[backend]\nkind = 'sqlite'\n[sqlite]\nfolder = '{folder}'\nread_only = true\n\
         [profiles.default]\nstatements = ['context', 'read']\n"
    );
    fs::write(home.config_file(), &before).expect("a config");
    let done = home.run(&["setup", "--folder", &folder, "--yes", "--json"]);
    assert_eq!((done.code, &done.json()["written"]), (Some(0), &json!(false)), "{done:?}");
    assert_eq!(config(&home), before);
    assert!(!home.path().join("config.toml.bak").exists());
}
