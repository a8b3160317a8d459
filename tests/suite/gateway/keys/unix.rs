//! Modes of the file of keys, and the list of processes.

use super::*;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_key_is_in_no_file_no_log_and_no_list_of_processes() {
    let gateway = gateway("");
    let home = &gateway.home;
    let key = create(home, &["--name", "ci"]);
    let client = Client::named(&gateway, &key, "editor");
    assert_eq!(client.query("values (1)")["result"]["isError"], false);
    client.query(&format!("select '{key}' from nowhere"));
    for wrong in [&key[..key.len() - 1], &format!("{key}x")] {
        assert_eq!(status_with(&gateway, &[("X-API-Key", wrong)]), 401);
    }
    let rotated = home.run(&["keys", "rotate", "ci"]).stdout.trim().to_owned();
    assert_eq!(home.run(&["keys", "revoke", &key]).code, Some(64));
    until("the last use is written down", || listed(home)[0]["last_address"] == "127.0.0.1");
    let secret = &key["sgk_".len()..key.len() - 1];
    for (what, text) in [
        ("status", home.run(&["status", "--json"]).stdout),
        ("sessions", home.run(&["sessions", "--json"]).stdout),
        ("keys", home.run(&["keys", "list", "--json"]).stdout),
        ("quota", home.run(&["quota", "--json"]).stdout),
    ] {
        assert!(!text.contains(secret), "{what}");
    }
    let processes = home.processes();
    assert!(
        !processes.is_empty() && processes.iter().all(|process| !process.command.is_empty()),
        "{processes:?}"
    );
    assert!(processes.iter().all(|process| !process.command.contains(secret)));
    gateway.kill();
    for file in home.files() {
        let bytes = std::fs::read(&file).unwrap_or_default();
        for key in [secret, &rotated["sgk_".len()..]] {
            let found = bytes.windows(key.len()).any(|window| window == key.as_bytes());
            assert!(!found, "{}", file.display());
        }
    }
    let mode = std::fs::metadata(home.path().join("state/keys.json")).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    gateway.start_again();
    assert!(listed(home)[0]["requests"].as_u64().is_some_and(|requests| requests >= 3));
}

#[test]
fn a_damaged_file_refuses_every_key_and_says_so() {
    let gateway = gateway("");
    let home = &gateway.home;
    let key = create(home, &["--name", "ci"]);
    assert_eq!(status_with(&gateway, &[("X-API-Key", &key)]), 200);
    let file = home.path().join("state/keys.json");
    let whole = std::fs::read(&file).expect("the keys");
    let problem =
        || home.status().expect("a status")["keys"]["problem"].as_str().unwrap_or_default().to_owned();
    std::fs::write(&file, &whole[..whole.len() / 2]).expect("writing");
    assert_eq!(status_with(&gateway, &[("X-API-Key", &key)]), 503);
    assert!(problem().contains("damaged"), "{}", problem());
    let output = home.run(&["keys", "create", "--name", "more", "--json"]);
    assert!(output.code == Some(70) && output.stdout.contains("damaged"), "{output:?}");
    let newer = String::from_utf8_lossy(&whole).replace("\"layout\": 1", "\"layout\": 2");
    std::fs::write(&file, newer).expect("writing");
    assert_eq!(status_with(&gateway, &[("X-API-Key", &key)]), 503);
    assert!(problem().contains("newer build"), "{}", problem());
    std::fs::write(&file, &whole).expect("writing");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o622)).expect("a mode");
    assert_eq!(status_with(&gateway, &[("X-API-Key", &key)]), 503);
    assert!(problem().contains("other users can write it"), "{}", problem());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    assert_eq!(status_with(&gateway, &[("X-API-Key", &key)]), 200);
    assert_eq!(problem(), "");
    assert!(home.run(&["status"]).stdout.contains("can be read by other users"));
}
