//! What this program is when the benchmark starts it again: the servers and the forwarder that Snowgate is compared with.
//!
//! Each listens on the socket of its argument, or forwards to it, and ends when its stdin does.

mod bare;
mod echo;
mod forward;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

/// Answers every line with itself.
pub(crate) const ECHO: &str = "role-echo";
/// Copies stdin to a socket and the socket to stdout.
pub(crate) const FORWARD: &str = "role-forward";
/// An MCP server with one tool, and nothing but `rmcp`.
pub(crate) const BARE: &str = "role-bare";

/// A role and its socket.
pub(crate) struct Role {
    serve: fn(&Path) -> Result<()>,
    socket: PathBuf,
}

/// The role that the first argument names.
pub(crate) fn asked_for() -> Option<Role> {
    let mut arguments = std::env::args_os().skip(1);
    let serve = match arguments.next()?.to_str()? {
        ECHO => echo::serve,
        FORWARD => forward::serve,
        BARE => bare::serve,
        _ => return None,
    };
    Some(Role { serve, socket: arguments.next()?.into() })
}

/// Plays the role to its end.
pub(crate) fn run(role: &Role) -> ExitCode {
    match (role.serve)(&role.socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("spine: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Tells whoever started this server that it listens, and ends the process with its stdin.
fn say_ready() -> Result<()> {
    std::thread::spawn(|| {
        // Nothing is ever written there; it only ends.
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    io::stdout().write_all(b"ready\n").and_then(|()| io::stdout().flush()).context("saying ready")
}
