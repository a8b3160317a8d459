//! `snowgate install` and `uninstall` with options that name programs, projects or all, and what they print.

#[cfg(unix)]
mod unix;

use std::fs;

use serde_json::json;

use crate::clients::{User, place};

#[test]
fn print_is_json_for_scripts_and_names_the_clients_if_there_are_several() {
    let user = User::new();
    let configs = user.run("install --print codex cursor --json").json()["configs"].clone();
    assert_eq!((&configs[0]["client"], &configs[1]["client"]), (&json!("cursor"), &json!("codex")));
    let codex = configs[1]["config"].as_str().expect("a text");
    assert!(codex.starts_with("[mcp_servers.snowgate]\n"), "{codex}");
    let shown = user.run("install --print codex cursor").stdout;
    assert!(shown.starts_with("cursor:\n{") && shown.contains(&format!("codex:\n{codex}")), "{shown}");
    assert_eq!(user.run("install --print codex").stdout, codex);
}

#[test]
fn uninstall_of_all_says_of_each_client_what_became_of_it_also_if_that_is_nothing() {
    let user = User::new();
    let nothing = user.run("uninstall --all");
    assert_eq!(nothing.code, 0, "{}", nothing.stderr);
    assert!(nothing.stdout.contains("nothing was changed"), "{}", nothing.stdout);
    assert_eq!(user.run("uninstall --all --json").json()["changes"], json!([]));
    user.write(place("cursor"), "{");
    user.write(place("zed"), "{}\n");
    user.change("install codex");
    let ended = user.run("uninstall --all");
    assert_eq!(ended.code, 70, "{}", ended.stderr);
    assert!(ended.stderr.contains("cursor: ") && ended.stderr.contains("line 1"), "{}", ended.stderr);
    for said in ["codex: removed `snowgate` from ", "it is removed, too", "zed: there is no `snowgate` in "] {
        assert!(ended.stdout.contains(said), "{said}: {}", ended.stdout);
    }
    // The client's own folder is not needed for that.
    user.change("install vscode --scope project");
    assert_eq!(user.change("uninstall --all --scope project")["action"], "removed");
}

#[test]
fn names_in_a_file_cannot_steer_the_terminal() {
    let user = User::new();
    let rival = "snowflake\u{202e}\u{2066}\u{61c}\u{9b}31m\nfake: line";
    let config = json!({"mcpServers": {rival: {"command": "x"}, "odd\u{200f}": {"command": "/x\u{202e}/snowgate-shim"}}});
    user.write(place("cursor"), config.to_string());
    for line in ["install cursor --dry-run", "clients", "install cursor", "uninstall cursor"] {
        let ended = user.run(line);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(
            !said.contains(|char: char| "\u{202e}\u{2066}\u{61c}\u{9b}\u{200f}".contains(char)),
            "{line}: {said:?}"
        );
        assert!(!said.contains("\nfake"), "{line}: {said}");
    }
}

#[test]
fn what_is_not_named_stays_in_an_entry_and_what_has_changed_is_said() {
    let user = User::new();
    user.home.configure("[profiles.reader]\ndatabase = 'TWO'\n");
    let args = || {
        let text = fs::read_to_string(user.path(place("cursor"))).expect("the file");
        let config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        config["mcpServers"]["snowgate"]["args"].clone()
    };
    user.change("install cursor --profile reader");
    let said = user.run("install cursor --session x").stdout;
    assert_eq!(args(), json!(["--profile", "reader", "--session", "x"]));
    assert!(said.contains("session: x, was none") && !said.contains("profile"), "{said}");
    let said = user.run("install cursor --profile=").stdout;
    assert_eq!(args(), json!(["--session", "x"]));
    assert!(said.contains("profile: none, was reader"), "{said}");
    assert_eq!(user.change("install cursor --profile=")["action"], "unchanged");
}

#[test]
fn the_home_that_an_entry_leads_to_is_named_and_its_config_has_to_have_the_profile() {
    let user = User::new();
    user.home.configure("[profiles.there]\ndatabase = 'TWO'\n");
    user.change("install cursor");
    let without_home = |line: &str| {
        let mut command = user.command();
        command.env_remove("SNOWGATE_HOME").args(line.split(' '));
        let output = command.output().expect("running snowgate");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let home = user.home.path().display().to_string();
    let (code, said, error) = without_home("install cursor --profile there");
    assert_eq!(code, Some(0), "{error}");
    assert!(said.contains(&format!("the entry keeps SNOWGATE_HOME={home}")), "{said}");
    let (code, _, error) = without_home("install cursor --profile elsewhere");
    assert_eq!(code, Some(78), "{error}");
    assert!(error.contains(&format!("the entry leads to the home {home}")), "{error}");
    // An entry that is made has the usual home.
    assert_eq!(without_home("install codex --profile there").0, Some(78));
}
