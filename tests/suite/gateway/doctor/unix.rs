//! Modes, sockets, links, scripts and signals.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use snowgate_tests::{Signal, free_port, send_signal, until, write_script};

use std::path::PathBuf;

use snowgate_tests::copy_program;

use super::*;

/// The two programs in a folder of the home.
fn programs(home: &Home) -> (PathBuf, PathBuf) {
    let folder = home.path().join("bin");
    fs::create_dir_all(&folder).expect("making a folder");
    let (gateway, shim) = (folder.join("snowgate"), folder.join("snowgate-shim"));
    copy_program(&binaries().gateway, &gateway);
    copy_program(&binaries().shim, &shim);
    (gateway, shim)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changing a mode");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("looking").permissions().mode() & 0o777
}

#[test]
fn folders_and_their_disks() {
    let home = Home::new();
    fs::write(home.path().join("state"), "").expect("writing");
    Doctor::in_home(&home, &[]).names("folder_kind", &["state", "SNOWGATE_HOME"]);

    let home = used_home();
    let state = home.path().join("state");
    set_mode(&state, 0o755);
    Doctor::in_home(&home, &[]).mentions("folder_open", "warning", &["mode is 755", "chmod 700"]);
    let dry = Doctor::in_home(&home, &["--fix", "--dry-run"]);
    assert_eq!((mode(&state), &dry.found["fixed"][0]["done"]), (0o755, &json!(false)));
    let fixed = Doctor::in_home(&home, &["--fix"]);
    fixed.is_healthy();
    assert_eq!((mode(&state), &fixed.found["fixed"][0]["done"]), (0o700, &json!(true)));

    let mut home = Home::new();
    // Who may not mount cannot be shown this.
    if home.mount_state(2 << 20).is_err() {
        return;
    }
    set_mode(&home.path().join("state"), 0o700);
    Doctor::in_home(&home, &[]).names("disk_full", &["MiB are free", "df -h"]);
    home.state_disk().expect("a disk").set_read_only();
    Doctor::in_home(&home, &[]).names("disk_read_only", &["mounted read-only"]);
}

#[test]
fn the_socket_s_folder() {
    let home = used_home();
    set_mode(&home.run_dir(), 0o755);
    Doctor::in_home(&home, &[]).names("run_folder", &["mode 755", "chmod 700"]);
    Doctor::in_home(&home, &["--fix"]).is_healthy();
    assert_eq!(mode(&home.run_dir()), 0o700);

    let home = Home::new();
    symlink(home.databases(), home.run_dir()).expect("linking");
    Doctor::in_home(&home, &[]).names("run_folder", &["symbolic link"]);
    fs::remove_file(home.run_dir()).expect("removing");
    fs::write(home.run_dir(), "").expect("writing");
    Doctor::in_home(&home, &[]).names("run_folder", &["not a directory", "move"]);
}

#[test]
fn what_is_in_the_socket_s_place() {
    let home = used_home();
    fs::write(home.socket(), "precious").expect("writing");
    Doctor::in_home(&home, &["--fix"]).names("socket_foreign", &["a file, not a socket", "SNOWGATE_SOCKET"]);
    assert_eq!(fs::read_to_string(home.socket()).expect("reading"), "precious");
    fs::remove_file(home.socket()).expect("removing");

    let listener = UnixListener::bind(home.socket()).expect("listening");
    let answering = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut line = String::new();
        let mut reader = std::io::BufReader::new(&stream);
        let _ = std::io::BufRead::read_line(&mut reader, &mut line);
        let _ = std::io::Write::write_all(&mut &stream, b"SSH-2.0-OpenSSH_9.9\r\n");
    });
    Doctor::in_home(&home, &[]).names("socket_foreign", &["is not a Snowgate gateway"]);
    answering.join().expect("it answered");

    // Its listener is gone: so are those of gateways that were killed.
    Doctor::in_home(&home, &[]).mentions("stale_file", "note", &["gateway.sock", "doctor --fix"]);
    let fixed = Doctor::in_home(&home, &["--fix"]);
    assert!(fixed.found["fixed"][0]["done"] == true && !home.socket().exists(), "{:#}", fixed.found);
}

#[test]
fn the_two_programs() {
    let home = Home::new();
    let (gateway, shim) = programs(&home);
    let doctor = |arguments: &[&str]| Doctor::of(&mut command(&home, &gateway), arguments);
    doctor(&[]).is_healthy();

    set_mode(&shim, 0o644);
    doctor(&[]).names("program_mode", &["snowgate-shim", "chmod +x"]);
    doctor(&["--fix"]).is_healthy();
    assert_eq!(mode(&shim), 0o755);

    fs::remove_file(&shim).expect("removing");
    doctor(&[]).names("program_missing", &["snowgate-shim", "same folder"]);

    let mut bytes = fs::read(&binaries().shim).expect("reading");
    // The machine in the head of an ELF file: none.
    bytes[18] ^= 0x55;
    fs::write(&shim, bytes).expect("writing");
    set_mode(&shim, 0o755);
    doctor(&[]).names("program_broken", &["another system or processor"]);

    write_script("#!/bin/sh\necho 'libfoo.so.3: cannot open shared object file' >&2\nexit 127\n", &shim);
    doctor(&[]).names("program_broken", &["libfoo.so.3"]);

    write_script("#!/bin/sh\necho 'snowgate-shim 0.0.1'\n", &shim);
    doctor(&[]).mentions("program_versions", "warning", &["0.0.1", "one version"]);

    copy_program(&binaries().shim, &shim);
    let other = home.path().join("other");
    fs::create_dir(&other).expect("making a folder");
    write_script("#!/bin/sh\necho 'snowgate 0.0.2'\n", &other.join("snowgate"));
    let mut found_first = command(&home, &gateway);
    found_first.env("PATH", format!("{}:/usr/bin:/bin", text(&other)));
    Doctor::of(&mut found_first, &[]).mentions("program_versions", "warning", &["0.0.2", "PATH"]);
}

#[test]
fn the_configuration() {
    let home = Home::new();
    for (toml, words) in [
        ("[pool\n", &["config.toml:3"][..]),
        ("[pool]\nconections_max = 4\n", &["conections_max", "connections_max", "config check"]),
        ("[pool]\nconnections_max = 'four'\n", &["pool.connections_max"]),
    ] {
        home.configure(toml);
        Doctor::in_home(&home, &[]).names("config_error", words);
    }
    home.configure("");
    let mut wrong = command(&home, &binaries().gateway);
    Doctor::of(wrong.env("SNOWGATE_LIMITS_ROWS_MAX", "many"), &[])
        .names("config_error", &["SNOWGATE_LIMITS_ROWS_MAX", "this terminal"]);
    let mut named = command(&home, &binaries().gateway);
    Doctor::of(named.env("SNOWGATE_CONFIG", "/nowhere/c.toml"), &[])
        .names("config_error", &["/nowhere/c.toml"]);
    let mut misspelt = command(&home, &binaries().gateway);
    Doctor::of(misspelt.env("SNOWGATE_LIMITS_ROW_MAX", "3"), &[]).mentions(
        "config_warning",
        "warning",
        &["SNOWGATE_LIMITS_ROWS_MAX"],
    );
    let mut overriding = command(&home, &binaries().gateway);
    Doctor::of(overriding.env("SNOWGATE_LIMITS_ROWS_MAX", "3"), &[]).mentions(
        "environment_overrides",
        "note",
        &["SNOWGATE_LIMITS_ROWS_MAX"],
    );
    set_mode(&home.config_file(), 0o666);
    Doctor::in_home(&home, &[]).names("config_error", &["world-writable", "chmod o-w"]);
}

#[test]
fn too_few_descriptors() {
    let home = Home::new();
    let mut limited = command(&home, Path::new("/bin/sh"));
    limited.args(["-c", "ulimit -n 30 && exec \"$0\" \"$@\"", text(&binaries().gateway)]);
    Doctor::of(&mut limited, &[]).names("too_few_descriptors", &["30 files open", "ulimit -Hn"]);
}

#[test]
fn a_gateway_that_hangs_or_whose_program_is_gone() {
    let home = Home::new();
    let (gateway, _) = programs(&home);
    let mut client = home.launch().arg("--gateway").arg(&gateway).start();
    client.initialize();
    let pid = home.gateway_pid();
    send_signal(pid, Signal::STOP);
    Doctor::in_home(&home, &[]).names("gateway_hangs", &[&format!("pid {pid}"), "snowgate stop"]);
    send_signal(pid, Signal::CONT);
    until("it answers", || home.status().is_some());
    fs::remove_file(&gateway).expect("removing");
    Doctor::in_home(&home, &[]).mentions("gateway_outdated", "warning", &[text(&gateway), "snowgate stop"]);
}

#[test]
fn the_http_front_s_keys_certificate_and_port() {
    let home = used_home();
    let http = |lines: &str| {
        home.configure(&format!("[http]\nenabled = true\nlisten = '127.0.0.1:{}'\n{lines}", free_port()));
    };
    http("");
    Doctor::in_home(&home, &[]).mentions("keys_unusable", "warning", &["snowgate keys create"]);
    fs::write(home.path().join("state/keys.json"), "{").expect("writing");
    Doctor::in_home(&home, &[]).names("keys_unusable", &["keys.json", "damaged"]);
    fs::remove_file(home.path().join("state/keys.json")).expect("removing");

    let files = ["tls.crt", "tls.key"].map(|name| home.path().join(name));
    let until = |year| {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(year, 1, 1));
        fs::write(&files[0], params.self_signed(&key).expect("a certificate").pem()).expect("writing");
        fs::write(&files[1], key.serialize_pem()).expect("writing");
        set_mode(&files[1], 0o600);
    };
    http(&format!(
        "auth = 'none'\ntls_certificate = {:?}\ntls_key = {:?}\n",
        text(&files[0]),
        text(&files[1])
    ));
    Doctor::in_home(&home, &[]).names("http_certificate", &["tls.crt", "exists"]);
    until(2001);
    Doctor::in_home(&home, &[]).names("http_certificate", &["expired on 2001-01-01"]);
    until(2100);
    Doctor::in_home(&home, &[]).is_healthy();

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    home.configure(&format!("[http]\nenabled = true\nauth = 'none'\nlisten = '{address}'\n"));
    Doctor::in_home(&home, &[]).names("http_port", &[&address.to_string(), "ss -ltnp"]);
}

#[test]
fn the_configurations_of_clients() {
    let home = Home::new();
    let file = home.path().join("user/.cursor/mcp.json");
    fs::create_dir_all(file.parent().expect("a folder")).expect("making a folder");
    let entry = |shim: &str| {
        let text = json!({"mcpServers": {"snowgate": {"command": shim}}}).to_string();
        fs::write(&file, text).expect("writing");
    };
    entry("/nowhere/snowgate-shim");
    Doctor::in_home(&home, &[]).names("client_stale", &["/nowhere/snowgate-shim", "snowgate install cursor"]);
    let old = home.path().join("snowgate-shim");
    write_script("#!/bin/sh\necho 'snowgate-shim 0.0.1 (link protocol 1..2)'\n", &old);
    entry(text(&old));
    Doctor::in_home(&home, &[]).mentions("client_stale", "warning", &["0.0.1", "snowgate install cursor"]);
    fs::write(&file, "{\"mcpServers\": {").expect("writing");
    Doctor::in_home(&home, &[]).mentions("client_unreadable", "warning", &["mcp.json"]);
    entry(text(&binaries().shim));
    Doctor::in_home(&home, &[]).is_healthy();
}

#[test]
fn a_report_has_what_helps_is_private_and_overwrites_nothing() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    client.query("select 'statement-canary' as x");
    let file = home.path().join("report.tar.gz");
    let run = |arguments: &[&str]| {
        let output =
            command(&home, &binaries().gateway).arg("report").args(arguments).output().expect("it starts");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, listed) = run(&["--list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert!(code == Some(0) && listed["file"].is_null() && !file.exists());
    let (code, said) = run(&["--output", text(&file)]);
    assert!(code == Some(0) && said.contains("look at it before"), "{said}");
    assert_eq!(mode(&file), 0o600);
    let (code, said) = run(&["--output", text(&file), "--json"]);
    assert!(code == Some(64) && said.contains("is not overwritten"), "{said}");

    let unpacked = home.path().join("unpacked");
    fs::create_dir(&unpacked).expect("making a folder");
    let tar =
        Command::new("tar").arg("-xzf").arg(&file).arg("-C").arg(&unpacked).status().expect("tar starts");
    assert!(tar.success());
    let folder = unpacked.join("snowgate-report");
    let mut names: Vec<_> =
        fs::read_dir(&folder).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    let names: Vec<_> = names.iter().filter_map(|name| name.to_str()).collect();
    for name in [
        "README.txt",
        "config.json",
        "doctor.json",
        "main.log",
        "service.json",
        "sessions.json",
        "state.json",
        "status.json",
    ] {
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    for name in names {
        let content = fs::read_to_string(folder.join(name)).expect("text");
        assert!(!content.contains("statement-canary"), "{name}: {content}");
        // No pattern of a statement, either.
        assert!(!content.to_lowercase().contains("select ?"), "{name}: {content}");
    }
}
