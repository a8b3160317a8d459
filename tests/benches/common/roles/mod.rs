//! What a benchmark program is when it starts itself again: the servers and the forwarder that Snowgate is
//! compared with.
//!
//! Each listens on the socket of its argument, or forwards to it, and ends when its stdin does.

mod echo;
mod forward;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::connection::{Process, own_program, start_server};

/// Answers every line with itself.
pub(crate) const ECHO: &str = "role-echo";
/// Copies stdin to a socket and the socket to stdout.
pub(crate) const FORWARD: &str = "role-forward";

/// Plays a role on the socket at this path.
pub(crate) type Serve = fn(&Path) -> Result<()>;

/// The roles that every program has.
const SHARED: [(&str, Serve); 2] = [(ECHO, echo::serve), (FORWARD, forward::serve)];

/// A role and its socket.
pub(crate) struct Role {
    serve: Serve,
    socket: PathBuf,
}

/// The role that the first argument names: a shared one, or one of the program's `own`.
pub(crate) fn asked_for(own: &[(&str, Serve)]) -> Option<Role> {
    let mut arguments = std::env::args_os().skip(1);
    let name = arguments.next()?;
    let (_, serve) = SHARED.iter().chain(own).find(|(role, _)| name == *role)?;
    Some(Role { serve: *serve, socket: arguments.next()?.into() })
}

/// Plays the role to its end.
pub(crate) fn run(role: &Role) -> ExitCode {
    match (role.serve)(&role.socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("a benchmark's server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Tells whoever started this server that it listens, and ends the process with its stdin.
pub(crate) fn say_ready() -> Result<()> {
    std::thread::spawn(|| {
        // Nothing is ever written there; it only ends.
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    io::stdout().write_all(b"ready\n").and_then(|()| io::stdout().flush()).context("saying ready")
}

/// A folder whose path is short enough for sockets.
pub(crate) fn socket_folder() -> Result<TempDir> {
    tempfile::Builder::new().prefix("sgb").tempdir_in("/tmp").context("making a temporary folder")
}

/// Starts this program as a server on a socket in `folder`.
pub(crate) fn start(folder: &Path, role: &str) -> Result<(PathBuf, Process)> {
    let socket = folder.join(role);
    let server = start_server(&mut own_program(role, &socket)?)?;
    Ok((socket, server))
}
