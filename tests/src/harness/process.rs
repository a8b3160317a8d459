//! Processes, as `/proc` shows them.

use std::fs;
use std::path::Path;

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

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
    pub fn with_variable(variable: &str) -> Vec<Self> {
        let entries = fs::read_dir("/proc").expect("reading /proc");
        let folders = entries.flatten().map(|entry| entry.path());
        folders.filter_map(|folder| Self::read(&folder, variable.as_bytes())).collect()
    }

    fn read(folder: &Path, variable: &[u8]) -> Option<Self> {
        let pid = folder.file_name()?.to_str()?.parse().ok()?;
        let environment = fs::read(folder.join("environ")).ok()?;
        if !environment.split(|&byte| byte == 0).any(|part| part == variable) {
            return None;
        }
        let command = fs::read(folder.join("cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).trim_end_matches('\0').replace('\0', " ");
        Some(Self { pid, command })
    }

    /// Whether it runs still. One that has ended and was not waited for does not.
    pub fn runs(&self) -> bool {
        fs::read(format!("/proc/{}/environ", self.pid)).is_ok_and(|environment| !environment.is_empty())
    }

    /// Whether it is a running gateway, not a shim's intermediate that is about to start one.
    pub fn is_gateway(&self) -> bool {
        self.command.contains("snowgate serve")
    }
}

/// Sends `signal` to a process that may have ended already.
///
/// # Panics
/// `pid` is none.
pub fn send_signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    // It may be gone, which is what most signals are for.
    let _ = kill_process(pid, signal);
}

/// Kills a process outright.
pub fn kill(pid: u32) {
    send_signal(pid, Signal::KILL);
}

/// The memory that a process holds, in kB: its resident set, the greatest since [`reset_peak`] or its start.
///
/// # Panics
/// There is no such process.
pub fn peak_kb(pid: u32) -> u64 {
    memory_kb(pid, "VmHWM:")
}

/// The memory that a process holds now, in kB: its resident set.
///
/// # Panics
/// There is no such process.
pub fn resident_kb(pid: u32) -> u64 {
    memory_kb(pid, "VmRSS:")
}

fn memory_kb(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let held = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of this name");
    held.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}

/// Has [`peak_kb`] count from now.
///
/// # Panics
/// There is no such process.
pub fn reset_peak(pid: u32) {
    // proc_pid_clear_refs(5): "5" resets the peak to what is resident.
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a running process");
}

/// How many descriptors a process has open; `None` where there is no such process.
pub fn descriptors(pid: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}
