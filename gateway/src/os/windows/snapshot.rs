//! Processes and threads as they were at one moment (Tool Help).

use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};

use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CREATE_TOOLHELP_SNAPSHOT_FLAGS, CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW,
    Process32NextW, TH32CS_SNAPPROCESS, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
};
use windows_sys::core::BOOL;

use super::size_of_u32;
use snowgate_link::os::text_of;

/// Entries that are looked at, at most.
const ENTRIES_MAX: usize = 1 << 16;

/// One process.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// The file name of its program.
    pub(super) program: String,
}

/// The processes of all users.
///
/// # Errors
/// The system's.
pub(super) fn processes() -> io::Result<Vec<Process>> {
    let empty = PROCESSENTRY32W { dwSize: size_of_u32::<PROCESSENTRY32W>(), ..Default::default() };
    let all = entries(TH32CS_SNAPPROCESS, empty, Process32FirstW, Process32NextW)?;
    Ok(all.iter().map(|it| Process { pid: it.th32ProcessID, program: text_of(&it.szExeFile) }).collect())
}

/// The threads of process `pid`.
///
/// # Errors
/// The system's.
pub(super) fn threads_of(pid: u32) -> io::Result<Vec<u32>> {
    let empty = THREADENTRY32 { dwSize: size_of_u32::<THREADENTRY32>(), ..Default::default() };
    let all = entries(TH32CS_SNAPTHREAD, empty, Thread32First, Thread32Next)?;
    Ok(all.iter().filter(|it| it.th32OwnerProcessID == pid).map(|it| it.th32ThreadID).collect())
}

type Step<T> = unsafe extern "system" fn(HANDLE, *mut T) -> BOOL;

/// The entries that `first` and `next` write to a structure, which is `empty` before.
fn entries<T: Copy>(
    kind: CREATE_TOOLHELP_SNAPSHOT_FLAGS,
    empty: T,
    first: Step<T>,
    next: Step<T>,
) -> io::Result<Vec<T>> {
    // SAFETY: numbers only.
    let snapshot = unsafe { CreateToolhelp32Snapshot(kind, 0) };
    if snapshot == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just made, and nothing else knows it.
    let snapshot = unsafe { OwnedHandle::from_raw_handle(snapshot) };
    let (mut found, mut entry, mut step) = (Vec::new(), empty, first);
    // SAFETY: a snapshot of this kind, and room for the structure, whose first field says how large it is.
    while found.len() < ENTRIES_MAX && unsafe { step(snapshot.as_raw_handle(), &raw mut entry) } != 0 {
        found.push(entry);
        step = next;
    }
    Ok(found)
}
