//! What a pool knows at this moment: which connections are idle, which uses go on, and what each session has.
//! All of it is behind one lock, which is held for a few steps in memory and never while something is waited for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::choice::{Favourite, Idle, IdleSet};
use super::errors::Loss;
use super::manager::OpenConnection;
use super::terms::Terms;
use super::views::{LeaseView, PinView, PoolCounters, SessionUse};
use crate::allocator::Ticket;
use crate::backend::{BackendError, Context, Held};
use crate::config::IsolationLevel;

/// How long a session that has nothing is remembered.
const SESSION_KEPT: Duration = Duration::from_secs(600);

/// See the module.
#[derive(Default)]
pub(super) struct Board {
    pub(super) idle: IdleSet<OpenConnection>,
    leases: Vec<Lease>,
    lease_ids: u64,
    pub(super) sessions: HashMap<Arc<str>, SessionState>,
    pub(super) counters: PoolCounters,
    pub(super) is_closed: bool,
    /// When the upkeep looks next; it is woken for what is due before.
    pub(super) looks_at: Option<Instant>,
    /// Whether a connection is being opened that no request waits for, or when that may be tried again.
    pub(super) growing: bool,
    pub(super) grows_again: Option<Instant>,
}

/// A use of a connection that goes on.
struct Lease {
    id: u64,
    session: Arc<str>,
    request: u64,
    connection: u64,
    since: Instant,
    statements: u64,
}

/// What a pool knows of a session.
pub(super) struct SessionState {
    /// Has one permit: requests on the session's own connection run one after the other, in order of arrival.
    pub(super) turn: Arc<Semaphore>,
    /// Requests that have the turn or wait for it.
    pub(super) queued: usize,
    /// Requests that came so far.
    pub(super) arrivals: u64,
    pub(super) own: Own,
    pub(super) lost: Option<Lost>,
    /// It has ended; what it has still is given back when that is not in use any more.
    pub(super) is_over: bool,
    last_connection: Option<u64>,
    leased: usize,
    statements: u64,
    seen_at: Instant,
}

/// Whether a session has a connection to itself.
#[derive(Default)]
pub(super) enum Own {
    #[default]
    Nothing,
    /// A request runs on it, or it is being opened.
    InUse(OwnUse),
    /// It waits for the session's next request.
    Parked(Box<OwnConnection>),
}

/// What is to be known of a session's connection while a request has it.
#[derive(Clone, Debug)]
pub(super) struct OwnUse {
    pub(super) connection: u64,
    pub(super) held: Held,
    pub(super) since: Instant,
}

/// A connection that a session has to itself, with what it takes to have it. Dropped in this order: the room comes
/// free once the connection is closed.
pub(super) struct OwnConnection {
    pub(super) connection: OpenConnection,
    pub(super) slot: Ticket,
    pub(super) room: Ticket,
    pub(super) lease: u64,
    pub(super) since: Instant,
    pub(super) used_at: Instant,
    pub(super) held: Held,
    pub(super) context: Option<Context>,
    pub(super) terms: OwnTerms,
}

/// What of the terms counts while nothing runs.
#[derive(Clone)]
pub(super) struct OwnTerms {
    pub(super) profile: Arc<str>,
    pub(super) is_strict: bool,
    pub(super) lease_idle: Duration,
    pub(super) pin_idle: Duration,
}

/// What a session held is gone, and it is to be told.
pub(super) struct Lost {
    error: BackendError,
    /// Told already: the requests up to this arrival had been sent before.
    told_to: Option<u64>,
}

impl OwnTerms {
    pub(super) fn of(terms: &Terms) -> Self {
        Self {
            profile: Arc::clone(&terms.profile),
            is_strict: terms.level == IsolationLevel::Strict,
            lease_idle: terms.lease_idle,
            pin_idle: terms.pin_idle,
        }
    }
}

impl OwnConnection {
    /// When it has been unused for as long as it may.
    pub(super) fn due(&self) -> Instant {
        let idle = if self.held.is_empty() { self.terms.lease_idle } else { self.terms.pin_idle };
        self.used_at + idle
    }

    pub(super) fn in_use(&self) -> OwnUse {
        OwnUse { connection: self.connection.number(), held: self.held.clone(), since: self.since }
    }
}

impl SessionState {
    fn new(now: Instant) -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
            queued: 0,
            arrivals: 0,
            own: Own::Nothing,
            lost: None,
            is_over: false,
            last_connection: None,
            leased: 0,
            statements: 0,
            seen_at: now,
        }
    }

    /// Whether its requests must run on its own connection, one after the other.
    pub(super) fn has_own(&self) -> bool {
        self.queued > 0 || !matches!(self.own, Own::Nothing)
    }

    /// Whether it sees, or may see, something else than others do, or is to be told what it has lost.
    pub(super) fn sees_its_own(&self) -> bool {
        let holds = match &self.own {
            Own::Nothing => false,
            Own::InUse(_) => true,
            Own::Parked(own) => !own.held.is_empty(),
        };
        holds || self.queued > 0 || self.lost.is_some()
    }

    /// The error of a request that came as number `arrival`, if what the session held is gone. All that were sent
    /// before the session could know get it: what was to run in a transaction must not run without.
    pub(super) fn take_loss(&mut self, arrival: u64) -> Option<BackendError> {
        let lost = self.lost.as_mut()?;
        let told_to = *lost.told_to.get_or_insert(self.arrivals);
        if arrival <= told_to {
            return Some(lost.error.clone());
        }
        self.lost = None;
        None
    }

    pub(super) fn lose(&mut self, held: &Held, loss: Loss, profile: &str) {
        if !held.is_empty() {
            self.lost = Some(Lost { error: loss.error(held, profile), told_to: None });
        }
    }

    /// What its own connection holds, if it has one.
    fn held(&self) -> Option<(&Held, u64, Instant, Option<Instant>)> {
        match &self.own {
            Own::Nothing => None,
            Own::InUse(own) => Some((&own.held, own.connection, own.since, None)),
            Own::Parked(own) => Some((&own.held, own.connection.number(), own.since, Some(own.used_at))),
        }
    }

    fn is_forgettable(&self, now: Instant) -> bool {
        let has_nothing = !self.has_own() && self.leased == 0;
        has_nothing && (self.is_over || (self.lost.is_none() && self.seen_at + SESSION_KEPT < now))
    }
}

impl Board {
    /// The state of `session`, which sends a request. Its name is kept once.
    pub(super) fn session(&mut self, session: &str) -> (Arc<str>, &mut SessionState) {
        let now = Instant::now();
        // Twice looked up, because the name is needed too, and the entry's cannot be lent with the state.
        let name = match self.sessions.get_key_value(session) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(session),
        };
        let state = self.sessions.entry(Arc::clone(&name)).or_insert_with(|| SessionState::new(now));
        state.seen_at = now;
        (name, state)
    }

    /// Forgets `session` if it is over, and has nothing any more.
    pub(super) fn forget_if_over(&mut self, session: &str) {
        let now = Instant::now();
        if self.sessions.get(session).is_some_and(|state| state.is_over && state.is_forgettable(now)) {
            self.sessions.remove(session);
            self.idle.forget(session);
        }
    }

    /// Forgets the sessions that have nothing and sent nothing for long.
    pub(super) fn forget_silent(&mut self, now: Instant) {
        self.sessions.retain(|_, state| !state.is_forgettable(now));
    }

    /// A use of `connection` begins; returns its id.
    pub(super) fn begin_lease(&mut self, session: &Arc<str>, request: u64, connection: u64) -> u64 {
        self.lease_ids += 1;
        let (id, session) = (self.lease_ids, Arc::clone(session));
        if let Some(state) = self.sessions.get_mut(&session) {
            state.last_connection = Some(connection);
            state.leased += 1;
            state.statements += 1;
        }
        self.leases.push(Lease { id, session, request, connection, since: Instant::now(), statements: 1 });
        id
    }

    /// Another statement of the use `id`, on the same connection, which is in another context if `is_elsewhere`.
    pub(super) fn continue_lease(&mut self, id: u64, is_elsewhere: bool) {
        let Some(lease) = self.leases.iter_mut().find(|lease| lease.id == id) else { return };
        lease.statements += 1;
        if let Some(state) = self.sessions.get_mut(&lease.session) {
            state.statements += 1;
        }
        self.counters.leases += 1;
        self.counters.reused += 1;
        self.counters.switched += u64::from(is_elsewhere);
    }

    /// The use `id` is over.
    pub(super) fn end_lease(&mut self, id: u64) {
        let Some(at) = self.leases.iter().position(|lease| lease.id == id) else { return };
        let lease = self.leases.swap_remove(at);
        let took = u64::try_from(lease.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counters.lease_us = self.counters.lease_us.saturating_add(took);
        self.counters.lease_us_max = self.counters.lease_us_max.max(took);
        if let Some(state) = self.sessions.get_mut(&lease.session) {
            state.leased -= 1;
        }
        self.forget_if_over(&lease.session);
    }

    /// Puts a connection where all find it. Gives it back where the pool is closed.
    pub(super) fn park(
        &mut self,
        connection: OpenConnection,
        context: Option<Context>,
        favourite: Option<Favourite>,
    ) -> Option<OpenConnection> {
        if self.is_closed {
            return Some(connection);
        }
        let favourite = favourite.filter(|favourite| {
            // Nothing is kept for a session that has ended meanwhile.
            self.sessions.get(&favourite.session).is_some_and(|state| !state.is_over)
        });
        self.idle.put(Idle { connection, context, favourite, used_at: Instant::now() });
        None
    }

    pub(super) fn leases(&self) -> Vec<LeaseView> {
        let view = |lease: &Lease| LeaseView {
            id: lease.id,
            session: lease.session.to_string(),
            request: lease.request,
            connection: lease.connection,
            since: lease.since.elapsed(),
            statements: lease.statements,
        };
        let mut leases: Vec<_> = self.leases.iter().map(view).collect();
        leases.sort_unstable_by_key(|lease| lease.id);
        leases
    }

    pub(super) fn pins(&self) -> Vec<PinView> {
        let view = |(session, state): (&Arc<str>, &SessionState)| {
            let (held, connection, since, idle) = state.held()?;
            Some(PinView {
                session: session.to_string(),
                connection,
                held: held.clone(),
                since: since.elapsed(),
                idle: idle.map(|used_at| used_at.elapsed()),
            })
        };
        let mut pins: Vec<_> = self.sessions.iter().filter_map(view).collect();
        pins.sort_unstable_by(|one, other| {
            other.since.cmp(&one.since).then(one.connection.cmp(&other.connection))
        });
        pins
    }

    pub(super) fn use_of(&self, session: &str) -> Option<SessionUse> {
        let state = self.sessions.get(session)?;
        Some(SessionUse {
            connection: state.last_connection,
            leased: state.leased,
            pin: state.held().map(|(held, ..)| held.clone()),
            statements: state.statements,
        })
    }
}
