//! Modes of files.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_config_is_written_once_and_passes_the_check() {
    let home = Home::bare();
    let (file, output) = (env_file(&home), home.path().join("new.toml"));
    let shown = output.display().to_string();
    let done = home.run(&["migrate-env", &file, "--output", &shown]);
    assert_eq!(done.code, Some(0), "{done:?}");
    for said in [
        "snowflake.account = \"myorg-myacct\"",
        "SNOWFLAKE_PASSWORD (line 4): not copied",
        "MCP_SERVER_WORKERS (line 9): is in its documents, and was never read",
        "OTHER (line 11)",
        "line 12: it has no `=`",
    ] {
        assert!(done.stdout.contains(said), "{said}: {}", done.stdout);
    }
    let text = fs::read_to_string(&output).expect("the config");
    assert!(text.contains("connections_max = 4") && text.contains("# rows_max = 500"), "{text}");
    assert!(!text.contains("c4n4ry") && !done.stdout.contains("c4n4ry"), "{text}");
    assert_eq!(fs::metadata(&output).expect("the config").permissions().mode() & 0o777, 0o600);
    let checked = home.run(&["config", "check", "--file", &shown]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.contains("backend: snowflake"), "{checked:?}");

    let again = home.run(&["migrate-env", &file, "--output", &shown]);
    assert_eq!(again.code, Some(64), "{again:?}");
    assert!(again.stderr.contains("never overwritten"), "{again:?}");
    assert_eq!(fs::read_to_string(&output).expect("the config"), text);
}

#[test]
fn what_cannot_be_read_or_written_is_a_fault_of_the_file_and_no_wrong_usage() {
    let home = Home::bare();
    let file = env_file(&home);
    let folder = home.path().join("closed");
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).expect("a mode");
    let output = folder.join("new.toml").display().to_string();
    let done = home.run(&["migrate-env", &file, "--output", &output]);
    // Root may write there.
    assert!(done.code == Some(70) && done.stderr.contains("next step") || done.code == Some(0), "{done:?}");
    let missing = home.path().join("none/new.toml").display().to_string();
    assert_eq!(home.run(&["migrate-env", &file, "--output", &missing]).code, Some(64));
}
