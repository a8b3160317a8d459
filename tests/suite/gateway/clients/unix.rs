//! Links, modes, and clients that are scripts.

use std::os::unix::fs::{PermissionsExt, symlink};

use snowgate_tests::write_script;

use super::*;

#[test]
fn a_file_of_a_megabyte_that_is_a_link_keeps_both() {
    let user = User::new();
    let history: Vec<_> =
        (0..20_000).map(|n| json!({"display": format!("{n} }} // \" {{"), "pasted": {}})).collect();
    let before = format!("{:#}", json!({"projects": {"/p": {"history": history}}, "numStartups": 3}));
    assert!(before.len() > 1 << 20, "{}", before.len());
    let real = user.write("dotfiles/claude.json", &before);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("setting a mode");
    symlink("dotfiles/claude.json", user.path(".claude.json")).expect("making a link");
    user.change("install claude-code");
    let link = fs::symlink_metadata(user.path(".claude.json")).expect("the link");
    assert!(link.is_symlink());
    let installed = fs::read_to_string(&real).expect("the file");
    assert!(is_only_added(&before, &installed) && installed.contains("snowgate-shim"));
    assert_eq!(fs::metadata(&real).expect("the file").permissions().mode() & 0o777, 0o640);
    user.change("uninstall claude-code");
    assert_eq!(fs::read_to_string(&real).expect("the file"), before);
}

#[test]
fn what_cannot_be_changed_safely_is_refused_with_its_place_and_what_to_do() {
    let large = vec![b' '; (8 << 20) + 1];
    for (text, mode, expected) in [
        (&b"{\n  \"mcpServers\": {\n    \"a\": {} \"b\"\n"[..], 0o600, "line 3, column 12: expected comma"),
        (b"{\"mcpServers\": []}", 0o600, "`mcpServers` is a list"),
        (b"{\"mcpServers\": {}, \"mcpServers\": {}}", 0o600, "there twice"),
        (b"[1]", 0o600, "a list"),
        (b"{\"mcpServers\": {}}", 0o444, "read-only"),
        (b"\xff\xfe{\0}\0", 0o600, "not UTF-8"),
        (&large, 0o600, "more than 8388608 bytes"),
    ] {
        let user = User::new();
        let file = user.write(place("cursor"), text);
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("setting a mode");
        let ended = user.run("install cursor");
        assert_eq!(ended.code, 70, "{}", ended.stderr);
        let said = ended.stderr;
        assert!(said.contains(expected) && said.contains("next step") && said.contains("mcp.json"), "{said}");
        assert_eq!(fs::read(&file).expect("the file"), text);
        let error = user.run("install cursor --json").json()["error"].clone();
        assert_eq!(error["exit_code"], 70, "{error}");
        assert!(error["next_step"].is_string(), "{error}");
    }
    let user = User::new();
    fs::create_dir_all(user.path(".cursor/mcp.json")).expect("making a folder");
    assert!(user.run("install cursor").stderr.contains("is no file"));
}

#[test]
fn clients_says_which_are_here_and_whether_their_entries_are_current() {
    let user = User::new();
    user.write(place("codex"), "model = 'o3'\n");
    user.write(place("zed"), "{ // mine\n");
    let gone = user.path("gone/snowgate-shim");
    fs::create_dir(user.path("gone")).expect("making a folder");
    write_script("#!/bin/sh\n", &gone);
    user.change(&format!("install cursor --shim {}", gone.display()));
    fs::remove_file(&gone).expect("removing a file");
    let old = user.path("old/snowgate-shim");
    fs::create_dir(user.path("old")).expect("making a folder");
    write_script("#!/bin/sh\necho 'snowgate-shim 0.0.1 (link protocol 1..1)'\n", &old);
    user.change(&format!("install claude-code --session mine --shim {}", old.display()));
    user.change("install vscode --scope project");
    let clients = user.run("clients --json").json()["clients"].clone();
    let state = |id: &str| -> Value {
        let clients = clients.as_array().expect("a list");
        clients.iter().find(|state| state["client"] == id).expect("the client").clone()
    };
    assert_eq!(state("codex")["is_present"], true);
    assert_eq!(state("windsurf")["is_present"], false);
    assert!(state("zed")["files"][0]["problem"][0].as_str().expect("a text").contains("line 1"), "{clients}");
    assert_eq!(state("cursor")["files"][0]["entries"][0]["standing"], "missing");
    let entry = &state("claude-code")["files"][0]["entries"][0];
    assert_eq!((&entry["standing"], &entry["version"]), (&json!("other_version"), &json!("0.0.1")));
    let project = state("vscode")["files"][1].clone();
    assert_eq!(
        (&project["scope"], &project["entries"][0]["standing"]),
        (&json!("project"), &json!("current"))
    );
    let text = user.run("clients").stdout;
    assert!(
        text.contains("not found: ") && text.contains("the shim is gone") && text.contains("0.0.1"),
        "{text}"
    );
    // A second install brings an entry up to date, and keeps what it asks for.
    assert_eq!(user.change("install claude-code")["action"], "updated");
    let config = fs::read_to_string(user.path(".claude.json")).expect("the file");
    assert!(
        config.contains("\"mine\"") && config.contains(&binaries().shim.display().to_string()),
        "{config}"
    );
}
