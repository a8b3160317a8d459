//! `snowgate bundle`: what is in the file, and that it works where a client unpacks it.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(unix)]
mod unix;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, Launch, binaries, tool_text};
use tempfile::TempDir;

const ANALYST: &str = "[profiles.analyst]\ndatabase = 'TWO'\ntools = ['execute_query', 'session_info']\n";

/// A bundle of `home`, made with `arguments` and unpacked in a folder of its own.
fn unpacked(home: &Home, arguments: &[&str]) -> TempDir {
    let file = home.path().join("made.mcpb");
    let words = [&["bundle", "--output", file.to_str().expect("UTF-8")], arguments].concat();
    let output = home.run(&words);
    assert_eq!(output.code, Some(0), "{output:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let draft = home.path().join("draft");
    let mut archive = zip::ZipArchive::new(File::open(file).expect("the bundle")).expect("a zip file");
    archive.extract(&draft).expect("unpacking");
    // Another process writes what is run: see `copy_program`.
    let copied = Command::new("cp").arg("-a").arg(draft.join(".")).arg(folder.path()).status();
    assert!(copied.is_ok_and(|status| status.success()));
    folder
}

fn manifest(bundle: &Path) -> Value {
    serde_json::from_slice(&fs::read(bundle.join("manifest.json")).expect("the manifest")).expect("JSON")
}

/// Launches what the manifest says, as a client does whose user has given these answers.
fn launch(home: &Home, bundle: &Path, answers: &BTreeMap<&str, String>) -> Client {
    let manifest = manifest(bundle);
    let filled = |text: &Value| {
        let mut text = text.as_str().expect("text").replace("${__dirname}", bundle.to_str().expect("UTF-8"));
        for (name, question) in manifest["user_config"].as_object().expect("questions") {
            let default = question["default"].as_str().expect("a default");
            let answer = answers.get(name.as_str()).map_or(default, String::as_str);
            text = text.replace(&format!("${{user_config.{name}}}"), answer);
        }
        assert!(!text.contains("${"), "{text}");
        text
    };
    let config = &manifest["server"]["mcp_config"];
    let mut command = home.command(Path::new(&filled(&config["command"])));
    command.args(config["args"].as_array().expect("arguments").iter().map(filled));
    for (name, value) in config["env"].as_object().expect("variables") {
        command.env(name, filled(value));
    }
    let mut client = Launch::new(command).start();
    client.initialize();
    client
}

#[test]
fn what_the_user_answers_is_what_the_client_gets() {
    let home = Home::new();
    home.configure(ANALYST);
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs::write(elsewhere.path().join("ELSEWHERE.db"), "").expect("a database");
    let bundle = unpacked(&home, &[]);
    let answers = BTreeMap::from([("folder", elsewhere.path().display().to_string())]);
    let mut client = launch(&home, bundle.path(), &answers);
    let listed = tool_text(&client.call("list_databases", &json!({}))).to_owned();
    assert!(listed.contains("ELSEWHERE") && !listed.contains("TWO"), "{listed}");
    client.leave();
}

#[test]
fn a_config_in_the_bundle_holds_where_there_is_no_other() {
    let (home, other) = (Home::new(), Home::new());
    home.configure(ANALYST);
    let config = home.config_file();
    fs::remove_file(other.config_file()).expect("removing the config");
    let words = ["--profile", "analyst", "--config", config.to_str().expect("UTF-8")];
    let bundle = unpacked(&home, &words);
    let mut client = launch(&other, bundle.path(), &BTreeMap::new());
    let info = tool_text(&client.call("session_info", &json!({}))).to_owned();
    assert!(info.contains("analyst") && info.contains("TWO"), "{info}");
    client.leave();
}

#[test]
fn two_bundles_of_the_same_are_the_same() {
    let home = Home::new();
    let file = home.path().join("made.mcpb");
    let made = || {
        let output = home.run(&["bundle", "-o", file.to_str().expect("UTF-8"), "--json"]);
        assert_eq!(output.json()["profile"], "default", "{output:?}");
        fs::read(&file).expect("the bundle")
    };
    assert!(made() == made());
}

#[test]
fn what_cannot_be_packed_is_said_with_a_next_step() {
    let home = Home::new();
    home.configure(ANALYST);
    let unknown = home.run(&["bundle", "--profile", "analist", "--json"]);
    assert_eq!(unknown.code, Some(78), "{unknown:?}");
    assert!(unknown.stdout.contains("analyst"), "{unknown:?}");
    let name = home.run(&["bundle", "--name", "../x", "--json"]);
    assert_eq!(name.code, Some(64), "{name:?}");
    assert!(
        name.json()["error"]["next_step"].as_str().is_some_and(|step| step.contains("--name")),
        "{name:?}"
    );
    // Without a shim beside it there is nothing to pack.
    let folder = tempfile::tempdir().expect("a folder");
    let alone = folder.path().join("snowgate");
    snowgate_tests::copy_program(&binaries().gateway, &alone);
    let output = home.command(&alone).args(["bundle", "--json"]).output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(70), "{said}");
    assert!(said.contains("put snowgate-shim and snowgate into one folder"), "{said}");
}
