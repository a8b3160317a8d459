//! The short-lived intermediate between a shim and the gateway it starts.
//!
//! It leaves the client's session, starts the gateway as a child that nobody of the client's family waits for, passes
//! the gateway's readiness line on and leaves. A gateway that dies first is reported with its exit status, which only
//! a parent can know.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};

use snowgate_link::os;
use snowgate_link::start::Readiness;

/// Starts `program`, its arguments behind it.
pub(crate) fn run(program: &[OsString]) -> ExitCode {
    // Fails only for a process group leader, which a freshly spawned child is not; then nothing is lost but the terminal.
    let _ = os::leave_session();
    let line = start(program).unwrap_or_else(|message| {
        let next_step = Some("check the program and the end of its stderr".to_owned());
        serde_json::to_string(&Readiness::Error { message, next_step, log: None }).unwrap_or_default()
    });
    match writeln!(std::io::stdout(), "{}", line.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Gives the gateway's readiness line.
fn start(program: &[OsString]) -> Result<String, String> {
    let (name, arguments) = program.split_first().ok_or("no gateway was named")?;
    let mut gateway = Command::new(name)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run {}: {error}", name.display()))?;
    let mut line = String::new();
    if let Some(pipe) = gateway.stdout.take() {
        // A pipe that cannot be read says as much as one that ends: the exit status decides.
        let _ = BufReader::new(pipe).read_line(&mut line);
    }
    if line.trim().is_empty() {
        let status = gateway.wait().map_err(|error| error.to_string())?;
        return Err(format!("{} ended before it was ready ({status})", name.display()));
    }
    Ok(line)
}
