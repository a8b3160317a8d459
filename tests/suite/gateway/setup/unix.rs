//! Questions at a terminal, and modes of files.

use std::os::unix::fs::PermissionsExt;

use snowgate_tests::{Terminal, tool_text};

use std::process::Command;

use super::*;

/// `snowgate setup` of a user who has no MCP client.
fn asking(home: &Home) -> Command {
    let mut command = home.gateway();
    command.env("HOME", home.path()).env("PATH", "/nonexistent").arg("setup");
    command
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
