//! What a request asks of the allocator.

use std::sync::Arc;
use std::time::Duration;

use fair_queue::{Lane, Terms};
use tokio::sync::watch;

/// Who wants a slot.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Whose share it counts for.
    pub flow: Arc<str>,
    /// What the flow may take.
    pub terms: Terms,
    /// The id of the session, which takes turns with others of its flow.
    pub session: Arc<str>,
    /// The number of the request in its session.
    pub request: u64,
    /// Whether it is one of the short ones.
    pub lane: Lane,
    /// Who is told where it stands while it waits.
    pub told: Option<WaitReport>,
}

/// Tells where a request stands, again and again while it waits; `None`: it does not wait, or not any more.
pub type WaitReport = Arc<watch::Sender<Option<QueuePlace>>>;

/// Where a request stands that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePlace {
    /// Its place, from 1: so many starts until its own, as things are now.
    pub position: usize,
    /// Requests that wait in all.
    pub waiting: usize,
    /// How long it has waited.
    pub waited: Duration,
    /// How much longer it is likely to wait; `None`: nothing has run yet.
    pub estimate: Option<Duration>,
}

impl std::fmt::Display for QueuePlace {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "waiting for a connection: number {} of {}", self.position, self.waiting)?;
        match self.estimate {
            Some(estimate) => write!(formatter, ", about {} s", estimate.as_secs().max(1)),
            None => Ok(()),
        }
    }
}
