//! The connection multiplexer: many sessions' requests over few connections.
//!
//! A request leases a connection for as long as it runs and no longer. Every wait has a bound, and whatever stops a
//! request (the client, its time-out, a shutdown) stops the statement in the backend first.

mod pool;
mod seats;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Object, Pool, PoolError, TimeoutType, Timeouts};
use tokio::time::Instant;

use self::pool::Manager;
use self::seats::{Seat, Seats};
use crate::backend::{Backend, BackendError, Completion, ErrorKind, Request};
use crate::config::PoolConfig;

/// How long a connection may take to stop after a cancel before it is given up.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a request is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Nobody wants it any more.
    Cancel,
    /// The gateway leaves, and the next one is asked for it again.
    Detach,
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

/// The multiplexer in front of one backend.
#[derive(Clone)]
pub struct Multiplexer {
    backend: Arc<dyn Backend>,
    pool: Pool<Manager>,
    seats: Arc<Seats>,
    config: PoolConfig,
}

/// A connection for one request. Its seat comes free after the connection is back: fields are dropped in order.
struct Lease {
    connection: Object<Manager>,
    _seat: Seat,
}

impl Multiplexer {
    /// A multiplexer without connections.
    ///
    /// # Panics
    /// Never: the pool is built with the runtime that its time-outs need.
    pub fn new(backend: Arc<dyn Backend>, config: PoolConfig) -> Self {
        let pool = Pool::builder(Manager::new(Arc::clone(&backend)))
            .max_size(config.connections_max)
            .runtime(deadpool::Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(config.wait_timeout),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(STOP_TIMEOUT),
            })
            .build()
            .expect("a runtime is given");
        let seats = Arc::new(Seats::new(config.connections_max));
        Self { backend, pool, seats, config }
    }

    /// The backend behind it.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// Opens the connections that are always kept.
    ///
    /// # Errors
    /// The backend does not let one be opened.
    pub async fn open_minimum(&self) -> Result<(), BackendError> {
        let mut leases = Vec::new();
        for _ in 0..self.config.connections_min {
            leases.push(self.lease().await?);
        }
        Ok(())
    }

    /// Closes idle connections above the minimum, until dropped.
    pub async fn reap_idle(&self) {
        let mut interval = tokio::time::interval(self.config.idle_timeout / 2);
        loop {
            interval.tick().await;
            let mut spare = self.pool.status().size.saturating_sub(self.config.connections_min);
            self.pool.retain(|_, metrics| {
                let keep = spare == 0 || metrics.last_used() < self.config.idle_timeout;
                spare -= usize::from(!keep);
                keep
            });
        }
    }

    /// How the pool is used now.
    pub fn status(&self) -> PoolStatus {
        let status = self.pool.status();
        PoolStatus {
            open: status.size,
            idle: status.available,
            waiting: self.seats.waiting(),
            limit: self.seats.limit(),
        }
    }

    /// Runs `request` on a connection.
    ///
    /// # Errors
    /// The backend's; [`ErrorKind::Cancelled`] or [`ErrorKind::Detached`] once `stop` is done, [`ErrorKind::TimedOut`] after the
    /// request's time of running, [`ErrorKind::Busy`] where no connection came free in time.
    pub async fn run(
        &self,
        request: Request,
        stop: impl Future<Output = StopReason> + Send,
    ) -> Result<Completion, BackendError> {
        let timeout = request.timeout;
        let mut stop = pin!(stop);
        let leased = tokio::select! {
            biased;
            stop = &mut stop => Err(stopped_error(stop, request.earlier.as_deref())),
            lease = self.lease() => lease,
        };
        let mut lease = leased.map_err(|error| match &request.earlier {
            Some(query_id) if error.kind != ErrorKind::Detached => error.of_unfetched(query_id),
            _ => error,
        })?;
        let canceller = lease.connection.canceller();
        let mut running = lease.connection.run(request);
        let stopped = tokio::select! {
            biased;
            done = &mut running => return done,
            stop = stop => {
                match stop {
                    StopReason::Cancel => canceller.cancel(),
                    StopReason::Detach => canceller.detach(),
                }
                cancelled_error()
            }
            () = tokio::time::sleep(timeout) => {
                canceller.cancel();
                timed_out_error(timeout)
            }
        };
        match tokio::time::timeout(STOP_TIMEOUT, running).await {
            // It took effect before the stop reached it.
            Ok(Ok(done)) => Ok(done),
            // Whether it took effect is not known, or not yet: that must be heard.
            Ok(Err(error)) if error.leaves_outcome_open() => Err(error),
            Ok(Err(_)) => Err(stopped),
            Err(_) => {
                tracing::error!(
                    timeout_ms = STOP_TIMEOUT.as_millis(),
                    "a connection does not stop; giving it up"
                );
                drop(Object::take(lease.connection));
                Err(unstoppable_error())
            }
        }
    }

    /// Closes the connections that are not leased, and has the backend say goodbye.
    pub async fn close(&self) {
        self.pool.close();
        self.backend.close().await;
    }

    async fn lease(&self) -> Result<Lease, BackendError> {
        let deadline = Instant::now() + self.config.wait_timeout;
        loop {
            let wait = deadline.saturating_duration_since(Instant::now());
            let seat = self.seats.take(wait).await.ok_or_else(|| self.no_connection())?;
            match self.try_lease().await {
                Ok(connection) => return Ok(Lease { connection, _seat: seat }),
                Err(error) if error.kind == ErrorKind::Exhausted && Instant::now() < deadline => {
                    let connections = self.seats.give_up(seat);
                    tracing::info!(
                        connections,
                        "the backend gives no further connection; all share those there are"
                    );
                }
                Err(error) if error.kind == ErrorKind::Exhausted => return Err(self.no_connection()),
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_lease(&self) -> Result<Object<Manager>, BackendError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(TimeoutType::Wait) => self.no_connection(),
            PoolError::Timeout(TimeoutType::Create) => no_answer(),
            other => BackendError::new(ErrorKind::Unavailable, format!("no connection: {other}")),
        })
    }

    fn no_connection(&self) -> BackendError {
        let (limit, waited_ms) = (self.seats.limit(), self.config.wait_timeout.as_millis());
        let message = format!("all {limit} connections were busy for {waited_ms} ms");
        BackendError::new(ErrorKind::Busy, message).with_next_step(
            "try again, or raise `connections_max` or `wait_timeout_ms` under [pool] in the config",
        )
    }
}

/// A request that was stopped before it had a connection. What an earlier gateway made of it goes on.
fn stopped_error(stop: StopReason, earlier: Option<&str>) -> BackendError {
    match (stop, earlier) {
        (StopReason::Detach, Some(_)) => {
            BackendError::new(ErrorKind::Detached, "the gateway leaves, the query goes on")
        }
        _ => cancelled_error(),
    }
}

fn no_answer() -> BackendError {
    let message =
        format!("the backend does not answer: no connection within {} s", CONNECT_TIMEOUT.as_secs());
    BackendError::new(ErrorKind::Unavailable, message).with_next_step("try again in a moment")
}

fn cancelled_error() -> BackendError {
    BackendError::new(ErrorKind::Cancelled, "the request was cancelled; its statement was stopped")
}

fn unstoppable_error() -> BackendError {
    let message = format!(
        "the statement was told to stop, and has not within {} ms: it may still take effect",
        STOP_TIMEOUT.as_millis()
    );
    BackendError::new(ErrorKind::Unavailable, message)
}

fn timed_out_error(timeout: Duration) -> BackendError {
    BackendError::new(
        ErrorKind::TimedOut,
        format!("the statement was stopped after {} ms", timeout.as_millis()),
    )
    .with_next_step("make it cheaper, or raise `statement_timeout_ms` under [limits] in the config")
}
