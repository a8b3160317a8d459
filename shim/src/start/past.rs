//! What a shim remembers of a start that failed because a process hangs: its requests do not wait for that
//! process one after the other.

use std::process::Child;
use std::time::{Duration, Instant};

use super::{StartError, look, open_lock};
use crate::endpoint::Endpoint;
use crate::os;

/// How long requests get the error at once: at first, and at most. Each further failure doubles it.
const COOL_DOWN: Duration = Duration::from_secs(5);
const COOL_DOWN_MAX: Duration = Duration::from_secs(60);

/// What was waited for in vain.
#[derive(Debug)]
pub(super) enum Blocker {
    /// A gateway that this shim has started.
    Launched {
        /// Waits for the gateway still. Not waited for itself, so that its process id stays its own.
        intermediate: Child,
        /// The gateway's process, 0 if unknown.
        gateway: u32,
    },
    /// Another shim, which is starting a gateway.
    Starter(i32),
    /// A gateway that holds its lock and does not listen.
    Gateway(i32),
}

/// A failure that is repeated until the cool-down is over or its cause is gone.
#[derive(Debug)]
struct Failure {
    blocker: Blocker,
    again_at: Instant,
}

/// What a shim remembers from one request to the next. The default: nothing.
#[derive(Debug, Default)]
pub struct Past {
    failure: Option<Failure>,
    cool_down: Duration,
}

impl Past {
    /// A gateway answers.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Remembers what was waited for in vain; returns the error.
    pub(super) fn block(&mut self, endpoint: &Endpoint, blocker: Blocker) -> StartError {
        self.cool_down = (self.cool_down * 2).clamp(COOL_DOWN, COOL_DOWN_MAX);
        let error = blocker.error(endpoint);
        self.failure = Some(Failure { blocker, again_at: Instant::now() + self.cool_down });
        error
    }

    /// Call where no gateway listens.
    ///
    /// # Errors
    /// The last failure's, while its cause persists, until the cool-down is over.
    pub(super) fn check(&mut self, endpoint: &Endpoint) -> Result<(), StartError> {
        let Some(failure) = &mut self.failure else { return Ok(()) };
        if !failure.blocker.persists(endpoint) {
            self.failure = None;
        } else if Instant::now() < failure.again_at {
            return Err(failure.blocker.error(endpoint));
        }
        Ok(())
    }

    /// Ends the gateway that this shim has started in vain, before it starts another: they would add up.
    pub(super) fn end_launched(&mut self) {
        if let Some(Failure { blocker: Blocker::Launched { mut intermediate, gateway }, .. }) =
            self.failure.take()
        {
            os::kill_launched(&mut intermediate, gateway);
            let _ = intermediate.wait();
        }
    }
}

impl Blocker {
    fn persists(&mut self, endpoint: &Endpoint) -> bool {
        let holds = |path, pid| {
            open_lock(path).and_then(|lock| look(&lock, path)).is_ok_and(|holder| holder == Some(pid))
        };
        match self {
            Self::Launched { intermediate, .. } => matches!(intermediate.try_wait(), Ok(None)),
            Self::Starter(pid) => holds(&endpoint.start_lock, *pid),
            Self::Gateway(pid) => holds(&endpoint.gateway_lock, *pid),
        }
    }

    fn error(&self, endpoint: &Endpoint) -> StartError {
        let (pid, log) = match self {
            Self::Launched { gateway, .. } => (*gateway, endpoint.stderr.clone()),
            Self::Gateway(pid) => (pid.cast_unsigned(), endpoint.stderr.clone()),
            Self::Starter(_) => {
                let (socket, step) = (endpoint.socket.clone(), "another shim to start the gateway");
                return StartError::Deadline { socket, step };
            }
        };
        StartError::NotReady { pid, log }
    }
}
