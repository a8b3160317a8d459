//! The pool of one connection of the config: leases, and requests that run on them.
//!
//! Every wait has a bound, and whatever stops a request (the client, its time-out, a shutdown) stops the
//! statement in the backend first.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Timeouts};
use fair_queue::Lane;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::breaker::{Breaker, BreakerView, Force};
use super::desk::{Desk, Wanted};
use super::errors::{self, unfetched};
use super::flights::{FlightKey, Flights, Passenger};
use super::manager::Manager;
use super::metadata::{MetadataCache, MetadataReads};
use super::owned_run::{self, Prepared, Route, Turn};
use super::running::RunTimes;
use super::shared_run;
use super::stop::{CONNECT_TIMEOUT, RESET_TIMEOUT, STOP_TIMEOUT, StopReason};
use super::terms::Terms;
use super::views::{CloseReason, LeaseView, PinView, PoolCounters, SessionUse};
use crate::allocator::AllocatorView;
use crate::backend::{Backend, BackendError, Completion, Context, Health, Held, Place, Request};
use crate::config::{IsolationLevel, PoolConfig};

/// How much longer than one reset a pool waits at its end for all that is being reset.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How the pool is used, for `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Connections open.
    pub open: usize,
    /// Connections open and not leased.
    pub idle: usize,
    /// Connections that sessions have to themselves.
    pub pinned: usize,
    /// Requests waiting for a connection.
    pub waiting: usize,
    /// Connections open at once, at most.
    pub limit: usize,
}

/// The open connections of one backend.
pub struct Pool {
    place: Place,
    backend: Arc<dyn Backend>,
    pub(super) desk: Arc<Desk>,
    flights: Arc<Flights>,
    metadata: MetadataReads,
}

impl Pool {
    /// A pool without open connections, for the connection `name` of the config. What is known of its catalog is kept in
    /// `metadata`, with all that leads to the same kind of backend. `wake` is notified where something is to be looked
    /// after.
    ///
    /// # Panics
    /// Never: the pool is built with the runtime that its time-outs need.
    pub(super) fn new(
        name: &str,
        place: Place,
        backend: Arc<dyn Backend>,
        config: PoolConfig,
        metadata: &Arc<MetadataCache>,
        wake: &Arc<Notify>,
    ) -> Self {
        let keep_for = config.metadata_cache.unwrap_or_else(|| backend.metadata_kept_for());
        let metadata = MetadataReads::new(Arc::clone(metadata), name, keep_for);
        let opener = managed::Pool::builder(Manager::new(name, Arc::clone(&backend)))
            .max_size(config.connections_max)
            .runtime(deadpool::Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(config.allocator.max_wait),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(STOP_TIMEOUT),
            })
            .build()
            .expect("a runtime is given");
        let breaker = Arc::new(Breaker::new(name, config.breaker.clone()));
        backend.report_to(Arc::clone(&breaker) as Arc<dyn Health>);
        let desk = Arc::new(Desk::new(opener, config, breaker, backend.connects_early(), Arc::clone(wake)));
        Self { place, backend, desk, flights: Arc::default(), metadata }
    }

    /// Where contexts of its requests belong to.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The backend behind it.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// Opens the connections that are always kept.
    ///
    /// # Errors
    /// The backend does not open one.
    pub async fn open_minimum(&self) -> Result<(), BackendError> {
        let context = Context::default();
        let visit = self.desk.visit(false);
        let config = &self.desk.config;
        let lane_slots = config.allocator.lane_slots(config.connections_max);
        let mut opened = Vec::new();
        for at in 0..config.connections_min {
            // All slots may be needed: those of the lane come first, which no request uses yet.
            let lane = if at < lane_slots { Lane::Interactive } else { Lane::Ordinary };
            let claim = Terms { lane, ..Terms::default() }.claim(&Arc::from(""), 0);
            let wanted = Wanted { claim: &claim, context: &context, visit };
            opened.push(self.desk.hand_out(&wanted, None, visit.deadline).await?);
        }
        for handed in opened {
            self.desk.board().end_lease(handed.lease);
            self.desk.give_back(handed.connection, handed.context, None);
        }
        Ok(())
    }

    /// Closes connections above the minimum that were last leased `idle_timeout` ago or earlier, and are not
    /// in use.
    #[cfg(test)]
    pub(super) fn close_idle(&self) {
        self.desk.close_idle();
    }

    /// Does what is due while nobody asks for anything.
    pub(super) async fn look_after(&self) {
        self.desk.look_after().await;
    }

    /// When something is due next.
    pub(super) fn plan(&self) -> Instant {
        self.desk.plan()
    }

    /// How the pool is used now.
    pub fn status(&self) -> PoolStatus {
        let board = self.desk.board();
        PoolStatus {
            open: self.desk.opener.status().size,
            idle: board.idle.len(),
            pinned: board.pins().len(),
            waiting: self.desk.slots.waiting() + self.desk.rooms.waiting(),
            limit: self.desk.slots.slots(),
        }
    }

    /// Who shares its connections; `held_max`: the longest that a statement may run.
    pub fn allocation(&self, held_max: Duration) -> AllocatorView {
        let mut view = self.desk.slots.view(held_max);
        // Who waits for a connection to have to itself waits for that first.
        let rooms = self.desk.rooms.view(held_max);
        view.requests.extend(rooms.requests);
        view.requests_left_out += rooms.requests_left_out;
        view
    }

    /// How its circuit breaker is.
    pub fn breaker(&self) -> BreakerView {
        self.desk.breaker.view()
    }

    /// What its circuit breaker holds requests back for.
    pub fn breaker_problem(&self) -> Option<String> {
        self.desk.breaker.problem()
    }

    /// Opens or closes its circuit breaker by hand, or gives it back (`None`).
    pub(crate) fn force_breaker(&self, force: Option<Force>) {
        self.desk.breaker.force(force);
    }

    /// What it has done so far.
    pub fn counters(&self) -> PoolCounters {
        self.desk.board().counters
    }

    /// The uses of connections that go on now.
    pub fn leases(&self) -> Vec<LeaseView> {
        self.desk.board().leases()
    }

    /// The connections that sessions have to themselves, the oldest first.
    pub fn pins(&self) -> Vec<PinView> {
        self.desk.board().pins()
    }

    /// How `session` uses the pool; `None`: not at all.
    pub fn use_of(&self, session: &str) -> Option<SessionUse> {
        self.desk.board().use_of(session)
    }

    /// What the connection holds that `session` has to itself; `None`: nothing.
    pub fn held_by(&self, session: &str) -> Option<Held> {
        self.use_of(session)?.pin.filter(|held| !held.is_empty())
    }

    /// The shim of `session` has connected again while something of it may still run here.
    pub fn reopen(&self, session: &str) {
        self.desk.reopen(session);
    }

    /// The session ends: what it holds is rolled back and removed, and nothing of it is remembered. What still runs
    /// for it ends first. Returns at once.
    pub fn release(&self, session: &str) {
        self.desk.release(session);
    }

    /// A reload has taken from the session's profile what it needs to go on with what it holds: that is rolled back and
    /// removed, and the session's next request is told. Returns at once what it was; nothing where a request has it.
    pub fn revoke(&self, session: &str) -> Option<Held> {
        self.desk.revoke(session)
    }

    /// Runs `request` on a connection.
    ///
    /// # Errors
    /// The backend's; [`ErrorKind::Cancelled`] or [`ErrorKind::Detached`] once `stop` is done,
    /// [`ErrorKind::TimedOut`] after the request's time of running, [`ErrorKind::Busy`] where no connection
    /// came free in time.
    ///
    /// [`ErrorKind::Cancelled`]: crate::backend::ErrorKind::Cancelled
    /// [`ErrorKind::Detached`]: crate::backend::ErrorKind::Detached
    /// [`ErrorKind::TimedOut`]: crate::backend::ErrorKind::TimedOut
    /// [`ErrorKind::Busy`]: crate::backend::ErrorKind::Busy
    pub async fn run(
        &self,
        request: Request,
        stop: impl Future<Output = StopReason> + Send,
    ) -> Result<Completion, BackendError> {
        self.run_on(request, &Terms::default(), stop, &mut RunTimes::default()).await
    }

    /// As [`Pool::run`], on the terms of the request's session, and fills in `times`.
    ///
    /// # Errors
    /// Those of [`Pool::run`].
    pub async fn run_on(
        &self,
        request: Request,
        terms: &Terms,
        stop: impl Future<Output = StopReason> + Send,
        times: &mut RunTimes,
    ) -> Result<Completion, BackendError> {
        let mut stop = pin!(stop);
        if terms.level == IsolationLevel::Relaxed && terms.makes_state {
            return Err(errors::no_state(&terms.profile));
        }
        tokio::select! {
            biased;
            stop = &mut stop => {
                let error = errors::stopped_while_waiting(stop, request.earlier.as_deref());
                return Err(unfetched(error, &request));
            }
            () = std::future::ready(()) => {}
        }
        let asked = self.metadata.shareable(&self.desk, &request, terms);
        // What is known is answered also while the backend is away.
        if let Some(kept) = asked.as_ref().and_then(|asked| self.metadata.kept(asked)) {
            return Ok(kept);
        }
        let _entered = tokio::select! {
            biased;
            stop = &mut stop => {
                let error = errors::stopped_while_waiting(stop, request.earlier.as_deref());
                return Err(unfetched(error, &request));
            }
            entered = self.desk.breaker.enter(request.earlier.is_some()) => entered?,
        };
        if let Some(asked) = asked {
            let (key, kept) = self.metadata.flight(asked, &request, terms.lane);
            let passenger = Passenger { key, request, terms: terms.clone(), kept };
            let (done, has_joined) = self.flights.run(&self.desk, passenger, stop, times).await;
            self.metadata.count(has_joined);
            return done;
        }
        let change = self.metadata.begin_change(&request, terms);
        let done = self.route(request, terms, stop, times).await;
        match change {
            Some(change) => change.end(&done, times.ran.is_some()),
            None => self.metadata.note_unforeseen(&done),
        }
        done
    }

    /// Runs `request` where it belongs.
    async fn route(
        &self,
        request: Request,
        terms: &Terms,
        stop: Pin<&mut impl Future<Output = StopReason>>,
        times: &mut RunTimes,
    ) -> Result<Completion, BackendError> {
        match owned_run::route(&self.desk, &request, terms)? {
            Route::Own(turn) => self.run_in_turn(turn, request, terms, stop, times).await,
            Route::Shared(session) => {
                let joins = terms.level == IsolationLevel::Relaxed
                    && terms.is_repeatable
                    && request.earlier.is_none();
                if let Some(generation) = self.metadata.generation().filter(|_| joins) {
                    let key = FlightKey::of_rows(&request, terms, generation);
                    let passenger = Passenger { key, request, terms: terms.clone(), kept: None };
                    return self.flights.run(&self.desk, passenger, stop, times).await.0;
                }
                shared_run::run(&self.desk, request, &session, terms, stop, times).await
            }
        }
    }

    /// Runs `request` on the connection that its session has to itself, if it needs one when its turn comes.
    async fn run_in_turn(
        &self,
        turn: Turn,
        request: Request,
        terms: &Terms,
        mut stop: Pin<&mut impl Future<Output = StopReason>>,
        times: &mut RunTimes,
    ) -> Result<Completion, BackendError> {
        let visit = self.desk.visit(request.earlier.is_some());
        let prepared = tokio::select! {
            biased;
            stop = &mut stop => Err(errors::stopped_while_waiting(stop, request.earlier.as_deref())),
            prepared = turn.prepare(&request, terms, visit) => prepared,
        };
        times.waited += visit.arrived.elapsed();
        match prepared.map_err(|error| unfetched(error, &request))? {
            Prepared::Unneeded(session) => {
                shared_run::run(&self.desk, request, &session, terms, stop, times).await
            }
            Prepared::Ready(lease) => lease.run(request, visit, stop, times).await,
        }
    }

    /// Closes the connections that are not leased, rolls back what sessions hold, and tells the backend that the
    /// gateway shuts down.
    pub(super) async fn close(&self) {
        self.desk.board().is_closed = true;
        self.desk.close_every(CloseReason::Ended);
        self.desk.expire_own(Instant::now(), true);
        self.desk.opener.close();
        self.desk.tasks.close();
        if timeout(RESET_TIMEOUT + CLOSE_TIMEOUT, self.desk.tasks.wait()).await.is_err() {
            tracing::warn!(connections = self.desk.tasks.len(), "some connections were not reset in time");
        }
        self.backend.close().await;
    }
}
