//! A request on the connection that its session has to itself.
//!
//! | before | the request | after |
//! |---|---|---|
//! | nothing | of a strict session, or makes state | gets a connection: room, slot, connection, in this order |
//! | nothing | any other, behind such a request | runs on a shared one |
//! | has one | any | runs on it |
//! | runs on it | | state is left: it is parked for the session |
//! | runs on it | | no state, moderate: it goes back to all; strict: it is parked |
//! | runs on it | | broken, does not stop, request gone: closed; held state is lost, and the session told |
//! | parked | none for `pin_idle` | reset; held state is lost, and the session told |
//! | parked, strict, no state | none for `lease_idle` | closed |
//! | parked | a reload takes from the profile what goes on with it | reset; held state is lost, and the session told |
//! | parked | the session ends | reset, and back to all; strict: closed |

use std::pin::Pin;
use std::sync::Arc;

use fair_queue::Lane;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::board::{Own, OwnConnection, OwnTerms, OwnUse};
use super::breaker::Visit;
use super::choice::Favourite;
use super::desk::{Desk, Wanted, rooms_of};
use super::errors::{self, Loss};
use super::running::{self, Ended, RunTimes};
use super::stop::StopReason;
use super::terms::Terms;
use super::views::CloseReason;
use crate::allocator::{Claim, Ticket};
use crate::backend::{BackendError, Completion, Held, Operation, Ownership, Request, Transaction};
use crate::config::IsolationLevel;

/// Of so many connections that sessions may have to themselves, or more, one is left by each client to the others.
const SHARED_ROOMS_MIN: usize = 3;

/// A request of a session that has, or wants, a connection to itself: in the session's queue, until it is dropped.
pub(super) struct Turn {
    desk: Arc<Desk>,
    session: Arc<str>,
    arrival: u64,
    /// It is this request's turn.
    permit: Option<OwnedSemaphorePermit>,
}

/// Where a request is to run.
pub(super) enum Route {
    /// On a connection that sessions share.
    Shared(Arc<str>),
    /// On the session's own, once it is its turn.
    Own(Turn),
}

/// What a session's turn came to.
pub(super) enum Prepared {
    /// It has the session's own connection.
    Ready(OwnLease),
    /// It needs none, and the session has none: it runs on a shared one.
    Unneeded(Arc<str>),
}

/// The session's own connection, in the hand of the request that runs. Dropped before its end, the connection is
/// closed, and what it held lost.
pub(super) struct OwnLease {
    desk: Arc<Desk>,
    session: Arc<str>,
    /// Taken at the end.
    own: Option<Box<OwnConnection>>,
    /// Dropped last: then the session's next request has its turn.
    _turn: Turn,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut board = self.desk.board();
        if let Some(state) = board.sessions.get_mut(&self.session) {
            state.queued = state.queued.saturating_sub(1);
        }
        board.forget_if_over(&self.session);
        drop(board);
        self.permit = None;
    }
}

impl Drop for OwnLease {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            let held = own.held.clone();
            self.desk.lose_own(&self.session, own, &held, Loss::Abandoned, CloseReason::Abandoned);
        }
    }
}

/// Whether the request asks nothing of what its session holds.
fn needs_no_state(request: &Request) -> bool {
    request.earlier.is_some() || matches!(request.operation, Operation::UseContext)
}

/// Decides where `request` is to run, by what its session has and has asked for.
///
/// # Errors
/// What the session held is lost; too many of its requests wait for its own connection.
pub(super) fn route(desk: &Arc<Desk>, request: &Request, terms: &Terms) -> Result<Route, BackendError> {
    let mut board = desk.board();
    let (session, state) = board.session(&request.origin.session);
    state.arrivals += 1;
    let arrival = state.arrivals;
    let is_own = match terms.level {
        IsolationLevel::Strict => true,
        IsolationLevel::Moderate => terms.makes_state || state.has_own(),
        IsolationLevel::Relaxed => false,
    };
    if !is_own {
        let lost = if needs_no_state(request) { None } else { state.take_loss(arrival) };
        return lost.map_or(Ok(Route::Shared(session)), Err);
    }
    if state.queued >= terms.requests_max {
        return Err(errors::own_queue_full(terms.requests_max));
    }
    state.queued += 1;
    drop(board);
    Ok(Route::Own(Turn { desk: Arc::clone(desk), session, arrival, permit: None }))
}

impl Turn {
    /// Waits for the requests before it, then for a connection if the session has none. The first wait is bounded by
    /// what those may run for, the second by `wait_timeout`.
    pub(super) async fn prepare(
        mut self,
        request: &Request,
        terms: &Terms,
        visit: Visit,
    ) -> Result<Prepared, BackendError> {
        let turn = {
            let board = self.desk.board();
            board.sessions.get(&self.session).map(|state| Arc::clone(&state.turn))
        };
        // It is there for as long as a request is queued, and never closed.
        let Some(turn) = turn else { return Err(errors::cancelled()) };
        self.permit = turn.acquire_owned().await.ok();
        let needs_own = terms.makes_state || terms.level == IsolationLevel::Strict;
        let own = {
            let mut board = self.desk.board();
            let (_, state) = board.session(&self.session);
            if !needs_no_state(request)
                && let Some(lost) = state.take_loss(self.arrival)
            {
                return Err(lost);
            }
            match std::mem::take(&mut state.own) {
                Own::Parked(own) if own.held.transaction && has_own_transaction(request) => {
                    state.own = Own::Parked(own);
                    return Err(errors::in_transaction());
                }
                Own::Parked(own) => {
                    state.own = Own::InUse(own.in_use());
                    let is_elsewhere = own.context.as_ref() != Some(&request.context);
                    board.continue_lease(own.lease, is_elsewhere);
                    Some(own)
                }
                // Nobody else has the turn.
                Own::Nothing | Own::InUse(_) => None,
            }
        };
        let own = match own {
            Some(own) => own,
            None if needs_own => self.take_connection(request, terms, visit).await?,
            None => return Ok(Prepared::Unneeded(Arc::clone(&self.session))),
        };
        let (desk, session) = (Arc::clone(&self.desk), Arc::clone(&self.session));
        Ok(Prepared::Ready(OwnLease { desk, session, own: Some(own), _turn: self }))
    }

    /// A connection for the session to have to itself.
    async fn take_connection(
        &self,
        request: &Request,
        terms: &Terms,
        visit: Visit,
    ) -> Result<Box<OwnConnection>, BackendError> {
        let desk = &self.desk;
        let claim = Claim { lane: Lane::Ordinary, ..terms.claim(&self.session, request.origin.number) };
        // For both waits: who has the room keeps another from it.
        let deadline = Instant::now() + desk.config.wait_timeout;
        let mut room = desk.room(&claim, deadline).await?;
        let wanted = Wanted { claim: &claim, context: &request.context, visit };
        let mut handed = desk.hand_out(&wanted, None, deadline.min(visit.deadline)).await?;
        room.set_held_for_long();
        handed.slot.set_held_for_long();
        let now = Instant::now();
        let own = Box::new(OwnConnection {
            connection: handed.connection,
            slot: handed.slot,
            room,
            lease: handed.lease,
            since: now,
            used_at: now,
            held: Held::default(),
            context: handed.context,
            terms: OwnTerms::of(terms),
        });
        desk.board().session(&self.session).1.own = Own::InUse(own.in_use());
        Ok(own)
    }
}

fn has_own_transaction(request: &Request) -> bool {
    matches!(&request.operation, Operation::Statement { transaction, .. } if *transaction != Transaction::None)
}

impl OwnLease {
    /// Runs `request`, and leaves the connection where it belongs then.
    pub(super) async fn run(
        mut self,
        mut request: Request,
        visit: Visit,
        stop: Pin<&mut impl Future<Output = StopReason>>,
        times: &mut RunTimes,
    ) -> Result<Completion, BackendError> {
        request.ownership = Ownership::Owned;
        let context = request.context.clone();
        let Some(own) = &mut self.own else { return Err(errors::cancelled()) };
        let Ended { mut result, goes_on } =
            running::run(&self.desk, &mut own.connection, request, visit, stop, times).await;
        let Some(mut own) = self.own.take() else { return result };
        let held = own.connection.held();
        if let Err(error) = &mut result
            && own.held.transaction
            && !held.transaction
        {
            errors::note_rolled_back(error);
        }
        if goes_on || !own.connection.is_usable() {
            let (loss, reason) = if goes_on {
                (Loss::Unstopped, CloseReason::Unstopped)
            } else {
                (Loss::Broken, CloseReason::Broken)
            };
            let lost = if own.held.is_empty() { held } else { own.held.clone() };
            self.desk.lose_own(&self.session, own, &lost, loss, reason);
            return result;
        }
        own.context = if result.is_ok() { Some(context) } else { own.connection.context() };
        own.used_at = Instant::now();
        if let Ok(done) = &mut result {
            done.held = held.clone();
        }
        own.held = held;
        self.desk.put_own(&self.session, own);
        result
    }
}

impl Desk {
    /// Waits until `deadline` for leave to give a session a connection to itself.
    async fn room(&self, claim: &Claim, deadline: Instant) -> Result<Ticket, BackendError> {
        let limit = self.slots.slots();
        let rooms = rooms_of(&self.slots);
        // The backend may have turned out to open fewer.
        self.rooms.lower(rooms);
        if rooms == 0 {
            return Err(errors::no_own(limit, &self.config));
        }
        // Of three or more, no client has all: that it is charged for them is of no use to others while it holds them.
        let most = if rooms >= SHARED_ROOMS_MIN { rooms - 1 } else { rooms };
        let slots_max = claim.terms.slots_max.min(most);
        let claim = Claim { terms: fair_queue::Terms { slots_max, ..claim.terms }, ..claim.clone() };
        let room = self.rooms.claim(&claim).map_err(|refusal| self.refused(refusal))?;
        if room.is_granted() {
            return Ok(room);
        }
        self.board().counters.waited += 1;
        if room.granted(deadline).await {
            return Ok(room);
        }
        let oldest = self.board().pins().iter().map(|pin| pin.since).max().unwrap_or_default();
        Err(errors::all_pinned(self.rooms.in_use(), rooms, oldest, self.config.wait_timeout))
    }

    /// The session's own connection after a request on it: parked for the next one, or given back.
    fn put_own(self: &Arc<Self>, session: &Arc<str>, own: Box<OwnConnection>) {
        // A strict session without state loses nothing by making room for one that waits.
        let stays = !own.held.is_empty() || (own.terms.is_strict && self.rooms.waiting() == 0);
        let due = own.due();
        let mut board = self.board();
        let is_over = board.is_closed || board.sessions.get(session).is_none_or(|state| state.is_over);
        if let Some(state) = board.sessions.get_mut(session) {
            state.own = Own::Nothing;
        }
        if is_over {
            drop(board);
            return self.retire_own(own);
        }
        if !stays && own.terms.is_strict {
            drop(board);
            return self.retire_own(own);
        }
        if stays {
            board.session(session).1.own = Own::Parked(own);
            drop(board);
            return self.wake_by(due);
        }
        board.end_lease(own.lease);
        drop(board);
        let until = Instant::now() + own.terms.lease_idle;
        let favourite = Favourite { session: Arc::clone(session), until };
        let OwnConnection { connection, context, slot, room, .. } = *own;
        self.give_back(connection, context, Some(favourite));
        drop((slot, room));
    }

    /// Closes the session's own connection; what it held is gone, and the session's next request is told.
    fn lose_own(
        &self,
        session: &Arc<str>,
        own: Box<OwnConnection>,
        held: &Held,
        loss: Loss,
        reason: CloseReason,
    ) {
        let mut board = self.board();
        if let Some(state) = board.sessions.get_mut(session) {
            state.own = Own::Nothing;
            state.lose(held, loss, &own.terms.profile);
        }
        board.end_lease(own.lease);
        drop(board);
        if !held.is_empty() {
            tracing::warn!(session = &**session, %held, ?loss, "a session has lost what it held");
        }
        let OwnConnection { connection, slot, room, .. } = *own;
        self.close(connection, reason);
        drop((slot, room));
    }

    /// Takes from the session what it has to itself, and resets it; nobody waits for that.
    pub(super) fn retire_own(self: &Arc<Self>, own: Box<OwnConnection>) {
        let desk = Arc::clone(self);
        let retiring = async move {
            let OwnConnection { mut connection, slot, room, lease, held, context, terms, .. } = *own;
            let is_clean = held.is_empty() || desk.reset(&mut connection).await;
            desk.board().end_lease(lease);
            if !is_clean {
                desk.close(connection, CloseReason::Unreset);
            } else if terms.is_strict {
                desk.close(connection, CloseReason::Owned);
            } else {
                let context = if held.is_empty() { context } else { connection.context() };
                desk.give_back(connection, context, None);
            }
            drop((slot, room));
        };
        self.tasks.spawn(retiring);
    }

    /// The session has a new connection of its shim: what was said of its end does not hold for what comes now.
    pub(super) fn reopen(&self, session: &str) {
        if let Some(state) = self.board().sessions.get_mut(session) {
            state.is_over = false;
        }
    }

    /// The session ends: what it has is given back, now or when it is not in use any more.
    pub(super) fn release(self: &Arc<Self>, session: &str) {
        let mut board = self.board();
        let Some(state) = board.sessions.get_mut(session) else { return };
        state.is_over = true;
        state.lost = None;
        let parked = match std::mem::take(&mut state.own) {
            Own::Parked(own) => Some(own),
            in_use => {
                state.own = in_use;
                None
            }
        };
        board.idle.forget(session);
        board.forget_if_over(session);
        drop(board);
        if let Some(own) = parked {
            self.retire_own(own);
        }
    }

    /// Rolls back and removes what the session holds, and has its next request told; what that was. Where a request has the
    /// connection, nothing: its call asks again when it has ended.
    pub(super) fn revoke(self: &Arc<Self>, session: &str) -> Option<Held> {
        let mut board = self.board();
        let state = board.sessions.get_mut(session)?;
        let own = match std::mem::take(&mut state.own) {
            Own::Parked(own) if !own.held.is_empty() => own,
            other => {
                state.own = other;
                return None;
            }
        };
        state.lose(&own.held, Loss::Revoked, &own.terms.profile);
        drop(board);
        let held = own.held.clone();
        tracing::warn!(session, %held, "what a session held is rolled back: its profile does not permit it any more");
        self.retire_own(own);
        Some(held)
    }

    /// Takes the connections that their sessions have not used for as long as they may, or all.
    pub(super) fn expire_own(self: &Arc<Self>, now: Instant, is_all: bool) {
        let mut expired = Vec::new();
        for (session, state) in &mut self.board().sessions {
            match std::mem::take(&mut state.own) {
                Own::Parked(own) if is_all || own.due() <= now => {
                    if !is_all {
                        state.lose(&own.held, Loss::Idle(own.terms.pin_idle), &own.terms.profile);
                    }
                    expired.push((Arc::clone(session), own));
                }
                other => state.own = other,
            }
        }
        for (session, own) in expired {
            if !own.held.is_empty() {
                let held = &own.held;
                tracing::warn!(session = &*session, %held, is_all, "what a session held is rolled back");
            }
            self.retire_own(own);
        }
    }

    /// When the next of them is due.
    pub(super) fn own_due(&self) -> Option<Instant> {
        let board = self.board();
        let due = board.sessions.values().filter_map(|state| match &state.own {
            Own::Parked(own) => Some(own.due()),
            Own::Nothing | Own::InUse(OwnUse { .. }) => None,
        });
        due.min()
    }
}
