//! Waiting for answers on many connections, at a price that does not grow with their number.

#[cfg_attr(target_os = "linux", path = "epoll.rs")]
#[cfg_attr(not(target_os = "linux"), path = "poll.rs")]
mod events;

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::Timespec;
use rustix::io::Errno;

use super::interrupt;
use events::Events;

/// Any one answer, at most.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// How long a wait lasts before signals are looked for.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Connections reported at once.
const EVENTS: usize = 64;

/// The numbers of connections that have something to read, the first so many of them.
type Ready = ([usize; EVENTS], usize);

/// What watches connections, which are known by their numbers.
#[derive(Debug)]
pub(crate) struct Poller {
    events: Events,
}

impl Poller {
    /// Watches no connection yet.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { events: Events::new().context("making a poller")? })
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
        self.events.add(number, connection.as_fd()).context("watching a connection")
    }

    /// Waits until there is something to read; gives the connections' numbers.
    pub(crate) fn wait(&self) -> Result<impl Iterator<Item = usize> + use<>> {
        let deadline = Instant::now() + ANSWER_LIMIT;
        loop {
            match self.events.wait(&WAIT) {
                Ok((_, 0)) | Err(Errno::INTR) => interrupt::check()?,
                Ok((numbers, count)) => return Ok(numbers.into_iter().take(count)),
                Err(error) => return Err(error).context("waiting for answers"),
            }
            if Instant::now() >= deadline {
                bail!("no answer within {} s", ANSWER_LIMIT.as_secs());
            }
        }
    }
}
