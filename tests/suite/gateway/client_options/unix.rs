//! Shims that are scripts, and modes of files.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use snowgate_tests::write_script;

use super::*;

#[test]
fn a_shim_that_no_client_could_launch_is_refused_and_a_relative_one_made_whole() {
    let user = User::new();
    let shim = user.path("project/bin/snowgate-shim");
    fs::create_dir(user.path("project/bin")).expect("making a folder");
    for (named, why) in [
        ("bin/snowgate-shim", "is not there"),
        ("bin", "is not called snowgate-shim"),
        ("/bin/sh", "is not called snowgate-shim"),
    ] {
        let ended = user.run(&format!("install cursor --shim {named}"));
        assert_eq!(ended.code, 64, "{named}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(why) && ended.stderr.contains("next step"),
            "{named}: {}",
            ended.stderr
        );
    }
    assert!(!user.path(place("cursor")).exists());
    write_script("#!/bin/sh\n", &shim);
    user.change("install cursor --shim bin/snowgate-shim");
    let text = fs::read_to_string(user.path(place("cursor"))).expect("the file");
    assert!(text.contains(&shim.display().to_string()), "{text}");
}

#[test]
fn a_projects_new_file_is_as_the_umask_leaves_it_and_the_users_own_is_private() {
    let user = User::new();
    let install = |line: &str| {
        let shell = format!("umask 022; exec \"$0\" {line}");
        let gateway = user.command();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &shell]).arg(gateway.get_program()).current_dir(user.path("project"));
        for (name, value) in gateway.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let output = command.output().expect("running snowgate");
        assert!(output.status.success(), "{output:?}");
    };
    let mode = |file: &str| fs::metadata(user.path(file)).expect("the file").permissions().mode() & 0o777;
    install("install vscode --scope project");
    assert_eq!((mode("project/.vscode/mcp.json"), mode("project/.vscode")), (0o644, 0o755));
    install("install cursor");
    assert_eq!((mode(".cursor/mcp.json"), mode(".cursor")), (0o600, 0o700));
}

#[test]
fn a_program_of_the_current_folder_is_not_run() {
    let user = User::new();
    let ran = user.path("ran");
    let script = format!("#!/bin/sh\ntouch '{}'\necho 'snowgate-shim 0.0.1'\n", ran.display());
    for name in ["snowgate-shim", "snowgate", "systemctl", "loginctl"] {
        write_script(&script, &user.path(&format!("project/{name}")));
    }
    user.write(place("cursor"), "{\"mcpServers\": {\"snowgate\": {\"command\": \"snowgate-shim\"}}}");
    for path in [".", "", ":/nowhere", "../project:/nowhere"] {
        for line in ["clients", "doctor", "service status"] {
            let output = user.command().env("PATH", path).args(line.split(' ')).output();
            output.expect("running snowgate");
            assert!(!ran.exists(), "{line} with PATH={path:?}");
        }
    }
}
