//! A client in a sandbox that lets its servers use no socket.

use std::process::Command;

use serde_json::json;
use snowgate_tests::{Client, Home, Launch, error_text};

/// Denies one system call (its number is the first argument) with an error (the second) to this process and
/// those it starts, by a seccomp filter, and becomes the program behind.
const SANDBOX: &str = r#"
import ctypes, os, struct, sys
number, error, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(rules), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter, 0, 0):
    sys.exit("no seccomp: %s" % os.strerror(ctypes.get_errno()))
os.execv(program, [program])
"#;

const SOCKET: i32 = if cfg!(target_arch = "x86_64") { 41 } else { 198 };
const BIND: i32 = if cfg!(target_arch = "x86_64") { 49 } else { 200 };
const CONNECT: i32 = if cfg!(target_arch = "x86_64") { 42 } else { 203 };
const EPERM: i32 = 1;
const EACCES: i32 = 13;

fn sandboxed(home: &Home, call: i32, error: i32) -> Client {
    let mut command = Command::new("python3");
    command.args(["-c", SANDBOX, &call.to_string(), &error.to_string()]).arg(home.shim().get_program());
    command.env("SNOWGATE_HOME", home.path());
    Launch::new(command).start()
}

#[test]
fn a_denied_socket_is_told_at_once_with_the_setting_to_change_and_starts_no_gateway() {
    let home = Home::new();
    for is_running in [false, true] {
        let mut beside = is_running.then(|| home.client());
        if let Some(beside) = &mut beside {
            beside.initialize();
        }
        let gateways = home.gateways();
        for (call, error) in [(CONNECT, EPERM), (CONNECT, EACCES), (SOCKET, EPERM), (SOCKET, EACCES)] {
            let mut client = sandboxed(&home, call, error);
            let answer = client.request("tools/list", &json!({}));
            let message = error_text(&answer, -32603);
            let socket = home.socket().display().to_string();
            for part in [&*socket, "sandbox", "allowUnixSockets", "permissions"] {
                assert!(message.contains(part), "{call} {error}: {part}: {message}");
            }
            client.stderr_says("sandbox");
            assert_eq!(home.gateways(), gateways, "none is started, and none was ended");
        }
    }
}

#[test]
fn a_sandbox_in_which_no_gateway_can_listen_is_told_with_the_setting_to_change() {
    let home = Home::new();
    let mut client = sandboxed(&home, BIND, EPERM);
    let answer = client.request("tools/list", &json!({}));
    let message = error_text(&answer, -32603);
    assert!(message.contains("listen on") && message.contains("allowUnixSockets"), "{message}");
}
