//! Gateways that are scripts, and programs behind symbolic links.

use std::os::unix::fs::{PermissionsExt, symlink};

use snowgate_tests::{Launch, binaries, write_script};

use super::*;

#[test]
fn a_gateway_that_is_not_there_is_named() {
    let home = Home::new();
    let program = home.path().join("bin/snowgate");
    let mut client = home.launch().arg("--gateway").arg(&program).start();
    let message =
        refusal_with_log(&mut client, &["cannot run", &program.display().to_string(), "No such file"]);
    assert!(message.contains("--gateway"), "the next step names the flag: {message}");
    fs::create_dir(program.parent().expect("a folder")).expect("making a folder");
    symlink(&binaries().gateway, &program).expect("linking");
    works(&mut client);
}

#[test]
fn a_gateway_that_cannot_be_run_is_named() {
    let home = Home::new();
    let program = home.path().join("snowgate");
    fs::write(&program, "#!/bin/sh\nexit 0\n").expect("writing");
    let mut client = home.launch().env("SNOWGATE_GATEWAY", &program).start();
    refusal_with_log(&mut client, &["cannot run", &program.display().to_string(), "Permission denied"]);
    fs::remove_file(&program).expect("removing");
    symlink(&binaries().gateway, &program).expect("linking");
    works(&mut client);
}

#[test]
fn a_program_that_is_no_gateway_is_reported_with_its_last_words() {
    let home = Home::new();
    let program = home.path().join("snowgate");
    write_script("#!/bin/sh\necho 'libfoo.so.3 is missing' >&2\nexit 7\n", &program);
    let mut client = home.launch().env("SNOWGATE_GATEWAY", &program).start();
    refusal_with_log(
        &mut client,
        &["exited before it was ready", "exit status: 7", "libfoo.so.3 is missing"],
    );
}

/// A gateway's program that is killed at its first `times` starts.
fn killed_at_first(home: &Home, times: usize) -> Launch {
    let (program, starts) = (home.path().join("snowgate"), home.path().join("starts"));
    let script = format!(
        "#!/bin/sh\necho >> {starts}\n[ $(wc -l < {starts}) -gt {times} ] || kill -9 $$\nexec {gateway} \"$@\"\n",
        starts = starts.display(),
        gateway = binaries().gateway.display(),
    );
    fs::write(&program, script).expect("writing");
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("making it executable");
    home.launch().env("SNOWGATE_GATEWAY", &program)
}

#[test]
fn a_gateway_that_somebody_kills_while_it_starts_is_started_again() {
    let home = Home::new();
    works(&mut killed_at_first(&home, 4).start());
}

#[test]
fn a_gateway_that_is_killed_at_every_start_is_given_up() {
    let home = Home::new();
    let mut client = killed_at_first(&home, 5).start();
    refusal_with_log(&mut client, &["exited before it was ready", "SIGKILL"]);
    works(&mut client);
}
