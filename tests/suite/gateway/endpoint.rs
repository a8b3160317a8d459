//! A hostile or broken endpoint: the error names the thing, nothing is connected to, and nothing that is not
//! ours is touched.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use snowgate_tests::{Client, Home, Launch, error_text, patience, until};

/// How long the shim looks for a gateway before it gives up.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Somebody who is not us, where root may give files away.
const STRANGER: u32 = 65_534;

/// What the first request of a shim is told; stderr must say the same.
fn refusal(client: &mut Client) -> String {
    let answer = client.request("ping", &json!({}));
    let message = error_text(&answer, -32603).to_owned();
    client.stderr_says(message.trim_start_matches("Snowgate: "));
    message
}

/// The shim's and the command line's refusal must hold these words, and no gateway may come of it.
fn refused(home: &Home, words: &[&str]) {
    let message = refusal(&mut home.client());
    let serve = home.run(&["serve"]);
    let status = home.run(&["status"]);
    assert_ne!(serve.code, Some(0), "{serve:?}");
    assert!(!matches!(status.code, Some(0 | 3)), "{status:?}");
    for word in words {
        for text in [&message, &serve.stderr, &status.stderr] {
            assert!(text.contains(word), "no {word:?} in {text:?}");
        }
    }
    assert_eq!(home.gateways(), []);
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_run_directory_that_others_can_enter_is_refused() {
    let home = Home::new();
    fs::create_dir(home.run_dir()).expect("making the run directory");
    fs::set_permissions(home.run_dir(), PermissionsExt::from_mode(0o755)).expect("opening it");
    let path = home.run_dir().display().to_string();
    refused(&home, &[&path, "755", "other users can read it", &format!("chmod 700 {path}")]);
    assert_eq!(fs::read_dir(home.run_dir()).expect("reading it").count(), 0, "nothing was put there");
    fs::set_permissions(home.run_dir(), PermissionsExt::from_mode(0o700)).expect("closing it");
    home.client().initialize();
}

#[test]
fn a_run_directory_of_somebody_else_is_refused() {
    let home = Home::new();
    if is_root() {
        fs::create_dir(home.run_dir()).expect("making the run directory");
        fs::set_permissions(home.run_dir(), PermissionsExt::from_mode(0o700)).expect("closing it");
        std::os::unix::fs::chown(home.run_dir(), Some(STRANGER), None).expect("giving it away");
        refused(&home, &[&home.run_dir().display().to_string(), &format!("belongs to user {STRANGER}")]);
        assert_eq!(fs::read_dir(home.run_dir()).expect("reading it").count(), 0, "nothing was put there");
    } else {
        // The root directory is somebody else's.
        let mut client = home.launch().arg("--socket").arg("/snowgate-test.sock").start();
        let message = refusal(&mut client);
        assert!(message.contains("/ belongs to user 0"), "{message}");
    }
}

#[test]
fn a_planted_link_in_place_of_the_run_directory_is_not_followed() {
    let home = Home::new();
    let elsewhere = home.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("making a folder");
    fs::set_permissions(&elsewhere, PermissionsExt::from_mode(0o700)).expect("closing it");
    symlink(&elsewhere, home.run_dir()).expect("planting a link");
    refused(&home, &[&home.run_dir().display().to_string(), "symbolic link"]);
    assert_eq!(fs::read_dir(&elsewhere).expect("reading it").count(), 0, "nothing was put there");
    assert!(fs::symlink_metadata(home.run_dir()).expect("looking").is_symlink(), "the link stays");
}

/// Makes the run directory as the gateway would.
fn make_run_dir(home: &Home) {
    fs::create_dir(home.run_dir()).expect("making the run directory");
    fs::set_permissions(home.run_dir(), PermissionsExt::from_mode(0o700)).expect("closing it");
}

#[test]
fn a_planted_link_in_place_of_the_socket_is_not_followed() {
    let home = Home::new();
    make_run_dir(&home);
    let elsewhere = home.path().join("other.sock");
    let listener = UnixListener::bind(&elsewhere).expect("listening");
    listener.set_nonblocking(true).expect("not to block");
    symlink(&elsewhere, home.socket()).expect("planting a link");
    refused(&home, &[&home.socket().display().to_string(), "symbolic link"]);
    let connected = listener.accept().map(drop);
    assert_eq!(connected.expect_err("nobody connects").kind(), ErrorKind::WouldBlock);
    assert!(fs::symlink_metadata(home.socket()).expect("looking").is_symlink(), "the link stays");
}

#[test]
fn a_file_in_place_of_the_socket_is_neither_used_nor_deleted() {
    let home = Home::new();
    make_run_dir(&home);
    fs::write(home.socket(), "precious").expect("writing");
    refused(&home, &[&home.socket().display().to_string(), "a file, not a socket"]);
    assert_eq!(fs::read_to_string(home.socket()).expect("reading"), "precious");
    let mut client = home.client();
    refusal(&mut client);
    fs::remove_file(home.socket()).expect("removing it");
    client.initialize();
}

#[test]
fn a_socket_path_that_is_not_ours_is_left_alone() {
    let home = Home::new();
    let folder = home.path().join("theirs");
    fs::create_dir(&folder).expect("making a folder");
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).expect("as users' folders are");
    let [file, inner, socket] = ["file", "folder", "socket"].map(|name| folder.join(name));
    fs::write(&file, "precious").expect("writing");
    fs::create_dir(&inner).expect("making a folder");
    let listener = UnixListener::bind(&socket).expect("listening");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            read_hello(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    for (path, what) in [
        (&file, "a file"),
        (&inner, "a directory"),
        (&socket, "is not a Snowgate gateway"),
        (&"/dev/null".into(), ""),
    ] {
        let mut client = home.launch().arg("--socket").arg(path).start();
        let mut messages = vec![refusal(&mut client)];
        for command in ["serve", "status", "stop"] {
            let output = home.run(&["--socket", path.to_str().expect("UTF-8"), command]);
            assert!(!matches!(output.code, Some(0 | 3)), "{output:?}");
            messages.push(output.stderr);
        }
        for message in messages {
            assert!(
                message.contains(what) && message.contains("set SNOWGATE_SOCKET (or --socket) to"),
                "{message}"
            );
            assert!(!message.contains("remove"), "{message}");
        }
    }
    let mut left: Vec<_> =
        fs::read_dir(&folder).expect("reading").flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    // The lock is ours: `serve` asks the listener only once it holds it.
    assert_eq!(left, ["file", "folder", "socket", "socket.lock"]);
}

#[test]
fn a_planted_link_in_place_of_a_lock_is_not_followed() {
    for lock in ["start.lock", "gateway.lock", "gateway.stderr"] {
        let home = Home::new();
        make_run_dir(&home);
        let victim = home.path().join("victim");
        fs::write(&victim, "precious").expect("writing");
        symlink(&victim, home.run_dir().join(lock)).expect("planting a link");
        let mut client = home.client();
        let answer = client.request("ping", &json!({}));
        assert_eq!(fs::read_to_string(&victim).expect("reading"), "precious");
        if answer.get("error").is_some() {
            assert!(error_text(&answer, -32603).contains(lock), "{answer}");
        } else {
            // What stood in the place of the last gateway's words was moved out of the way, unread.
            assert!(lock == "gateway.stderr", "{lock} was followed: {answer}");
        }
    }
}

#[test]
fn a_stale_socket_is_replaced() {
    let home = Home::new();
    make_run_dir(&home);
    drop(UnixListener::bind(home.socket()).expect("listening"));
    let inode = fs::metadata(home.socket()).expect("a stale socket").ino();
    home.client().initialize();
    let metadata = fs::metadata(home.socket()).expect("a socket");
    assert_ne!(metadata.ino(), inode);
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(home.run_dir()).expect("a directory").permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_socket_path_over_a_hundred_bytes_is_refused_by_its_length() {
    let home = Home::new();
    let long = home.path().join("x".repeat(100)).join("g.sock");
    let length = long.as_os_str().len().to_string();
    let mut client = home.launch().arg("--socket").arg(&long).start();
    let message = refusal(&mut client);
    assert!(message.contains(&length) && message.contains("limit is 100"), "{message}");
    assert!(message.contains("SNOWGATE_SOCKET"), "{message}");
    let status = home.gateway().arg("--socket").arg(&long).arg("status").output().expect("snowgate starts");
    assert!(String::from_utf8_lossy(&status.stderr).contains("limit is 100"), "{status:?}");
}

/// A listener in the gateway's place that does `answer` with every connection; gives how many there were.
fn foreign_listener(home: &Home, answer: impl Fn(std::os::unix::net::UnixStream) + Send + 'static) {
    make_run_dir(home);
    let listener = UnixListener::bind(home.socket()).expect("listening");
    // Ends with the test.
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
}

fn read_hello(stream: &mut std::os::unix::net::UnixStream) {
    let mut bytes = [0; 4096];
    // What it says does not matter.
    let _ = stream.read(&mut bytes);
}

#[test]
fn a_foreign_process_that_talks_is_named_at_once() {
    let home = Home::new();
    foreign_listener(&home, |mut stream| {
        read_hello(&mut stream);
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n");
    });
    let since = Instant::now();
    let message = refusal(&mut home.client());
    assert!(message.contains("is not a Snowgate gateway"), "{message}");
    assert!(message.contains(&home.socket().display().to_string()), "{message}");
    assert!(since.elapsed() < START_TIMEOUT / 2, "it was waited for: {:?}", since.elapsed());
    assert!(home.socket().exists(), "the socket is not ours to delete");
    assert_eq!(home.gateways(), []);
}

#[test]
fn a_foreign_process_that_talks_without_end_is_named() {
    let home = Home::new();
    foreign_listener(&home, |mut stream| {
        read_hello(&mut stream);
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let message = refusal(&mut home.client());
    assert!(message.contains("is not a Snowgate gateway") && message.contains("too long"), "{message}");
}

#[test]
fn a_foreign_process_that_says_nothing_or_hangs_up_is_given_up_at_the_deadline() {
    let silent = Home::new();
    foreign_listener(&silent, |mut stream| {
        read_hello(&mut stream);
        // Held open until the other side goes.
        read_hello(&mut stream);
    });
    let closing = Home::new();
    foreign_listener(&closing, |mut stream| read_hello(&mut stream));
    let since = Instant::now();
    let mut clients = [&silent, &closing].map(Home::client);
    let ids = clients.each_mut().map(|client| client.send("ping", &json!({})));
    for ((client, id), home) in clients.iter_mut().zip(&ids).zip([&silent, &closing]) {
        let answer = client.answer_within(START_TIMEOUT + patience(), id);
        let message = error_text(&answer, -32603);
        assert!(message.contains("timed out waiting for"), "{message}");
        assert!(message.contains(&home.socket().display().to_string()), "{message}");
        assert!(
            since.elapsed() >= START_TIMEOUT - Duration::from_secs(1),
            "gave up after {:?}",
            since.elapsed()
        );
        assert!(home.socket().exists(), "the socket is not ours to delete");
        assert_eq!(home.gateways(), []);
    }
}

/// A gateway on a named socket, beside the home's own place; `launch` names it to the shim.
fn serves_a_named_socket(launch: impl Fn(Launch, &Path) -> Launch) {
    let home = Home::new();
    let named = home.path().join("named");
    fs::create_dir(&named).expect("making a folder");
    fs::set_permissions(&named, PermissionsExt::from_mode(0o755)).expect("as users' folders are");
    let path = named.join("a.sock");
    let mut client = launch(home.launch(), &path).start();
    client.initialize();
    let mut sibling = home.launch().env("SNOWGATE_SOCKET", &path).start();
    sibling.initialize();
    let text = path.to_str().expect("UTF-8");
    let status = home.run(&["--socket", text, "status", "--json"]).json();
    assert_eq!((&status["socket"], &status["sessions"]), (&json!(text), &json!(2)));
    assert!(!home.run_dir().exists(), "the home's own place is not touched");
    let stopped = home.gateway().env("SNOWGATE_SOCKET", &path).arg("stop").stdout(Stdio::null()).status();
    assert!(stopped.expect("snowgate starts").success());
    until("the socket is gone", || !path.exists());
}

#[test]
fn a_socket_named_by_the_flag_is_used() {
    serves_a_named_socket(|launch, path| launch.arg("--socket").arg(path));
}

#[test]
fn a_socket_named_by_the_variable_is_used() {
    serves_a_named_socket(|launch, path| launch.env("SNOWGATE_SOCKET", path));
}

#[test]
fn a_named_socket_in_a_folder_that_others_can_change_is_refused() {
    let home = Home::new();
    let mut client = home.launch().arg("--socket").arg("/tmp/snowgate-test-of-an-open-folder.sock").start();
    let message = refusal(&mut client);
    assert!(message.contains("/tmp") && message.contains("other users can write to it"), "{message}");
}
