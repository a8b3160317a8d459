//! The standard streams and other pipes.

use std::fs::File;
use std::io::{self, Read};
use std::os::windows::io::{AsHandle, AsRawHandle};
use std::process::ChildStdout;
use std::ptr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use windows_sys::Win32::System::Console::{
    ATTACH_PARENT_PROCESS, AttachConsole, GetStdHandle, STD_OUTPUT_HANDLE,
};
use windows_sys::Win32::System::Pipes::PeekNamedPipe;

use super::check;

/// How often a pipe is looked at that cannot be waited for.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Held while stdin is read: a look at it would wait for the end of that.
static READING: Mutex<()> = Mutex::new(());

/// This process's stdout, unbuffered.
///
/// # Errors
/// It is not open.
pub fn stdout() -> io::Result<File> {
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}

/// Reads from stdin.
///
/// # Errors
/// The system's.
pub fn read_stdin(bytes: &mut [u8]) -> io::Result<usize> {
    let _reading = READING.lock();
    io::stdin().lock().read(bytes)
}

/// Whether the client has closed its end of stdin; `false` if the system does not report it, and while stdin is read: then
/// that notices.
pub fn has_client_gone() -> bool {
    let Ok(_not_reading) = READING.try_lock() else { return false };
    look_into(&io::stdin()).is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Pipes wait by themselves here: there is nothing to wait for.
///
/// # Errors
/// None.
pub fn wait_ready(_file: impl AsHandle, _to_write: bool) -> io::Result<()> {
    Ok(())
}

/// Waits until `pipe` has bytes to read or has ended; `false` if that takes longer than `timeout`. The system has no way to
/// wait for that, so it is looked at again and again.
///
/// # Errors
/// None: a pipe that cannot be looked at is read.
pub fn wait_readable(pipe: &ChildStdout, timeout: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + timeout;
    loop {
        match look_into(pipe) {
            Ok(0) => {}
            Ok(_) | Err(_) => return Ok(true),
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}

/// How many bytes there are to read in a pipe, without waiting.
///
/// # Errors
/// The system's; `BrokenPipe`: the other end is closed.
pub fn look_into(pipe: &impl AsRawHandle) -> io::Result<u32> {
    let mut available = 0;
    // SAFETY: a handle that is open, and room for a number.
    check(unsafe {
        PeekNamedPipe(
            pipe.as_raw_handle(),
            ptr::null_mut(),
            0,
            ptr::null_mut(),
            &raw mut available,
            ptr::null_mut(),
        )
    })?;
    Ok(available)
}

/// A program without a console of its own uses the one that it was started in, unless its output goes elsewhere.
pub fn attach_terminal() {
    // SAFETY: numbers only.
    unsafe {
        if GetStdHandle(STD_OUTPUT_HANDLE).is_null() {
            AttachConsole(ATTACH_PARENT_PROCESS);
        }
    }
}
