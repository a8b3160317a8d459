//! How this process hears that it is to end: its console, and the end of the process that has started it. That one may leave
//! stdin open behind it: another of its programs can have the other end.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use windows_sys::Win32::Foundation::{FILETIME, HANDLE, WAIT_FAILED};
use windows_sys::Win32::System::Console::{CTRL_C_EVENT, SetConsoleCtrlHandler};
use windows_sys::Win32::System::Threading::{
    CreateEventW, GetCurrentProcess, GetProcessTimes, INFINITE, OpenProcess,
    PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, SetEvent, Sleep, WaitForMultipleObjects,
};

use super::{check, parent};

/// How long the system's handler waits before the process is ended, in milliseconds: the goodbye takes less.
const GOODBYE_MS: u32 = 1000;

/// The event of the console's handler, which has no other way to find it.
static ASKED: AtomicPtr<std::ffi::c_void> = AtomicPtr::new(ptr::null_mut());

/// What asks this process to end.
#[derive(Debug)]
pub struct ExitRequests {
    /// Set by the console's handler, which may use it at any time: it is never closed.
    asked: HANDLE,
    /// Of the process that has started this one, if it still ran then.
    parent: Option<OwnedHandle>,
}

impl ExitRequests {
    /// Listens from here on.
    ///
    /// # Errors
    /// The system's.
    pub fn listen() -> io::Result<Self> {
        // SAFETY: no attributes and no name.
        let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
        if event.is_null() {
            return Err(io::Error::last_os_error());
        }
        ASKED.store(event, Ordering::Release);
        // SAFETY: a function that lives as long as the process.
        check(unsafe { SetConsoleCtrlHandler(Some(note), 1) })?;
        Ok(Self { asked: event, parent: open_parent() })
    }

    /// Waits for a request; `false`: none can come any more.
    pub fn wait(&mut self) -> bool {
        let parent = self.parent.as_ref().map(AsRawHandle::as_raw_handle);
        let handles: Vec<HANDLE> = [self.asked].into_iter().chain(parent).collect();
        let count = u32::try_from(handles.len()).unwrap_or(1);
        // SAFETY: as many handles as are said, which live as long as this value.
        unsafe { WaitForMultipleObjects(count, handles.as_ptr(), 0, INFINITE) != WAIT_FAILED }
    }
}

// SAFETY: a handle of the process, which any thread may use.
unsafe impl Send for ExitRequests {}

/// The console's handler, on a thread of the system's: Ctrl-C, Ctrl-Break, the window is closed, log-off, shutdown.
unsafe extern "system" fn note(event: u32) -> i32 {
    let asked = ASKED.load(Ordering::Acquire);
    if asked.is_null() {
        return 0;
    }
    // SAFETY: an event that is never closed.
    unsafe { SetEvent(asked) };
    if event > CTRL_C_EVENT + 1 {
        // After this returns the process ends.
        // SAFETY: a number.
        unsafe { Sleep(GOODBYE_MS) };
    }
    1
}

/// The process that has started this one. Its number may be another's by now: that one began later than this.
fn open_parent() -> Option<OwnedHandle> {
    let pid = parent()?;
    // SAFETY: numbers only.
    let process = unsafe { OpenProcess(PROCESS_SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    if process.is_null() {
        return None;
    }
    // SAFETY: it was just opened, and nothing else knows it.
    let process = unsafe { OwnedHandle::from_raw_handle(process) };
    // SAFETY: a pseudo handle, which is always valid.
    let own = unsafe { GetCurrentProcess() };
    (began(process.as_raw_handle())? <= began(own)?).then_some(process)
}

/// When a process began, in units of 100 ns.
fn began(process: RawHandle) -> Option<u64> {
    let mut times = [FILETIME::default(); 4];
    let [created, ended, kernel, user] = &mut times;
    // SAFETY: a handle that is open, and room for four times.
    check(unsafe { GetProcessTimes(process, created, ended, kernel, user) }).ok()?;
    Some(u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime))
}
