//! poll, where there is no epoll: for benchmarks that run on macOS, whose figures with many connections are not those of Linux.

use std::cell::RefCell;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io;

use super::{EVENTS, Ready};

#[derive(Debug)]
pub(super) struct Events {
    /// Copies of the descriptors, with their numbers.
    watched: RefCell<Vec<(usize, OwnedFd)>>,
}

impl Events {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { watched: RefCell::default() })
    }

    pub(super) fn add(&self, number: usize, connection: BorrowedFd<'_>) -> io::Result<()> {
        let copy = rustix::io::fcntl_dupfd_cloexec(connection, 0)?;
        self.watched.borrow_mut().push((number, copy));
        Ok(())
    }

    pub(super) fn wait(&self, limit: &Timespec) -> io::Result<Ready> {
        let watched = self.watched.borrow();
        let mut looked: Vec<_> = watched.iter().map(|(_, fd)| PollFd::new(fd, PollFlags::IN)).collect();
        poll(&mut looked, Some(limit))?;
        let is_ready = looked.iter().map(|looked| !looked.revents().is_empty());
        let (mut numbers, mut count) = ([0; EVENTS], 0);
        for (number, _) in
            watched.iter().zip(is_ready).filter(|(_, ready)| *ready).map(|(of, _)| of).take(EVENTS)
        {
            numbers[count] = *number;
            count += 1;
        }
        Ok((numbers, count))
    }
}
