//! Starts a gateway and waits for its readiness line.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use super::{Readiness, StartError, io_error};
use crate::endpoint::Endpoint;
use crate::os;

/// How much of a dead gateway's stderr is shown, in bytes.
const TAIL_BYTES: usize = 2048;

/// The longest readiness line, in bytes.
const READINESS_BYTES_MAX: usize = 64 * 1024;

/// The result of a launch that did not fail.
#[derive(Debug)]
pub(super) enum Launched {
    /// A gateway is listening now, or another one may be.
    Started,
    /// Another gateway holds the lock and is not listening: it is shutting down or starting.
    AlreadyRunning,
    /// At the deadline it lives and is not ready. It is left alone: it may be slow.
    NotReady {
        /// Waits for it.
        intermediate: Child,
        /// Its process, 0 if unknown.
        gateway: u32,
    },
}

/// How to start a gateway.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The program that becomes the short-lived intermediate, with its arguments: the shim itself.
    pub intermediate: (PathBuf, Vec<OsString>),
    /// The gateway's program.
    pub gateway: PathBuf,
    /// The gateway's whole environment.
    pub environment: Vec<(OsString, OsString)>,
}

impl Launcher {
    /// Starts a gateway and waits for its readiness line. Call with the start lock held.
    pub(super) fn launch(&self, endpoint: &Endpoint, deadline: Instant) -> Result<Launched, StartError> {
        let stderr = self.open_stderr(endpoint)?;
        let launch_error = |source| StartError::Launch { program: self.gateway.clone(), source };
        let mut command = Command::new(&self.intermediate.0);
        command.args(&self.intermediate.1).arg(&self.gateway).arg("serve").arg("--ready-stdout");
        if endpoint.is_named() {
            command.arg("--socket").arg(&endpoint.socket);
        }
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(os::root_dir()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut intermediate = os::spawn_apart(&mut command).map_err(launch_error)?;
        let Some(pipe) = intermediate.stdout.take() else { return Ok(Launched::Started) };
        let mut gateway = 0;
        match read_line(pipe, deadline, &mut gateway) {
            Ok(Some(line)) => {
                // It exits once it has written its line.
                let _ = intermediate.wait();
                self.classify(&line, endpoint)
            }
            Ok(None) => Ok(Launched::NotReady { intermediate, gateway }),
            Err(source) => Err(launch_error(source)),
        }
    }

    /// Opens an empty stderr file; the last one that had content is kept next to it.
    fn open_stderr(&self, endpoint: &Endpoint) -> Result<Stdio, StartError> {
        let path = &endpoint.stderr;
        if std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.len() > 0) {
            let mut previous = path.clone().into_os_string();
            previous.push(".previous");
            // One that another program holds (a scanner of Windows) is written over.
            let _ = std::fs::rename(path, previous);
        }
        Ok(os::open_private(path, true).map_err(|source| io_error("open", path, source))?.into())
    }

    fn classify(&self, line: &[u8], endpoint: &Endpoint) -> Result<Launched, StartError> {
        match Readiness::from_line(line) {
            Some(Readiness::Ready | Readiness::Started { .. }) => Ok(Launched::Started),
            Some(Readiness::Already) => Ok(Launched::AlreadyRunning),
            Some(Readiness::Error { message, next_step, log }) => Err(StartError::Failed {
                message,
                next_step,
                log: log.unwrap_or_else(|| endpoint.stderr.clone()),
            }),
            Some(Readiness::Died { message, next_step }) => Err(StartError::Failed {
                message: add_tail(message, &endpoint.stderr),
                next_step: Some(next_step),
                log: endpoint.stderr.clone(),
            }),
            // The intermediate was killed before it could report: check again which gateway is listening.
            None => Ok(Launched::Started),
        }
    }
}

/// Reads the line that says how the start went, or all there is if the pipe ends before; `None` at the deadline.
/// The line before it says which process the gateway is.
fn read_line(mut pipe: ChildStdout, deadline: Instant, gateway: &mut u32) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut bytes = [0; 4096];
    while line.len() < READINESS_BYTES_MAX {
        if let Some(end) = line.iter().position(|&byte| byte == b'\n') {
            let Some(Readiness::Started { pid }) = Readiness::from_line(&line[..end]) else { break };
            *gateway = pid;
            line.drain(..=end);
            continue;
        }
        if !os::wait_readable(&pipe, deadline.saturating_duration_since(Instant::now()))? {
            return Ok(None);
        }
        match pipe.read(&mut bytes)? {
            0 => break,
            read => line.extend_from_slice(&bytes[..read]),
        }
    }
    Ok(Some(line))
}

/// Adds the end of what the gateway wrote to stderr to `message`.
fn add_tail(message: String, stderr: &Path) -> String {
    let tail = read_tail(stderr).unwrap_or_default();
    let tail = tail.trim();
    if tail.is_empty() { message } else { format!("{message}: {tail}") }
}

fn read_tail(path: &Path) -> io::Result<String> {
    let file = std::fs::File::open(path)?;
    let mut bytes = [0; TAIL_BYTES];
    let from = file.metadata()?.len().saturating_sub(TAIL_BYTES as u64);
    let read = os::read_at(&file, &mut bytes, from)?;
    Ok(String::from_utf8_lossy(&bytes[..read]).into_owned())
}
