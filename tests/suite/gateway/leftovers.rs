//! What the process that launches a shim leaves to it, and what must not reach the gateway: that one serves
//! other clients, and lives longer.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use snowgate_tests::{Client, Home, Launch, binaries, until};

/// Starts a shim as the last word of a shell's script.
fn shim_of(home: &Home, script: &str) -> Client {
    Launch::new(in_shell(script, &home.shim())).start()
}

/// `command`, started by a shell that does `script` first.
fn in_shell(script: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!("{script} \"$0\" \"$@\""))
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// A line of `/proc/<pid>/status`.
fn status_of(pid: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
}

/// Its process group's session, from `/proc/<pid>/stat`.
fn session_of(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    fields.split(' ').nth(3).expect("a session").to_owned()
}

/// Every file below `folder` that somebody else may use.
fn open_to_others(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("reading a folder").flatten() {
        let metadata = entry.metadata().expect("looking");
        if metadata.permissions().mode() & 0o077 != 0 {
            found.push(format!("{} {:o}", entry.path().display(), metadata.permissions().mode()));
        }
        if metadata.is_dir() {
            found.extend(open_to_others(&entry.path()));
        }
    }
    found
}

#[test]
fn descriptors_that_leaked_into_a_shim_do_not_reach_the_gateway() {
    let home = Home::new();
    let lock = home.path().join("lock");
    let mut client = shim_of(&home, &format!("exec 3>>{0} 9>>{0}; flock 9; exec", lock.display()));
    client.initialize();
    let pid = home.gateway_pid();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").flatten() {
        // One that was closed meanwhile leads nowhere.
        assert_ne!(fs::read_link(entry.path()).unwrap_or_default(), lock, "it has the client's file open");
    }
    client.leave();
    let file = File::open(&lock).expect("the lock");
    until("the lock is free once its client is gone", || file.try_lock().is_ok());
    assert_eq!(home.gateway_pid(), pid, "and the gateway lives");
}

#[test]
fn a_gateway_has_the_default_signals_a_private_mask_and_a_session_of_its_own() {
    let home = Home::new();
    let mut client = shim_of(
        &home,
        "umask 000; cd /tmp; exec env --ignore-signal=HUP,QUIT,CHLD,USR1,TSTP --block-signal=USR2,WINCH,TERM",
    );
    client.initialize();
    let pid = home.gateway_pid();
    // Bit 12 is SIGPIPE, which every Rust program ignores; bits 31 and 32 are signals of the C library's own,
    // which it lets nobody change.
    let ignored = u64::from_str_radix(&status_of(pid, "SigIgn"), 16).expect("bits");
    assert_eq!(ignored & !(0b11 << 31), 1 << 12);
    // What it waits for itself: SIGHUP, SIGINT, SIGUSR1 and SIGTERM; and SIGXFSZ, so that a write fails instead.
    let blocked = u64::from_str_radix(&status_of(pid, "SigBlk"), 16).expect("bits");
    assert_eq!(blocked, 1 | 1 << 1 | 1 << 9 | 1 << 14 | 1 << 24);
    assert_eq!(status_of(pid, "Umask"), "0077");
    assert_ne!(session_of(pid), session_of(std::process::id()));
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).expect("its folder"), Path::new("/"));
    assert_eq!(open_to_others(&home.path().join("state")), Vec::<String>::new());
    assert_eq!(open_to_others(&home.run_dir()), Vec::<String>::new());
}

#[test]
fn files_of_a_gateway_that_is_started_by_hand_are_private_too() {
    let home = Home::new();
    let mut serve = home.gateway();
    serve.arg("serve");
    let mut gateway = in_shell("umask 000; exec", &serve).spawn().expect("snowgate serve starts");
    until("the gateway answers", || home.status().is_some());
    assert_eq!(status_of(gateway.id(), "Umask"), "0077");
    assert_eq!(open_to_others(&home.path().join("state")), Vec::<String>::new());
    home.stop();
    assert!(gateway.wait().expect("waiting for the gateway").success());
}

#[test]
fn a_shim_behind_a_link_finds_the_gateway_where_the_link_leads() {
    let home = Home::new();
    let bin = home.path().join("bin");
    fs::create_dir(&bin).expect("making a folder");
    let link = bin.join("snowgate-shim");
    std::os::unix::fs::symlink(&binaries().shim, &link).expect("linking");
    let shim = home.shim();
    let mut linked = Command::new(&link);
    shim.get_envs().for_each(|(name, value)| {
        match value {
            Some(value) => linked.env(name, value),
            None => linked.env_remove(name),
        };
    });
    // Nothing to be found there.
    linked.env("PATH", &bin);
    let mut client = Launch::new(linked).start();
    client.initialize();
    let program = fs::read_link(format!("/proc/{}/exe", home.gateway_pid())).expect("its program");
    assert_eq!(program, binaries().gateway.canonicalize().expect("the gateway's program"));
}
