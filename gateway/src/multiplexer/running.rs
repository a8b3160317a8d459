//! One request on a connection that is in hand: run to its end, or stopped.

use std::pin::Pin;

use super::errors;
use super::manager::OpenConnection;
use super::stop::{STOP_TIMEOUT, StopReason};
use crate::backend::{BackendError, Completion, Request};

/// How a run ended.
pub(super) struct Ended {
    pub(super) result: Result<Completion, BackendError>,
    /// The statement goes on although it was cancelled: its connection must be closed.
    pub(super) goes_on: bool,
}

/// Runs `request` to its end, which `stop` or its time-out may bring about earlier.
pub(super) async fn run(
    connection: &mut OpenConnection,
    request: Request,
    stop: Pin<&mut impl Future<Output = StopReason>>,
) -> Ended {
    let timeout = request.timeout;
    let canceller = connection.canceller();
    let mut running = connection.run(request);
    let stopped = tokio::select! {
        biased;
        result = &mut running => return Ended { result, goes_on: false },
        stop = stop => {
            match stop {
                StopReason::Cancel => canceller.cancel(),
                StopReason::Detach => canceller.detach(),
            }
            errors::cancelled()
        }
        () = tokio::time::sleep(timeout) => {
            canceller.cancel();
            errors::timed_out(timeout)
        }
    };
    let result = match tokio::time::timeout(STOP_TIMEOUT, running).await {
        // It took effect before the stop reached it.
        Ok(Ok(done)) => Ok(done),
        // It is not known, or not yet, whether it took effect: the caller must learn that.
        Ok(Err(error)) if error.leaves_outcome_open() => Err(error),
        Ok(Err(_)) => Err(stopped),
        Err(_) => {
            tracing::error!(
                timeout_ms = STOP_TIMEOUT.as_millis(),
                "a statement did not stop when cancelled; closing its connection"
            );
            return Ended { result: Err(errors::did_not_stop()), goes_on: true };
        }
    };
    Ended { result, goes_on: false }
}
