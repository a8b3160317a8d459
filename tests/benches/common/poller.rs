//! Waiting for answers on many connections, at a price that does not grow with their number.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::interrupt;

/// Any one answer, at most.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// How long a wait lasts before signals are looked for.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Connections reported at once.
const EVENTS: usize = 64;

/// An epoll over connections, which are known by their numbers.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    /// Watches no connection yet.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC).context("making an epoll")? })
    }

    /// Watches all of `connections`.
    pub(crate) fn of(connections: &[impl AsFd]) -> Result<Self> {
        let poller = Self::new()?;
        for (number, connection) in connections.iter().enumerate() {
            poller.watch(number, connection)?;
        }
        Ok(poller)
    }

    /// Watches one more.
    pub(crate) fn watch(&self, number: usize, connection: &impl AsFd) -> Result<()> {
        let data = epoll::EventData::new_u64(number as u64);
        epoll::add(&self.epoll, connection, data, epoll::EventFlags::IN).context("watching a connection")
    }

    /// Waits until there is something to read; gives the connections' numbers.
    pub(crate) fn wait(&self) -> Result<impl Iterator<Item = usize> + use<>> {
        let deadline = Instant::now() + ANSWER_LIMIT;
        loop {
            let mut events = [MaybeUninit::<epoll::Event>::uninit(); EVENTS];
            match epoll::wait(&self.epoll, &mut events, Some(&WAIT)) {
                Ok(([], _)) | Err(Errno::INTR) => interrupt::check()?,
                Ok((ready, _)) => {
                    let mut numbers = [0; EVENTS];
                    for (number, event) in numbers.iter_mut().zip(&*ready) {
                        *number = usize::try_from(event.data.u64()).context("a connection's number")?;
                    }
                    return Ok(numbers.into_iter().take(ready.len()));
                }
                Err(error) => return Err(error).context("waiting for answers"),
            }
            if Instant::now() >= deadline {
                bail!("no answer within {} s", ANSWER_LIMIT.as_secs());
            }
        }
    }
}
