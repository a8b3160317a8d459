//! How the connections of a pool serve one session.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use fair_queue::Lane;
use sql_gate::NameRules;

use crate::allocator::{Claim, WaitReport};
use crate::config::{IsolationLevel, LEASE_IDLE, PIN_IDLE};

/// Requests of a session on its own connection, where nobody says otherwise: the one that runs, and those behind it.
const REQUESTS_MAX: usize = 32;

/// What a request's session may expect of a pool.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The name of its profile, for errors.
    pub profile: Arc<str>,
    /// How much of a connection it has to itself.
    pub level: IsolationLevel,
    /// Whether the request makes, or may make, state on the connection: it then needs one of its own.
    pub makes_state: bool,
    /// Whether the request is a read that gives the same rows to whoever runs it at this moment.
    pub is_repeatable: bool,
    /// What else decides on the rows (lists of names, a filter): two reads that differ in it are not the same, and
    /// neither are those of two profiles.
    pub policy: u64,
    /// The lists of names of its profile: two sessions with the same ones see the same catalog.
    pub names: Arc<NameRules>,
    /// Requests of the session on its own connection at once: the one that runs, and those that wait for it.
    pub requests_max: usize,
    /// How long the session's last connection stays its favourite; a strict session without state keeps its own for
    /// as long.
    pub lease_idle: Duration,
    /// How long a connection that it holds for its state may be unused.
    pub pin_idle: Duration,
    /// Whose share of the connections it takes; `None`: the session's own.
    pub flow: Option<Arc<str>>,
    /// What that flow may take.
    pub share: fair_queue::Terms,
    /// Whether it is one of the short requests.
    pub lane: Lane,
    /// Who is told where it stands while it waits.
    pub told: Option<WaitReport>,
    /// Set once it has a connection.
    pub has_slot: Option<Arc<AtomicBool>>,
}

impl Terms {
    /// Whose share a request of `session` takes.
    pub(super) fn flow_of(&self, session: &Arc<str>) -> Arc<str> {
        self.flow.as_ref().map_or_else(|| Arc::clone(session), Arc::clone)
    }

    /// What is asked of the allocator for request `request` of `session`.
    pub(super) fn claim(&self, session: &Arc<str>, request: u64) -> Claim {
        Claim {
            flow: self.flow_of(session),
            terms: self.share,
            session: Arc::clone(session),
            request,
            lane: self.lane,
            told: self.told.clone(),
        }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            profile: Arc::from("default"),
            level: IsolationLevel::default(),
            makes_state: false,
            is_repeatable: false,
            policy: 0,
            names: Arc::default(),
            requests_max: REQUESTS_MAX,
            lease_idle: LEASE_IDLE,
            pin_idle: PIN_IDLE,
            flow: None,
            share: fair_queue::Terms::default(),
            lane: Lane::Ordinary,
            told: None,
            has_slot: None,
        }
    }
}
