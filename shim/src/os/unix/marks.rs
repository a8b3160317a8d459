//! Marks: whether a process holds a lock can be seen without taking it.
//!
//! The locks themselves are `flock`s, which can only be tried: thousands that look would hold them all the
//! time. So the holder of one also marks the file with a record lock (`fcntl`), which can be looked at. The
//! mark goes when the process ends *or closes any descriptor of the file*; it stays over an `exec`.

use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Flock, FlockType, Pid, fcntl_getlk};

/// Marks a file whose `flock` this process holds. Where both kinds of lock are one (the BSDs and macOS), that
/// is refused, and not needed: the lock itself is seen.
pub fn mark(file: &File) {
    let _ = fcntl_lock(file, FlockOperation::NonBlockingLockExclusive);
}

/// The process that has marked `file`, 0 if the system does not name it; `None` if none has: it is free, or
/// held by a build from before there were marks.
///
/// # Errors
/// The system's.
pub fn holder_of_mark(file: &File) -> io::Result<Option<i32>> {
    let found = fcntl_getlk(file, &Flock::from(FlockType::ReadLock))?;
    Ok(found.map(|lock| Pid::as_raw(lock.pid)))
}
