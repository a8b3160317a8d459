//! The short-lived intermediate between a shim and the gateway it starts.
//!
//! It leaves behind what the client's processes left to the shim (session, descriptors, signals), starts the
//! gateway as its own child so that no process of the client waits for it, says which process that is,
//! forwards the gateway's readiness line and exits. If the gateway exits first, its exit status is reported,
//! which only a parent can read.

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::process::{ChildStdout, Command, ExitCode, Stdio};

use snowgate_link::os;
use snowgate_link::start::{INSTALL_GATEWAY, Readiness};

/// How many times a gateway is started that is killed each time before it is ready.
const STARTS_MAX: u32 = 5;

/// What to do about a gateway that exits.
const RUN_SERVE: &str = "run `snowgate serve` to see why";

/// Starts `program`, its arguments behind it; `says_pid`: whether the shim asked for the gateway's process.
pub(crate) fn run(program: &[OsString], says_pid: bool) -> ExitCode {
    os::leave_client();
    let line = start(program, says_pid).unwrap_or_else(|NotReady { message, next_step, .. }| {
        Readiness::Died { message, next_step: next_step.to_owned() }.to_line()
    });
    match std::io::stdout().write_all(&line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Why there is no readiness line.
struct NotReady {
    message: String,
    next_step: &'static str,
    /// Whether a signal ended the gateway, as against its own failure: then the next one may well start.
    was_killed: bool,
}

impl NotReady {
    fn new(message: String, next_step: &'static str) -> Self {
        Self { message, next_step, was_killed: false }
    }
}

/// Starts the gateway, again if it is killed before it is ready, and returns its readiness line.
fn start(program: &[OsString], says_pid: bool) -> Result<Vec<u8>, NotReady> {
    for _ in 1..STARTS_MAX {
        match start_once(program, says_pid) {
            Err(NotReady { was_killed: true, .. }) => {}
            other => return other,
        }
    }
    start_once(program, says_pid)
}

fn start_once(program: &[OsString], says_pid: bool) -> Result<Vec<u8>, NotReady> {
    let (name, arguments) = program
        .split_first()
        .ok_or_else(|| NotReady::new("no gateway program given".to_owned(), INSTALL_GATEWAY))?;
    let mut command = Command::new(name);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut gateway = os::spawn_apart(&mut command)
        .map_err(|error| NotReady::new(format!("cannot run {}: {error}", name.display()), INSTALL_GATEWAY))?;
    if says_pid {
        // A shim that has gone meanwhile is noticed below.
        let _ = std::io::stdout().write_all(&Readiness::Started { pid: gateway.id() }.to_line());
    }
    let mut line = Vec::new();
    if let Some(pipe) = gateway.stdout.take() {
        read_line(pipe, &mut line);
    }
    if line.trim_ascii().is_empty() {
        let status = gateway.wait().map_err(|error| NotReady::new(error.to_string(), RUN_SERVE))?;
        let message = format!("{} exited before it was ready ({status})", name.display());
        return Err(NotReady { was_killed: os::was_killed(status), ..NotReady::new(message, RUN_SERVE) });
    }
    Ok(line)
}

/// Reads up to the end of a line. A pipe that cannot be read says as much as one that ends: the exit status
/// decides.
fn read_line(mut pipe: ChildStdout, line: &mut Vec<u8>) {
    let mut bytes = [0; 4096];
    while !line.contains(&b'\n') {
        match pipe.read(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(read) => line.extend_from_slice(&bytes[..read]),
        }
    }
}
