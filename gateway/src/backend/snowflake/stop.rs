//! What stops the request that a connection runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::backend::Cancel;

/// The signals of one request.
#[derive(Clone, Default)]
pub(super) struct Stop {
    /// Nobody wants it any more: the server is to abort it.
    pub(super) abort: CancellationToken,
    /// The gateway leaves: what has a name on the server goes on there.
    pub(super) leave: CancellationToken,
    /// Either of them.
    pub(super) any: CancellationToken,
}

impl Stop {
    /// Waits until either is signalled.
    pub(super) async fn signalled(&self) {
        self.any.cancelled().await;
    }

    pub(super) fn is_signalled(&self) -> bool {
        self.any.is_cancelled()
    }
}

/// The request that runs now, for whoever wants to stop it.
#[derive(Default)]
pub(super) struct Running(Mutex<Option<Stop>>);

impl Running {
    fn lock(&self) -> MutexGuard<'_, Option<Stop>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self) -> Stop {
        self.lock().insert(Stop::default()).clone()
    }

    pub(super) fn end(&self) {
        *self.lock() = None;
    }
}

impl Cancel for Running {
    fn cancel(&self) {
        if let Some(stop) = &*self.lock() {
            stop.abort.cancel();
            stop.any.cancel();
        }
    }

    fn detach(&self) {
        if let Some(stop) = &*self.lock() {
            stop.leave.cancel();
            stop.any.cancel();
        }
    }
}
