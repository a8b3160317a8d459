//! Stdout and stderr, beyond writing to them.

use std::io::{self, Write as _};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, SeekFrom, fstat, ftruncate, seek};

/// Bytes that a pipe which is ready takes at once, by `pipe(7)`.
const PIPE_BYTES: usize = 4096;

/// Waits; returns at once, with `true`, when the reader of a pipe at stdout has closed it.
pub fn is_reader_gone_within(pause: Duration) -> bool {
    let stdout = io::stdout();
    let mut stdout = [PollFd::new(&stdout, PollFlags::empty())];
    let pause = Timespec { tv_sec: 0, tv_nsec: i64::from(pause.subsec_nanos()) };
    let polled = poll(&mut stdout, Some(&pause));
    polled.is_ok_and(|ready| ready > 0) && stdout[0].revents().intersects(PollFlags::ERR | PollFlags::NVAL)
}

/// Writes as much of `lines` to stderr as the other end takes now. One that does not read (the pipe of a service that nothing
/// follows) would otherwise hold up who writes.
pub fn write_ready_to_stderr(lines: &[u8]) {
    let mut stderr = io::stderr();
    for piece in lines.chunks(PIPE_BYTES) {
        let is_ready = {
            let mut waiting = [PollFd::new(&stderr, PollFlags::OUT)];
            poll(&mut waiting, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
        };
        if !is_ready || stderr.write_all(piece).is_err() {
            return;
        }
    }
}

/// Empties stderr where that is a file (as it is where a shim has started the gateway) of so many bytes.
pub fn empty_stderr(bytes_max: u64) {
    let stderr = io::stderr();
    let Ok(stat) = fstat(&stderr) else { return };
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if is_file && u64::try_from(stat.st_size).unwrap_or(0) >= bytes_max {
        // What cannot be emptied grows.
        let _ = ftruncate(&stderr, 0).and_then(|()| seek(&stderr, SeekFrom::Start(0)));
    }
}

/// What stderr is, in the words of `JOURNAL_STREAM` (systemd.exec(5)).
pub fn stderr_identity() -> Option<String> {
    fstat(io::stderr()).map(|stat| format!("{}:{}", stat.st_dev, stat.st_ino)).ok()
}
