//! Connections that open slowly, or not at all.

use super::*;
use crate::backend::ErrorKind;
use crate::backend::fake::{ConnectScript, Event, Script};
use crate::multiplexer::stop::CONNECT_TIMEOUT;

#[tokio::test(start_paused = true)]
async fn an_opening_that_fails_is_reported_and_tried_again_by_the_next_request() {
    let fake = FakeBackend::new();
    fake.next_opening(ConnectScript::fails(ErrorKind::Unavailable));
    let pool = pool(&fake, 1);
    assert_eq!(run(&pool, "select 1").await.unwrap_err().message, "scripted: Unavailable");
    assert!(run(&pool, "select 1").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_opening_may_take_as_long_as_the_connect_timeout_and_no_longer() {
    let fake = FakeBackend::new();
    let just_in_time = CONNECT_TIMEOUT - Duration::from_millis(1);
    fake.next_opening(ConnectScript::succeeds().after(CONNECT_TIMEOUT * 2));
    fake.next_opening(ConnectScript::succeeds().after(just_in_time));
    let pool = pool(&fake, 1);
    let start = Instant::now();
    let error = run(&pool, "select 1").await.unwrap_err();
    assert_eq!((error.kind, start.elapsed()), (ErrorKind::Unavailable, CONNECT_TIMEOUT));
    assert!(error.message.contains("no connection was opened within 30 s"), "{error}");
    assert!(run(&pool, "select 1").await.is_ok());
    assert_eq!(start.elapsed(), CONNECT_TIMEOUT + just_in_time);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_cancelled_during_the_opening_does_not_run() {
    let fake = FakeBackend::new();
    fake.next_opening(ConnectScript::succeeds().after(seconds(3)));
    let pool = pool(&fake, 1);
    let (opening, stop) = spawn_stoppable(&pool, request("select 1"));
    settle().await;
    stop.send(StopReason::Cancel).unwrap();
    assert_eq!(opening.await.unwrap().unwrap_err().kind, ErrorKind::Cancelled);
    assert!(fake.events().is_empty());
    assert!(run(&pool, "select 1").await.is_ok(), "the slot came free");
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_opens_no_more_connections_has_requests_share_the_open_ones() {
    let fake = FakeBackend::new();
    fake.script("slow", Script::completes().after(seconds(3)));
    fake.next_opening(ConnectScript::succeeds());
    fake.next_opening(ConnectScript::fails(ErrorKind::Exhausted));
    let pool = pool(&fake, 5);
    let start = Instant::now();
    let (first, second) = (spawn(&pool, "slow"), spawn(&pool, "second"));
    settle().await;
    assert_eq!(pool.status(), status(1, 0, 1, 1));
    assert!(first.await.unwrap().is_ok());
    assert!(second.await.unwrap().is_ok());
    assert_eq!((start.elapsed(), fake.open_connections()), (seconds(3), 1));
}

#[tokio::test(start_paused = true)]
async fn where_no_more_connections_open_a_request_still_waits_no_longer_than_the_wait_timeout() {
    let fake = FakeBackend::new();
    fake.script("endless", Script::endless());
    fake.next_opening(ConnectScript::succeeds());
    // The first is told within the time, the second after it.
    fake.next_opening(ConnectScript::fails(ErrorKind::Exhausted).after(seconds(4)));
    fake.next_opening(ConnectScript::fails(ErrorKind::Exhausted).after(seconds(11)));
    let pool = pool(&fake, 3);
    let (_holder, _stop) = spawn_stoppable(&pool, request("endless"));
    settle().await;
    let start = Instant::now();
    let waiting = [spawn(&pool, "first"), spawn(&pool, "second")];
    let mut ends = Vec::new();
    for waiting in waiting {
        let error = waiting.await.unwrap().unwrap_err();
        ends.push((start.elapsed().as_secs(), error.kind, error.message));
    }
    let busy = "all 2 connections were busy for 10 s";
    let waits = format!("{busy}; it is number 1 of 1 that wait");
    assert_eq!(ends, [(10, ErrorKind::Busy, waits), (11, ErrorKind::Busy, busy.to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn the_minimum_is_opened_before_the_first_request() {
    let fake = FakeBackend::new();
    let pool = pool_with(&fake, PoolConfig { connections_min: 2, ..config(3) });
    pool.open_minimum().await.unwrap();
    assert_eq!(fake.events(), [Event::Opened(1), Event::Opened(2)]);
    assert_eq!(pool.status(), status(2, 2, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_minimum_that_cannot_be_opened_is_an_error() {
    let fake = FakeBackend::new();
    fake.next_opening(ConnectScript::succeeds());
    fake.next_opening(ConnectScript::fails(ErrorKind::Unavailable));
    let pool = pool_with(&fake, PoolConfig { connections_min: 2, ..config(3) });
    assert_eq!(pool.open_minimum().await.unwrap_err().kind, ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn as_many_connections_are_kept_open_as_there_are_slots_where_the_lane_has_one_of_them() {
    let fake = FakeBackend::new();
    let pool = pool_with(&fake, PoolConfig { connections_min: 4, ..config(4) });
    let start = Instant::now();
    pool.open_minimum().await.unwrap();
    assert_eq!((start.elapsed(), fake.open_connections()), (Duration::ZERO, 4));
}
