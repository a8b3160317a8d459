//! Stdout and stderr, beyond writing to them.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::windows::io::{AsHandle as _, AsRawHandle, RawHandle};
use std::ptr;
use std::sync::Once;
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_BROKEN_PIPE, ERROR_NO_DATA};
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_PIPE, GetFileType, WriteFile};
use windows_sys::Win32::System::Pipes::{PIPE_NOWAIT, SetNamedPipeHandleState};

use super::{check, is_error};

/// Waits. Returns at once, with `true`, when the reader of a pipe at stdout has closed it, as far as the system tells: it has to be
/// asked, so that is noticed when the pause begins or is over.
pub fn is_reader_gone_within(pause: Duration) -> bool {
    let is_gone = || {
        let stdout = io::stdout();
        is_pipe(stdout.as_raw_handle()) && is_closed(stdout.as_raw_handle())
    };
    if is_gone() {
        return true;
    }
    std::thread::sleep(pause);
    is_gone()
}

fn is_pipe(handle: RawHandle) -> bool {
    // SAFETY: of a standard stream, which stays open; without one it is null, which is no pipe.
    unsafe { GetFileType(handle) == FILE_TYPE_PIPE }
}

/// Whether nothing reads the pipe any more: a write of nothing is refused then, and does nothing else.
fn is_closed(pipe: RawHandle) -> bool {
    let mut written = 0;
    // SAFETY: a handle that is open, no bytes, and room for a number.
    let done = check(unsafe { WriteFile(pipe, ptr::null(), 0, &raw mut written, ptr::null_mut()) });
    done.is_err_and(|error| is_error(&error, ERROR_NO_DATA) || is_error(&error, ERROR_BROKEN_PIPE))
}

/// Writes as much of `lines` to stderr as the other end takes now. One that does not read would otherwise hold up who writes.
pub fn write_ready_to_stderr(lines: &[u8]) {
    static WITHOUT_WAITING: Once = Once::new();
    let mut stderr = io::stderr();
    WITHOUT_WAITING.call_once(|| {
        if is_pipe(stderr.as_raw_handle()) {
            // A pipe that is full takes nothing from now on, instead of waiting. Where that cannot be said, it waits.
            // SAFETY: a handle that is open, and a number.
            unsafe {
                SetNamedPipeHandleState(
                    stderr.as_raw_handle(),
                    &raw const PIPE_WITHOUT_WAITING,
                    ptr::null(),
                    ptr::null(),
                )
            };
        }
    });
    let _ = stderr.write_all(lines);
}

/// Bytes, not messages; never waiting.
static PIPE_WITHOUT_WAITING: u32 = PIPE_NOWAIT;

/// Empties stderr where that is a file (as it is where a shim has started the gateway) of so many bytes.
pub fn empty_stderr(bytes_max: u64) {
    let Ok(stderr) = io::stderr().as_handle().try_clone_to_owned() else { return };
    let stderr = File::from(stderr);
    if stderr.metadata().is_ok_and(|found| found.is_file() && found.len() >= bytes_max) {
        // What cannot be emptied grows.
        let _ = stderr.set_len(0).and_then(|()| io::Seek::rewind(&mut &stderr));
    }
}

/// What stderr is, in the words of `JOURNAL_STREAM`: there is no journal here.
pub fn stderr_identity() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_that_nothing_reads_is_closed() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(is_pipe(writer.as_raw_handle()) && !is_closed(writer.as_raw_handle()));
        drop(reader);
        assert!(is_closed(writer.as_raw_handle()));
    }
}
