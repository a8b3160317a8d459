//! `snowgate setup` with SQLite, by flags and at a terminal; its SQL; and that nothing is left of one that was ended.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::json;
use snowgate_tests::{Home, Terminal, tool_text};

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

/// `snowgate setup` of a user who has no MCP client.
fn asking(home: &Home) -> Command {
    let mut command = home.gateway();
    command.env("HOME", home.path()).env("PATH", "/nonexistent").arg("setup");
    command
}

fn config(home: &Home) -> String {
    fs::read_to_string(home.config_file()).unwrap_or_default()
}

#[test]
fn flags_alone_write_a_config_that_a_gateway_serves() {
    let (home, folder) = home();
    let done = home.run(&["setup", "--folder", &folder, "--yes", "--json"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let said = done.json();
    assert_eq!(
        (&said["written"], &said["tested"], &said["backup"]),
        (&json!(true), &json!(true), &json!(null))
    );
    assert_eq!(fs::metadata(home.config_file()).expect("the config").permissions().mode() & 0o777, 0o600);
    assert_eq!(home.run(&["config", "check"]).code, Some(0));
    let mut client = home.client();
    client.initialize();
    let answer = client.call("list_databases", &json!({}));
    assert!(tool_text(&answer).contains("SALES"), "{answer}");

    let again = home.run(&["setup", "--folder", &folder, "--yes"]);
    assert!(
        again.stdout.contains("has all of it already") && again.stdout.contains("snowgate restart"),
        "{again:?}"
    );
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
fn questions_at_a_terminal_lead_to_the_same_config() {
    let (home, folder) = home();
    let mut setup = Terminal::run(&mut asking(&home));
    setup.expect("Where is your data?");
    setup.expect("Number [1]:");
    setup.type_line("SQLite");
    setup.expect("Folder of the database files");
    setup.type_line("/no/such/folder");
    setup.expect("there is no folder");
    setup.type_line(&folder);
    setup.expect("May clients change data? [y/N]");
    setup.type_line("");
    setup.expect("Name of the profile");
    setup.type_line("");
    setup.expect("the connection works");
    setup.expect("[sqlite]");
    setup.expect("Write it? [Y/n]");
    setup.type_line("");
    setup.expect("written: ");
    assert_eq!(setup.end().0, Some(0));
    let text = config(&home);
    assert!(text.contains(&format!("folder = \"{folder}\"")) && text.contains("read_only = true"), "{text}");
}

#[test]
fn clients_that_are_there_are_offered_the_entry() {
    let (home, folder) = home();
    let cursor = home.path().join(".cursor/mcp.json");
    fs::create_dir(home.path().join(".cursor")).expect("a folder");
    fs::write(&cursor, "{}\n").expect("a config");
    for (answer, is_in) in [("n", false), ("", true)] {
        let mut command = asking(&home);
        command.args(["--folder", &folder, "--profile", "reports"]);
        let mut setup = Terminal::run(&mut command);
        setup.expect("May clients change data?");
        setup.type_line("");
        if is_in {
            setup.expect("has all of it already; nothing was written");
        } else {
            setup.expect("Write it?");
            setup.type_line("");
        }
        setup.expect("Put Snowgate into the configs of these clients: ");
        setup.type_line(answer);
        assert_eq!(setup.end().0, Some(0));
        let text = fs::read_to_string(&cursor).expect("the client's config");
        assert_eq!(text.contains("snowgate-shim") && text.contains("reports"), is_in, "{text}");
    }
}

#[test]
fn a_set_up_that_is_ended_leaves_nothing() {
    let questions = [
        "Number [1]:",
        "Folder of the database files",
        "May clients change data?",
        "Name of the profile",
        "Write it?",
    ];
    for (last, _) in questions.iter().enumerate() {
        let (home, folder) = home();
        let mut setup = Terminal::run(&mut asking(&home));
        for (question, answer) in questions[..last].iter().zip(["2", &folder, "", ""]) {
            setup.expect(question);
            setup.type_line(answer);
        }
        setup.expect(questions[last]);
        setup.kill();
        assert_eq!(setup.end().0, None, "the signal ended it");
        let names: Vec<_> = home.files().iter().map(|file| file.display().to_string()).collect();
        assert!(names.iter().all(|name| name.starts_with("mine")), "{last}: {names:?}");
    }
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
fn a_file_that_cannot_be_replaced_is_no_fault_of_the_configuration() {
    let (home, folder) = home();
    fs::write(home.config_file(), "# mine\n").expect("a config");
    fs::set_permissions(home.config_file(), fs::Permissions::from_mode(0o444)).expect("a mode");
    let done = home.run(&["setup", "--folder", &folder, "--yes"]);
    assert_eq!(done.code, Some(70), "{done:?}");
    assert!(done.stderr.contains("read-only") && done.stderr.contains("next step"), "{done:?}");
    assert_eq!(config(&home), "# mine\n");
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

#[test]
fn what_was_written_before_a_set_up_was_ended_is_said() {
    const CTRL_D: &str = "\u{4}";
    let (home, folder) = home();
    fs::create_dir(home.path().join(".cursor")).expect("a folder");
    let start = || {
        let mut command = asking(&home);
        command.args(["--folder", &folder, "--profile", "default"]);
        let mut setup = Terminal::run(&mut command);
        setup.expect("May clients change data?");
        setup.type_line("");
        setup.expect("Write it?");
        setup
    };
    let mut before = start();
    before.type_line("n");
    before.expect("cancelled; the config was not written, and no client was changed");
    assert_eq!(before.end().0, Some(130));
    assert!(!home.config_file().exists());
    let mut behind = start();
    behind.type_line("");
    behind.expect("Put Snowgate into the configs");
    behind.type_line(CTRL_D);
    behind.expect("cancelled; the config is written, as said above; no client was changed");
    assert_eq!(behind.end().0, Some(130));
    assert!(home.config_file().exists() && !home.path().join(".cursor/mcp.json").exists());
}
