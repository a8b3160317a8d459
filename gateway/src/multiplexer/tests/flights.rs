//! Identical reads of relaxed sessions.

use super::*;
use crate::backend::ErrorKind;
use crate::backend::fake::{Event, Script};
use crate::config::IsolationLevel;
use crate::multiplexer::{RunTimes, Terms};

fn relaxed() -> Terms {
    Terms { level: IsolationLevel::Relaxed, is_repeatable: true, ..Terms::default() }
}

/// Runs `sql` on `terms` until it is told to stop.
fn spawn_relaxed(
    pool: &Arc<Pool>,
    session: &str,
    sql: &str,
    terms: Terms,
) -> (JoinHandle<Outcome>, oneshot::Sender<StopReason>) {
    let (stop, stopped) = oneshot::channel();
    let (pool, mut request) = (Arc::clone(pool), request(sql));
    request.origin.session = session.to_owned();
    let running = tokio::spawn(async move {
        let stopped = async {
            match stopped.await {
                Ok(reason) => reason,
                Err(_) => pending().await,
            }
        };
        pool.run_on(request, &terms, stopped, &mut RunTimes::default()).await
    });
    (running, stop)
}

fn slow(fake: &FakeBackend) {
    fake.script("slow", Script::completes().after(seconds(3)));
}

#[tokio::test(start_paused = true)]
async fn identical_reads_at_the_same_time_run_once_and_answer_all() {
    let fake = FakeBackend::new();
    slow(&fake);
    let pool = pool(&fake, 3);
    let running: Vec<_> =
        (0..20).map(|number| spawn_relaxed(&pool, &number.to_string(), "slow", relaxed())).collect();
    settle().await;
    for (running, _stop) in running {
        assert_eq!(value(&running.await.unwrap()), "slow");
    }
    assert_eq!((fake.requests().len(), pool.counters().coalesced, pool.counters().leases), (1, 19, 1));
    assert!(spawn_relaxed(&pool, "a", "slow", relaxed()).0.await.unwrap().is_ok());
    assert_eq!(fake.requests().len(), 2, "what has ended answers nobody");
}

#[tokio::test(start_paused = true)]
async fn what_differs_in_anything_that_decides_on_the_rows_runs_by_itself() {
    let fake = FakeBackend::new();
    slow(&fake);
    let pool = pool(&fake, 5);
    let others = [
        relaxed(),
        Terms { profile: Arc::from("other"), ..relaxed() },
        Terms { policy: 1, ..relaxed() },
        Terms { is_repeatable: false, ..relaxed() },
        Terms { level: IsolationLevel::Moderate, ..relaxed() },
    ];
    let running = others.map(|terms| spawn_relaxed(&pool, "a", "slow", terms));
    for (running, _stop) in running {
        assert!(running.await.unwrap().is_ok());
    }
    assert_eq!((fake.requests().len(), pool.counters().coalesced), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cancelled_or_dies_leaves_the_others_their_result() {
    let fake = FakeBackend::new();
    slow(&fake);
    let pool = pool(&fake, 2);
    let (first, stop) = spawn_relaxed(&pool, "a", "slow", relaxed());
    settle().await;
    let (second, _second) = spawn_relaxed(&pool, "b", "slow", relaxed());
    let (third, _third) = spawn_relaxed(&pool, "c", "slow", relaxed());
    settle().await;
    stop.send(StopReason::Cancel).unwrap();
    let error = first.await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    assert!(error.message.contains("goes on for other sessions"), "{error}");
    second.abort();
    assert_eq!(value(&third.await.unwrap()), "slow");
    assert!(!fake.events().contains(&Event::Cancelled(1)));
}

#[tokio::test(start_paused = true)]
async fn the_last_one_that_leaves_stops_the_statement() {
    for abort in [false, true] {
        let fake = FakeBackend::new();
        fake.script("endless", Script::endless());
        let pool = pool(&fake, 2);
        let (first, stop_first) = spawn_relaxed(&pool, "a", "endless", relaxed());
        let (second, stop_second) = spawn_relaxed(&pool, "b", "endless", relaxed());
        settle().await;
        stop_first.send(StopReason::Cancel).unwrap();
        assert_eq!(first.await.unwrap().unwrap_err().kind, ErrorKind::Cancelled);
        assert_eq!(fake.events().len(), 2, "it goes on for the other");
        if abort {
            second.abort();
            assert!(second.await.unwrap_err().is_cancelled());
        } else {
            stop_second.send(StopReason::Cancel).unwrap();
            let error = second.await.unwrap().unwrap_err();
            assert_eq!(error.message, "the request was cancelled; its statement was stopped");
        }
        settle().await;
        assert_eq!(fake.events()[2..], [Event::Cancelled(1)]);
        assert_eq!(pool.status(), status(1, 1, 0, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_task_panics_is_an_error_to_all_and_costs_its_connection() {
    let fake = FakeBackend::new();
    fake.script("panics", Script::panics().after(seconds(1)));
    let pool = pool(&fake, 2);
    let running = ["a", "b"].map(|session| spawn_relaxed(&pool, session, "panics", relaxed()));
    for (running, _stop) in running {
        assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::Unavailable);
    }
    assert_eq!(fake.open_connections(), 0);
    assert!(spawn_relaxed(&pool, "a", "select 1", relaxed()).0.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_statement_is_everybodys() {
    let fake = FakeBackend::new();
    fake.script("wrong", Script::fails(ErrorKind::Statement).after(seconds(1)));
    let pool = pool(&fake, 2);
    let running = ["a", "b"].map(|session| spawn_relaxed(&pool, session, "wrong", relaxed()));
    for (running, _stop) in running {
        assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::Statement);
    }
    assert_eq!(fake.requests().len(), 1);
}
