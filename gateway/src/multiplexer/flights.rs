//! Identical reads that are wanted at the same time run once (`isolation = "relaxed"`).
//!
//! The run is a task of its own, so none of those who wait for it is more than another: one that is cancelled leaves,
//! and only when the last one does is the statement stopped. A request joins a run that has the same text, context
//! (with its role), caps, time, policy, and wall; those of two profiles are never the same.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::desk::Desk;
use super::errors;
use super::shared_run::{self, RunTimes};
use super::stop::StopReason;
use super::terms::Terms;
use crate::backend::{BackendError, Caps, Completion, Context, Operation, Request, Wall};

/// Requests that wait for one run, at most; further ones run for themselves.
const WAITERS_MAX: usize = 256;

/// The runs that may be joined.
#[derive(Default)]
pub(super) struct Flights(Mutex<Table>);

#[derive(Default)]
struct Table {
    flights: HashMap<FlightKey, Flight>,
    ids: u64,
}

/// What two requests must have in common.
#[derive(Clone, PartialEq, Eq)]
struct FlightKey {
    profile: Arc<str>,
    policy: u64,
    context: Context,
    operation: Operation,
    caps: Caps,
    timeout: Duration,
    wall: Option<Wall>,
}

/// The rest is compared only where these are the same.
impl Hash for FlightKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.profile, self.policy, &self.context).hash(state);
        if let Operation::Statement { sql, .. } = &self.operation {
            sql.hash(state);
        }
    }
}

/// What a run came to.
struct Landed {
    result: Result<Completion, BackendError>,
    times: RunTimes,
}

/// A run that goes on. It is in the table for as long as it may be joined.
struct Flight {
    id: u64,
    waiters: usize,
    stop: watch::Sender<Option<StopReason>>,
    landed: watch::Receiver<Option<Arc<Landed>>>,
}

/// A request that waits for a run, until it is dropped. The last one stops it.
struct Waiter<'a> {
    flights: &'a Flights,
    key: FlightKey,
    id: u64,
    landed: watch::Receiver<Option<Arc<Landed>>>,
    is_gone: bool,
}

/// The run's own entry in the table, which goes when it ends, however it ends.
struct InTable<'a> {
    flights: &'a Flights,
    key: FlightKey,
    id: u64,
}

impl FlightKey {
    fn of(request: &Request, terms: &Terms) -> Self {
        Self {
            profile: Arc::clone(&terms.profile),
            policy: terms.policy,
            context: request.context.clone(),
            operation: request.operation.clone(),
            caps: request.caps,
            timeout: request.timeout,
            wall: request.wall.clone(),
        }
    }
}

impl Drop for InTable<'_> {
    fn drop(&mut self) {
        self.flights.table().remove(&self.key, self.id);
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.leave(StopReason::Cancel);
    }
}

impl Waiter<'_> {
    /// The result is not wanted here any more; whether it is not wanted anywhere, so that the run is stopped.
    fn leave(&mut self, reason: StopReason) -> bool {
        if std::mem::replace(&mut self.is_gone, true) {
            return false;
        }
        let mut table = self.flights.table();
        let Some(flight) = table.flights.get_mut(&self.key).filter(|flight| flight.id == self.id) else {
            return false;
        };
        flight.waiters -= 1;
        if flight.waiters > 0 {
            return false;
        }
        flight.stop.send_replace(Some(reason));
        table.remove(&self.key, self.id);
        true
    }

    /// What the run comes to. One whose task failed has no result.
    async fn landed(&mut self) -> Option<Arc<Landed>> {
        let landed = self.landed.wait_for(Option::is_some).await.ok()?;
        landed.clone()
    }
}

impl Table {
    fn remove(&mut self, key: &FlightKey, id: u64) {
        if self.flights.get(key).is_some_and(|flight| flight.id == id) {
            self.flights.remove(key);
        }
    }
}

impl Flights {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `request`, or waits for the same one that runs already.
    pub(super) async fn run(
        self: &Arc<Self>,
        desk: &Arc<Desk>,
        request: Request,
        session: &Arc<str>,
        terms: &Terms,
        mut stop: Pin<&mut impl Future<Output = StopReason>>,
        times: &mut RunTimes,
    ) -> Result<Completion, BackendError> {
        let key = FlightKey::of(&request, terms);
        let Some(mut waiter) = self.join(desk, key, request.clone(), session, terms) else {
            return shared_run::run(desk, request, session, terms.lease_idle, stop, times).await;
        };
        let began = Instant::now();
        let landed = tokio::select! {
            biased;
            landed = waiter.landed() => landed,
            reason = &mut stop => {
                if !waiter.leave(reason) {
                    times.ran = Some(began.elapsed());
                    return Err(errors::left_shared_run());
                }
                // As for any request: it is over when its statement is, which has a bound.
                waiter.landed().await
            }
        };
        let Some(landed) = landed else { return Err(errors::shared_run_failed()) };
        *times = landed.times;
        landed.result.clone()
    }

    /// Joins the run of `key`, or starts it; `None`: it has as many as it may.
    fn join<'a>(
        self: &'a Arc<Self>,
        desk: &Arc<Desk>,
        key: FlightKey,
        request: Request,
        session: &Arc<str>,
        terms: &Terms,
    ) -> Option<Waiter<'a>> {
        let mut table = self.table();
        if let Some(flight) = table.flights.get_mut(&key) {
            if flight.waiters >= WAITERS_MAX {
                return None;
            }
            flight.waiters += 1;
            let (id, landed) = (flight.id, flight.landed.clone());
            drop(table);
            desk.board().counters.coalesced += 1;
            return Some(Waiter { flights: self, key, id, landed, is_gone: false });
        }
        table.ids += 1;
        let (id, (landing, landed)) = (table.ids, watch::channel(None));
        let (stop, stopped) = watch::channel(None);
        table.flights.insert(key.clone(), Flight { id, waiters: 1, stop, landed: landed.clone() });
        drop(table);
        let (flights, desk, session) = (Arc::clone(self), Arc::clone(desk), Arc::clone(session));
        let (flown, lease_idle) = (key.clone(), terms.lease_idle);
        let flying = async move {
            let entry = InTable { flights: &flights, key: flown, id };
            let stop = pin!(told_to_stop(stopped));
            let mut times = RunTimes::default();
            let result = shared_run::run(&desk, request, &session, lease_idle, stop, &mut times).await;
            // Nobody joins what has ended.
            drop(entry);
            landing.send_replace(Some(Arc::new(Landed { result, times })));
        };
        tokio::spawn(flying.in_current_span());
        Some(Waiter { flights: self, key, id, landed, is_gone: false })
    }
}

/// Waits until the run is not wanted any more.
async fn told_to_stop(mut stopped: watch::Receiver<Option<StopReason>>) -> StopReason {
    let reason = stopped.wait_for(Option::is_some).await.ok().and_then(|reason| *reason);
    match reason {
        Some(reason) => reason,
        // It ended: nobody can stop it any more.
        None => std::future::pending().await,
    }
}
