//! A restart: this process becomes the program that is on disk, with its process id, arguments, environment,
//! lock and HTTP socket.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::inherited_fd;
use super::listener::GatewayLock;

/// The flag of `serve` by which a shim that starts a gateway asks for its readiness line.
const READY_STDOUT: &str = "--ready-stdout";

/// The flag of `serve` by which a gateway passes its lock to the one that takes its place.
const LOCK_FD: &str = "--lock-fd";

/// The flag of `serve` by which it passes the socket of the HTTP front.
const HTTP_FD: &str = "--http-fd";

/// Becomes the program at `path`. Returns only if that fails.
pub fn restart(path: &Path, lock: &GatewayLock, http: Option<&OwnedFd>) -> anyhow::Error {
    let mut command = Command::new(path);
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == LOCK_FD || argument == HTTP_FD {
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
    if let Some(Ok(number)) = http.map(inherited_fd::keep_open) {
        command.arg(HTTP_FD).arg(number.to_string());
    }
    let error = command.exec();
    anyhow::Error::new(error).context(format!("cannot run {} in place of this gateway", path.display()))
}
