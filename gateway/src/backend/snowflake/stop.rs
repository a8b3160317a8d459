//! What stops the request that a connection runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::backend::Cancel;

/// The stop signals of one request. A clone has the same signals.
#[derive(Clone, Default)]
pub(super) struct StopSignals {
    /// The result is not wanted any more: the server is to abort the statement.
    pub(super) abort: CancellationToken,
    /// The gateway is shutting down: a query whose id is known keeps running on the server.
    pub(super) detach: CancellationToken,
    /// Either of them.
    pub(super) any: CancellationToken,
}

impl StopSignals {
    /// Waits until either is sent.
    pub(super) async fn stopped(&self) {
        self.any.cancelled().await;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.any.is_cancelled()
    }
}

/// The request that a connection runs now, shared with those that may stop it. Written by the connection at
/// the begin and the end of each request.
#[derive(Default)]
pub(super) struct RunningRequest(Mutex<Option<StopSignals>>);

impl RunningRequest {
    fn lock(&self) -> MutexGuard<'_, Option<StopSignals>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins, with signals of its own: a stop that comes late never reaches the next one.
    pub(super) fn begin(&self) -> StopSignals {
        self.lock().insert(StopSignals::default()).clone()
    }

    pub(super) fn end(&self) {
        *self.lock() = None;
    }
}

impl Cancel for RunningRequest {
    fn cancel(&self) {
        if let Some(stop) = &*self.lock() {
            stop.abort.cancel();
            stop.any.cancel();
        }
    }

    fn detach(&self) {
        if let Some(stop) = &*self.lock() {
            stop.detach.cancel();
            stop.any.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_reaches_the_running_request_and_no_later_one() {
        let running = RunningRequest::default();
        running.cancel();
        let first = running.begin();
        assert!(!first.is_stopped(), "a stop without a request is forgotten");
        running.detach();
        assert!(first.is_stopped() && first.detach.is_cancelled() && !first.abort.is_cancelled());
        running.end();
        running.cancel();
        let second = running.begin();
        assert!(!second.is_stopped() && !first.abort.is_cancelled());
    }
}
