//! Shutting down: what runs may finish, and what does not is known to the next gateway.
//!
//! In this order, each step with a bound of its own:
//!
//! 1. Every connection is told to drain. What ends within `drain_timeout_ms` is answered; the rest is told to stop.
//! 2. The statements that are in the journal get [`GOODBYE_TIMEOUT`] to write down how they ended. The next gateway runs
//!    again what is known to have changed nothing.
//! 3. The backends say goodbye, within bounds of their own.

use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::shared::Shared;

/// How much longer than the drain time-out the last connections get to say goodbye, and statements to write down how they
/// ended.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// Ends `connections`, the statements that run, and the backends' connections.
pub(super) async fn drain(shared: &Shared, connections: &TaskTracker) {
    shared.shutdown.drain.cancel();
    connections.close();
    let bound = shared.config.gateway.drain_timeout + GOODBYE_TIMEOUT;
    if tokio::time::timeout(bound, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "some connections did not end in time");
    }
    match shared.writes.wait_for_all(GOODBYE_TIMEOUT).await {
        0 => {}
        statements => tracing::warn!(statements, "the outcome of some statements is not known"),
    }
    shared.multiplexer.close().await;
}
