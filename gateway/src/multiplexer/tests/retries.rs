//! What is tried again, and the breaker of a pool.

use std::pin::pin;

use super::*;
use crate::backend::ErrorKind;
use crate::backend::fake::{ConnectScript, Event, Script};
use crate::multiplexer::{BreakerState, Force};

fn runs(fake: &FakeBackend) -> usize {
    fake.events().iter().filter(|event| matches!(event, Event::Ran(..))).count()
}

/// A request whose statement has been read.
fn read(sql: &str) -> Request {
    let statement = Arc::new(sql_gate::read(sql, sql_gate::Dialect::Sqlite));
    Request { statement: Some(statement), ..request(sql) }
}

#[tokio::test(start_paused = true)]
async fn an_opening_that_was_not_processed_is_tried_again_a_few_times() {
    let fake = FakeBackend::new();
    fake.next_opening(ConnectScript::fails_for_now());
    fake.next_opening(ConnectScript::fails_for_now());
    let pool = pool(&fake, 1);
    let start = Instant::now();
    assert!(run(&pool, "select 1").await.is_ok());
    assert!(start.elapsed() >= Duration::from_millis(150) && start.elapsed() <= Duration::from_millis(310));
    assert_eq!(pool.breaker().failures, 0);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_was_not_processed_is_run_again_and_nothing_else_is() {
    for (sql, expected) in [("select 1", 3), ("insert into t values (1)", 1)] {
        let fake = FakeBackend::new();
        fake.script(sql, Script::fails_for_now());
        let pool = pool(&fake, 1);
        let error = pool.run(read(sql), pending()).await.unwrap_err();
        assert_eq!((error.kind, runs(&fake)), (ErrorKind::Unavailable, expected), "{sql}");
    }
    // A failure of which nothing is known is none of them.
    let fake = FakeBackend::new();
    fake.script("select 1", Script::fails(ErrorKind::Unavailable));
    let pool = pool(&fake, 1);
    assert!(pool.run(read("select 1"), pending()).await.is_err());
    assert_eq!(runs(&fake), 1);
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_keeps_failing_is_left_alone_until_one_request_finds_it_back() {
    let fake = FakeBackend::new();
    fake.script("select 1", Script::fails(ErrorKind::Unavailable));
    let pool = pool(&fake, 3);
    for _ in 0..5 {
        assert!(run(&pool, "select 1").await.is_err());
    }
    assert_eq!((runs(&fake), pool.breaker().state), (5, BreakerState::Open));
    let refused = run(&pool, "select 2").await.unwrap_err();
    assert!(refused.message.contains("circuit breaker of `fake` is open"), "{refused}");
    assert_eq!(runs(&fake), 5);
    // The connection is asked before anything of a client runs: it does not work yet.
    fake.next_answer(ConnectScript::fails(ErrorKind::Unavailable));
    tokio::time::advance(seconds(1)).await;
    assert!(run(&pool, "select 2").await.is_err());
    assert_eq!((runs(&fake), pool.breaker().probes), (5, 1));
    tokio::time::advance(seconds(2)).await;
    let all: Vec<_> = (0..20).map(|_| spawn(&pool, "select 2")).collect();
    for one in all {
        assert!(one.await.unwrap().is_ok());
    }
    assert_eq!((runs(&fake), pool.breaker().probes, pool.breaker().state), (25, 2, BreakerState::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_a_slot_is_kept_over_an_outage_or_told_of_it_in_time() {
    for (lasts, is_served) in [(seconds(3), true), (seconds(60), false)] {
        let fake = FakeBackend::new();
        fake.script("slow", Script::completes().after(seconds(2)));
        let pool = pool(&fake, 1);
        let (slow, waiting) = (spawn(&pool, "slow"), spawn(&pool, "waiting"));
        settle().await;
        pool.force_breaker(Some(Force::Open));
        assert!(slow.await.unwrap().is_ok(), "what is under way is not stopped");
        settle().await;
        assert_eq!((pool.breaker().waiting, runs(&fake)), (1, 1));
        let start = Instant::now();
        let pool_too = Arc::clone(&pool);
        tokio::spawn(async move {
            sleep(lasts).await;
            pool_too.force_breaker(None);
        });
        match waiting.await.unwrap() {
            Ok(_) => assert!(is_served),
            Err(error) => {
                assert!(!is_served && error.message.contains("opened by hand"), "{error}");
                assert!(start.elapsed() <= seconds(10), "{:?}", start.elapsed());
            }
        }
        assert_eq!(pool.breaker().waiting, 0);
        if is_served {
            assert!(run(&pool, "next").await.is_ok(), "the slot came free");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_the_breaker_can_be_stopped() {
    let fake = FakeBackend::new();
    fake.script("slow", Script::completes().after(seconds(2)));
    let pool = pool(&fake, 1);
    let slow = spawn(&pool, "slow");
    let (waiting, stop) = spawn_stoppable(&pool, request("waiting"));
    settle().await;
    pool.force_breaker(Some(Force::Open));
    assert!(slow.await.unwrap().is_ok());
    settle().await;
    stop.send(StopReason::Cancel).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(pool.breaker().waiting, 0);
    pool.force_breaker(None);
    assert!(run(&pool, "next").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_fetches_what_has_run_waits_for_the_backend_also_where_it_finds_out_itself() {
    let fake = FakeBackend::new();
    for _ in 0..6 {
        fake.next_opening(ConnectScript::fails_for_now());
    }
    let pool = pool(&fake, 1);
    let fetching = Request { earlier: Some("01".to_owned()), ..request("insert") };
    let start = Instant::now();
    let mut fetched = pin!(pool.run(fetching, pending()));
    assert!(fetched.as_mut().await.is_ok());
    assert!(start.elapsed() < seconds(10), "{:?}", start.elapsed());
    assert_eq!((pool.breaker().opened, pool.breaker().state), (1, BreakerState::Closed));
}

#[tokio::test(start_paused = true)]
async fn who_fetches_what_has_run_is_told_after_a_while_that_its_outcome_is_unknown() {
    let fake = FakeBackend::new();
    let config = PoolConfig {
        allocator: AllocatorConfig { max_wait: seconds(300), ..config(1).allocator },
        ..config(1)
    };
    let pool = pool_with(&fake, config);
    pool.force_breaker(Some(Force::Open));
    let fetching = Request { earlier: Some("01".to_owned()), ..request("insert") };
    let start = Instant::now();
    let error = pool.run(fetching, pending()).await.unwrap_err();
    assert_eq!((error.kind, error.query_id.as_deref()), (ErrorKind::OutcomeUnknown, Some("01")), "{error}");
    assert_eq!(start.elapsed(), seconds(30));
}
