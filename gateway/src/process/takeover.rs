//! Taking the place of the gateway that runs: what a service manager starts is to serve, also where a client
//! was quicker and has started one.
//!
//! The other gateway is asked to stop, and its clients go on with this one. Two are left alone, and waited
//! for: one that a service manager runs too (each would end the other for ever) and one of a newer build
//! (its clients would end this one again).

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use snowgate_link::endpoint::Endpoint;
use snowgate_link::{BUILD, os};
use tokio::task::spawn_blocking;

use super::listener::{BindError, GatewayLock};
use crate::link::{Command, Reply, ask};
use crate::observe::StatusView;
use crate::os::tell_starting;
use crate::shared::is_newer;

/// How often the lock is looked at: a client that looks for a gateway meanwhile waits no longer.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// How often the gateway that runs is asked.
const ASK_INTERVAL: Duration = Duration::from_secs(5);

/// How long the service manager is to wait for this one; said again with each question.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// Waits for the lock, for as long as it takes, and asks the gateway that has it to make room. `has_socket`: the socket in
/// its place is one that the service manager has passed to this process. Then that gateway cannot be asked: a
/// connection to that socket comes to this process. Mostly it need not be: it sees that its own socket is gone, and makes
/// room. One that has the same socket from the manager, or hangs, is waited for until the manager's patience ends.
///
/// # Errors
/// As [`GatewayLock::take`], but another gateway is none.
pub(super) async fn take_lock(endpoint: &Endpoint, has_socket: bool) -> Result<GatewayLock, BindError> {
    let mut start_lock = None;
    let mut asked_at: Option<Instant> = None;
    loop {
        match GatewayLock::take_with(endpoint, has_socket) {
            Err(BindError::Taken(_)) => {}
            other => return other,
        }
        // While this one waits, no shim starts another.
        start_lock = start_lock.or_else(|| try_hold(&endpoint.start_lock));
        if asked_at.is_none_or(|at| at.elapsed() >= ASK_INTERVAL) {
            tell_starting("waiting for another gateway to make room", START_PATIENCE);
            if has_socket {
                tracing::info!(
                    "another gateway runs; waiting for it to notice that its socket is not in its place any more"
                );
            } else {
                let endpoint = endpoint.clone();
                // A panic of it is in the log.
                let _ = spawn_blocking(move || ask_for_room(&endpoint)).await;
            }
            asked_at = Some(Instant::now());
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn try_hold(path: &Path) -> Option<File> {
    let file = os::open_private(path, false).ok()?;
    os::try_lock(&file).ok()?;
    os::mark(&file);
    Some(file)
}

/// Asks the gateway that runs to stop, if it is one that may be asked.
fn ask_for_room(endpoint: &Endpoint) {
    let asked = match ask(endpoint, &Command::Status) {
        Ok(Some(Reply::Status(status))) => match why_wait(&status) {
            Some(why) => {
                tracing::warn!(
                    pid = status.pid,
                    build = status.version,
                    "another gateway runs, and {why}; waiting for its end"
                );
                return;
            }
            None => {
                tracing::info!(pid = status.pid, "another gateway runs; asking it to make room");
                ask(endpoint, &Command::Stop)
            }
        },
        // It starts, or leaves.
        other => other,
    };
    if let Err(error) = asked {
        tracing::warn!(%error, "cannot ask the gateway that runs to make room; waiting for its end");
    }
}

fn why_wait(other: &StatusView) -> Option<&'static str> {
    if other.service.is_some() {
        Some("a service manager runs it")
    } else if is_newer(&other.version, BUILD) {
        Some("it is of a newer build")
    } else {
        None
    }
}
