//! A restart: the program that is on disk goes on, with this one's arguments, environment, lock and sockets. Where the system
//! can, it is the same process; otherwise this one ends once the other is there.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use super::listener::GatewayLock;
use crate::os::{
    ACTIVATION_VARIABLES, PassedSocket, hand_over_to, pass_socket_on, tell_alive, tell_reloading,
};

/// The flag of `serve` by which a shim that starts a gateway asks for its readiness line.
const READY_STDOUT: &str = "--ready-stdout";

/// The flag of `serve` by which a gateway passes its lock to the one that takes its place.
const LOCK_FD: &str = "--lock-fd";

/// The flag of `serve` by which it passes the socket of the HTTP front.
const HTTP_FD: &str = "--http-fd";

/// The flag of `serve` by which it passes the socket that the service manager has made.
const LISTEN_FD: &str = "--listen-fd";

/// What takes a gateway's place, and what that one passes on to it.
pub struct Successor {
    /// The program.
    pub program: PathBuf,
    /// The lock: until it is dropped, no other gateway begins.
    pub lock: GatewayLock,
    /// The shims' socket, if the service manager has made it.
    pub socket: Option<PassedSocket>,
    /// The socket of the HTTP front.
    pub http: Option<PassedSocket>,
}

/// Becomes the successor, or starts it and returns once it takes over.
///
/// # Errors
/// It cannot be run.
pub fn restart(successor: &Successor) -> anyhow::Result<()> {
    let Successor { program, lock, socket, http } = successor;
    let mut command = Command::new(program);
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == LOCK_FD || argument == HTTP_FD || argument == LISTEN_FD {
            arguments.next();
        } else if argument != READY_STDOUT {
            command.arg(argument);
        }
    }
    // Without it the next gateway takes the lock anew, and another may be quicker.
    if let Ok(number) = lock.pass_on() {
        command.arg(LOCK_FD).arg(number.to_string());
    }
    // Without it the next gateway listens anew. Programs of before it have no HTTP front, and refuse its configuration.
    if let Some(Ok(number)) = http.as_ref().map(pass_socket_on) {
        command.arg(HTTP_FD).arg(number.to_string());
    }
    // Without it the next gateway makes a socket of its own in place of the manager's. Programs of before it end, and the
    // manager starts them as it did this one.
    if let Some(Ok(number)) = socket.as_ref().map(pass_socket_on) {
        command.arg(LISTEN_FD).arg(number.to_string());
    }
    // They name this process, and descriptors that are not those any more.
    for variable in ACTIVATION_VARIABLES {
        command.env_remove(variable);
    }
    tell_reloading("restarting");
    // The next program begins with all of the time that the manager waits to hear of it.
    tell_alive();
    hand_over_to(&mut command)
        .with_context(|| format!("cannot run {} in place of this gateway", program.display()))
}
