//! Finding a gateway, and starting one if there is none, without a race.
//!
//! Connect; only if no gateway is listening take the start lock, connect *again*, and launch. The lock makes
//! one shim the launcher, the second connect sees a gateway that came up meanwhile, and the gateway's own
//! lock (see [`Endpoint::gateway_lock`]) makes a second gateway exit. Who only waits takes neither lock: it
//! looks at their marks (see [`os::mark`]), one system call a look. Every wait ends at one deadline, which only
//! a gateway at work moves.

mod connect;
mod error;
mod launcher;
mod past;
mod patience;
mod readiness;

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

pub use connect::{Attempt, Connected, connect};
pub use error::{INSTALL_GATEWAY, StartError};
pub use launcher::Launcher;
pub use past::Past;
pub use patience::{START_TIMEOUT, START_TIMEOUT_MAX};
pub use readiness::Readiness;

use crate::endpoint::Endpoint;
use crate::hello::ClientHello;
use crate::os;
use connect::attempt;
use launcher::Launched;
use past::Blocker;
use patience::Patience;

/// The pause before the next launch if another gateway was running already: a launch costs more than a
/// connect.
const ALREADY_RUNNING_PAUSE: Duration = Duration::from_millis(100);

/// How long a shim looks only at the start lock, before it looks for a gateway again: one may come up that the
/// other shim did not start.
const LOCK_LOOKS: Duration = Duration::from_secs(1);

/// Connects; starts a gateway through `launcher` if none is listening. `past`: what earlier calls of this
/// process have seen.
///
/// # Errors
/// No connection could be made; the error names the cause, or what it was waiting for at the deadline.
pub fn connect_or_start(
    endpoint: &Endpoint,
    hello: &ClientHello,
    launcher: Option<&Launcher>,
    past: &mut Past,
) -> Result<Connected, StartError> {
    let mut search = Search { endpoint, hello, patience: Patience::of_start(), holder: None };
    let connected = search.run(launcher, past)?;
    past.forget();
    Ok(connected)
}

/// One search for a gateway.
struct Search<'a> {
    endpoint: &'a Endpoint,
    hello: &'a ClientHello,
    patience: Patience,
    /// The process that was last seen to hold the gateway's lock.
    holder: Option<i32>,
}

impl Search<'_> {
    fn run(&mut self, launcher: Option<&Launcher>, past: &mut Past) -> Result<Connected, StartError> {
        loop {
            match attempt(self.endpoint, self.hello, &mut self.patience)? {
                Attempt::Connected(connected) => return Ok(*connected),
                Attempt::Dying => {
                    self.wait("the old gateway to shut down")?;
                    continue;
                }
                Attempt::Absent => {}
            }
            past.check(self.endpoint)?;
            let lock = open_lock(&self.endpoint.start_lock)?;
            if launcher.is_some() && self.wait_for_other_start(&lock, past)? {
                continue;
            }
            if self.wait_for_other_gateway(past)? {
                continue;
            }
            let launcher = launcher.ok_or_else(|| StartError::Absent(self.endpoint.socket.clone()))?;
            match os::try_lock(&lock) {
                Ok(()) => os::mark(&lock),
                Err(TryLockError::WouldBlock) => {
                    self.wait("another shim to start the gateway")?;
                    continue;
                }
                Err(TryLockError::Error(source)) => {
                    return Err(io_error("lock", &self.endpoint.start_lock, source));
                }
            }
            let launched = match attempt(self.endpoint, self.hello, &mut self.patience)? {
                Attempt::Connected(connected) => return Ok(*connected),
                Attempt::Dying => Launched::AlreadyRunning,
                Attempt::Absent => {
                    past.end_launched();
                    launcher.launch(self.endpoint, Instant::now() + self.patience.left())?
                }
            };
            drop(lock);
            match launched {
                Launched::Started => {
                    self.patience.renew();
                    self.wait("the new gateway to accept a connection")?;
                }
                Launched::AlreadyRunning => {
                    std::thread::sleep(ALREADY_RUNNING_PAUSE);
                    self.wait("the old gateway to shut down")?;
                }
                Launched::NotReady { intermediate, gateway } => {
                    return Err(past.block(self.endpoint, Blocker::Launched { intermediate, gateway }));
                }
            }
        }
    }

    /// Pauses before the next look.
    fn wait(&mut self, step: &'static str) -> Result<(), StartError> {
        if self.patience.pause() {
            return Ok(());
        }
        Err(StartError::Deadline { socket: self.endpoint.socket.clone(), step })
    }

    /// Waits while another shim starts a gateway; `false` if none does.
    fn wait_for_other_start(&mut self, lock: &File, past: &mut Past) -> Result<bool, StartError> {
        let path = &self.endpoint.start_lock;
        let (since, mut found) = (Instant::now(), false);
        while let Some(pid) = look(lock, path)? {
            found = true;
            if !self.patience.pause() {
                return Err(past.block(self.endpoint, Blocker::Starter(pid)));
            }
            if since.elapsed() > LOCK_LOOKS {
                break;
            }
        }
        Ok(found)
    }

    /// Waits a little if a gateway holds the lock although none is listening: launching another would be
    /// useless. `false` if none does.
    fn wait_for_other_gateway(&mut self, past: &mut Past) -> Result<bool, StartError> {
        let path = &self.endpoint.gateway_lock;
        let holder = look(&open_lock(path)?, path)?;
        if self.holder.is_some() && holder != self.holder {
            self.patience.renew();
        }
        self.holder = holder;
        let Some(pid) = holder else { return Ok(false) };
        if self.patience.pause() {
            return Ok(true);
        }
        Err(past.block(self.endpoint, Blocker::Gateway(pid)))
    }
}

fn open_lock(path: &Path) -> Result<File, StartError> {
    os::open_private(path, false).map_err(|source| io_error("open", path, source))
}

/// Who holds the lock.
fn look(lock: &File, path: &Path) -> Result<Option<i32>, StartError> {
    os::holder_of_mark(lock).map_err(|source| io_error("look at", path, source))
}

/// A system call that failed for another reason than a missing file.
fn io_error(what: &'static str, path: &Path, source: io::Error) -> StartError {
    StartError::Io { what, path: path.to_owned(), source }
}
