//! Whose a session is, beyond the one connection it has, and which process holds its other end.

#[cfg(target_os = "linux")]
use std::fs;
use std::io;

/// What makes two shims the same client's: the one that comes later finds the context that the other left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The peer's user, as the system says.
    pub uid: u32,
    /// The client application's executable, as the shim says.
    pub parent_exe: Option<String>,
    /// The shim's working directory, as the shim says.
    pub cwd: Option<String>,
    /// The client's name, as the client says.
    pub client: Option<String>,
    /// The profile's name.
    pub profile: String,
}

/// One process: a process id alone is given to another sooner or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShimProcess {
    /// Its id.
    pub pid: u32,
    /// When it started, in the system's own ticks; 0 where the system does not tell.
    pub born: u64,
}

impl ShimProcess {
    /// The process that has this id now; `None` where there is none that runs, or the system cannot tell.
    pub fn running(pid: u32) -> Option<Self> {
        Some(Self { pid, born: born(pid).ok()?? })
    }

    /// Whether it still runs, or may, where the system cannot tell.
    pub fn is_alive(self) -> bool {
        born(self.pid).map_or(true, |born| born == Some(self.born))
    }
}

/// When process `pid` started; `None` where none runs (one that only waits for its parent does not).
///
/// # Errors
/// The system could not be asked: no descriptors, no memory.
#[cfg(target_os = "linux")]
fn born(pid: u32) -> io::Result<Option<u64>> {
    // Fields as in proc(5). The second is the program's name in parentheses, which may hold anything.
    let stat = match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let fields = stat.rfind(')').and_then(|end| stat.get(end + 1..));
    let mut fields = fields.unwrap_or_default().split_ascii_whitespace();
    let state = fields.next().unwrap_or_default();
    let born = fields.nth(18).and_then(|born| born.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok((!matches!(state, "Z" | "X")).then_some(born))
}

/// Whether the error says that there is no such process: no such file, or one that ended while it was read.
#[cfg(target_os = "linux")]
fn is_absence(error: &io::Error) -> bool {
    const ESRCH: i32 = 3;
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

/// Other systems tell whether there is one, and not since when.
#[cfg(all(unix, not(target_os = "linux")))]
fn born(pid: u32) -> io::Result<Option<u64>> {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
    match test_kill_process(pid) {
        Ok(()) | Err(Errno::PERM) => Ok(Some(0)),
        Err(Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_alive_until_it_has_ended() {
        let own = ShimProcess::running(std::process::id()).unwrap();
        assert!(own.is_alive());
        assert!(!ShimProcess { born: own.born + 1, ..own }.is_alive(), "another process with the same id");
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = ShimProcess::running(child.id()).unwrap();
        assert!(process.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!process.is_alive() && ShimProcess::running(process.pid).is_none());
    }
}
