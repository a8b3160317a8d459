//! Who a session belongs to, beyond the one connection it has.

#[cfg(target_os = "linux")]
use std::fs;

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
    /// The process that has this id now; `None` where there is none that runs.
    pub fn running(pid: u32) -> Option<Self> {
        Some(Self { pid, born: born(pid)? })
    }

    /// Whether it still runs.
    pub fn is_alive(self) -> bool {
        born(self.pid) == Some(self.born)
    }
}

/// When process `pid` started; `None` where none runs (one that only waits for its parent does not).
#[cfg(target_os = "linux")]
fn born(pid: u32) -> Option<u64> {
    // Fields as in proc(5). The second is the program's name in parentheses, which may hold anything.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = fields.next()?;
    let born = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(born)
}

/// Other systems tell whether there is one, and not since when.
#[cfg(all(unix, not(target_os = "linux")))]
fn born(pid: u32) -> Option<u64> {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)?;
    rustix::process::test_kill_process(pid).is_ok().then_some(0)
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
