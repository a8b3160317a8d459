//! Connections that are not used.

use super::*;
use crate::backend::fake::{Event, Script};
use crate::multiplexer::Multiplexer;

/// `[pool]` for two connections, of which one is always kept, and the other for a minute.
fn keeping_one() -> PoolConfig {
    PoolConfig { connections_min: 1, idle_timeout: seconds(60), ..config(2) }
}

/// Has two connections opened, the first leased last.
async fn open_two(fake: &FakeBackend, pool: &Arc<Pool>) {
    fake.script("slow", Script::completes().after(seconds(1)));
    let (first, second) = (spawn(pool, "slow"), spawn(pool, "slow"));
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
    assert_eq!(fake.open_connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn idle_connections_above_the_minimum_are_closed_after_the_idle_timeout() {
    let fake = FakeBackend::new();
    let multiplexer = Arc::new(Multiplexer::new(fake.registry("fake"), keeping_one()));
    let reaping = Arc::clone(&multiplexer);
    let reaper = tokio::spawn(async move { reaping.look_after().await });
    settle().await;
    // A pool that is opened after the reaper began.
    open_two(&fake, &multiplexer.pool("fake").await.unwrap()).await;
    sleep(seconds(57)).await;
    assert_eq!(fake.open_connections(), 2, "before the idle time-out");
    // It looks twice in the time.
    sleep(seconds(35)).await;
    assert_eq!(fake.open_connections(), 1);
    sleep(seconds(3600)).await;
    assert_eq!(fake.open_connections(), 1, "the minimum stays");
    assert!(!reaper.is_finished(), "it goes on");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_leased_lately_is_kept() {
    let fake = FakeBackend::new();
    let pool = pool_with(&fake, PoolConfig { connections_min: 0, ..keeping_one() });
    open_two(&fake, &pool).await;
    sleep(seconds(50)).await;
    assert!(run(&pool, "select 1").await.is_ok());
    sleep(seconds(50)).await;
    pool.close_idle();
    assert_eq!(fake.events().last(), Some(&Event::Dropped(2)));
    assert_eq!(pool.status(), status(1, 1, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_use_is_not_closed_however_long_its_statement_runs() {
    let fake = FakeBackend::new();
    fake.script("long", Script::completes().after(seconds(50)));
    let config = PoolConfig { connections_min: 0, idle_timeout: seconds(10), ..config(2) };
    let pool = pool_with(&fake, config);
    let long = spawn(&pool, "long");
    sleep(seconds(40)).await;
    pool.close_idle();
    assert_eq!(fake.open_connections(), 1);
    assert!(long.await.unwrap().is_ok());
}
