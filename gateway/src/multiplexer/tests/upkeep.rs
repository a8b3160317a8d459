//! Connections that are silent, old, or taken from one session for another.

use super::*;
use crate::backend::ErrorKind;
use crate::backend::fake::{ConnectScript, Event, Script};
use crate::multiplexer::{Multiplexer, RunTimes, Terms};

fn checking(connections_max: usize) -> PoolConfig {
    PoolConfig { check_after: seconds(60), ..config(connections_max) }
}

async fn open_two(fake: &FakeBackend, pool: &Arc<Pool>) {
    fake.script("slow", Script::completes().after(seconds(1)));
    let running = [spawn(pool, "slow"), spawn(pool, "slow")];
    for running in running {
        assert!(running.await.unwrap().is_ok());
    }
}

async fn run_in(pool: &Pool, session: &str, database: &str) -> Outcome {
    let mut request = request("select 1");
    request.origin.session = session.to_owned();
    request.context.database = Some(database.to_owned());
    pool.run_on(request, &Terms::default(), pending(), &mut RunTimes::default()).await
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_checked_before_a_statement_runs_on_it() {
    let fake = FakeBackend::new();
    let pool = pool_with(&fake, checking(2));
    assert!(run(&pool, "first").await.is_ok());
    sleep(seconds(59)).await;
    assert!(run(&pool, "second").await.is_ok());
    sleep(seconds(60)).await;
    assert!(run(&pool, "third").await.is_ok());
    assert_eq!(fake.events()[3..], [Event::Checked(1), Event::Ran(1, "third".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_fails_closes_all_that_are_as_silent() {
    for answer in [ConnectScript::fails(ErrorKind::Unavailable), ConnectScript::succeeds().after(seconds(60))]
    {
        let fake = FakeBackend::new();
        let pool = pool_with(&fake, checking(2));
        open_two(&fake, &pool).await;
        sleep(seconds(60)).await;
        fake.next_answer(answer);
        assert!(run(&pool, "next").await.is_ok());
        let events = fake.events();
        assert_eq!(
            events[4..],
            [
                Event::Checked(1),
                Event::Dropped(1),
                Event::Dropped(2),
                Event::Opened(3),
                Event::Ran(3, "next".to_owned())
            ]
        );
        assert_eq!(pool.counters().closed.unchecked, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn silent_connections_are_checked_on_a_schedule_and_old_ones_closed() {
    let fake = FakeBackend::new();
    let config = PoolConfig { connections_min: 1, max_age: seconds(200), ..checking(2) };
    let multiplexer = Multiplexer::new(fake.registry("fake"), config);
    let pool = multiplexer.pool("fake").await.unwrap();
    let keeper = tokio::spawn(async move { multiplexer.look_after().await });
    assert!(run(&pool, "first").await.is_ok());
    sleep(seconds(199)).await;
    let checks = fake.events().into_iter().filter(|event| *event == Event::Checked(1)).count();
    assert_eq!(checks, 3);
    sleep(seconds(2)).await;
    assert_eq!(fake.events().last(), Some(&Event::Dropped(1)));
    assert_eq!(pool.counters().closed.aged, 1);
    keeper.abort();
}

#[tokio::test(start_paused = true)]
async fn a_session_finds_its_connection_again_and_one_more_is_opened_ahead_of_need() {
    let fake = FakeBackend::new();
    let pool = pool(&fake, 3);
    assert!(run_in(&pool, "a", "A").await.is_ok());
    assert!(run_in(&pool, "b", "B").await.is_ok(), "it does not wait for another connection");
    settle().await;
    assert_eq!((fake.open_connections(), pool.counters().switched), (2, 1));
    for _ in 0..5 {
        assert!(run_in(&pool, "a", "A").await.is_ok());
        assert!(run_in(&pool, "b", "B").await.is_ok());
    }
    let counters = pool.counters();
    assert_eq!((counters.leases, counters.opened, counters.reused), (12, 2, 11));
    assert!(counters.switched <= 2, "{counters:?}");
    assert_eq!(pool.status(), status(2, 2, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn where_no_further_connection_opens_sessions_share_the_open_ones() {
    let fake = FakeBackend::new();
    fake.next_opening(ConnectScript::succeeds());
    fake.next_opening(ConnectScript::fails(ErrorKind::Exhausted));
    let pool = pool(&fake, 3);
    for _ in 0..5 {
        assert!(run_in(&pool, "a", "A").await.is_ok());
        assert!(run_in(&pool, "b", "B").await.is_ok());
        settle().await;
    }
    assert_eq!(pool.status(), status(1, 1, 0, 3), "one that is not needed costs no slot");
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_request_is_gone_is_closed() {
    let fake = FakeBackend::new();
    fake.script("endless", Script::endless());
    let pool = pool(&fake, 2);
    let running = spawn(&pool, "endless");
    settle().await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!((fake.open_connections(), pool.counters().closed.abandoned), (0, 1));
    assert_eq!((pool.leases().len(), pool.desk.slots.free()), (0, 2));
}
