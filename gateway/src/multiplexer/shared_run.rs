//! A request on a connection that sessions share: leased for as long as the request runs.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::choice::Favourite;
use super::desk::{Desk, Wanted};
use super::errors;
use super::manager::OpenConnection;
use super::running::{self, Ended};
use super::slots::SlotPermit;
use super::stop::StopReason;
use super::views::CloseReason;
use crate::backend::{BackendError, Completion, ErrorKind, Ownership, Request};

/// How long a request took, for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunTimes {
    /// Waiting for a connection: for a slot, and for one to be opened.
    pub waited: Duration,
    /// Running on it; `None`: it got none.
    pub ran: Option<Duration>,
}

/// A connection for one request. Dropped before its end, it closes the connection. Its slot comes free last.
struct SharedLease<'a> {
    desk: &'a Arc<Desk>,
    /// Taken at the end.
    connection: Option<OpenConnection>,
    lease: u64,
    slot: Option<SlotPermit>,
}

impl Drop for SharedLease<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.desk.close(connection, CloseReason::Abandoned);
        }
        self.desk.board().end_lease(self.lease);
    }
}

/// Runs `request` of `session` on a connection that it shares, and gives that back.
pub(super) async fn run(
    desk: &Arc<Desk>,
    mut request: Request,
    session: &Arc<str>,
    lease_idle: Duration,
    mut stop: Pin<&mut impl Future<Output = StopReason>>,
    times: &mut RunTimes,
) -> Result<Completion, BackendError> {
    request.ownership = Ownership::Shared;
    let began = Instant::now();
    let wanted = Wanted { session, request: request.origin.number, context: &request.context };
    let handed = tokio::select! {
        biased;
        stop = &mut stop => Err(errors::stopped_while_waiting(stop, request.earlier.as_deref())),
        handed = desk.hand_out(&wanted, began + desk.config.wait_timeout) => handed,
    };
    times.waited += began.elapsed();
    let mut handed = handed.map_err(|error| unfetched(error, &request))?;
    let begun = Instant::now();
    // What it was found in is used again, where it is the same: a context is a few texts.
    let context = match handed.context.take() {
        Some(context) if context == request.context => context,
        _ => request.context.clone(),
    };
    let mut lease = SharedLease {
        desk,
        connection: Some(handed.connection),
        lease: handed.lease,
        slot: Some(handed.slot),
    };
    let ended = match &mut lease.connection {
        Some(connection) => running::run(connection, request, stop).await,
        None => Ended { result: Err(errors::cancelled()), goes_on: false },
    };
    times.ran = Some(begun.elapsed());
    let Some(connection) = lease.connection.take() else { return ended.result };
    if ended.goes_on {
        desk.close(connection, CloseReason::Unstopped);
    } else if !connection.is_usable() {
        desk.close(connection, CloseReason::Broken);
    } else if !connection.held().is_empty() {
        // Only what cannot be told from its text leaves state: a procedure, for one.
        if let Some(slot) = lease.slot.take() {
            desk.reset_and_give_back(connection, slot);
        }
    } else {
        let context = if ended.result.is_ok() { Some(context) } else { connection.context() };
        let favourite = (!session.is_empty())
            .then(|| Favourite { session: Arc::clone(session), until: Instant::now() + lease_idle });
        desk.give_back(connection, context, favourite);
    }
    ended.result
}

/// The error of a request that got no connection; what an earlier gateway ran for it may have taken effect.
pub(super) fn unfetched(error: BackendError, request: &Request) -> BackendError {
    match &request.earlier {
        Some(query_id) if error.kind != ErrorKind::Detached => error.of_unfetched(query_id),
        _ => error,
    }
}
