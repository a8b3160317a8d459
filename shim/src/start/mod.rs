//! Finding a gateway, and starting one if there is none, without a race.
//!
//! Connect; only if no gateway is listening take the start lock, connect *again*, and launch. The lock makes
//! one shim the launcher, the second connect sees a gateway that came up meanwhile, and the gateway's own
//! lock (see [`Endpoint::gateway_lock`]) makes a second gateway exit. Every wait ends at one deadline.

mod connect;
mod error;
mod launcher;
mod readiness;

use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

pub use connect::{Attempt, Connected, connect};
pub use error::{INSTALL_GATEWAY, StartError};
use launcher::Launched;
pub use launcher::Launcher;
pub use readiness::Readiness;

use crate::endpoint::Endpoint;
use crate::hello::ClientHello;
use crate::os;

/// How long finding or starting a gateway may take in all.
pub const START_TIMEOUT: Duration = Duration::from_secs(20);

/// The shortest and the longest pause between two attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// The pause before the next launch if another gateway was running already: a launch costs more than a
/// connect.
const ALREADY_RUNNING_PAUSE: Duration = Duration::from_millis(100);

/// Connects; starts a gateway through `launcher` if none is listening.
///
/// # Errors
/// No connection could be made; the error names the cause, or what it was waiting for at the deadline.
pub fn connect_or_start(
    endpoint: &Endpoint,
    hello: &ClientHello,
    launcher: Option<&Launcher>,
) -> Result<Connected, StartError> {
    let deadline = Instant::now() + START_TIMEOUT;
    let mut pause = BACKOFF.0;
    let mut wait = |step| {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(StartError::Deadline { socket: endpoint.socket.clone(), step });
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(BACKOFF.1);
        Ok(())
    };
    loop {
        match connect(endpoint, hello, deadline)? {
            Attempt::Connected(connected) => return Ok(*connected),
            Attempt::Dying => {
                wait("the old gateway to shut down")?;
                continue;
            }
            Attempt::Absent => {}
        }
        if probe_gateway_lock(endpoint)? {
            wait("another gateway to start or shut down")?;
            continue;
        }
        let launcher = launcher.ok_or_else(|| StartError::Absent(endpoint.socket.clone()))?;
        let lock = os::open_private(&endpoint.start_lock, false)
            .map_err(|source| io_error("open", &endpoint.start_lock, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                wait("another shim to start the gateway")?;
                continue;
            }
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &endpoint.start_lock, source)),
        }
        let launched = match connect(endpoint, hello, deadline)? {
            Attempt::Connected(connected) => return Ok(*connected),
            Attempt::Dying => Launched::AlreadyRunning,
            Attempt::Absent => launcher.launch(endpoint, deadline)?,
        };
        drop(lock);
        match launched {
            Launched::Started => wait("the new gateway to accept a connection")?,
            Launched::AlreadyRunning => {
                std::thread::sleep(ALREADY_RUNNING_PAUSE);
                wait("the old gateway to shut down")?;
            }
        }
    }
}

/// Checks whether a gateway holds the lock although none is listening: launching another would be useless.
/// The check itself holds the lock for a moment; a gateway that is about to take the lock retries for that
/// reason.
fn probe_gateway_lock(endpoint: &Endpoint) -> Result<bool, StartError> {
    let path = &endpoint.gateway_lock;
    let lock = os::open_private(path, false).map_err(|source| io_error("open", path, source))?;
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(io_error("lock", path, source)),
    }
}

/// A system call that failed for another reason than a missing file.
fn io_error(what: &'static str, path: &Path, source: io::Error) -> StartError {
    StartError::Io { what, path: path.to_owned(), source }
}
