//! Processes, as the system shows them.

use std::env::consts::EXE_SUFFIX;
use std::path::Path;

use super::os::{STARTS_BY_FORK, Signal, processes, send_signal};

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its command line, parts joined by spaces.
    pub command: String,
}

impl Process {
    /// Every process whose environment holds exactly `variable` (as `NAME=value`). A process that has ended
    /// and was not waited for has no environment and is not found.
    ///
    /// # Panics
    /// The system does not tell of its processes.
    pub fn with_variable(variable: &str) -> Vec<Self> {
        processes::with_variable(variable)
    }

    /// Whether it runs still. One that has ended and was not waited for does not.
    pub fn runs(&self) -> bool {
        processes::runs(self.pid)
    }

    /// Whether it is a running gateway, not a shim's intermediate that is about to start one.
    pub fn is_gateway(&self) -> bool {
        self.command.contains(&format!("snowgate{EXE_SUFFIX} serve"))
    }

    /// Whether it is this program already, not the copy of another that is about to become it.
    pub fn has_become(&self, program: &Path) -> bool {
        !STARTS_BY_FORK || self.command.starts_with(&*program.to_string_lossy())
    }
}

/// Kills a process outright.
pub fn kill(pid: u32) {
    send_signal(pid, Signal::KILL);
}

/// The memory that a process holds, in kB: its resident set, the greatest since [`reset_peak`] or its start. (macOS and Windows:
/// the one it has now.)
///
/// # Panics
/// There is no such process.
pub fn peak_kb(pid: u32) -> u64 {
    processes::peak_kb(pid)
}

/// The memory that a process holds now, in kB: its resident set.
///
/// # Panics
/// There is no such process.
pub fn resident_kb(pid: u32) -> u64 {
    processes::resident_kb(pid)
}

/// Has [`peak_kb`] count from now.
///
/// # Panics
/// There is no such process.
pub fn reset_peak(pid: u32) {
    processes::reset_peak(pid);
}

/// How many descriptors, or handles, a process has open; `None` where there is no such process.
pub fn descriptors(pid: u32) -> Option<usize> {
    processes::descriptors(pid)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    use super::*;
    use warehouse::support::until;

    #[test]
    #[ignore = "the process that the next test looks for"]
    fn waits_for_the_end_of_its_stdin() {
        std::io::stdin().read_to_end(&mut Vec::new()).expect("stdin");
    }

    #[test]
    fn a_process_is_found_by_its_environment_and_ends_when_it_is_killed() {
        let variable = format!("SNOWGATE_TEST_LOOK=für {}", std::process::id());
        let (name, value) = variable.split_once('=').expect("a variable");
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "waits_for_the_end_of_its_stdin"])
            .env(name, value)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        until("it is found", || !Process::with_variable(&variable).is_empty());
        let found = Process::with_variable(&variable);
        assert_eq!(found.iter().map(|process| process.pid).collect::<Vec<_>>(), [child.id()]);
        assert!(found[0].command.contains("--ignored waits_for"), "{found:?}");
        assert!(found[0].runs() && resident_kb(child.id()) > 0 && descriptors(child.id()).is_some());
        kill(child.id());
        child.wait().expect("its end");
        assert!(!found[0].runs());
        assert_eq!(Process::with_variable(&variable), []);
    }
}
