//! Other programs that are run for what they say.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};

/// How often it is looked whether a program has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 4096;

/// Where programs are looked for if `PATH` is not set, as the system does it.
const PATH_DEFAULT: &str = "/bin:/usr/bin";

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
    let path = std::env::var_os("PATH").unwrap_or_else(|| PATH_DEFAULT.into());
    find_program(Path::new(name.as_ref()), &path).map(Command::new)
}

fn find_program(name: &Path, path: &OsStr) -> io::Result<PathBuf> {
    if name.components().count() > 1 {
        return Ok(name.to_owned());
    }
    let is_program =
        |file: &PathBuf| file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok();
    let found = folders_of_path(path).map(|folder| folder.join(name)).find(is_program);
    found.ok_or_else(|| {
        let why = format!("no folder of PATH with an absolute path has the program {}", name.display());
        io::Error::new(ErrorKind::NotFound, why)
    })
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
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = command.spawn()?;
    let mut child = Group { leader: child, is_gone: false };
    let mut out = Pipe::new(child.leader.stdout.take(), bytes_max)?;
    let mut err = Pipe::new(child.leader.stderr.take(), bytes_max)?;
    let began = Instant::now();
    loop {
        let status = child.leader.try_wait()?;
        // After the look: what an ended program has written is all there.
        out.read_what_is_there();
        err.read_what_is_there();
        if let Some(status) = status {
            child.is_gone = out.from.is_none() && err.from.is_none();
            return Ok(Said { status, out: out.text(), err: err.text() });
        }
        if began.elapsed() >= bound {
            return Err(RunError::Slow { bound });
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}

/// A process group that ends with this.
struct Group {
    leader: Child,
    /// Nothing seems to be left of it, so its number may be another one's soon.
    is_gone: bool,
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_gone {
            // It may have ended just now; then there is nothing to end.
            let _ = kill_process_group(Pid::from_child(&self.leader), Signal::KILL);
            let _ = self.leader.wait();
        }
    }
}

/// One output of a program, which is never waited for.
struct Pipe<T> {
    from: Option<T>,
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl<T: Read + AsFd> Pipe<T> {
    fn new(from: Option<T>, bytes_max: usize) -> io::Result<Self> {
        if let Some(from) = &from {
            fcntl_setfl(from, fcntl_getfl(from)? | OFlags::NONBLOCK)?;
        }
        Ok(Self { from, bytes: Vec::new(), bytes_max })
    }

    /// Reads until there is nothing more just now, at most as much as is kept and once more. The rest of a program that says
    /// too much is thrown away at the next look.
    fn read_what_is_there(&mut self) {
        let mut chunk = [0; CHUNK_BYTES];
        for _ in 0..=self.bytes_max / CHUNK_BYTES + 1 {
            let Some(from) = &mut self.from else { return };
            match from.read(&mut chunk) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn shell(script: &str, bound: Duration) -> Result<Said, RunError> {
        run_bounded(Command::new("sh").args(["-c", script]), bound, 64)
    }

    #[test]
    fn what_it_says_is_read_up_to_a_bound() {
        let said = shell("echo fine; echo odd >&2; exit 3", LONG).unwrap();
        assert_eq!((said.out.as_str(), said.err.as_str(), said.status.code()), ("fine\n", "odd\n", Some(3)));
        let much = shell("head -c 300000 /dev/zero; echo x >&2", LONG).unwrap();
        assert_eq!((much.out.len(), much.err.as_str()), (64, "x\n"));
    }

    #[test]
    fn a_program_is_not_looked_for_in_the_current_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tool");
        std::fs::write(&file, "").unwrap();
        let absolute = folder.path().to_str().unwrap();
        let current = std::env::current_dir().unwrap();
        let up = "../".repeat(current.components().count()) + absolute.trim_start_matches('/');
        let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
        let find = |path: &str| find_program(Path::new("tool"), OsStr::new(path));
        assert!(find(absolute).is_err(), "it is not executable");
        std::fs::set_permissions(&file, mode(0o755)).unwrap();
        assert!(std::path::Path::new(&up).join("tool").is_file());
        for path in [up.as_str(), ".", "", "::", "/nowhere"] {
            assert_eq!(find(path).unwrap_err().kind(), ErrorKind::NotFound, "{path}");
        }
        assert_eq!(find(&format!(":.:{up}:{absolute}")).unwrap(), file);
        assert_eq!(find_program(Path::new("./tool"), OsStr::new("")).unwrap(), Path::new("./tool"));
    }

    #[test]
    fn what_it_leaves_behind_is_not_waited_for_and_is_ended() {
        let began = Instant::now();
        let said = shell("sleep 600 & echo $!", LONG).unwrap();
        assert!(began.elapsed() < LONG);
        let left = said.out.trim().parse().ok().and_then(Pid::from_raw).unwrap();
        let deadline = Instant::now() + LONG;
        // A zombie that init has not yet collected counts as ended.
        let lives = || {
            rustix::process::test_kill_process(left).is_ok()
                && std::fs::read_to_string(format!("/proc/{}/stat", left.as_raw_nonzero()))
                    .is_ok_and(|stat| !stat.contains(") Z "))
        };
        while lives() {
            assert!(Instant::now() < deadline, "process {left:?} still runs");
            std::thread::yield_now();
        }
    }

    #[test]
    fn one_that_hangs_is_ended_with_what_it_has_started() {
        let slow = shell("sleep 600 & sleep 600", Duration::from_millis(50)).unwrap_err();
        assert!(matches!(slow, RunError::Slow { .. }), "{slow}");
        let missing = run_bounded(&mut Command::new("/nowhere/program"), LONG, 64).unwrap_err();
        assert!(matches!(missing, RunError::Io(_)), "{missing}");
    }
}
