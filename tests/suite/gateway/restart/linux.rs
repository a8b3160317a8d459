//! Which program a gateway runs, as `/proc` shows it.

use std::os::unix::fs::MetadataExt;

use super::*;

#[test]
fn a_restart_runs_the_program_that_is_on_disk_then() {
    let home = Home::new();
    let program = home.path().join("snowgate");
    copy_program(&binaries().gateway, &program);
    let mut client = home.launch().env("SNOWGATE_GATEWAY", &program).start();
    client.initialize();
    let upgrade = home.path().join("snowgate.new");
    copy_program(&binaries().gateway, &upgrade);
    std::fs::rename(&upgrade, &program).unwrap();
    let inode = |path: &std::path::Path| std::fs::metadata(path).unwrap().ino();
    let running = || inode(format!("/proc/{}/exe", home.gateway_pid()).as_ref());
    assert_ne!(running(), inode(&program));
    restart(&home);
    assert_eq!(running(), inode(&program));
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");

    std::fs::remove_file(&program).unwrap();
    let before = instance(&home);
    let output = home.run(&["restart"]);
    assert_eq!(output.code, Some(70), "{output:?}");
    assert!(output.stderr.contains("no longer exists"), "{output:?}");
    assert_eq!(instance(&home), before);
}

#[test]
fn an_installation_behind_a_link_is_upgraded_by_changing_the_link() {
    let home = Home::new();
    let version = |name: &str| {
        let folder = home.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        for program in [&binaries().gateway, &binaries().shim] {
            copy_program(program, &folder.join(program.file_name().unwrap()));
        }
        folder
    };
    let (first, second, link) = (version("1"), version("2"), home.path().join("current"));
    std::os::unix::fs::symlink(&first, &link).unwrap();
    let mut shim = std::process::Command::new(link.join("snowgate-shim"));
    shim.env("SNOWGATE_HOME", home.path());
    let mut client = snowgate_tests::Launch::new(shim).start();
    client.initialize();
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&second, &link).unwrap();
    std::fs::remove_dir_all(&first).unwrap();
    restart(&home);
    let running = std::fs::read_link(format!("/proc/{}/exe", home.gateway_pid())).unwrap();
    assert_eq!(running, second.join("snowgate"));
    home.kill_gateway();
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
}
