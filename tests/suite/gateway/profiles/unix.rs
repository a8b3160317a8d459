//! A system's file, which a script names.

use std::path::PathBuf;

use snowgate_tests::{binaries, write_script};

use super::*;

/// Makes `snowgate serve` read this system's file, which only an argument can name.
fn with_system_file(home: &Home, toml: &str) -> PathBuf {
    let (file, program) = (home.path().join("system.toml"), home.path().join("snowgate"));
    fs::write(&file, toml).expect("writing the system's file");
    let gateway = binaries().gateway.display().to_string();
    write_script(&format!("#!/bin/sh\nexec {gateway} \"$@\" --system-config {}\n", file.display()), &program);
    program
}

#[test]
fn a_user_s_file_leads_around_no_profile_of_the_system_s() {
    let home = Home::new();
    let program = with_system_file(&home, "[profiles.few]\nmatch = [{ client = 'c*' }]\nrows_max = 1\n");
    home.configure("[profiles.wide]\nmatch = [{ client = '*' }]\n[profiles.few]\nrows_max = 9\n");
    let launch = || home.launch().env("SNOWGATE_GATEWAY", &program);
    let mut client = launch().start();
    client.initialize_as("claude", REVISION);
    let known = info(&mut client);
    assert_eq!((&known["profile"], &known["limits"]["rows_max"]), (&json!("few"), &json!(1)));
    for asked in [launch().arg("--profile").arg("wide"), launch().env("SNOWGATE_PROFILE", "default")] {
        let mut asked = asked.start();
        asked.initialize_as("claude", REVISION);
        let answer = asked.query("select 1");
        let text = tool_text(&answer);
        assert!(text.contains("`few` is this client's") && text.contains("--profile"), "{text}");
    }
    let mut other = launch().arg("--profile").arg("wide").start();
    other.initialize_as("editor", REVISION);
    assert_eq!(profile_of(&mut other), "wide");
}
