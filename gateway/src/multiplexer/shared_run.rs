//! A request on a connection that sessions share: leased for as long as the request runs.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fair_queue::Lane;
use tokio::time::Instant;

use super::breaker::Visit;
use super::choice::Favourite;
use super::desk::{Desk, Handed, Wanted};
use super::errors::{self, unfetched};
use super::manager::OpenConnection;
use super::running::{self, Ended, RunTimes};
use super::stop::StopReason;
use super::terms::Terms;
use super::views::CloseReason;
use crate::allocator::{Claim, Ticket};
use crate::backend::{BackendError, Completion, ErrorKind, Ownership, Request};

/// A connection for one request. Dropped before its end, it closes the connection. Its slot comes free last.
struct SharedLease<'a> {
    desk: &'a Arc<Desk>,
    /// Taken at the end.
    connection: Option<OpenConnection>,
    lease: u64,
    slot: Option<Ticket>,
}

impl Drop for SharedLease<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.desk.close(connection, CloseReason::Abandoned);
        }
        self.desk.board().end_lease(self.lease);
    }
}

/// Runs `request` of `session` on a connection that it shares, and gives that back. In the lane for short requests, it
/// may take as long as those may; if it takes longer, it is stopped there and runs where the others do.
pub(super) async fn run(
    desk: &Arc<Desk>,
    mut request: Request,
    session: &Arc<str>,
    terms: &Terms,
    mut stop: Pin<&mut impl Future<Output = StopReason>>,
    times: &mut RunTimes,
) -> Result<Completion, BackendError> {
    request.ownership = Ownership::Shared;
    let claim = terms.claim(session, request.origin.number);
    let shared = SharedRun {
        desk,
        claim: &claim,
        lease_idle: terms.lease_idle,
        visit: desk.visit(request.earlier.is_some()),
        has_slot: terms.has_slot.as_deref(),
    };
    let handed = shared.wait(&request, None, stop.as_mut(), times).await?;
    let short = desk.slots.lane_timeout();
    // A retry changes nothing: only questions about the catalog go there.
    if !handed.slot.is_in_lane() || request.timeout <= short {
        return shared.run(handed, request, stop, times).await.0;
    }
    let in_lane = Request { timeout: short, ..request.clone() };
    let (result, slot) = shared.run(handed, in_lane, stop.as_mut(), times).await;
    if !is_timed_out(&result) {
        return result;
    }
    times.is_too_long_for_lane = true;
    if terms.has_slot.is_some() {
        desk.slots.note_demoted();
        // Others wait for this run: each of them is to wait in its own turn.
        return result;
    }
    let claim = Claim { lane: Lane::Ordinary, ..claim.clone() };
    // What it ran for in the lane was no waiting.
    let left = desk.slots.max_wait().saturating_sub(times.waited);
    let visit = Visit { deadline: Instant::now() + left, ..shared.visit };
    let ordinary = SharedRun { claim: &claim, visit, ..shared };
    let slot = match slot {
        Some(mut slot) => slot.demote().map(|()| Some(slot)).map_err(|refusal| desk.refused(refusal))?,
        None => None,
    };
    let handed = ordinary.wait(&request, slot, stop.as_mut(), times).await?;
    ordinary.run(handed, request, stop, times).await.0
}

fn is_timed_out(result: &Result<Completion, BackendError>) -> bool {
    result.as_ref().is_err_and(|error| error.kind == ErrorKind::TimedOut)
}

/// What a request needs that runs on a shared connection.
struct SharedRun<'a> {
    desk: &'a Arc<Desk>,
    claim: &'a Claim,
    lease_idle: Duration,
    /// All its waiting ends here.
    visit: Visit,
    /// Set once it has a connection.
    has_slot: Option<&'a AtomicBool>,
}

impl SharedRun<'_> {
    /// Waits for a connection.
    async fn wait(
        &self,
        request: &Request,
        slot: Option<Ticket>,
        mut stop: Pin<&mut impl Future<Output = StopReason>>,
        times: &mut RunTimes,
    ) -> Result<Handed, BackendError> {
        let began = Instant::now();
        let wanted = Wanted { claim: self.claim, context: &request.context, visit: self.visit };
        let handed = tokio::select! {
            biased;
            stop = &mut stop => Err(errors::stopped_while_waiting(stop, request.earlier.as_deref())),
            handed = self.desk.hand_out(&wanted, slot, self.visit.deadline) => handed,
        };
        times.waited += began.elapsed();
        if let Some(has_slot) = self.has_slot.filter(|_| handed.is_ok()) {
            has_slot.store(true, Ordering::Release);
        }
        handed.map_err(|error| unfetched(error, request))
    }

    /// Runs `request` on the connection, and leaves that where it belongs then. Returns the slot, too, where nothing else
    /// needs it.
    async fn run(
        &self,
        mut handed: Handed,
        request: Request,
        stop: Pin<&mut impl Future<Output = StopReason>>,
        times: &mut RunTimes,
    ) -> (Result<Completion, BackendError>, Option<Ticket>) {
        let (desk, session) = (self.desk, &self.claim.session);
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
            Some(connection) => running::run(desk, connection, request, self.visit, stop, times).await,
            None => Ended { result: Err(errors::cancelled()), goes_on: false },
        };
        let Some(connection) = lease.connection.take() else { return (ended.result, None) };
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
            let until = Instant::now() + self.lease_idle;
            let favourite = (!session.is_empty()).then(|| Favourite { session: Arc::clone(session), until });
            desk.give_back(connection, context, favourite);
        }
        (ended.result, lease.slot.take())
    }
}
