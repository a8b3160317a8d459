//! epoll, which does not look at connections that have nothing to say.

use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::{Timespec, epoll};
use rustix::io;

use super::{EVENTS, Ready};

#[derive(Debug)]
pub(super) struct Events {
    epoll: OwnedFd,
}

impl Events {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    pub(super) fn add(&self, number: usize, connection: BorrowedFd<'_>) -> io::Result<()> {
        epoll::add(&self.epoll, connection, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN)
    }

    pub(super) fn wait(&self, limit: &Timespec) -> io::Result<Ready> {
        let mut events = [MaybeUninit::<epoll::Event>::uninit(); EVENTS];
        let (ready, _) = epoll::wait(&self.epoll, &mut events, Some(limit))?;
        let mut numbers = [0; EVENTS];
        for (number, event) in numbers.iter_mut().zip(&*ready) {
            *number = usize::try_from(event.data.u64()).expect("a connection's number");
        }
        Ok((numbers, ready.len()))
    }
}
