//! Runs a program with a time limit and keeps what it says.

use std::io::{self, Read, Seek};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(10);

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended; `None`: it was killed at its time limit.
    pub status: Option<ExitStatus>,
    /// Standard output and error, as they came.
    pub output: String,
}

impl Finished {
    /// Whether it ended by itself, with success.
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// Runs `command` to its end, or kills it after `limit`.
///
/// Output goes to a file, not a pipe: a process that outlives the program and still holds the pipe could
/// otherwise make the wait endless.
///
/// # Errors
/// The program cannot be started.
pub fn run(command: &mut Command, limit: Duration) -> io::Result<Finished> {
    let mut file = tempfile::tempfile()?;
    let mut child =
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file.try_clone()?).spawn()?;
    let deadline = Instant::now() + limit;
    let status = loop {
        match child.try_wait()? {
            Some(status) => break Some(status),
            None if Instant::now() >= deadline => {
                child.kill()?;
                child.wait()?;
                break None;
            }
            None => sleep(POLL),
        }
    };
    let mut output = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut output)?;
    Ok(Finished { status, output: String::from_utf8_lossy(&output).into_owned() })
}
