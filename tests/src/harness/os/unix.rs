//! Signals, and files that are programs by their mode.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::harness::copy_program;

/// A process that starts a gateway is a copy of the shim for a moment.
pub(in crate::harness) const STARTS_BY_FORK: bool = true;

/// Where homes are made: not below $TMPDIR, which may be long. A socket's path has at most 100 bytes.
pub(in crate::harness) fn homes() -> std::path::PathBuf {
    "/tmp".into()
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

/// Has a program end as it does at Ctrl-C. (By SIGTERM: SIGINT is ignored where the tests run in a shell's background.)
pub fn ask_to_stop(pid: u32) {
    send_signal(pid, Signal::TERM);
}

/// Has a process do nothing until it is thawed.
pub(crate) fn freeze(pid: u32) {
    send_signal(pid, Signal::STOP);
}

/// Has it go on.
pub(crate) fn thaw(pid: u32) {
    send_signal(pid, Signal::CONT);
}

/// Says by a mode who may read, write and run a file.
///
/// # Panics
/// It is not this user's.
pub fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, PermissionsExt::from_mode(mode)).expect("changing a mode");
}

/// Writes a script to `to`, to be run from there; see [`copy_program`].
///
/// # Panics
/// It cannot be written.
pub fn write_script(text: &str, to: &Path) {
    let draft = to.with_extension("draft");
    fs::write(&draft, text).expect("writing a script");
    copy_program(&draft, to);
    fs::set_permissions(to, PermissionsExt::from_mode(0o755)).expect("making it executable");
    fs::remove_file(&draft).expect("removing the draft");
}
