//! Locks of files.
//!
//! Here a lock keeps others from reading what it is of. So it is of a byte far behind the content, and the byte behind that is
//! the mark: the holder has it for itself, and those who look try to share it for a moment. The holder is named in the
//! file. Both go with the file or the process, and the system lets them go after a process that was killed.

use std::fs::{File, TryLockError};
use std::io::{self, Seek, Write};
use std::os::windows::io::AsRawHandle;

use windows_sys::Win32::Foundation::{ERROR_IO_PENDING, ERROR_LOCK_VIOLATION};
use windows_sys::Win32::Storage::FileSystem::{
    LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx, UnlockFileEx,
};
use windows_sys::Win32::System::IO::OVERLAPPED;

use super::{check, read_at};

/// The byte of the lock, and that of the mark.
const LOCK: u64 = 1 << 62;
const MARK: u64 = LOCK + 1;

/// How often the mark is tried for, with a pause for others in between: each of those who look has it for a few microseconds.
const MARK_TRIES: u32 = 10_000;

/// A number of a process, in digits, with room to spare.
const PID_BYTES_MAX: usize = 32;

/// Takes the lock of `file`, which goes with the file or the process.
///
/// # Errors
/// Another has it, or the system's.
pub fn try_lock(file: &File) -> Result<(), TryLockError> {
    lock(file, LOCK, LOCKFILE_EXCLUSIVE_LOCK)
}

/// Takes the lock of `file` together with others who only look.
///
/// # Errors
/// Another has it for itself, or the system's.
pub fn try_lock_shared(file: &File) -> Result<(), TryLockError> {
    lock(file, LOCK, 0)
}

/// Marks a file whose lock this process holds, and writes into it whose it is, if it is empty or says another process.
pub fn mark(file: &File) {
    if pid_in(file) != Some(std::process::id()) {
        let mut writer = file;
        // One that cannot be written (a full disk) is a lock all the same.
        let _ = file
            .set_len(0)
            .and_then(|()| writer.rewind())
            .and_then(|()| writeln!(writer, "{}", std::process::id()));
    }
    for _ in 0..MARK_TRIES {
        if lock(file, MARK, LOCKFILE_EXCLUSIVE_LOCK).is_ok() {
            return;
        }
        std::thread::yield_now();
    }
}

/// The process that has marked `file`, 0 if that does not stand there; `None` if none has.
///
/// # Errors
/// The system's.
pub fn holder_of_mark(file: &File) -> io::Result<Option<i32>> {
    match lock(file, MARK, 0) {
        Ok(()) => {
            let mut place = at(MARK);
            // SAFETY: a handle that is open, and a place that outlives the call.
            check(unsafe { UnlockFileEx(file.as_raw_handle(), 0, 1, 0, &raw mut place) })?;
            Ok(None)
        }
        Err(TryLockError::WouldBlock) => Ok(Some(pid_in(file).map_or(0, u32::cast_signed))),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn pid_in(file: &File) -> Option<u32> {
    let mut bytes = [0; PID_BYTES_MAX];
    let read = read_at(file, &mut bytes, 0).ok()?;
    let digits = bytes[..read].split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn lock(file: &File, byte: u64, how: u32) -> Result<(), TryLockError> {
    let mut place = at(byte);
    // SAFETY: a handle that is open, and a place that outlives the call, which does not wait.
    let locked = check(unsafe {
        LockFileEx(file.as_raw_handle(), how | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &raw mut place)
    });
    let is_taken = |error: &io::Error| {
        let code = error.raw_os_error().map(i32::cast_unsigned);
        matches!(code, Some(ERROR_LOCK_VIOLATION | ERROR_IO_PENDING))
    };
    match locked {
        Err(error) if is_taken(&error) => Err(TryLockError::WouldBlock),
        other => other.map_err(TryLockError::Error),
    }
}

/// A place in a file, the way the system takes it.
#[allow(clippy::cast_possible_truncation, reason = "a number in two halves")]
fn at(offset: u64) -> OVERLAPPED {
    let mut place = OVERLAPPED::default();
    place.Anonymous.Anonymous.Offset = offset as u32;
    place.Anonymous.Anonymous.OffsetHigh = (offset >> 32) as u32;
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_seen_with_its_holder_while_the_file_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let open = || super::super::open_private(&path, false).unwrap();
        let (mine, other) = (open(), open());
        assert_eq!(holder_of_mark(&other).unwrap(), None);
        try_lock(&mine).unwrap();
        mark(&mine);
        assert!(matches!(try_lock(&other), Err(TryLockError::WouldBlock)));
        assert_eq!(holder_of_mark(&other).unwrap(), Some(std::process::id().cast_signed()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(mine);
        assert_eq!(holder_of_mark(&other).unwrap(), None);
        try_lock(&other).unwrap();
    }
}
