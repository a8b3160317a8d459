//! Processes of macOS and Windows, as `sysinfo` shows them.

use std::ffi::OsString;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::harness::process::Process;

fn look(which: ProcessesToUpdate<'_>, what: ProcessRefreshKind) -> System {
    let mut system = System::new().expect("looking at processes");
    system.refresh_processes_specifics(which, true, what.without_tasks());
    system
}

fn look_at<T>(pid: u32, what: ProcessRefreshKind, then: impl FnOnce(&sysinfo::Process) -> T) -> Option<T> {
    let pid = Pid::from_u32(pid);
    look(ProcessesToUpdate::Some(&[pid]), what).process(pid).map(then)
}

fn joined(parts: &[OsString]) -> String {
    parts.join(" ".as_ref()).to_string_lossy().into_owned()
}

pub(in crate::harness) fn with_variable(variable: &str) -> Vec<Process> {
    let what = ProcessRefreshKind::nothing().with_environ(UpdateKind::Always).with_cmd(UpdateKind::Always);
    let system = look(ProcessesToUpdate::All, what);
    let found = system
        .processes()
        .iter()
        .filter(|(_, process)| process.exists() && process.environ().iter().any(|part| part == variable));
    found.map(|(pid, process)| Process { pid: pid.as_u32(), command: joined(process.cmd()) }).collect()
}

pub(in crate::harness) fn runs(pid: u32) -> bool {
    // One that has ended and was not waited for has no command line.
    let what = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always);
    look_at(pid, what, |process| process.exists() && !process.cmd().is_empty()).unwrap_or(false)
}

/// The system tells no peak: what is resident now is a lower bound of it.
pub(in crate::harness) fn peak_kb(pid: u32) -> u64 {
    resident_kb(pid)
}

pub(in crate::harness) fn resident_kb(pid: u32) -> u64 {
    let what = ProcessRefreshKind::nothing().with_memory();
    look_at(pid, what, |process| process.memory() / 1024).expect("a running process")
}

pub(in crate::harness) fn reset_peak(_pid: u32) {}

pub(in crate::harness) fn descriptors(pid: u32) -> Option<usize> {
    look_at(pid, ProcessRefreshKind::nothing(), sysinfo::Process::open_files).flatten()
}

/// Not known here: the programs are looked at by cargo once for each test program.
pub(in crate::harness) fn parent(_name: &str) -> Option<String> {
    None
}
