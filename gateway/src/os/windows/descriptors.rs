//! How many handles this process has open. The system has no limit of them that matters (16 million), so nothing is shared out.

use std::fs::File;
use std::io;

use windows_sys::Win32::Foundation::{ERROR_NO_SYSTEM_RESOURCES, ERROR_TOO_MANY_OPEN_FILES};
use windows_sys::Win32::Networking::WinSock::WSAEMFILE;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessHandleCount};

use super::is_error;

/// What to do where there are none left.
pub const RAISE_LIMIT: &str = "close programs that use many files, then run `snowgate restart`";

/// There is no limit to raise.
///
/// # Errors
/// None.
pub fn raise_descriptor_limit() -> io::Result<()> {
    Ok(())
}

/// How many handles this process may have; `None`: any number.
pub fn descriptor_limit() -> Option<u64> {
    None
}

/// How many handles are open: of files, sockets, threads and all else. Three at least, as elsewhere.
pub fn open_descriptors() -> u64 {
    let mut count = 0;
    // SAFETY: a pseudo handle, and room for a number.
    let done = unsafe { GetProcessHandleCount(GetCurrentProcess(), &raw mut count) };
    if done == 0 { 3 } else { u64::from(count).max(3) }
}

/// Whether `error` says that there are no handles left, in this process or in the system.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    is_error(error, ERROR_TOO_MANY_OPEN_FILES)
        || is_error(error, ERROR_NO_SYSTEM_RESOURCES)
        || error.raw_os_error() == Some(WSAEMFILE)
}

/// Whether there are none left now, for errors that do not say.
pub fn test_out_of_descriptors() -> bool {
    open_nothing().is_err_and(|error| is_out_of_descriptors(&error))
}

/// A file in which nothing is, for its handle.
///
/// # Errors
/// The system's.
pub fn open_nothing() -> io::Result<File> {
    File::open("NUL")
}
