//! The multiplexer over the scriptable backend. The clock is tokio's, paused: it moves only when every task
//! waits, so times are exact and no test takes real time.

mod flights;
mod idle;
mod lane;
mod leases;
mod metadata;
mod model;
mod openings;
mod pins;
mod pools;
mod retries;
mod stopping;
mod upkeep;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::metadata::MetadataCache;
use super::{Pool, PoolStatus, StopReason};
use crate::backend::fake::{FakeBackend, request};
use crate::backend::{BackendError, Completion, Place, Request};
use crate::config::{AllocatorConfig, BreakerConfig, PoolConfig};

type Outcome = Result<Completion, BackendError>;

/// `[pool]` with at most `connections_max` connections.
fn config(connections_max: usize) -> PoolConfig {
    PoolConfig {
        connections_min: 0,
        connections_max,
        wait_timeout: seconds(10),
        allocator: AllocatorConfig {
            lane_slots: Some(0),
            max_wait: seconds(10),
            ..AllocatorConfig::default()
        },
        idle_timeout: seconds(600),
        check_after: seconds(3_600),
        max_age: seconds(86_400),
        metadata_cache: None,
        breaker: BreakerConfig::default(),
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A pool of at most `connections_max` connections to `fake`.
fn pool(fake: &FakeBackend, connections_max: usize) -> Arc<Pool> {
    pool_with(fake, config(connections_max))
}

fn pool_with(fake: &FakeBackend, config: PoolConfig) -> Arc<Pool> {
    pool_sharing(fake, config, &Arc::default())
}

/// A pool that shares `metadata` with others.
fn pool_sharing(fake: &FakeBackend, config: PoolConfig, metadata: &Arc<MetadataCache>) -> Arc<Pool> {
    let (place, backend) = (Place::of("fake", fake), Arc::new(fake.clone()));
    Arc::new(Pool::new("fake", place, backend, config, metadata, &Arc::default()))
}

/// Runs `sql` to its end.
async fn run(pool: &Pool, sql: &str) -> Outcome {
    pool.run(request(sql), pending()).await
}

/// Runs `sql` in a task of its own.
fn spawn(pool: &Arc<Pool>, sql: &str) -> JoinHandle<Outcome> {
    let (pool, sql) = (Arc::clone(pool), sql.to_owned());
    tokio::spawn(async move { run(&pool, &sql).await })
}

/// Runs `request` in a task of its own, until it is told to stop.
fn spawn_stoppable(pool: &Arc<Pool>, request: Request) -> (JoinHandle<Outcome>, oneshot::Sender<StopReason>) {
    let (stop, stopped) = oneshot::channel();
    let pool = Arc::clone(pool);
    let stopped = async move { stopped.await.expect("the test keeps the sender until it stops the request") };
    (tokio::spawn(async move { pool.run(request, stopped).await }), stop)
}

/// Waits until every task waits for something: only then does the paused clock move.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// Waits for `outcome`; returns it with the time since `start`, without what [`settle`] added.
async fn timed(start: Instant, outcome: impl Future<Output = Outcome>) -> (Outcome, Duration) {
    let outcome = outcome.await;
    (outcome, start.elapsed())
}

/// The text of the result's only value.
fn value(outcome: &Outcome) -> &str {
    outcome.as_ref().expect("a result").rows.first_cell().expect("a value")
}

fn status(open: usize, idle: usize, waiting: usize, limit: usize) -> PoolStatus {
    PoolStatus { open, idle, waiting, limit, pinned: 0 }
}
