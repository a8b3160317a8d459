//! Who gets a connection, and when.

use super::*;
use crate::backend::ErrorKind;
use crate::backend::fake::{Event, Script};

#[tokio::test(start_paused = true)]
async fn a_connection_serves_one_request_after_the_other() {
    let fake = FakeBackend::new();
    let pool = pool(&fake, 2);
    assert_eq!(value(&run(&pool, "first").await), "first");
    assert_eq!(value(&run(&pool, "second").await), "second");
    let ran = |sql: &str| Event::Ran(1, sql.to_owned());
    assert_eq!(fake.events(), [Event::Opened(1), ran("first"), ran("second")]);
    assert_eq!(pool.status(), status(1, 1, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn as_many_requests_run_at_once_as_there_are_connections_and_the_others_wait_in_order() {
    let fake = FakeBackend::new();
    let pool = pool(&fake, 2);
    let start = Instant::now();
    let names = ["a", "b", "c", "d"];
    let running: Vec<_> = names
        .iter()
        .map(|sql| {
            fake.script(sql, Script::completes().after(seconds(3)));
            spawn(&pool, sql)
        })
        .collect();
    settle().await;
    assert_eq!(pool.status(), status(2, 0, 2, 2));
    for running in running {
        assert!(running.await.unwrap().is_ok());
    }
    assert_eq!(start.elapsed(), seconds(6));
    let ran: Vec<String> = fake.requests().iter().map(crate::backend::fake::key).collect();
    assert_eq!(ran, names);
    assert_eq!((pool.status(), fake.open_connections()), (status(2, 2, 0, 2), 2));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_no_connection_comes_free_for_is_refused_after_the_wait_timeout() {
    let fake = FakeBackend::new();
    fake.script("endless", Script::endless());
    let pool = pool(&fake, 1);
    let (_holder, _stop) = spawn_stoppable(&pool, request("endless"));
    settle().await;
    let start = Instant::now();
    let error = run(&pool, "select 1").await.unwrap_err();
    assert_eq!(start.elapsed(), seconds(10));
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Busy, "all 1 connections were busy for 10 s; it is number 1 of 1 that wait")
    );
    assert_eq!(pool.status(), status(1, 0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_cancelled_before_it_runs_asks_for_no_connection() {
    let fake = FakeBackend::new();
    let pool = pool(&fake, 1);
    let error = pool.run(request("select 1"), async { StopReason::Cancel }).await.unwrap_err();
    assert_eq!((error.kind, fake.events()), (ErrorKind::Cancelled, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_request_cancelled_while_it_waits_leaves_the_queue() {
    for reason in [StopReason::Cancel, StopReason::Detach] {
        let fake = FakeBackend::new();
        fake.script("endless", Script::endless());
        let pool = pool(&fake, 1);
        let (_holder, _stop) = spawn_stoppable(&pool, request("endless"));
        settle().await;
        let (waiting, stop) = spawn_stoppable(&pool, request("select 1"));
        settle().await;
        assert_eq!(pool.status().waiting, 1);
        stop.send(reason).unwrap();
        assert_eq!(waiting.await.unwrap().unwrap_err().kind, ErrorKind::Cancelled);
        assert_eq!((pool.status().waiting, fake.requests().len()), (0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_of_an_earlier_query_that_gets_no_connection_leaves_the_outcome_unknown() {
    let fake = FakeBackend::new();
    fake.script("endless", Script::endless());
    let pool = pool(&fake, 1);
    let (_holder, _stop) = spawn_stoppable(&pool, request("endless"));
    settle().await;
    let fetch = Request { earlier: Some("01".to_owned()), ..request("insert") };
    let busy = pool.run(fetch.clone(), pending()).await.unwrap_err();
    assert_eq!((busy.kind, busy.query_id.as_deref()), (ErrorKind::OutcomeUnknown, Some("01")));
    assert!(busy.message.contains("all 1 connections were busy"), "{busy}");
    let cancelled = pool.run(fetch, async { StopReason::Cancel }).await.unwrap_err();
    assert_eq!(cancelled.kind, ErrorKind::OutcomeUnknown);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_of_an_earlier_query_that_waits_is_left_to_the_next_gateway_at_shutdown() {
    let fake = FakeBackend::new();
    let fetch = Request { earlier: Some("01".to_owned()), ..request("insert") };
    let error = pool(&fake, 1).run(fetch, async { StopReason::Detach }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Detached);
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_replaced() {
    let fake = FakeBackend::new();
    fake.script("breaks", Script::fails(ErrorKind::Unavailable).breaking_its_connection());
    let pool = pool(&fake, 1);
    assert_eq!(run(&pool, "breaks").await.unwrap_err().kind, ErrorKind::Unavailable);
    assert!(run(&pool, "select 1").await.is_ok());
    let events = fake.events();
    assert_eq!(events[2..], [Event::Dropped(1), Event::Opened(2), Event::Ran(2, "select 1".to_owned())]);
    assert_eq!(pool.status(), status(1, 1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_fails_keeps_its_connection() {
    let fake = FakeBackend::new();
    fake.script("wrong", Script::fails(ErrorKind::Statement));
    let pool = pool(&fake, 1);
    assert_eq!(run(&pool, "wrong").await.unwrap_err().kind, ErrorKind::Statement);
    assert!(run(&pool, "select 1").await.is_ok());
    assert!(!fake.events().contains(&Event::Dropped(1)));
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_its_connection_and_no_slot() {
    let fake = FakeBackend::new();
    fake.script("panics", Script::panics());
    let pool = pool(&fake, 1);
    assert!(spawn(&pool, "panics").await.unwrap_err().is_panic());
    assert!(run(&pool, "select 1").await.is_ok());
    assert_eq!(fake.events()[2..4], [Event::Dropped(1), Event::Opened(2)]);
}
