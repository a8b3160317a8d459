//! Short requests in the lane that is kept for them.

use fair_queue::Lane;

use super::super::{RunTimes, Terms};
use super::*;
use crate::backend::fake::{Script, key};
use crate::backend::{Catalog, Operation};

fn with_lane(fake: &FakeBackend) -> Arc<Pool> {
    let allocator = AllocatorConfig {
        lane_slots: Some(1),
        lane_timeout: seconds(2),
        max_wait: seconds(60),
        ..AllocatorConfig::default()
    };
    pool_with(fake, PoolConfig { allocator, ..config(2) })
}

fn listing() -> Request {
    Request { operation: Operation::Catalog(Catalog::Databases), ..request("") }
}

async fn list(pool: &Pool) -> (Outcome, RunTimes) {
    let terms = Terms { lane: Lane::Interactive, ..Terms::default() };
    let mut times = RunTimes::default();
    (pool.run_on(listing(), &terms, pending(), &mut times).await, times)
}

#[tokio::test(start_paused = true)]
async fn a_short_request_waits_for_no_long_one() {
    let fake = FakeBackend::new();
    fake.script("endless", Script::endless());
    let pool = with_lane(&fake);
    let holders = [(); 2].map(|()| spawn_stoppable(&pool, request("endless")));
    settle().await;
    assert_eq!(pool.status().waiting, 1, "the lane is not for them");
    let start = Instant::now();
    assert!(list(&pool).await.0.is_ok());
    assert_eq!(start.elapsed(), Duration::ZERO);
    drop(holders);
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_long_is_stopped_there_and_runs_among_the_others() {
    let fake = FakeBackend::new();
    fake.script("catalog", Script::completes().after(seconds(5)));
    fake.script("long", Script::completes().after(seconds(10)));
    let pool = with_lane(&fake);
    let start = Instant::now();
    let long = spawn(&pool, "long");
    settle().await;
    let (done, times) = list(&pool).await;
    assert!(done.is_ok(), "{done:?}");
    // Two seconds in the lane, until the long one is over, and then its own time.
    assert_eq!(start.elapsed().as_secs(), 15);
    assert_eq!((times.waited.as_secs(), times.ran.map(|ran| ran.as_secs())), (7, Some(7)));
    let ran: Vec<String> = fake.requests().iter().map(key).collect();
    assert_eq!(ran, ["long", "catalog", "catalog"]);
    assert_eq!(pool.allocation(seconds(60)).demoted, 1);
    assert!(long.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn where_the_statement_itself_may_not_take_longer_it_ends_there() {
    let fake = FakeBackend::new();
    fake.script("catalog", Script::completes().after(seconds(5)));
    let pool = with_lane(&fake);
    let terms = Terms { lane: Lane::Interactive, ..Terms::default() };
    let request = Request { timeout: seconds(1), ..listing() };
    let error = pool.run_on(request, &terms, pending(), &mut RunTimes::default()).await.unwrap_err();
    assert_eq!(error.kind, crate::backend::ErrorKind::TimedOut);
    assert_eq!((fake.requests().len(), pool.allocation(seconds(60)).running), (1, 0));
}
