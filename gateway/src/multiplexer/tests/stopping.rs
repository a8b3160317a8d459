//! Statements that are stopped, and those that do not stop.

use super::*;
use crate::backend::ErrorKind;
use crate::backend::fake::{Event, FakeJournal, OnStop, Script, error};
use crate::multiplexer::stop::STOP_TIMEOUT;

/// Runs a statement by `script`, stops it after a second, and returns what the caller gets, and how long
/// after the stop.
async fn stop(
    fake: &FakeBackend,
    pool: &Arc<Pool>,
    script: Script,
    reason: StopReason,
) -> (Outcome, Duration) {
    fake.script("stopped", script);
    let start = Instant::now();
    let stop = async {
        sleep(seconds(1)).await;
        reason
    };
    let (outcome, elapsed) = timed(start, pool.run(request("stopped"), stop)).await;
    (outcome, elapsed - seconds(1))
}

#[tokio::test(start_paused = true)]
async fn a_cancel_stops_the_statement_and_its_connection_serves_the_next() {
    let fake = FakeBackend::new();
    let pool = pool(&fake, 1);
    let script = Script::endless().when_stopped(OnStop::Stops, seconds(2));
    let (outcome, after) = stop(&fake, &pool, script, StopReason::Cancel).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.kind, after), (ErrorKind::Cancelled, seconds(2)));
    assert_eq!(error.message, "the request was cancelled; its statement was stopped");
    assert!(run(&pool, "next").await.is_ok());
    assert_eq!(fake.events()[2..], [Event::Cancelled(1), Event::Ran(1, "next".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_runs_longer_than_it_may_is_stopped_and_the_error_says_so() {
    let fake = FakeBackend::new();
    fake.script("endless", Script::endless());
    let pool = pool(&fake, 1);
    let start = Instant::now();
    let error = run(&pool, "endless").await.unwrap_err();
    assert_eq!((error.kind, start.elapsed()), (ErrorKind::TimedOut, seconds(60)));
    assert_eq!(error.message, "the statement was stopped after 60 s");
    assert_eq!(fake.events().last(), Some(&Event::Cancelled(1)));
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_there_at_the_moment_of_the_cancel_is_returned() {
    let fake = FakeBackend::new();
    let script = Script::completes().after(seconds(1));
    let (outcome, _) = stop(&fake, &pool(&fake, 1), script, StopReason::Cancel).await;
    assert_eq!(value(&outcome), "stopped");
    assert!(!fake.events().contains(&Event::Cancelled(1)));
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_took_effect_before_the_stop_returns_its_result() {
    for reason in [StopReason::Cancel, StopReason::Detach] {
        let fake = FakeBackend::new();
        let script = Script::endless().when_stopped(OnStop::Completes, seconds(1));
        let (outcome, _) = stop(&fake, &pool(&fake, 1), script, reason).await;
        assert_eq!(value(&outcome), "stopped");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_leaves_the_outcome_open_is_not_hidden_by_the_stop() {
    for kind in [ErrorKind::Unavailable, ErrorKind::OutcomeUnknown, ErrorKind::Detached] {
        let fake = FakeBackend::new();
        let script = Script::endless().when_stopped(OnStop::Fails(error(kind)), seconds(1));
        let (outcome, _) = stop(&fake, &pool(&fake, 1), script, StopReason::Cancel).await;
        assert_eq!(outcome.unwrap_err(), error(kind));
    }
}

#[tokio::test(start_paused = true)]
async fn any_other_error_after_a_stop_is_the_stop() {
    for kind in [ErrorKind::Statement, ErrorKind::Busy, ErrorKind::Cancelled] {
        let fake = FakeBackend::new();
        let script = Script::endless().when_stopped(OnStop::Fails(error(kind)), seconds(1));
        let (outcome, _) = stop(&fake, &pool(&fake, 1), script, StopReason::Cancel).await;
        assert_eq!(outcome.unwrap_err().kind, ErrorKind::Cancelled);
    }
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_does_not_stop_costs_its_connection_after_the_stop_timeout() {
    let fake = FakeBackend::new();
    let pool = pool(&fake, 1);
    let script = Script::endless().when_stopped(OnStop::Ignores, Duration::ZERO);
    let (outcome, after) = stop(&fake, &pool, script, StopReason::Cancel).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.kind, after), (ErrorKind::Unavailable, STOP_TIMEOUT));
    assert!(error.leaves_outcome_open() && error.message.contains("did not stop when cancelled"), "{error}");
    assert_eq!(fake.events().last(), Some(&Event::Dropped(1)));
    assert!(run(&pool, "next").await.is_ok());
    assert_eq!(pool.status(), status(1, 1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_stops_within_the_stop_timeout_keeps_its_connection() {
    let fake = FakeBackend::new();
    let pool = pool(&fake, 1);
    let just_in_time = STOP_TIMEOUT - Duration::from_millis(1);
    let script = Script::endless().when_stopped(OnStop::Stops, just_in_time);
    let (outcome, after) = stop(&fake, &pool, script, StopReason::Cancel).await;
    assert_eq!((outcome.unwrap_err().kind, after), (ErrorKind::Cancelled, just_in_time));
    assert_eq!(fake.open_connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_ignores_the_cancel_and_ends_in_time_returns_its_result() {
    let fake = FakeBackend::new();
    let script = Script::completes().after(seconds(3)).when_stopped(OnStop::Ignores, Duration::ZERO);
    let (outcome, after) = stop(&fake, &pool(&fake, 1), script, StopReason::Cancel).await;
    assert_eq!((value(&outcome), after), ("stopped", seconds(2)));
}

#[tokio::test(start_paused = true)]
async fn at_a_shutdown_a_statement_with_a_query_id_goes_on_and_any_other_is_stopped() {
    let fake = FakeBackend::new();
    let pool = pool(&fake, 1);
    let (outcome, _) = stop(&fake, &pool, Script::endless().with_query_id("01"), StopReason::Detach).await;
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Detached);
    let (outcome, _) = stop(&fake, &pool, Script::endless(), StopReason::Detach).await;
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Cancelled);
    let detached = fake.events().into_iter().filter(|event| *event == Event::Detached(1)).count();
    assert_eq!(detached, 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_reaches_its_connection_with_its_context_and_journal() {
    let fake = FakeBackend::new();
    fake.script("insert", Script::completes().writing().with_query_id("01"));
    let journal = Arc::new(FakeJournal::default());
    let mut insert = Request { journal: Arc::clone(&journal) as _, ..request("insert") };
    insert.context.database = Some("sales".to_owned());
    let done = pool(&fake, 1).run(insert, pending()).await.unwrap();
    assert_eq!(journal.entries(), ["begin", "query 01"]);
    assert_eq!(done.query_id.as_deref(), Some("01"));
    assert_eq!(fake.requests()[0].context, done.context.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_write_that_the_journal_refuses_gets_the_journals_error() {
    let fake = FakeBackend::new();
    fake.script("insert", Script::endless().writing());
    let refusal = error(ErrorKind::OutcomeUnknown);
    let journal = Arc::new(FakeJournal::refusing(refusal.clone()));
    let insert = Request { journal, ..request("insert") };
    assert_eq!(pool(&fake, 1).run(insert, pending()).await.unwrap_err(), refusal);
}
