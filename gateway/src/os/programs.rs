//! Other programs that are run for what they say.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::system::{
    DEFAULT_PATH, Handle, ProcessGroup, program_file, read_ready, read_without_waiting, system_browser,
};

/// How often it is looked whether a program has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 4096;

/// The folders of a `PATH`. One that is not absolute, or empty, is left out: it would be looked for in the current folder, where
/// another's files may be.
pub fn folders_of_path(path: &OsStr) -> impl Iterator<Item = PathBuf> {
    std::env::split_paths(path).filter(|folder| folder.is_absolute())
}

/// A command for the program `name`, which is looked for in [`folders_of_path`]. A name with a folder in it is that file.
///
/// # Errors
/// No folder has it.
pub fn program(name: impl AsRef<OsStr>) -> io::Result<Command> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    find_program(Path::new(name.as_ref()), &path).map(Command::new)
}

pub(super) fn find_program(name: &Path, path: &OsStr) -> io::Result<PathBuf> {
    if name.components().count() > 1 {
        return Ok(name.to_owned());
    }
    let found = folders_of_path(path).find_map(|folder| program_file(&folder.join(name)));
    found.ok_or_else(|| {
        let why = format!("no folder of PATH with an absolute path has the program {}", name.display());
        io::Error::new(ErrorKind::NotFound, why)
    })
}

/// What opens an address in the user's browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Browser {
    /// This program, with the address.
    Program(String),
    /// The system, by a call ([`super::open_in_browser`]).
    System,
}

impl Browser {
    /// The one that the variable `BROWSER` names, or the system's; `None` where there is no screen.
    pub fn find() -> Option<Self> {
        match std::env::var("BROWSER") {
            Ok(program) if !program.is_empty() => Some(Self::Program(program)),
            _ => system_browser(),
        }
    }
}

/// A program that has ended.
#[derive(Debug)]
pub struct Said {
    /// How.
    pub status: ExitStatus,
    /// The beginning of what it wrote to stdout.
    pub out: String,
    /// The beginning of what it wrote to stderr.
    pub err: String,
}

/// Why it is not known what a program says.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The system does not run it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It did not end in time.
    #[error("it did not end within {} s", bound.as_secs())]
    Slow {
        /// For how long it was waited.
        bound: Duration,
    },
}

/// Runs `command` without input, in a process group of its own, and keeps `bytes_max` bytes of each output.
///
/// It returns within `bound`, also if the program leaves another one behind that holds its outputs: what the program itself has
/// written is in the pipes when it ends, so nothing is waited for after that. What is left of its group is ended.
///
/// # Errors
/// It cannot be run, or does not end in time.
pub fn run_bounded(command: &mut Command, bound: Duration, bytes_max: usize) -> Result<Said, RunError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = ProcessGroup::spawn(command)?;
    let mut out = Pipe::new(group.leader.stdout.take(), bytes_max)?;
    let mut err = Pipe::new(group.leader.stderr.take(), bytes_max)?;
    let began = Instant::now();
    loop {
        let status = group.leader.try_wait()?;
        // After the look: what an ended program has written is all there.
        out.read_what_is_there();
        err.read_what_is_there();
        if let Some(status) = status {
            if out.from.is_none() && err.from.is_none() {
                group.let_go();
            }
            return Ok(Said { status, out: out.text(), err: err.text() });
        }
        if began.elapsed() >= bound {
            return Err(RunError::Slow { bound });
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}

/// One output of a program, which is never waited for.
struct Pipe<T> {
    from: Option<T>,
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl<T: Read + Handle> Pipe<T> {
    fn new(from: Option<T>, bytes_max: usize) -> io::Result<Self> {
        if let Some(from) = &from {
            read_without_waiting(from)?;
        }
        Ok(Self { from, bytes: Vec::new(), bytes_max })
    }

    /// Reads until there is nothing more just now, at most as much as is kept and once more. The rest of a program that says
    /// too much is thrown away at the next look.
    fn read_what_is_there(&mut self) {
        let mut chunk = [0; CHUNK_BYTES];
        for _ in 0..=self.bytes_max / CHUNK_BYTES + 1 {
            let Some(from) = &mut self.from else { return };
            match read_ready(from, &mut chunk) {
                Ok(0) => self.from = None,
                Ok(count) => {
                    let room = self.bytes_max.saturating_sub(self.bytes.len());
                    self.bytes.extend_from_slice(&chunk[..count.min(room)]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.from = None,
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}
