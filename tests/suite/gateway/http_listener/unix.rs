//! A Unix socket as the front's address.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use super::*;

#[test]
fn a_unix_socket_is_private_survives_a_kill_and_is_gone_after_a_stop() {
    let home = Home::new();
    let path = home.path().join("http.sock");
    home.configure(&format!("[http]\nenabled = true\nlisten = '{}'\nauth = 'none'\n", path.display()));
    let ask = || {
        let mut stream = UnixStream::connect(&path).expect("a socket");
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("sending");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    };
    let mut client = home.client();
    client.initialize();
    let mode = std::fs::metadata(&path).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    ask();
    home.kill_gateway();
    assert!(tool_text(&client.query("select 41 + 1")).contains("42"));
    ask();
    assert_eq!(home.run(&["restart"]).code, Some(0));
    ask();
    home.stop();
    assert!(!path.exists());
}
