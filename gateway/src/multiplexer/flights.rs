//! Identical reads that are wanted at the same time run once: statements of relaxed sessions, and everybody's questions
//! about the catalog (`metadata`).
//!
//! The run is a task of its own, so none of those who wait for it is more than another: one that is cancelled leaves,
//! and only when the last one does is the statement stopped. A request joins a run that has the same text or question,
//! context (with its role), caps, time, wall and audience, and that began after the last change through the gateway.
//! Whose run found no connection takes only its own request with it: those who joined it ask once more.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fair_queue::Lane;
use sql_gate::NameRules;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::desk::Desk;
use super::errors;
use super::metadata::{Generation, Kept};
use super::running::RunTimes;
use super::shared_run;
use super::stop::StopReason;
use super::terms::Terms;
use crate::backend::{
    BackendError, Caps, Completion, Context, CostBounds, ErrorKind, Operation, Request, Wall,
};

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
pub(super) struct FlightKey {
    pub(super) audience: Audience,
    pub(super) question: Question,
    pub(super) timeout: Duration,
    /// Where it waits: one that was too long for the lane joins none there again.
    pub(super) lane: Lane,
}

/// A request that may have another's result.
pub(super) struct Passenger {
    pub(super) key: FlightKey,
    pub(super) request: Request,
    pub(super) terms: Terms,
    /// Where the answer is kept, if the run begins with it.
    pub(super) kept: Option<Kept>,
}

/// Who may have the same result.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Audience {
    /// Sessions of one profile: the result has rows, and the gate was asked for that profile.
    Profile { name: Arc<str>, policy: u64, generation: Generation },
    /// Sessions whose lists are the same: a question about the catalog.
    Lists { names: Arc<NameRules>, generation: Generation },
}

/// What is asked, and where.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    context: Context,
    operation: Operation,
    caps: Caps,
    wall: Option<Wall>,
    /// Who may run what costs more is not given the refusal of who may not.
    cost: Option<CostBounds>,
}

impl Question {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            context: request.context.clone(),
            operation: request.operation.clone(),
            caps: request.caps,
            wall: request.wall.clone(),
            cost: request.cost.as_ref().map(|cost| cost.bounds.clone()),
        }
    }

    /// Its texts, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let Context { role, warehouse, database, schema, secondary_roles: _ } = &self.context;
        let names = [role, warehouse, database, schema].into_iter().flatten();
        let wanted = match &self.operation {
            Operation::Statement { sql, parameters, .. } => sql.len() + parameters.bytes(),
            Operation::Catalog(catalog) => catalog.bytes(),
            Operation::UseContext => 0,
        };
        names.map(String::len).sum::<usize>() + wanted
    }
}

/// The rest is compared only where these are the same.
impl Hash for FlightKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.question.hash(state);
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
    /// Whose share it takes: a client of another one does not wait with it in that one's queue.
    flow: Arc<str>,
    /// Whether it waits no more.
    has_slot: Arc<AtomicBool>,
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
    /// That of a statement of a relaxed session, asked in `generation`.
    pub(super) fn of_rows(request: &Request, terms: &Terms, generation: Generation) -> Self {
        let audience =
            Audience::Profile { name: Arc::clone(&terms.profile), policy: terms.policy, generation };
        Self { audience, question: Question::of(request), timeout: request.timeout, lane: terms.lane }
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

    /// Runs what `passenger` wants, or waits for the same that runs already; and whether it was answered by that.
    pub(super) async fn run(
        self: &Arc<Self>,
        desk: &Arc<Desk>,
        mut passenger: Passenger,
        mut stop: Pin<&mut impl Future<Output = StopReason>>,
        times: &mut RunTimes,
    ) -> (Result<Completion, BackendError>, bool) {
        let session = desk.board().session(&passenger.request.origin.session).0;
        let mut is_second = false;
        loop {
            let Some((mut waiter, has_joined)) = self.join(desk, &session, &mut passenger) else {
                let Passenger { request, terms, .. } = passenger;
                return (shared_run::run(desk, request, &session, &terms, stop, times).await, false);
            };
            let (began, mut stopped) = (Instant::now(), None);
            let landed = tokio::select! {
                biased;
                landed = waiter.landed() => landed,
                reason = &mut stop => {
                    if !waiter.leave(reason) {
                        times.ran = Some(began.elapsed());
                        return (Err(errors::left_shared_run()), has_joined);
                    }
                    stopped = Some(reason);
                    // As for any request: it is over when its statement is, which has a bound.
                    waiter.landed().await
                }
            };
            let Some(landed) = landed else { return (Err(errors::shared_run_failed()), has_joined) };
            let is_too_long = landed.times.is_too_long_for_lane && passenger.terms.lane == Lane::Interactive;
            // It was refused for whom it was begun; nothing was asked.
            let was_refused = has_joined && !is_second && landed.was_refused();
            if is_too_long || was_refused {
                if let Some(reason) = stopped {
                    return (Err(errors::stopped_while_waiting(reason, None)), has_joined);
                }
                is_second |= was_refused;
                if is_too_long {
                    passenger.terms.lane = Lane::Ordinary;
                    passenger.key.lane = Lane::Ordinary;
                }
                continue;
            }
            *times = landed.times;
            return (landed.result.clone(), has_joined);
        }
    }

    /// Joins the run that there is, or starts it; and whether there was one. `None`: it has as many as it may, or waits
    /// for a connection in another client's turn.
    fn join<'a>(
        self: &'a Arc<Self>,
        desk: &Arc<Desk>,
        session: &Arc<str>,
        passenger: &mut Passenger,
    ) -> Option<(Waiter<'a>, bool)> {
        let key = &passenger.key;
        let flow = passenger.terms.flow_of(session);
        let mut table = self.table();
        if let Some(flight) = table.flights.get_mut(key) {
            // Where no request waits, it has a slot as soon as it runs.
            let waits = !flight.has_slot.load(Ordering::Acquire) && desk.slots.waiting() > 0;
            let waits_elsewhere = waits && flight.flow != flow;
            if flight.waiters >= WAITERS_MAX || waits_elsewhere {
                return None;
            }
            flight.waiters += 1;
            let (id, landed) = (flight.id, flight.landed.clone());
            drop(table);
            desk.board().counters.coalesced += 1;
            return Some((Waiter { flights: self, key: key.clone(), id, landed, is_gone: false }, true));
        }
        table.ids += 1;
        let (id, (landing, landed)) = (table.ids, watch::channel(None));
        let (stop, stopped) = watch::channel(None);
        let has_slot = Arc::new(AtomicBool::new(false));
        let flight =
            Flight { id, waiters: 1, flow, has_slot: Arc::clone(&has_slot), stop, landed: landed.clone() };
        table.flights.insert(key.clone(), flight);
        drop(table);
        let (flights, desk, session) = (Arc::clone(self), Arc::clone(desk), Arc::clone(session));
        let (flown, mut terms) = (key.clone(), passenger.terms.clone());
        terms.has_slot = Some(has_slot);
        let (request, kept) = (passenger.request.clone(), passenger.kept.take());
        let flying = async move {
            let entry = InTable { flights: &flights, key: flown, id };
            let stop = pin!(told_to_stop(stopped));
            let mut times = RunTimes::default();
            let result = shared_run::run(&desk, request, &session, &terms, stop, &mut times).await;
            if let Some(kept) = kept {
                kept.note(&result);
            }
            // Nobody joins what has ended.
            drop(entry);
            landing.send_replace(Some(Arc::new(Landed { result, times })));
        };
        tokio::spawn(flying.in_current_span());
        Some((Waiter { flights: self, key: key.clone(), id, landed, is_gone: false }, false))
    }
}

impl Landed {
    /// Whether it had no connection, so that its statement did not run.
    fn was_refused(&self) -> bool {
        self.times.ran.is_none() && self.result.as_ref().is_err_and(|error| error.kind == ErrorKind::Busy)
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
