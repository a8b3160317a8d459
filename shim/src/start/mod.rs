//! Finding a gateway, and starting one where there is none, without a race.
//!
//! Connect; only where nobody listens take the start lock, connect *again*, and launch. The lock makes one shim the
//! launcher, the second connect sees a gateway that came up meanwhile, and the gateway's own lock (see
//! [`Endpoint::gateway_lock`]) makes a second gateway leave. Every wait ends at one deadline.

mod connect;
mod error;
mod launcher;
mod readiness;

use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

pub use connect::{Attempt, Connected, connect};
pub use error::StartError;
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

/// The pause before a launch is tried again where another gateway was in the way: a launch costs more than a look.
const IN_THE_WAY_PAUSE: Duration = Duration::from_millis(100);

/// Connects, starting a gateway through `launcher` where nobody listens.
///
/// # Errors
/// No connection came about; the error names the cause or the step that used the deadline up.
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
                wait("waiting for a gateway that is leaving")?;
                continue;
            }
            Attempt::Absent => {}
        }
        if has_gateway(endpoint)? {
            wait("waiting for a gateway that is leaving, or about to listen")?;
            continue;
        }
        let launcher = launcher.ok_or_else(|| StartError::Absent(endpoint.socket.clone()))?;
        let lock = os::open_private(&endpoint.start_lock, false)
            .map_err(|source| io_error("open", &endpoint.start_lock, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                wait("waiting for the shim that starts the gateway")?;
                continue;
            }
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &endpoint.start_lock, source)),
        }
        let launched = match connect(endpoint, hello, deadline)? {
            Attempt::Connected(connected) => return Ok(*connected),
            Attempt::Dying => Launched::InTheWay,
            Attempt::Absent => launcher.launch(endpoint, deadline)?,
        };
        drop(lock);
        match launched {
            Launched::Started => wait("connecting to the gateway that has just started")?,
            Launched::InTheWay => {
                std::thread::sleep(IN_THE_WAY_PAUSE);
                wait("waiting for a gateway that is leaving")?;
            }
        }
    }
}

/// Whether some gateway holds the lock although nobody listens: launching another would be in vain. The look itself
/// holds the lock for a moment, which a gateway that is about to take it must bear.
fn has_gateway(endpoint: &Endpoint) -> Result<bool, StartError> {
    let path = &endpoint.gateway_lock;
    let lock = os::open_private(path, false).map_err(|source| io_error("open", path, source))?;
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(io_error("lock", path, source)),
    }
}

/// A system call that failed for another reason than absence.
fn io_error(what: &'static str, path: &Path, source: io::Error) -> StartError {
    StartError::Io { what, path: path.to_owned(), source }
}
