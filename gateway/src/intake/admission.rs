//! The requests of one session from their arrival to their answer.
//!
//! A pure state machine: the front tells what happens, and asks what may start. Invariants, with
//! `running_max` and `subscriptions_max` of [`Limits`]:
//!
//! - at most `running_max` requests run or have an answer that waits to be written; the others wait here, in
//!   order;
//! - no request starts while a barrier runs (`initialize`, `set_context`), and `set_context` starts only when
//!   nothing runs, so that a statement that must run again finds the context that it was sent in;
//! - no two requests that the client wants answered have the same id, unless several clients use the session;
//! - at most `subscriptions_max` subscriptions are open or wait; they count for nothing else;
//! - nothing that depends on the session's profile starts before that is fixed (`initialize`, which may decide it,
//!   `tools/list`, calls);
//! - no tool call starts before the session is registered.
//!
//! The waiting requests are not bounded here but by the front's credit, which is given back when they start.

use std::collections::VecDeque;

use rmcp::model::RequestId;

use super::RequestKind;
use super::rejection::{Rejection, duplicate, too_many_subscriptions};
use super::running::{RunningRequest, RunningRequests};

/// The bounds of one session.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests that run, or whose answers wait to be written.
    pub running_max: usize,
    /// Subscriptions that are open or wait.
    pub subscriptions_max: usize,
    /// Bytes of answers that may wait to be written before no new request starts.
    pub backlog_bytes_max: usize,
    /// Whether several clients are behind the session, which do not know each other's ids: then two requests may have the same.
    pub ids_repeat: bool,
}

/// The answers that wait to be written, as the front knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backlog {
    /// How many.
    pub answers: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// A request, and what its front needs to start it.
#[derive(Debug)]
pub struct Arrival<P> {
    /// Its number: given by the front, growing, unique in the session for good, and the same when it is
    /// replayed. The journal knows the request by it.
    pub number: u64,
    /// The client's id.
    pub id: RequestId,
    /// What it does beyond its answer.
    pub kind: RequestKind,
    /// Whether an earlier gateway may have acted on it.
    pub replayed: bool,
    /// Whether the client has an earlier gateway's answer to it, or acknowledgement.
    pub is_acknowledged: bool,
    /// The front's own.
    pub parcel: P,
}

/// What may happen next.
#[derive(Debug)]
pub enum Next<P> {
    /// This request starts; it counts as running from here on.
    Start(Arrival<P>),
    /// The session's profile has to be fixed first, by what the request that waits first says of its client: call
    /// [`Admission::set_profile_fixed`] when it is. Asked for once.
    FixProfile,
    /// The session has to be registered first: call [`Admission::set_registered`] when it is. Asked for once.
    Register,
    /// Nothing, until something ends, is answered or written.
    Wait,
}

/// What a cancel found.
#[derive(Debug)]
pub enum Cancelled<P> {
    /// The request had not started, and never will.
    Waiting(Arrival<P>),
    /// The request with this number runs; its handler has to be stopped.
    Running {
        /// The request's number.
        number: u64,
        /// The request, if its handler has ended already.
        ended: Option<RunningRequest>,
    },
    /// No request with this id is wanted.
    Unknown,
}

/// What a session has already when its connection opens.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// Whether its profile is fixed.
    pub has_profile: bool,
    /// Whether it needs no registration.
    pub is_registered: bool,
}

/// Whether what waits for a step may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Missing,
    UnderWay,
    Done,
}

impl Step {
    /// Whether it is to be done now; from here on it is under way.
    fn begin(&mut self) -> bool {
        let is_first = *self == Self::Missing;
        *self = Self::UnderWay;
        is_first
    }
}

/// The requests of one session. `P`: what the front keeps with a request that waits.
#[derive(Debug)]
pub struct Admission<P> {
    limits: Limits,
    profile: Step,
    registration: Step,
    waiting: VecDeque<Arrival<P>>,
    running: RunningRequests,
}

impl<P> Admission<P> {
    /// No requests yet.
    pub fn new(limits: Limits, ready: Ready) -> Self {
        let step = |is_done| if is_done { Step::Done } else { Step::Missing };
        let (profile, registration) = (step(ready.has_profile), step(ready.is_registered));
        Self { limits, profile, registration, waiting: VecDeque::new(), running: RunningRequests::default() }
    }

    /// Takes a request; it waits until [`Admission::next`] lets it start.
    ///
    /// # Errors
    /// Its id is in use, or it is one subscription too many; the arrival comes back with the answer.
    pub fn admit(&mut self, arrival: Arrival<P>) -> Result<(), (Arrival<P>, Rejection)> {
        if arrival.kind == RequestKind::Subscribe && self.subscriptions() >= self.limits.subscriptions_max {
            let rejection = too_many_subscriptions(arrival.id.clone(), self.limits.subscriptions_max);
            return Err((arrival, rejection));
        }
        if !self.limits.ids_repeat && self.is_in_use(&arrival.id) {
            let rejection = duplicate(&arrival.id);
            return Err((arrival, rejection));
        }
        self.waiting.push_back(arrival);
        Ok(())
    }

    /// What may happen now, in order of arrival.
    pub fn next(&mut self, backlog: Backlog) -> Next<P> {
        let Some(next) = self.waiting.front() else { return Next::Wait };
        if !self.has_room_for(next.kind, backlog) {
            return Next::Wait;
        }
        if next.kind.needs_profile() && self.profile != Step::Done {
            return if self.profile.begin() { Next::FixProfile } else { Next::Wait };
        }
        if next.kind.is_call() && self.registration != Step::Done {
            return if self.registration.begin() { Next::Register } else { Next::Wait };
        }
        match self.waiting.pop_front() {
            Some(arrival) => {
                let Arrival { number, kind, is_acknowledged, .. } = arrival;
                self.running.start(number, arrival.id.clone(), kind, is_acknowledged);
                Next::Start(arrival)
            }
            None => Next::Wait,
        }
    }

    /// The request that waits first.
    pub fn first_waiting(&self) -> Option<&Arrival<P>> {
        self.waiting.front()
    }

    /// The session's profile is fixed; `running_max`: the requests that it lets run.
    pub fn set_profile_fixed(&mut self, running_max: usize) {
        self.profile = Step::Done;
        self.limits.running_max = running_max;
    }

    /// The session is registered.
    pub fn set_registered(&mut self) {
        self.registration = Step::Done;
    }

    /// The client wants no answer to request `id` any more.
    pub fn cancel(&mut self, id: &RequestId) -> Cancelled<P> {
        let at = self.waiting.iter().position(|request| request.id == *id);
        if let Some(arrival) = at.and_then(|at| self.waiting.remove(at)) {
            return Cancelled::Waiting(arrival);
        }
        match self.running.find(id) {
            Some(number) => Cancelled::Running { number, ended: self.running.cancel(number) },
            None => Cancelled::Unknown,
        }
    }

    /// The client wants no answer to request `number` any more.
    pub fn cancel_number(&mut self, number: u64) -> Cancelled<P> {
        let at = self.waiting.iter().position(|request| request.number == number);
        if let Some(arrival) = at.and_then(|at| self.waiting.remove(at)) {
            return Cancelled::Waiting(arrival);
        }
        match self.running.get(number).filter(|request| request.is_wanted()) {
            Some(_) => Cancelled::Running { number, ended: self.running.cancel(number) },
            None => Cancelled::Unknown,
        }
    }

    /// The handler of `number` has ended; returns the request if the client wants no answer. The answer of
    /// one that is wanted is on its way.
    pub fn end(&mut self, number: u64) -> Option<RunningRequest> {
        self.running.end(number)
    }

    /// Request `number` is answered; returns it if the client still wants that.
    pub fn answer(&mut self, number: u64) -> Option<RunningRequest> {
        self.running.answer(number)
    }

    /// Request `number`, if it runs.
    pub fn get(&self, number: u64) -> Option<&RunningRequest> {
        self.running.get(number)
    }

    /// Forgets what has not started: the client is gone, or the next gateway gets it.
    pub fn drop_waiting(&mut self) {
        self.waiting.clear();
    }

    /// How many run, subscriptions left out.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Whether nothing waits to start.
    pub fn has_none_waiting(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The number of the request that was started last, or 0.
    pub fn last_started(&self) -> u64 {
        self.running.last_started()
    }

    fn has_room_for(&self, kind: RequestKind, backlog: Backlog) -> bool {
        if kind == RequestKind::SetContext {
            return self.running.len() == 0 && backlog.answers == 0;
        }
        self.running.len() + backlog.answers < self.limits.running_max
            && backlog.bytes < self.limits.backlog_bytes_max
            && !self.running.has_barrier()
    }

    fn subscriptions(&self) -> usize {
        let waiting = self.waiting.iter().filter(|request| request.kind == RequestKind::Subscribe).count();
        self.running.subscriptions() + waiting
    }

    fn is_in_use(&self, id: &RequestId) -> bool {
        self.running.find(id).is_some() || self.waiting.iter().any(|request| request.id == *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { running_max: 2, subscriptions_max: 1, backlog_bytes_max: 100, ids_repeat: false };
    const READY: Ready = Ready { has_profile: true, is_registered: true };
    const NONE: Backlog = Backlog { answers: 0, bytes: 0 };

    fn id(number: u64) -> RequestId {
        RequestId::Number(i64::try_from(number).unwrap())
    }

    fn arrival(number: u64, kind: RequestKind) -> Arrival<()> {
        Arrival { number, id: id(number), kind, replayed: false, is_acknowledged: false, parcel: () }
    }

    /// A registered session to which requests of these kinds have come, numbered from 1.
    fn with(kinds: &[RequestKind]) -> Admission<()> {
        let mut admission = Admission::new(LIMITS, READY);
        for (at, &kind) in kinds.iter().enumerate() {
            admission.admit(arrival(at as u64 + 1, kind)).unwrap();
        }
        admission
    }

    /// The numbers of the requests that may start now.
    fn started(admission: &mut Admission<()>, backlog: Backlog) -> Vec<u64> {
        let mut numbers = Vec::new();
        while let Next::Start(arrival) = admission.next(backlog) {
            numbers.push(arrival.number);
        }
        numbers
    }

    #[test]
    fn no_more_requests_run_than_the_bound_allows() {
        let mut admission = with(&[RequestKind::Call; 4]);
        assert_eq!(started(&mut admission, NONE), [1, 2]);
        admission.end(1);
        assert_eq!(started(&mut admission, NONE), [] as [u64; 0], "its answer is still to come");
        assert!(admission.answer(1).is_some());
        assert_eq!(started(&mut admission, Backlog { answers: 1, bytes: 1 }), [] as [u64; 0]);
        assert_eq!(started(&mut admission, NONE), [3]);
        assert_eq!((admission.running(), admission.last_started()), (2, 3));
    }

    #[test]
    fn nothing_starts_while_too_many_bytes_wait() {
        let mut admission = with(&[RequestKind::Plain]);
        assert_eq!(started(&mut admission, Backlog { answers: 0, bytes: 100 }), [] as [u64; 0]);
        assert_eq!(started(&mut admission, Backlog { answers: 0, bytes: 99 }), [1]);
    }

    #[test]
    fn a_change_of_context_waits_for_everything_before_it_and_everything_behind_waits_for_it() {
        let mut admission = with(&[RequestKind::Call, RequestKind::SetContext, RequestKind::Call]);
        assert_eq!(started(&mut admission, NONE), [1]);
        admission.answer(1);
        assert_eq!(started(&mut admission, Backlog { answers: 1, bytes: 1 }), [] as [u64; 0]);
        assert_eq!(started(&mut admission, NONE), [2]);
        admission.answer(2);
        assert_eq!(started(&mut admission, NONE), [3]);
    }

    #[test]
    fn initialize_is_a_barrier_for_those_behind_it() {
        let mut admission = with(&[RequestKind::Plain, RequestKind::Initialize, RequestKind::Plain]);
        assert_eq!(started(&mut admission, NONE), [1, 2]);
        admission.answer(1);
        assert_eq!(started(&mut admission, NONE), [] as [u64; 0]);
        admission.answer(2);
        assert_eq!(started(&mut admission, NONE), [3]);
    }

    #[test]
    fn an_id_in_use_is_refused_whether_its_request_waits_or_runs() {
        let mut admission = with(&[RequestKind::SetContext, RequestKind::Call]);
        assert_eq!(started(&mut admission, NONE), [1]);
        for number in [1, 2] {
            let second = Arrival { id: id(number), ..arrival(9, RequestKind::Call) };
            let (back, rejection) = admission.admit(second).unwrap_err();
            assert_eq!((back.number, rejection.id), (9, None));
        }
        assert!(matches!(admission.cancel(&id(1)), Cancelled::Running { number: 1, ended: None }));
        admission.admit(Arrival { id: id(1), ..arrival(9, RequestKind::Call) }).unwrap();
    }

    #[test]
    fn subscriptions_have_a_bound_of_their_own_and_hold_up_nothing() {
        let mut admission = with(&[RequestKind::Subscribe, RequestKind::SetContext]);
        let (_, rejection) = admission.admit(arrival(3, RequestKind::Subscribe)).unwrap_err();
        assert_eq!(rejection.id, Some(id(3)));
        assert_eq!(started(&mut admission, NONE), [1, 2]);
        assert!(matches!(admission.cancel(&id(1)), Cancelled::Running { number: 1, .. }));
        admission.admit(arrival(3, RequestKind::Subscribe)).unwrap();
    }

    #[test]
    fn the_first_tool_call_waits_for_the_registration_and_those_behind_it_wait_too() {
        let mut admission = Admission::new(LIMITS, Ready { is_registered: false, ..READY });
        for (number, kind) in [(1, RequestKind::Plain), (2, RequestKind::Call), (3, RequestKind::Plain)] {
            admission.admit(arrival(number, kind)).unwrap();
        }
        assert!(matches!(admission.next(NONE), Next::Start(Arrival { number: 1, .. })));
        assert!(matches!(admission.next(NONE), Next::Register));
        assert_eq!(admission.first_waiting().map(|arrival| arrival.number), Some(2));
        assert!(matches!(admission.next(NONE), Next::Wait), "it is asked for once");
        admission.set_registered();
        assert!(matches!(admission.next(NONE), Next::Start(Arrival { number: 2, .. })));
    }

    #[test]
    fn what_needs_the_profile_waits_until_it_is_fixed_and_its_bound_counts_from_there() {
        let mut admission = Admission::new(LIMITS, Ready { has_profile: false, is_registered: false });
        let kinds = [RequestKind::Plain, RequestKind::ListTools, RequestKind::Call, RequestKind::Plain];
        for (at, kind) in kinds.into_iter().enumerate() {
            admission.admit(arrival(at as u64 + 1, kind)).unwrap();
        }
        assert_eq!(started(&mut admission, NONE), [1]);
        admission.answer(1);
        // Asked for once, above; the ping behind keeps its place.
        assert!(matches!(admission.next(NONE), Next::Wait));
        admission.set_profile_fixed(1);
        assert!(matches!(admission.next(NONE), Next::Start(Arrival { number: 2, .. })));
        assert!(matches!(admission.next(NONE), Next::Wait), "one at a time");
        admission.answer(2);
        assert!(matches!(admission.next(NONE), Next::Register));
    }

    #[test]
    fn clients_that_share_a_session_may_use_the_same_ids_and_cancel_by_number() {
        let mut admission = Admission::new(Limits { ids_repeat: true, ..LIMITS }, READY);
        for number in [1, 2, 3] {
            admission.admit(Arrival { id: id(1), ..arrival(number, RequestKind::Call) }).unwrap();
        }
        assert_eq!(started(&mut admission, NONE), [1, 2]);
        assert!(matches!(admission.cancel_number(3), Cancelled::Waiting(Arrival { number: 3, .. })));
        assert!(matches!(admission.cancel_number(2), Cancelled::Running { number: 2, .. }));
        assert!(matches!(admission.cancel_number(2), Cancelled::Unknown));
        assert!(admission.get(1).is_some_and(RunningRequest::is_wanted));
    }

    #[test]
    fn a_request_that_waits_is_cancelled_without_a_trace() {
        let mut admission = with(&[RequestKind::SetContext, RequestKind::Call]);
        assert_eq!(started(&mut admission, NONE), [1]);
        assert!(matches!(admission.cancel(&id(2)), Cancelled::Waiting(Arrival { number: 2, .. })));
        assert!(matches!(admission.cancel(&id(2)), Cancelled::Unknown));
        assert!(admission.has_none_waiting());
    }
}
