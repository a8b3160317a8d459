//! The short-lived intermediate between a shim and the gateway it starts.
//!
//! It leaves the client's session, starts the gateway as a child that nobody of the client's family waits for, passes
//! the gateway's readiness line on and leaves. A gateway that dies first is reported with its exit status, which only
//! a parent can know.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};

use signal_hook::consts::{SIGHUP, SIGINT, SIGKILL, SIGTERM};
use snowgate_link::os;
use snowgate_link::start::Readiness;

/// How often a gateway is started that somebody ends each time.
const STARTS_MAX: u32 = 5;

/// The signals that come from somebody, not from a fault of the gateway's own.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGKILL, SIGTERM];

/// What to do about a gateway that cannot be run.
const INSTALL: &str =
    "install `snowgate` beside `snowgate-shim`, or name it with --gateway or SNOWGATE_GATEWAY";

/// What to do about a gateway that ends.
const CHECK: &str = "check the program and the end of its stderr";

/// Starts `program`, its arguments behind it.
pub(crate) fn run(program: &[OsString]) -> ExitCode {
    // Fails only for a process group leader, which a freshly spawned child is not; then nothing is lost but the terminal.
    let _ = os::leave_session();
    let line = start(program).unwrap_or_else(|NotReady { message, next_step, .. }| {
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
    /// Whether somebody ended the gateway, as against its own failure: then the next one may well start.
    was_ended: bool,
}

impl NotReady {
    fn new(message: String, next_step: &'static str) -> Self {
        Self { message, next_step, was_ended: false }
    }
}

/// Starts the gateway, again where somebody ends it before it is ready, and gives its readiness line.
fn start(program: &[OsString]) -> Result<Vec<u8>, NotReady> {
    for _ in 1..STARTS_MAX {
        match start_once(program) {
            Err(NotReady { was_ended: true, .. }) => {}
            other => return other,
        }
    }
    start_once(program)
}

fn start_once(program: &[OsString]) -> Result<Vec<u8>, NotReady> {
    let (name, arguments) =
        program.split_first().ok_or_else(|| NotReady::new("no gateway was named".to_owned(), INSTALL))?;
    let mut gateway = Command::new(name)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| NotReady::new(format!("cannot run {}: {error}", name.display()), INSTALL))?;
    let mut line = Vec::new();
    if let Some(pipe) = gateway.stdout.take() {
        // A pipe that cannot be read says as much as one that ends: the exit status decides.
        let _ = BufReader::new(pipe).read_until(b'\n', &mut line);
    }
    if line.trim_ascii().is_empty() {
        let status = gateway.wait().map_err(|error| NotReady::new(error.to_string(), CHECK))?;
        let message = format!("{} ended before it was ready ({status})", name.display());
        let was_ended = status.signal().is_some_and(|signal| ENDING.contains(&signal));
        return Err(NotReady { was_ended, ..NotReady::new(message, CHECK) });
    }
    Ok(line)
}
