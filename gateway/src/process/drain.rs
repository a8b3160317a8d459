//! Shutting down: what runs may finish, and what does not is known to the next gateway.
//!
//! In this order, each step with a bound of its own:
//!
//! 1. Every connection is told to drain. What ends within `drain_timeout_ms` is answered; the rest is told to
//!    stop, and after two seconds more, shims that are still connected are left: they ask the next gateway.
//! 2. The statements that are in the journal get [`GOODBYE_TIMEOUT`] to write down how they ended. The next
//!    gateway runs again what is known to have changed nothing.
//! 3. What the state file was asked is written, or refused, within two seconds and a half.
//! 4. The backends say goodbye, within bounds of their own.

use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::shared::Shared;

/// How much longer than the drain time-out the last connections get to say goodbye, and statements to write
/// down how they ended.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the state file, the backends and the log take at most, for the service manager's patience.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long all of it takes at most, with what the backends need, and the log.
pub(super) fn drain_bound(shared: &Shared) -> Duration {
    shared.live().config.gateway.drain_timeout + 2 * GOODBYE_TIMEOUT + CLOSE_TIMEOUT
}

/// Ends `connections`, the statements that run, and the backends' connections.
pub(super) async fn drain(shared: &Shared, connections: &[&TaskTracker]) {
    shared.shutdown.drain.cancel();
    let bound = shared.live().config.gateway.drain_timeout + GOODBYE_TIMEOUT;
    let all_end = async {
        for connections in connections {
            connections.close();
            connections.wait().await;
        }
    };
    if tokio::time::timeout(bound, all_end).await.is_err() {
        let connections: usize = connections.iter().map(|connections| connections.len()).sum();
        tracing::warn!(connections, "some connections did not end in time");
        shared.shutdown.abandon.cancel();
    }
    match shared.writes.wait_for_all(GOODBYE_TIMEOUT).await {
        0 => {}
        statements => tracing::warn!(statements, "the outcome of some statements is not known"),
    }
    shared.keep_limits().await;
    shared.keys.keep_usage().await;
    if !shared.state.drain().await {
        tracing::warn!("the state file could not be given everything that it should have");
    }
    shared.multiplexer.close().await;
    shared.validators.close();
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::backend::fake::Event;
    use crate::shared::testing::TestGateway;
    use crate::state::RequestKey;

    const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

    async fn gateway() -> TestGateway {
        TestGateway::with(|config| config.gateway.drain_timeout = DRAIN_TIMEOUT).await
    }

    fn key() -> RequestKey {
        RequestKey { session: "s".to_owned(), number: 1 }
    }

    #[tokio::test(start_paused = true)]
    async fn connections_are_told_and_waited_for_and_then_the_backend_hears_of_it() {
        let (gateway, connections) = (gateway().await, TaskTracker::new());
        let (drain_token, fake) = (gateway.shared.shutdown.drain.clone(), gateway.fake.clone());
        connections.spawn(async move {
            drain_token.cancelled().await;
            sleep(Duration::from_secs(1)).await;
            assert!(!fake.events().contains(&Event::Closed));
        });
        let begun = Instant::now();
        drain(&gateway.shared, &[&connections]).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        assert_eq!(gateway.fake.events(), [Event::Closed]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_does_not_end_holds_up_a_shutdown_for_a_bounded_time() {
        let (gateway, connections) = (gateway().await, TaskTracker::new());
        connections.spawn(std::future::pending::<()>());
        let begun = Instant::now();
        drain(&gateway.shared, &[&connections]).await;
        assert_eq!(begun.elapsed(), DRAIN_TIMEOUT + GOODBYE_TIMEOUT);
        assert!(gateway.shared.shutdown.abandon.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_statement_gets_time_to_write_down_how_it_ended() {
        let (gateway, connections) = (gateway().await, TaskTracker::new());
        let writes = gateway.shared.writes.clone();
        writes.insert(key());
        let ending = async {
            sleep(Duration::from_secs(1)).await;
            writes.remove(&key());
        };
        let begun = Instant::now();
        let connections = [&connections];
        tokio::join!(drain(&gateway.shared, &connections), ending);
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        writes.insert(key());
        drain(&gateway.shared, &connections).await;
        assert_eq!(
            begun.elapsed(),
            Duration::from_secs(1) + GOODBYE_TIMEOUT,
            "one that does not is given up"
        );
    }
}
