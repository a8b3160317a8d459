//! Processes, as `/proc` shows them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::process::Process;

pub(in crate::harness) fn with_variable(variable: &str) -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("reading /proc");
    let folders = entries.flatten().map(|entry| entry.path());
    folders.filter_map(|folder| read(&folder, variable.as_bytes())).collect()
}

fn read(folder: &Path, variable: &[u8]) -> Option<Process> {
    let pid = folder.file_name()?.to_str()?.parse().ok()?;
    let environment = fs::read(folder.join("environ")).ok()?;
    if !environment.split(|&byte| byte == 0).any(|part| part == variable) {
        return None;
    }
    let command = fs::read(folder.join("cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command).trim_end_matches('\0').replace('\0', " ");
    Some(Process { pid, command })
}

pub(in crate::harness) fn runs(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| !environment.is_empty())
}

pub(in crate::harness) fn peak_kb(pid: u32) -> u64 {
    memory_kb(pid, "VmHWM:")
}

pub(in crate::harness) fn resident_kb(pid: u32) -> u64 {
    memory_kb(pid, "VmRSS:")
}

fn memory_kb(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let held = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of this name");
    held.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}

pub(in crate::harness) fn reset_peak(pid: u32) {
    // proc_pid_clear_refs(5): "5" resets the peak to what is resident.
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a running process");
}

pub(in crate::harness) fn descriptors(pid: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// The program that runs this one, if its name begins with `name`: its process id and when it started.
pub(in crate::harness) fn parent(name: &str) -> Option<String> {
    let process = PathBuf::from(format!("/proc/{}", std::os::unix::process::parent_id()));
    if !fs::read_to_string(process.join("comm")).ok()?.starts_with(name) {
        return None;
    }
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // The name, in parentheses, may hold spaces; the start time is the 20th field after it
    // (proc_pid_stat(5)).
    let started = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.to_owned();
    Some(format!("{} {started}", process.display()))
}
