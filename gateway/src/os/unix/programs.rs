//! Other programs: found, started in a group of their own, read without waiting.

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rustix::fs::{Access, OFlags, access, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::os::Browser;
use crate::os::kernel::{BROWSER, has_screen};

/// What has a descriptor.
pub(in crate::os) use std::os::fd::AsFd as Handle;

/// Where programs are looked for if `PATH` is not set, as the system does it.
pub(in crate::os) const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The program's file, if `path` is one that this user may run.
pub(in crate::os) fn program_file(path: &Path) -> Option<PathBuf> {
    (path.is_file() && access(path, Access::EXEC_OK).is_ok()).then(|| path.to_owned())
}

/// A program and what it has started, which end with this.
#[derive(Debug)]
pub struct ProcessGroup {
    /// The program.
    pub leader: Child,
    /// Nothing seems to be left of it, so its number may be another one's soon.
    is_gone: bool,
}

impl ProcessGroup {
    /// Starts a program in a group of its own.
    ///
    /// # Errors
    /// The system's.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        Ok(Self { leader: command.process_group(0).spawn()?, is_gone: false })
    }

    /// Ends all of it.
    pub fn kill(&mut self) {
        // It may have ended just now; then there is nothing to end.
        let _ = kill_process_group(Pid::from_child(&self.leader), Signal::KILL);
    }

    /// What is left of it stays: its program has ended, and was waited for.
    pub fn let_go(&mut self) {
        self.is_gone = true;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if !self.is_gone {
            self.kill();
            let _ = self.leader.wait();
        }
    }
}

/// From now on [`read_ready`] does not wait.
pub(in crate::os) fn read_without_waiting(pipe: &impl Handle) -> io::Result<()> {
    Ok(fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?)
}

/// Reads what is there; `WouldBlock`: nothing just now. 0: the other end is closed.
pub(in crate::os) fn read_ready(pipe: &mut (impl Read + Handle), bytes: &mut [u8]) -> io::Result<usize> {
    pipe.read(bytes)
}

/// For tests: what runs as long as its stdin, a pipe, is open.
#[cfg(test)]
pub fn program_that_waits() -> Command {
    Command::new("cat")
}

/// What opens addresses where the user has not said it; `None` without a screen.
pub(in crate::os) fn system_browser() -> Option<Browser> {
    has_screen().then(|| Browser::Program(BROWSER.to_owned()))
}

/// Opens `address` by a call of the system: there is none here, see `system_browser`.
///
/// # Errors
/// Always.
pub fn open_in_browser(_address: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::io::ErrorKind;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::os::programs::find_program;
    use crate::os::{RunError, Said, run_bounded};

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
