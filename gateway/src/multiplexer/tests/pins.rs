//! Connections that sessions have to themselves.

use super::*;
use crate::backend::fake::{ConnectScript, Event, OnStop, Script};
use crate::backend::{ErrorKind, Held, Operation, Ownership, Parameters, Transaction};
use crate::config::IsolationLevel::{Moderate, Relaxed, Strict};
use crate::config::{IsolationLevel, PIN_IDLE};
use crate::multiplexer::{Multiplexer, RunTimes, Terms};

/// What `begin` leaves.
pub(super) fn transaction() -> Held {
    Held { transaction: true, ..Held::default() }
}

/// A backend that knows `begin`, `commit`, `temp` (makes a temporary table) and `slow` (takes 3 s).
fn fake() -> FakeBackend {
    let fake = FakeBackend::new();
    fake.script("begin", Script::completes().leaving(transaction()));
    fake.script("commit", Script::completes().leaving(Held::default()));
    let held = Held { temporary: vec!["T".into()], ..transaction() };
    fake.script("temp", Script::completes().leaving(held));
    fake.script("slow", Script::completes().after(seconds(3)));
    fake
}

fn terms(level: IsolationLevel, sql: &str) -> Terms {
    let makes_state = ["begin", "commit", "temp"].contains(&sql);
    Terms { level, makes_state, profile: Arc::from("x"), ..Terms::default() }
}

pub(super) fn of_session(session: &str, sql: &str) -> Request {
    let mut request = request(sql);
    request.origin.session = session.to_owned();
    request
}

async fn run_at(pool: &Pool, level: IsolationLevel, session: &str, sql: &str) -> Outcome {
    let terms = terms(level, sql);
    pool.run_on(of_session(session, sql), &terms, pending(), &mut RunTimes::default()).await
}

async fn run_of(pool: &Pool, session: &str, sql: &str) -> Outcome {
    run_at(pool, Moderate, session, sql).await
}

fn spawn_of(pool: &Arc<Pool>, session: &str, sql: &str) -> JoinHandle<Outcome> {
    let (pool, session, sql) = (Arc::clone(pool), session.to_owned(), sql.to_owned());
    tokio::spawn(async move { run_of(&pool, &session, &sql).await })
}

/// A pool that is looked after, as a gateway's is; and what does that.
pub(super) async fn kept(fake: &FakeBackend, config: PoolConfig) -> (Arc<Pool>, JoinHandle<()>) {
    let multiplexer = Arc::new(Multiplexer::new(fake.registry("fake"), config));
    let pool = multiplexer.pool("fake").await.unwrap();
    (pool, tokio::spawn(async move { multiplexer.look_after().await }))
}

/// On which connection each statement ran.
fn ran(fake: &FakeBackend) -> Vec<(u64, String)> {
    let ran = |event: Event| match event {
        Event::Ran(connection, sql) => Some((connection, sql)),
        _ => None,
    };
    fake.events().into_iter().filter_map(ran).collect()
}

/// Slots and rooms are all free, and nobody has a connection.
pub(super) fn assert_all_given_back(pool: &Pool) {
    let status = pool.status();
    assert_eq!((status.pinned, status.waiting, pool.leases().len()), (0, 0, 0));
    assert_eq!(status.open, status.idle);
    assert_eq!(pool.desk.slots.free(), pool.desk.slots.slots());
    assert_eq!(pool.desk.rooms.free(), pool.desk.rooms.slots());
}

#[tokio::test(start_paused = true)]
async fn state_pins_the_connection_until_it_ends() {
    let fake = fake();
    let pool = pool(&fake, 3);
    let done = run_of(&pool, "a", "begin").await.unwrap();
    assert_eq!((done.held, pool.held_by("a")), (transaction(), Some(transaction())));
    assert!(run_of(&pool, "b", "other").await.is_ok());
    assert!(run_of(&pool, "a", "insert").await.is_ok());
    let pins = pool.pins();
    assert_eq!((pins.len(), pins[0].session.as_str(), pins[0].connection), (1, "a", 1));
    assert_eq!(pool.leases()[0].statements, 2);
    assert!(run_of(&pool, "a", "commit").await.unwrap().held.is_empty());
    assert_eq!(pool.held_by("a"), None);
    assert!(run_of(&pool, "a", "after").await.is_ok());
    let on = |connection: u64, sql: &str| (connection, sql.to_owned());
    let expected = [on(1, "begin"), on(2, "other"), on(1, "insert"), on(1, "commit"), on(1, "after")];
    assert_eq!(ran(&fake), expected);
    let ownership: Vec<_> = fake.requests().iter().map(|request| request.ownership).collect();
    use Ownership::{Owned, Shared};
    assert_eq!(ownership, [Owned, Shared, Owned, Owned, Shared]);
    assert_all_given_back(&pool);
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_pinned_session_run_one_after_the_other_in_order_of_arrival() {
    let fake = fake();
    let pool = pool(&fake, 3);
    assert!(run_of(&pool, "a", "begin").await.is_ok());
    let running = ["slow", "second", "commit", "last"].map(|sql| spawn_of(&pool, "a", sql));
    for running in running {
        assert!(running.await.unwrap().is_ok());
    }
    let sqls: Vec<_> =
        ran(&fake).into_iter().map(|(connection, sql)| format!("{connection} {sql}")).collect();
    assert_eq!(sqls, ["1 begin", "1 slow", "1 second", "1 commit", "1 last"]);
    assert_all_given_back(&pool);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_its_turn_can_be_cancelled_and_holds_nothing() {
    let fake = fake();
    let pool = pool(&fake, 2);
    assert!(run_of(&pool, "a", "begin").await.is_ok());
    let slow = spawn_of(&pool, "a", "slow");
    settle().await;
    let (stop, stopped) = oneshot::channel::<StopReason>();
    let cancelled = {
        let pool = Arc::clone(&pool);
        tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap() };
            let terms = terms(Moderate, "never");
            pool.run_on(of_session("a", "never"), &terms, stopped, &mut RunTimes::default()).await
        })
    };
    settle().await;
    assert!(run_of(&pool, "b", "other").await.is_ok(), "one connection is left for everybody else");
    stop.send(StopReason::Cancel).unwrap();
    assert_eq!(cancelled.await.unwrap().unwrap_err().kind, ErrorKind::Cancelled);
    assert!(slow.await.unwrap().is_ok());
    assert!(!ran(&fake).iter().any(|(_, sql)| sql == "never"));
    assert!(run_of(&pool, "a", "commit").await.is_ok());
    assert_all_given_back(&pool);
}

#[tokio::test(start_paused = true)]
async fn one_connection_is_left_and_who_waits_for_a_pin_is_told_who_has_them() {
    let fake = fake();
    let pool = pool(&fake, 3);
    for session in ["a", "b"] {
        assert!(run_of(&pool, session, "begin").await.is_ok());
        sleep(seconds(20)).await;
    }
    let start = Instant::now();
    let error = run_of(&pool, "c", "begin").await.unwrap_err();
    assert_eq!((error.kind, start.elapsed()), (ErrorKind::Busy, seconds(10)));
    assert!(
        error.message.contains("sessions hold 2 of them, of 2 that may be held, the oldest for 50 s"),
        "{error}"
    );
    assert!(run_of(&pool, "c", "select 1").await.is_ok());
    let waiting = spawn_of(&pool, "d", "begin");
    settle().await;
    assert_eq!(pool.status().waiting, 1);
    assert!(run_of(&pool, "b", "commit").await.is_ok());
    assert!(waiting.await.unwrap().is_ok(), "it gets what came free");
    for session in ["a", "d"] {
        pool.release(session);
    }
    settle().await;
    assert_all_given_back(&pool);
}

#[tokio::test(start_paused = true)]
async fn where_there_is_one_connection_state_is_refused_and_the_setting_named() {
    let fake = fake();
    let pool = pool(&fake, 1);
    for level in [Moderate, Strict] {
        let error = run_at(&pool, level, "a", "begin").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
        assert!(error.message.contains("`connections_max` under [pool] is 1"), "{error}");
    }
    assert!(run_of(&pool, "a", "select 1").await.is_ok());
    assert_all_given_back(&pool);
}

#[tokio::test(start_paused = true)]
async fn a_pin_that_is_idle_is_rolled_back_and_the_session_told_once() {
    let fake = fake();
    let (pool, keeper) = kept(&fake, config(3)).await;
    assert!(run_of(&pool, "a", "temp").await.is_ok());
    sleep(PIN_IDLE - seconds(1)).await;
    assert!(run_of(&pool, "a", "select 1").await.is_ok(), "its time begins again");
    sleep(PIN_IDLE - seconds(1)).await;
    assert_eq!(pool.status().pinned, 1);
    sleep(seconds(2)).await;
    assert_eq!(fake.events().last(), Some(&Event::Reset(1)));
    assert_all_given_back(&pool);
    let before = fake.requests().len();
    let error = run_of(&pool, "a", "commit").await.unwrap_err();
    assert_eq!((error.kind, fake.requests().len()), (ErrorKind::StateLost, before), "nothing ran");
    let said =
        "(an open transaction, the temporary object T): it was idle for 300 s (pin_idle_ms of profile `x`)";
    assert!(error.message.contains(said), "{error}");
    assert!(run_of(&pool, "a", "select 1").await.is_ok(), "it is said once");
    assert_eq!(fake.open_connections(), 1, "the connection was clean after the reset");
    keeper.abort();
}

#[tokio::test(start_paused = true)]
async fn what_a_session_may_not_go_on_with_is_rolled_back_at_once_and_told() {
    let fake = fake();
    let pool = pool(&fake, 3);
    assert!(pool.revoke("a").is_none() && run_of(&pool, "a", "begin").await.is_ok());
    assert!(pool.revoke("b").is_none());
    assert!(pool.revoke("a").is_some_and(|held| held.transaction));
    settle().await;
    assert_eq!(fake.events().last(), Some(&Event::Reset(1)));
    assert_all_given_back(&pool);
    let error = run_of(&pool, "a", "insert 1").await.unwrap_err();
    assert!(
        error.kind == ErrorKind::StateLost && error.message.contains("a reload of the config"),
        "{error}"
    );
    assert!(run_of(&pool, "a", "select 1").await.is_ok(), "it is said once");
    // One that a request has stays until that has ended.
    assert!(run_of(&pool, "a", "begin").await.is_ok());
    let slow = spawn_of(&pool, "a", "slow");
    settle().await;
    assert!(pool.revoke("a").is_none() && slow.await.unwrap().is_ok());
    assert!(pool.revoke("a").is_some());
    settle().await;
    assert_all_given_back(&pool);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_cannot_be_reset_is_closed() {
    for answer in [ConnectScript::fails(ErrorKind::Unavailable), ConnectScript::succeeds().after(seconds(60))]
    {
        let fake = fake();
        let pool = pool(&fake, 2);
        assert!(run_of(&pool, "a", "begin").await.is_ok());
        fake.next_answer(answer);
        pool.release("a");
        sleep(seconds(10)).await;
        assert_eq!(fake.events()[2..], [Event::Reset(1), Event::Dropped(1)]);
        assert_eq!(pool.counters().closed.unreset, 1);
        assert_all_given_back(&pool);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_a_loss_could_be_known_does_not_run_without_the_transaction() {
    let fake = fake();
    let broken = Script::fails(ErrorKind::Unavailable).breaking_its_connection().after(seconds(1));
    fake.script("breaks", broken);
    let pool = pool(&fake, 3);
    assert!(run_of(&pool, "a", "begin").await.is_ok());
    let breaks = spawn_of(&pool, "a", "breaks");
    settle().await;
    let behind = ["insert 1", "insert 2", "commit"].map(|sql| spawn_of(&pool, "a", sql));
    assert_eq!(breaks.await.unwrap().unwrap_err().kind, ErrorKind::Unavailable);
    for behind in behind {
        let error = behind.await.unwrap().unwrap_err();
        assert_eq!(error.kind, ErrorKind::StateLost);
        assert!(error.message.contains("its connection broke"), "{error}");
    }
    assert!(run_of(&pool, "a", "begin").await.is_ok());
    assert!(run_of(&pool, "a", "commit").await.is_ok());
    assert!(!ran(&fake).iter().any(|(_, sql)| sql.starts_with("insert")));
    assert_all_given_back(&pool);
}

#[tokio::test(start_paused = true)]
async fn a_pinned_statement_that_does_not_stop_or_is_abandoned_costs_the_pin() {
    let fake = fake();
    fake.script("deaf", Script::endless().when_stopped(OnStop::Ignores, Duration::ZERO));
    let pool = pool(&fake, 3);
    assert!(run_of(&pool, "a", "begin").await.is_ok());
    let error = run_of(&pool, "a", "deaf").await.unwrap_err();
    assert!(error.message.contains("did not stop"), "{error}");
    let lost = run_of(&pool, "a", "next").await.unwrap_err();
    assert!(lost.kind == ErrorKind::StateLost && lost.message.contains("did not stop"), "{lost}");
    assert!(run_of(&pool, "b", "begin").await.is_ok());
    let task = spawn_of(&pool, "b", "deaf");
    settle().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(run_of(&pool, "b", "next").await.unwrap_err().kind, ErrorKind::StateLost);
    let closed = pool.counters().closed;
    assert_eq!((closed.unstopped, closed.abandoned), (1, 1));
    assert_all_given_back(&pool);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_statement_leaves_the_pin_as_it_is() {
    let fake = fake();
    fake.script("endless", Script::endless());
    let pool = pool(&fake, 2);
    assert!(run_of(&pool, "a", "begin").await.is_ok());
    let stop = async {
        sleep(seconds(1)).await;
        StopReason::Cancel
    };
    let terms = terms(Moderate, "endless");
    let done = pool.run_on(of_session("a", "endless"), &terms, stop, &mut RunTimes::default()).await;
    assert_eq!(done.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(pool.held_by("a"), Some(transaction()));
    assert!(run_of(&pool, "a", "commit").await.is_ok());
    assert_all_given_back(&pool);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_of_one_statement_is_refused_within_one_of_the_session() {
    let fake = fake();
    let pool = pool(&fake, 2);
    assert!(run_of(&pool, "a", "begin").await.is_ok());
    let operation = Operation::Statement {
        sql: "insert".to_owned(),
        transaction: Transaction::Commit,
        parameters: Parameters::default(),
    };
    let request = Request { operation, ..of_session("a", "insert") };
    let terms = terms(Moderate, "insert");
    let error = pool.run_on(request, &terms, pending(), &mut RunTimes::default()).await.unwrap_err();
    assert!(error.kind == ErrorKind::Refused && error.message.contains("`use_transaction`"), "{error}");
    assert_eq!(pool.held_by("a"), Some(transaction()), "the transaction goes on");
    assert!(run_of(&pool, "a", "commit").await.is_ok());
    assert_all_given_back(&pool);
}

#[tokio::test(start_paused = true)]
async fn a_strict_session_has_its_connection_alone_until_it_ends() {
    let fake = fake();
    let pool = pool(&fake, 3);
    assert!(run_of(&pool, "b", "select 1").await.is_ok());
    assert!(run_at(&pool, Strict, "a", "begin").await.is_ok());
    assert!(run_at(&pool, Strict, "a", "commit").await.is_ok());
    assert!(run_of(&pool, "b", "select 1").await.is_ok());
    let connections: Vec<_> = ran(&fake).into_iter().map(|(connection, _)| connection).collect();
    assert_eq!(connections, [1, 1, 1, 2], "it takes a clean one, and keeps it without state, too");
    assert_eq!(pool.use_of("a").unwrap().pin, Some(Held::default()));
    pool.release("a");
    settle().await;
    assert!(fake.events().contains(&Event::Dropped(1)) && pool.use_of("a").is_none());
    assert_all_given_back(&pool);
}

#[tokio::test(start_paused = true)]
async fn a_strict_session_without_state_gives_its_connection_back_after_the_lease_idle() {
    let fake = fake();
    let (pool, keeper) = kept(&fake, config(3)).await;
    assert!(run_at(&pool, Strict, "a", "select 1").await.is_ok());
    sleep(seconds(29)).await;
    assert_eq!(pool.status().pinned, 1);
    sleep(seconds(2)).await;
    assert_eq!(fake.events().last(), Some(&Event::Dropped(1)));
    assert!(run_at(&pool, Strict, "a", "select 1").await.is_ok(), "nothing was lost");
    assert_eq!(ran(&fake).last().unwrap().0, 2);
    keeper.abort();
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_while_it_runs_leaves_nothing_behind() {
    let fake = fake();
    fake.script("slow begin", Script::completes().after(seconds(3)).leaving(transaction()));
    let pool = pool(&fake, 3);
    assert!(run_of(&pool, "a", "begin").await.is_ok());
    let slow = spawn_of(&pool, "a", "slow begin");
    settle().await;
    pool.release("a");
    assert_eq!(pool.status().pinned, 1, "its statement ends first");
    assert!(slow.await.unwrap().is_ok());
    settle().await;
    assert_eq!(fake.events().last(), Some(&Event::Reset(1)));
    assert!(pool.use_of("a").is_none());
    assert_all_given_back(&pool);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_closes_rolls_back_what_sessions_hold() {
    let fake = fake();
    let multiplexer = Multiplexer::new(fake.registry("fake"), config(3));
    let pool = multiplexer.pool("fake").await.unwrap();
    assert!(run_of(&pool, "a", "begin").await.is_ok());
    multiplexer.close().await;
    assert_eq!(fake.events()[2..], [Event::Reset(1), Event::Dropped(1), Event::Closed]);
}

#[tokio::test(start_paused = true)]
async fn a_relaxed_session_is_refused_state_before_it_asks_for_a_connection() {
    let fake = fake();
    let pool = pool(&fake, 3);
    let error = run_at(&pool, Relaxed, "a", "begin").await.unwrap_err();
    assert_eq!((error.kind, fake.events()), (ErrorKind::Refused, vec![]));
    assert!(error.message.contains("`isolation = \"relaxed\"` of profile `x`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_a_shared_statement_leaves_is_removed_before_another_session_has_the_connection() {
    let fake = fake();
    fake.script("call", Script::completes().leaving(Held { unknown: true, ..Held::default() }));
    let pool = pool(&fake, 1);
    assert!(run_of(&pool, "a", "call").await.is_ok());
    assert!(run_of(&pool, "b", "select 1").await.is_ok());
    let events = fake.events();
    assert_eq!(events[2..], [Event::Reset(1), Event::Ran(1, "select 1".to_owned())]);
    assert_all_given_back(&pool);
}
