//! Windows has no signals: a process can be ended from outside in one way.

// TerminateProcess has no safe face: std's is for children alone, and a gateway is none of the test's.
#![allow(unsafe_code)]

use windows_sys::Win32::Foundation::{CloseHandle, FALSE};
use windows_sys::Win32::System::Threading::{OpenProcess, PROCESS_TERMINATE, TerminateProcess};

/// A process is started as what it is, by one call.
pub(in crate::harness) const STARTS_BY_FORK: bool = false;

/// The exit code of a process that a test has ended: no other says it.
const ENDED: u32 = 0xdead;

/// Where homes are made.
pub(in crate::harness) fn homes() -> std::path::PathBuf {
    std::env::temp_dir()
}

/// What can be sent to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(());

impl Signal {
    /// Its end, at once.
    pub const KILL: Self = Self(());
}

/// Ends a process that may have ended already.
pub fn send_signal(pid: u32, _kill: Signal) {
    // SAFETY: no pointer is passed. The handle is checked, used by this thread alone, and closed once.
    unsafe {
        let process = OpenProcess(PROCESS_TERMINATE, FALSE, pid);
        if !process.is_null() {
            TerminateProcess(process, ENDED);
            CloseHandle(process);
        }
    }
}

/// Does nothing: Windows has no modes. The tests that need a file to be private, or not, by its mode are left out there; a home is
/// below the user's temporary folder, whose access list a new file inherits.
pub fn set_mode(_file: &std::path::Path, _mode: u32) {}

/// Ends a program: nothing that it could hear is sent from outside its console.
pub fn ask_to_stop(pid: u32) {
    send_signal(pid, Signal::KILL);
}

/// Never asked for: chaos leaves this fault out on Windows.
pub(crate) fn freeze(_pid: u32) {}

/// As [`freeze`].
pub(crate) fn thaw(_pid: u32) {}
