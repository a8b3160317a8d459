//! Where connections are handed out and come back.
//!
//! A connection is in one hand: idle on the board, in a lease, in a session's own place, or in a task that resets or
//! opens it; a slot goes with every hand but the first. What leaves a hand in any other way than by `give_back` is
//! closed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::Retryable as _;
use deadpool::managed::{self, Object, PoolError, TimeoutType};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::board::Board;
use super::breaker::{Breaker, Visit};
use super::choice::{Favourite, Idle};
use super::errors;
use super::manager::{Manager, OpenConnection};
use super::retries::retries;
use super::stop::{CHECK_TIMEOUT, RESET_TIMEOUT};
use super::views::CloseReason;
use crate::allocator::{Allocator, Claim, Refusal, Ticket, UnclaimedSlot};
use crate::backend::{BackendError, Context, ErrorKind, Health as _};
use crate::config::PoolConfig;

/// The pause before a connection is asked for again where the backend opens none at all.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// How long no further connection is opened ahead of need after that failed.
const GROW_PAUSE: Duration = Duration::from_secs(60);

pub(super) struct Desk {
    board: Mutex<Board>,
    pub(super) opener: managed::Pool<Manager>,
    /// Who may have a connection.
    pub(super) slots: Arc<Allocator>,
    /// Who may have one to itself: all but those of the lane, and one more.
    pub(super) rooms: Arc<Allocator>,
    pub(super) config: PoolConfig,
    pub(super) breaker: Arc<Breaker>,
    /// Whether a connection may be opened that no request needs: not where that may ask a person to log in.
    grows: bool,
    /// Wakes the upkeep.
    pub(super) wake: Arc<Notify>,
    /// What goes on without a request that waits for it.
    pub(super) tasks: TaskTracker,
}

/// Whose a connection is to be, and for what.
pub(super) struct Wanted<'a> {
    pub(super) claim: &'a Claim,
    pub(super) context: &'a Context,
    pub(super) visit: Visit,
}

/// A connection for a request, its slot, and the use that began.
pub(super) struct Handed {
    pub(super) connection: OpenConnection,
    pub(super) slot: Ticket,
    pub(super) lease: u64,
    /// The context that it was found in.
    pub(super) context: Option<Context>,
}

impl Desk {
    pub(super) fn new(
        opener: managed::Pool<Manager>,
        config: PoolConfig,
        breaker: Arc<Breaker>,
        grows: bool,
        wake: Arc<Notify>,
    ) -> Self {
        let slots = Allocator::new(config.connections_max, true, &config.allocator);
        let rooms = Allocator::new(rooms_of(&slots), false, &config.allocator);
        let (board, tasks) = (Mutex::default(), TaskTracker::new());
        Self { board, opener, slots, rooms, config, breaker, grows, wake, tasks }
    }

    /// What is known now. Never held over an await, nor while a connection is closed.
    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way of a request that comes now; `fetches`: what it asks for has run.
    pub(super) fn visit(&self, fetches: bool) -> Visit {
        Visit::new(self.slots.max_wait(), fetches)
    }

    /// Waits until `deadline` for a slot (the one of `ticket`, where that waits already), and returns it with the best
    /// connection for `wanted`.
    pub(super) async fn hand_out(
        self: &Arc<Self>,
        wanted: &Wanted<'_>,
        mut ticket: Option<Ticket>,
        deadline: Instant,
    ) -> Result<Handed, BackendError> {
        loop {
            let slot = match ticket.take() {
                Some(ticket) => ticket,
                None => self.slots.claim(wanted.claim).map_err(|refusal| self.refused(refusal))?,
            };
            self.wait(&slot, deadline).await?;
            match self.take_or_open(wanted, deadline).await {
                Ok((connection, context, is_reused)) => {
                    return Ok(self.begin(wanted, connection, slot, context, is_reused));
                }
                Err(error) if error.kind != ErrorKind::Exhausted => return Err(error),
                Err(_) if Instant::now() >= deadline => return Err(self.all_busy()),
                Err(_) => {
                    let connections = self.slots.retire(slot);
                    tracing::info!(
                        connections,
                        "the backend opens no more connections; requests share the open ones"
                    );
                    if self.opener.status().size == 0 {
                        // None is open that could come back.
                        sleep_until(deadline.min(Instant::now() + EXHAUSTED_PAUSE)).await;
                    }
                }
            }
        }
    }

    /// An idle connection, or a new one where none is idle; with the context that it is in, and whether it was open.
    async fn take_or_open(
        self: &Arc<Self>,
        wanted: &Wanted<'_>,
        deadline: Instant,
    ) -> Result<(OpenConnection, Option<Context>, bool), BackendError> {
        loop {
            if let Some((connection, context)) = self.take_idle(wanted).await {
                return Ok((connection, context, true));
            }
            match self.open(wanted.visit).await {
                Ok(connection) => {
                    let context = connection.context();
                    return Ok((connection, context, false));
                }
                // One has come back meanwhile.
                Err(error)
                    if error.kind == ErrorKind::Exhausted
                        && Instant::now() < deadline
                        && self.board().idle.len() > 0 => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until `ticket` has its slot.
    async fn wait(&self, ticket: &Ticket, deadline: Instant) -> Result<(), BackendError> {
        if ticket.is_granted() {
            return Ok(());
        }
        self.board().counters.waited += 1;
        if ticket.granted(deadline).await {
            Ok(())
        } else {
            let waited = self.slots.max_wait();
            let limit = self.slots.ordinary_slots();
            let error = errors::waited_long(ticket.queue_place(), waited, limit, ticket.slots_max());
            Err(self.breaker.explain(error, waited))
        }
    }

    /// Too many requests wait already.
    pub(super) fn refused(&self, refusal: Refusal) -> BackendError {
        let waiting = match refusal {
            Refusal::OwnQueue(waiting) | Refusal::Queues(waiting) => waiting,
        };
        errors::queue_full(refusal, self.config.allocator.fair_by, self.slots.expected_wait(waiting))
    }

    /// The best idle connection. One that has been idle for long is asked whether it works; if it does not, those
    /// that are as old are in the same doubt, and are closed with it.
    async fn take_idle(self: &Arc<Self>, wanted: &Wanted<'_>) -> Option<(OpenConnection, Option<Context>)> {
        loop {
            let now = Instant::now();
            let taken = self.board().idle.take(&wanted.claim.session, wanted.context, now)?;
            let is_taken_from_another =
                taken.favourite.as_ref().is_some_and(|favourite| {
                    favourite.until > now && favourite.session != wanted.claim.session
                }) && taken.context.as_ref() != Some(wanted.context);
            if is_taken_from_another {
                self.grow();
            }
            let Idle { mut connection, context, .. } = taken;
            if self.is_too_old(&connection) {
                self.close(connection, CloseReason::Aged);
                continue;
            }
            if connection.answered_at.elapsed() < self.config.check_after || self.check(&mut connection).await
            {
                connection.leased_at = Instant::now();
                return Some((connection, context));
            }
            self.close_unchecked(connection);
        }
    }

    fn begin(
        &self,
        wanted: &Wanted<'_>,
        connection: OpenConnection,
        slot: Ticket,
        context: Option<Context>,
        is_reused: bool,
    ) -> Handed {
        let mut board = self.board();
        board.counters.leases += 1;
        board.counters.reused += u64::from(is_reused);
        let is_elsewhere = context.as_ref().is_some_and(|context| context != wanted.context);
        board.counters.switched += u64::from(is_elsewhere);
        let lease = board.begin_lease(&wanted.claim.session, wanted.claim.request, connection.number());
        drop(board);
        Handed { connection, slot, lease, context }
    }

    /// Opens a connection; the caller has a slot for it.
    pub(super) async fn open(&self, visit: Visit) -> Result<OpenConnection, BackendError> {
        let opening = || self.open_once(visit);
        let pauses = retries(visit.patience_ends());
        // Who fetches goes on as long as it may: the breaker says when.
        let pauses = if visit.fetches { pauses.without_max_times() } else { pauses };
        let is_worth_it =
            |error: &BackendError| error.may_retry && (visit.fetches || self.breaker.is_closed());
        let tries_again = |_: &BackendError, _: Duration| self.board().counters.retried += 1;
        opening.retry(pauses).when(is_worth_it).notify(tries_again).await
    }

    async fn open_once(&self, visit: Visit) -> Result<OpenConnection, BackendError> {
        let _pass = self.breaker.pass(visit).await?;
        let object: Object<Manager> = self.opener.get().await.map_err(|error| self.not_opened(error))?;
        self.board().counters.opened += 1;
        Ok(OpenConnection::new(object))
    }

    fn not_opened(&self, error: PoolError<BackendError>) -> BackendError {
        if !matches!(error, PoolError::Timeout(TimeoutType::Wait)) {
            self.board().counters.not_opened += 1;
        }
        match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(TimeoutType::Wait) => self.all_busy(),
            PoolError::Timeout(TimeoutType::Create) => {
                let error = errors::connect_timed_out();
                self.breaker.failed(error.clone(), 1);
                error
            }
            other => BackendError::new(ErrorKind::Unavailable, format!("cannot get a connection: {other}")),
        }
    }

    /// Opens one more connection, if there may be one, because a session was given what another works with: with it,
    /// the next statement of either finds its own. No request waits for it.
    fn grow(self: &Arc<Self>) {
        let Some(slot) = self.may_grow() else { return };
        let desk = Arc::clone(self);
        let growing = async move {
            let opened = desk.open(Visit::new(Duration::ZERO, false)).await;
            let failed = opened.is_err();
            match opened {
                Ok(connection) => {
                    let context = connection.context();
                    desk.give_back(connection, context, None);
                }
                Err(error) => tracing::debug!(%error, "no further connection was opened ahead of need"),
            }
            let mut board = desk.board();
            board.growing = false;
            board.grows_again = failed.then(|| Instant::now() + GROW_PAUSE);
            drop(board);
            drop(slot);
        };
        self.tasks.spawn(growing.in_current_span());
    }

    fn may_grow(&self) -> Option<UnclaimedSlot> {
        if !self.grows {
            return None;
        }
        let is_full = self.opener.status().size >= self.slots.slots();
        let mut board = self.board();
        let is_paused = board.grows_again.is_some_and(|again| Instant::now() < again);
        if is_full || is_paused || board.growing || board.is_closed {
            return None;
        }
        let slot = self.slots.try_unclaimed()?;
        board.growing = true;
        Some(slot)
    }

    /// Whether the connection still works.
    pub(super) async fn check(&self, connection: &mut OpenConnection) -> bool {
        let number = connection.number();
        match timeout(CHECK_TIMEOUT, connection.check()).await {
            Ok(Ok(())) if connection.is_usable() => {
                connection.answered_at = Instant::now();
                return true;
            }
            Ok(Ok(())) => tracing::info!(connection = number, "a connection is broken; closing it"),
            Ok(Err(error)) => {
                tracing::info!(connection = number, %error, "a connection does not work any more; closing it");
            }
            Err(_) => tracing::info!(connection = number, "a connection does not answer; closing it"),
        }
        false
    }

    /// Closes `connection`, and the idle ones that have not answered for as long as makes doubtful.
    pub(super) fn close_unchecked(&self, connection: OpenConnection) {
        let check_after = self.config.check_after;
        let doubtful =
            self.board().idle.take_where(|idle| idle.connection.answered_at.elapsed() >= check_after);
        self.close(connection, CloseReason::Unchecked);
        for idle in doubtful {
            self.close(idle.connection, CloseReason::Unchecked);
        }
    }

    /// A connection that holds nothing and is not in doubt comes back: it may be kept for the session that used it.
    pub(super) fn give_back(
        &self,
        mut connection: OpenConnection,
        context: Option<Context>,
        favourite: Option<Favourite>,
    ) {
        if self.is_too_old(&connection) {
            return self.close(connection, CloseReason::Aged);
        }
        connection.answered_at = Instant::now();
        let due = self.idle_due(&connection);
        let refused = self.board().park(connection, context, favourite);
        match refused {
            Some(connection) => self.close(connection, CloseReason::Ended),
            None => self.wake_by(due),
        }
    }

    /// Resets a connection on which something was left, and gives it back; all that while nobody waits.
    pub(super) fn reset_and_give_back(self: &Arc<Self>, mut connection: OpenConnection, slot: Ticket) {
        let desk = Arc::clone(self);
        let resetting = async move {
            if desk.reset(&mut connection).await {
                let context = connection.context();
                desk.give_back(connection, context, None);
            } else {
                desk.close(connection, CloseReason::Unreset);
            }
            drop(slot);
        };
        self.tasks.spawn(resetting.in_current_span());
    }

    /// Rolls back and removes what a session left on the connection; whether it is clean and works.
    pub(super) async fn reset(&self, connection: &mut OpenConnection) -> bool {
        let number = connection.number();
        match timeout(RESET_TIMEOUT, connection.reset()).await {
            Ok(Ok(())) => connection.is_usable() && connection.held().is_empty(),
            Ok(Err(error)) => {
                tracing::warn!(connection = number, %error, "a connection cannot be reset; closing it");
                false
            }
            Err(_) => {
                tracing::warn!(connection = number, "a connection does not answer to a reset; closing it");
                false
            }
        }
    }

    pub(super) fn close(&self, connection: OpenConnection, reason: CloseReason) {
        self.board().counters.closed.count(reason);
        drop(connection);
    }

    fn is_too_old(&self, connection: &OpenConnection) -> bool {
        connection.opened_at.elapsed() >= self.config.max_age
    }

    /// When an idle connection is to be looked at.
    pub(super) fn idle_due(&self, connection: &OpenConnection) -> Instant {
        (connection.answered_at + self.config.check_after)
            .min(connection.leased_at + self.config.idle_timeout)
            .min(connection.opened_at + self.config.max_age)
    }

    /// Has the upkeep look at `due` or before.
    pub(super) fn wake_by(&self, due: Instant) {
        let is_early = self.board().looks_at.is_some_and(|looks_at| due < looks_at);
        if is_early {
            self.wake.notify_one();
        }
    }

    pub(super) fn all_busy(&self) -> BackendError {
        let waited = self.slots.max_wait();
        self.breaker.explain(errors::all_busy(self.slots.slots(), waited), waited)
    }
}

/// Of `slots`, those that sessions may have to themselves: all but those of the lane, and one that is left for all.
pub(super) fn rooms_of(slots: &Allocator) -> usize {
    slots.ordinary_slots().saturating_sub(1)
}
