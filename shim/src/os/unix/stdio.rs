//! The standard streams and other pipes.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// This process's stdout, unbuffered.
///
/// # Errors
/// It is not open.
pub fn stdout() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Reads from stdin.
///
/// # Errors
/// The system's.
#[inline]
pub fn read_stdin(bytes: &mut [u8]) -> io::Result<usize> {
    io::stdin().read(bytes)
}

/// Whether the client has closed its end of stdin; `false` if the system does not report it.
#[inline]
pub fn has_client_gone() -> bool {
    has_hung_up(io::stdin())
}

/// Whether the other end of `file` has hung up; `false` if the system does not report it.
pub fn has_hung_up(file: impl AsFd) -> bool {
    let mut polled = [PollFd::new(&file, PollFlags::empty())];
    let ready = poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    ready.is_ok() && polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

/// Waits until a non-blocking `file` can be written or read again.
///
/// # Errors
/// The system's.
pub fn wait_ready(file: impl AsFd, to_write: bool) -> io::Result<()> {
    let wanted = if to_write { PollFlags::OUT } else { PollFlags::IN };
    poll(&mut [PollFd::new(&file, wanted)], None)?;
    Ok(())
}

/// Waits until `file` has bytes to read or has ended; `false` if that takes longer than `timeout`.
///
/// # Errors
/// The system's.
pub fn wait_readable(file: impl AsFd, timeout: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
        match poll(&mut [PollFd::new(&file, PollFlags::IN)], left.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}

/// A program with a window of its own has no terminal; here every program has the one it was started in.
pub fn attach_terminal() {}
