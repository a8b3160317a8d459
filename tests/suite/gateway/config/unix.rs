//! A system's file, which a script names.

use std::path::PathBuf;

use snowgate_tests::{binaries, write_script};

use super::*;

/// Makes `snowgate serve` read this system's file, which only an argument can name.
fn with_system_file(home: &Home, toml: &str) -> (PathBuf, PathBuf) {
    let (file, program) = (home.path().join("system.toml"), home.path().join("snowgate"));
    fs::write(&file, toml).expect("writing the system's file");
    let gateway = binaries().gateway.display().to_string();
    write_script(&format!("#!/bin/sh\nexec {gateway} \"$@\" --system-config {}\n", file.display()), &program);
    (file, program)
}

#[test]
fn a_user_s_file_cannot_widen_the_system_s_and_no_variable_moves_that() {
    let home = Home::new();
    let (system, program) = with_system_file(&home, "[sqlite]\nread_only = true\n[limits]\nrows_max = 2\n");
    home.configure("read_only = false\n[limits]\nrows_max = 100\n");
    let mut client = home
        .launch()
        .env("SNOWGATE_GATEWAY", &program)
        .env("SNOWGATE_CONFIG", home.config_file())
        .env("SNOWGATE_SYSTEM_CONFIG", "/nothing")
        .start();
    client.initialize();
    is_read_only(&mut client);
    let system = system.display().to_string();
    let shown = home.run(&["config", "show", "--system-config", &system]);
    assert!(shown.stdout.contains(&format!("read_only = true  # line 2 of {system}")), "{shown:?}");
    assert!(shown.stdout.contains(&format!("rows_max = 2  # line 4 of {system}")), "{shown:?}");
    let user = home.config_file().display().to_string();
    for line in [3, 5] {
        assert!(shown.stderr.contains(&format!("warning: {user}:{line}:")), "{shown:?}");
    }
    // It holds after a restart too.
    assert_eq!(home.run(&["restart"]).code, Some(0));
    is_read_only(&mut client);
}
