//! Ending other processes, and this one's stdout.

use std::fs::File;
use std::io;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

/// What asks a process to end, and what ends it.
pub const TERMINATE: &str = "SIGTERM";
/// See [`TERMINATE`].
pub const KILL: &str = "SIGKILL";

/// Asks a process to end, also one that was stopped: it acts on that only once it continues. `false`: the system has no way to.
///
/// # Errors
/// The system's; not that it has ended.
pub fn terminate(pid: u32) -> io::Result<bool> {
    send(pid, Signal::TERM)?;
    send(pid, Signal::CONT)?;
    Ok(true)
}

/// Ends a process.
///
/// # Errors
/// The system's; not that it has ended.
pub fn kill(pid: u32) -> io::Result<()> {
    send(pid, Signal::KILL)
}

fn send(pid: u32, signal: Signal) -> io::Result<()> {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    match kill_process(pid, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A file that is open may be removed here, so its lock is kept meanwhile.
pub fn keep_while_removed(file: File) -> Option<File> {
    Some(file)
}

/// Points stdout at nothing, so that the pipe's reader sees its end.
pub fn close_stdout() {
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}
