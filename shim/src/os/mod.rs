//! Operating system calls about users, files, descriptors and processes, in one place.
//!
//! Unix only so far. On Windows the crate fails at compile time, not at run time. `raw` has the calls that
//! neither std nor rustix has, `marks` locks that can be looked at, `socket` the connection to the gateway.

#[cfg(not(unix))]
compile_error!("Snowgate runs on Linux and macOS; Windows is not supported yet (see ARCHITECTURE.md)");

mod marks;
mod raw;
mod socket;

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use marks::{holder_of_mark, mark};
pub use raw::{close_inherited, reset_signals};
pub use socket::{connect, peer_uid};

/// The effective user of this process.
pub fn euid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The entry at a path, without following a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its kind.
    pub kind: EntryKind,
    /// Its owner.
    pub uid: u32,
    /// Its permission bits.
    pub mode: u32,
}

/// Kinds of directory entries, as far as they matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A socket.
    Socket,
    /// A symbolic link.
    Link,
    /// A file.
    File,
    /// Anything else.
    Other,
}

impl From<&Metadata> for Entry {
    fn from(metadata: &Metadata) -> Self {
        let kind = match metadata.file_type() {
            kind if kind.is_dir() => EntryKind::Directory,
            kind if kind.is_socket() => EntryKind::Socket,
            kind if kind.is_symlink() => EntryKind::Link,
            kind if kind.is_file() => EntryKind::File,
            _ => EntryKind::Other,
        };
        Self { kind, uid: metadata.uid(), mode: metadata.mode() & 0o7777 }
    }
}

/// The entry at `path`; `None` if there is none.
///
/// # Errors
/// The system's, for any reason but absence.
pub fn look(path: &Path) -> io::Result<Option<Entry>> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(Entry::from(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates a directory that only its owner can use; an existing one is left unchanged.
///
/// # Errors
/// The system's.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Opens or creates a file that only its owner can read, without following a link.
///
/// # Errors
/// The system's.
pub fn open_private(path: &Path, truncate: bool) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let mut flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    if truncate {
        flags |= OFlags::TRUNC;
    }
    Ok(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Makes every folder and file that this process creates, and those it starts, private to the user. Returns the mask that
/// the process had before.
pub fn make_files_private() -> u32 {
    use rustix::fs::Mode;
    rustix::process::umask(Mode::RWXG | Mode::RWXO).as_raw_mode()
}

/// Starts a session without the caller's terminal, so that signals to the client's group do not reach this
/// process.
///
/// # Errors
/// The process leads a process group already.
pub fn start_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// The file of this program: the path it was launched by if that is absolute, so that an installation behind
/// a link can be replaced; otherwise the path that the system reports.
pub fn own_program() -> Option<PathBuf> {
    let launched = std::env::args_os().next().map(PathBuf::from);
    launched.filter(|path| path.is_absolute() && path.is_file()).or_else(|| std::env::current_exe().ok())
}

/// The executable of process `pid`, if the system reports it.
pub fn executable_of(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// Whether the other end of `file` has hung up; `false` if the system does not report it.
pub fn has_hung_up(file: impl std::os::fd::AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut polled = [PollFd::new(&file, PollFlags::empty())];
    let ready = poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    ready.is_ok() && polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

/// Waits until a non-blocking `file` can be written or read again.
///
/// # Errors
/// The system's.
pub fn wait_ready(file: impl std::os::fd::AsFd, to_write: bool) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    let wanted = if to_write { PollFlags::OUT } else { PollFlags::IN };
    poll(&mut [PollFd::new(&file, wanted)], None)?;
    Ok(())
}

/// Waits until `file` has bytes to read or has ended; `false` if that takes longer than `timeout`.
///
/// # Errors
/// The system's.
pub fn wait_readable(file: impl std::os::fd::AsFd, timeout: Duration) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let deadline = Instant::now() + timeout;
    loop {
        let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
        match poll(&mut [PollFd::new(&file, PollFlags::IN)], left.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}
