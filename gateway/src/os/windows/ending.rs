//! Ending other processes, and this one's stdout.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, IntoRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::WAIT_OBJECT_0;
use windows_sys::Win32::System::Console::{GetStdHandle, STD_OUTPUT_HANDLE, SetStdHandle};
use windows_sys::Win32::System::Threading::{
    PROCESS_SYNCHRONIZE, PROCESS_TERMINATE, TerminateProcess, WaitForSingleObject,
};

use super::processes::open;

/// What would ask a process to end: there is nothing that reaches one without a console.
pub const TERMINATE: &str = "no signal";
/// What ends a process.
pub const KILL: &str = "TerminateProcess";

/// The exit code of a process that is ended, as the Task Manager's.
const EXIT_CODE: u32 = 1;

/// Asks a process to end. `false`: the system has no way to.
///
/// # Errors
/// None.
#[allow(clippy::unnecessary_wraps, reason = "other systems have a way, which can fail")]
pub fn terminate(_pid: u32) -> io::Result<bool> {
    Ok(false)
}

/// Ends a process.
///
/// # Errors
/// The system's; not that it has ended.
pub fn kill(pid: u32) -> io::Result<()> {
    let Some(process) = open(pid, PROCESS_TERMINATE | PROCESS_SYNCHRONIZE)? else { return Ok(()) };
    // SAFETY: a handle that is open.
    if unsafe { TerminateProcess(process.as_raw_handle(), EXIT_CODE) } != 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // One that ends already is not ended again.
    // SAFETY: a handle that is open.
    let is_gone = unsafe { WaitForSingleObject(process.as_raw_handle(), 0) } == WAIT_OBJECT_0;
    if is_gone { Ok(()) } else { Err(error) }
}

/// A folder with a file in it that is open cannot be removed here.
pub fn keep_while_removed(_file: File) -> Option<File> {
    None
}

/// Points stdout at nothing, so that the pipe's reader sees its end.
pub fn close_stdout() {
    let Ok(null) = OpenOptions::new().write(true).open("NUL") else { return };
    // SAFETY: the handle of stdout, which nothing uses at this moment but through that name; it is closed once, and
    // the other takes its place and stays open.
    unsafe {
        let before = GetStdHandle(STD_OUTPUT_HANDLE);
        if SetStdHandle(STD_OUTPUT_HANDLE, null.into_raw_handle()) != 0 && !before.is_null() {
            drop(OwnedHandle::from_raw_handle(before));
        }
    }
}
