//! Questions about the catalog that are not asked again.

use sql_gate::{Class, Dialect, NameRules, StateChange, Statement};

use super::model::Seeded;
use super::pins::{of_session, transaction};
use super::*;
use crate::backend::fake::{OnStop, Script};
use crate::backend::{Catalog, Context, ErrorKind, Held, Operation};
use crate::config::IsolationLevel;
use crate::multiplexer::{MetadataCounters, RunTimes, Terms};

fn keeping(milliseconds: u64) -> PoolConfig {
    PoolConfig { metadata_cache: Some(Duration::from_millis(milliseconds)), ..config(4) }
}

/// The question of `session` about the tables of a database.
fn question(session: &str, database: &str) -> Request {
    let tables = Catalog::Tables { database: Some(database.to_owned()), schema: None, like: None };
    Request { operation: Operation::Catalog(tables), ..of_session(session, "") }
}

/// A statement of `class`, called `sql` in scripts.
fn statement(session: &str, sql: &str, class: Class, change: StateChange) -> Request {
    let statement = Statement { class, change, not_understood: None, ..Statement::unknown() };
    Request { statement: Some(Arc::new(statement)), ..of_session(session, sql) }
}

fn ddl(session: &str) -> Request {
    statement(session, "ddl", Class::Ddl, StateChange::None)
}

async fn run_on(pool: &Pool, request: Request, terms: &Terms) -> Outcome {
    pool.run_on(request, terms, pending(), &mut RunTimes::default()).await
}

async fn ask(pool: &Pool, session: &str) -> String {
    value(&run_on(pool, question(session, "a"), &Terms::default()).await).to_owned()
}

fn counted() -> FakeBackend {
    let fake = FakeBackend::new();
    fake.count_changes();
    fake.script("ddl", Script::completes().changing_the_catalog());
    fake
}

fn questions_run(fake: &FakeBackend) -> usize {
    fake.requests().iter().filter(|request| matches!(request.operation, Operation::Catalog(_))).count()
}

#[tokio::test(start_paused = true)]
async fn the_same_question_at_the_same_time_runs_once_at_every_level() {
    let (fake, metadata) = (counted(), Arc::default());
    fake.script("catalog", Script::completes().after(seconds(1)));
    let pool = pool_sharing(&fake, config(4), &metadata);
    let levels = [IsolationLevel::Strict, IsolationLevel::Moderate, IsolationLevel::Relaxed];
    let running: Vec<_> = (0..30)
        .map(|number| {
            let terms = Terms { level: levels[number % 3], ..Terms::default() };
            let (pool, request) = (Arc::clone(&pool), question(&number.to_string(), "a"));
            tokio::spawn(async move { run_on(&pool, request, &terms).await })
        })
        .collect();
    for running in running {
        assert_eq!(value(&running.await.unwrap()), "0");
    }
    assert_eq!(questions_run(&fake), 1);
    let expected = MetadataCounters { shared: 29, asked: 1, ..MetadataCounters::default() };
    assert_eq!(metadata.counters(), expected);
    assert_eq!(ask(&pool, "a").await, "0");
    assert_eq!(questions_run(&fake), 2, "nothing is kept where nothing is set");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_for_its_time_and_dropped_by_what_may_change_it() {
    let fake = counted();
    let pool = pool_with(&fake, keeping(5_000));
    for session in ["a", "b", "c"] {
        assert_eq!(ask(&pool, session).await, "0");
    }
    assert_eq!(questions_run(&fake), 1);
    sleep(seconds(5)).await;
    ask(&pool, "a").await;
    assert_eq!(questions_run(&fake), 2);
    for (class, change, is_dropped) in [
        (Class::Read, StateChange::None, false),
        (Class::Context, StateChange::None, false),
        (Class::Transaction, StateChange::Begin, false),
        (Class::Transaction, StateChange::Commit, true),
        (Class::Transaction, StateChange::Savepoint, true),
        (Class::Write, StateChange::None, true),
        (Class::Ddl, StateChange::None, true),
        (Class::Admin, StateChange::None, true),
        (Class::Call, StateChange::Anything, true),
        (Class::Read, StateChange::Anything, true),
        (Class::File, StateChange::None, true),
        (Class::Unknown, StateChange::None, true),
    ] {
        ask(&pool, "a").await;
        let before = questions_run(&fake);
        run_on(&pool, statement("b", "x", class, change.clone()), &Terms::default()).await.unwrap();
        ask(&pool, "a").await;
        assert_eq!(questions_run(&fake) - before, usize::from(is_dropped), "{class:?} {change:?}");
    }
    // What was not read counts as the worst.
    run(&pool, "x").await.unwrap();
    let before = questions_run(&fake);
    ask(&pool, "a").await;
    assert_eq!(questions_run(&fake), before + 1);
}

#[tokio::test(start_paused = true)]
async fn what_another_would_be_told_is_asked_for_itself() {
    let fake = counted();
    let pool = pool_with(&fake, keeping(60_000));
    let denied = NameRules::new(&[("denied_tables", &["t".to_owned()])], Dialect::Snowflake).unwrap();
    let same_lists = || Terms { names: Arc::new(denied.clone()), policy: 7, ..Terms::default() };
    let question = || question("a", "a");
    let in_context = |context| Request { context, ..question() };
    let role = |role: &str| Context { role: Some(role.to_owned()), ..Context::default() };
    let roles = Context { secondary_roles: Some(crate::backend::SecondaryRoles::All), ..role("r") };
    let mut fewer = question();
    fewer.caps.rows_max = 1;
    let asked = [
        (question(), Terms::default(), 1),
        (question(), Terms { profile: Arc::from("other"), policy: 9, ..Terms::default() }, 0),
        (in_context(role("r")), Terms::default(), 1),
        (in_context(role("s")), Terms::default(), 1),
        (in_context(roles), Terms::default(), 1),
        (self::question("a", "b"), Terms::default(), 1),
        (fewer, Terms::default(), 1),
        (question(), same_lists(), 1),
        (question(), Terms { profile: Arc::from("other"), ..same_lists() }, 0),
    ];
    for (number, (request, terms, expected)) in asked.into_iter().enumerate() {
        let before = questions_run(&fake);
        run_on(&pool, request, &terms).await.unwrap();
        assert_eq!(questions_run(&fake) - before, expected, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_with_state_sees_its_own() {
    let fake = counted();
    fake.script("begin", Script::completes().leaving(transaction()));
    fake.script("commit", Script::completes().leaving(Held::default()));
    let pool = pool_with(&fake, keeping(60_000));
    let terms = Terms { makes_state: true, ..Terms::default() };
    ask(&pool, "a").await;
    let begin = || statement("a", "begin", Class::Transaction, StateChange::Begin);
    run_on(&pool, begin(), &terms).await.unwrap();
    let before = questions_run(&fake);
    ask(&pool, "a").await;
    ask(&pool, "a").await;
    assert_eq!(questions_run(&fake), before + 2, "neither answered from before nor kept");
    ask(&pool, "b").await;
    assert_eq!(questions_run(&fake), before + 2, "another session's is as it was");
    run_on(&pool, statement("a", "commit", Class::Transaction, StateChange::Commit), &terms).await.unwrap();
    ask(&pool, "a").await;
    ask(&pool, "b").await;
    assert_eq!(questions_run(&fake), before + 3);
    // What is lost is told, though the answer is known.
    run_on(&pool, begin(), &terms).await.unwrap();
    pool.desk.expire_own(Instant::now() + seconds(3_600), false);
    let error = run_on(&pool, question("a", "a"), &Terms::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::StateLost);
}

#[tokio::test(start_paused = true)]
async fn errors_and_what_was_asked_before_a_change_are_not_kept() {
    let fake = counted();
    let pool = pool_with(&fake, keeping(60_000));
    fake.script("catalog", Script::fails(ErrorKind::Statement));
    for _ in 0..2 {
        run_on(&pool, question("a", "a"), &Terms::default()).await.unwrap_err();
    }
    assert_eq!(questions_run(&fake), 2);
    fake.script("catalog", Script::completes().after(seconds(3)));
    let (asking, slow) = (Arc::clone(&pool), question("a", "a"));
    let asking = tokio::spawn(async move { run_on(&asking, slow, &Terms::default()).await });
    settle().await;
    run_on(&pool, ddl("b"), &Terms::default()).await.unwrap();
    assert_eq!(ask(&pool, "b").await, "1", "the run of before is not joined");
    assert_eq!(value(&asking.await.unwrap()), "0");
    assert_eq!(ask(&pool, "c").await, "1");
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_outcome_is_open_may_take_effect_later() {
    let fake = counted();
    fake.script("ddl", Script::fails(ErrorKind::OutcomeUnknown));
    let pool = pool_with(&fake, keeping(3_600_000));
    run_on(&pool, ddl("a"), &Terms::default()).await.unwrap_err();
    for _ in 0..3 {
        ask(&pool, "a").await;
    }
    assert_eq!(questions_run(&fake), 3);
    sleep(seconds(61)).await;
    ask(&pool, "a").await;
    ask(&pool, "a").await;
    assert_eq!(questions_run(&fake), 4);
}

#[tokio::test(start_paused = true)]
async fn a_change_through_one_connection_counts_for_all_of_the_kind() {
    let (fake, metadata) = (counted(), Arc::default());
    let pools = [(); 2].map(|()| pool_sharing(&fake, keeping(60_000), &metadata));
    assert_eq!(ask(&pools[0], "a").await, "0");
    run_on(&pools[1], ddl("b"), &Terms::default()).await.unwrap();
    assert_eq!(ask(&pools[0], "a").await, "1");
}

#[tokio::test(start_paused = true)]
async fn who_joined_a_run_that_got_no_connection_asks_once_more() {
    let fake = counted();
    fake.script("endless", Script::endless());
    let config = PoolConfig { wait_timeout: seconds(2), ..config(1) };
    let pool = pool_with(&fake, config);
    let (_busy, stop) = spawn_stoppable(&pool, of_session("hog", "endless"));
    settle().await;
    let ask_as = |session: &'static str| {
        let pool = Arc::clone(&pool);
        tokio::spawn(async move { run_on(&pool, question(session, "a"), &Terms::default()).await })
    };
    let first = ask_as("a");
    sleep(seconds(1)).await;
    let second = ask_as("b");
    assert_eq!(first.await.unwrap().unwrap_err().kind, ErrorKind::Busy);
    stop.send(StopReason::Cancel).unwrap();
    assert_eq!(value(&second.await.unwrap()), "0");
}

/// What a session asks is never older than the last change that was answered when it asked.
async fn live(pool: Arc<Pool>, fake: FakeBackend, session: u64, mut random: Seeded) {
    let name = session.to_string();
    let levels = [IsolationLevel::Strict, IsolationLevel::Moderate, IsolationLevel::Relaxed];
    let terms = Terms { level: levels[usize::try_from(session % 3).unwrap()], ..Terms::default() };
    for _ in 0..200 {
        let patience = Duration::from_millis(random.below(3_000));
        match random.below(80) {
            0 => {
                let names = ["ddl", "ddl", "slow ddl", "slow ddl", "deaf ddl", "deaf ddl", "open ddl"];
                let sql = names[usize::try_from(random.below(7)).unwrap()];
                let (pool, terms) = (Arc::clone(&pool), terms.clone());
                let request = statement(&name, sql, Class::Ddl, StateChange::None);
                let stops = random.below(2) == 0;
                let stop = async move {
                    sleep(patience).await;
                    if !stops {
                        pending::<()>().await;
                    }
                    StopReason::Cancel
                };
                let running = tokio::spawn(async move {
                    pool.run_on(request, &terms, stop, &mut RunTimes::default()).await
                });
                if random.below(20) == 0 {
                    sleep(patience).await;
                    running.abort();
                }
                drop(running.await);
            }
            1 | 2 => {
                drop(
                    run_on(&pool, statement(&name, "insert", Class::Write, StateChange::None), &terms).await,
                );
            }
            3..=20 => sleep(patience).await,
            _ => {
                let answered = fake.version();
                let database = ["a", "b"][usize::try_from(random.below(2)).unwrap()];
                let asked = run_on(&pool, question(&name, database), &terms);
                let Ok(answer) = tokio::time::timeout(patience + Duration::from_millis(1), asked).await
                else {
                    continue;
                };
                let seen: u64 = value(&answer).parse().unwrap();
                assert!(seen >= answered, "{name}: {seen} after {answered}");
                assert!(seen <= fake.version());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_nobody_is_answered_with_what_was_before_a_change() {
    let mut counters = MetadataCounters::default();
    for seed in 1..=20 {
        let (fake, metadata) = (counted(), Arc::default());
        let changing = || Script::completes().changing_the_catalog();
        fake.script("slow ddl", changing().after(seconds(2)));
        fake.script("deaf ddl", changing().after(seconds(3)).when_stopped(OnStop::Ignores, Duration::ZERO));
        fake.script("open ddl", Script::fails(ErrorKind::OutcomeUnknown).changing_the_catalog());
        fake.script("catalog", Script::completes().after(Duration::from_millis(300)));
        let pools = [(); 2].map(|()| pool_sharing(&fake, keeping(2_000), &metadata));
        let sessions: Vec<_> = (0..8_u64)
            .map(|session| {
                let pool = Arc::clone(&pools[usize::from(session == 7)]);
                tokio::spawn(live(pool, fake.clone(), session, Seeded(seed * 1_000 + session)))
            })
            .collect();
        for session in sessions {
            session.await.unwrap();
        }
        counters = counters.plus(metadata.counters());
    }
    assert!(counters.hits > 500 && counters.shared > 300 && counters.dropped > 250, "{counters:?}");
}
