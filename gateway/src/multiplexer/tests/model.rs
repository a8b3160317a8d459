//! Many sessions at random over few connections: what must hold at every moment does, and nothing is left at the end.

use std::collections::HashMap;

use super::pins::{assert_all_given_back, kept, of_session, transaction};
use super::*;
use crate::backend::fake::{Event, OnStop, Script};
use crate::backend::{ErrorKind, Held};
use crate::config::IsolationLevel;
use crate::multiplexer::{RunTimes, Terms};

const SESSIONS: u64 = 12;
const CONNECTIONS: usize = 4;
const STEPS: u64 = 60;

/// Small numbers that are the same in every run.
pub(super) struct Seeded(pub(super) u64);

impl Seeded {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn level(session: u64) -> IsolationLevel {
    match session {
        0 | 1 => IsolationLevel::Strict,
        2 | 3 => IsolationLevel::Relaxed,
        _ => IsolationLevel::Moderate,
    }
}

/// The statements of a session carry its name, so that events tell whose they are.
fn script(fake: &FakeBackend, session: u64) {
    let scripts = [
        ("begin", Script::completes().leaving(transaction())),
        ("commit", Script::completes().leaving(Held::default())),
        ("read", Script::completes()),
        ("slow", Script::completes().after(seconds(2))),
        ("deaf", Script::completes().after(seconds(60)).when_stopped(OnStop::Ignores, Duration::ZERO)),
        ("wrong", Script::fails(ErrorKind::Statement)),
        ("broken", Script::fails(ErrorKind::Unavailable).breaking_its_connection()),
    ];
    for (name, script) in scripts {
        fake.script(&format!("{session} {name}"), script);
    }
}

/// A session's life.
async fn live(pool: Arc<Pool>, session: u64, mut random: Seeded) {
    let name = session.to_string();
    for _ in 0..STEPS {
        let what = ["begin", "commit", "read", "read", "read", "slow", "slow", "deaf", "wrong", "broken"];
        let what = what[usize::try_from(random.below(10)).unwrap()];
        let terms = Terms {
            level: level(session),
            makes_state: ["begin", "commit"].contains(&what),
            is_repeatable: what == "read" || what == "slow",
            lease_idle: seconds(10),
            pin_idle: seconds(40),
            ..Terms::default()
        };
        let (request, runs) = (of_session(&name, &format!("{session} {what}")), Arc::clone(&pool));
        let patience = Duration::from_millis(random.below(4_000));
        let stops = random.below(3) == 0;
        let running = tokio::spawn(async move {
            let stop = async move {
                if !stops {
                    pending::<()>().await;
                }
                sleep(patience).await;
                StopReason::Cancel
            };
            runs.run_on(request, &terms, stop, &mut RunTimes::default()).await
        });
        match random.below(12) {
            // Nobody waits for it.
            0 => {
                sleep(patience).await;
                running.abort();
                drop(running.await);
            }
            // The next one comes before its end.
            1 => drop(running),
            _ => drop(running.await),
        }
        match random.below(15) {
            0 => sleep(seconds(50)).await,
            1 => pool.release(&name),
            _ => sleep(Duration::from_millis(random.below(1_500))).await,
        }
    }
    pool.release(&name);
}

/// While a session has a transaction open on a connection, nothing of another session runs on it.
fn assert_nobody_saw_another(events: &[Event]) {
    let mut owners: HashMap<u64, String> = HashMap::new();
    for event in events {
        match event {
            Event::Ran(connection, sql) => {
                let (session, what) = sql.split_once(' ').unwrap();
                let owner = owners.get(connection);
                assert!(owner.is_none_or(|owner| owner == session), "{sql} ran on {connection} of {owner:?}");
                match what {
                    "begin" => drop(owners.insert(*connection, session.to_owned())),
                    "commit" => drop(owners.remove(connection)),
                    _ => {}
                }
            }
            Event::Reset(connection) | Event::Dropped(connection) => drop(owners.remove(connection)),
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_sessions_do_connections_stay_in_one_hand_and_come_back() {
    for seed in 1..=8 {
        let fake = FakeBackend::new();
        let config = PoolConfig {
            check_after: seconds(20),
            max_age: seconds(200),
            idle_timeout: seconds(30),
            ..config(CONNECTIONS)
        };
        let (pool, keeper) = kept(&fake, config).await;
        (0..SESSIONS).for_each(|session| script(&fake, session));
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|session| tokio::spawn(live(Arc::clone(&pool), session, Seeded(seed * 1_000 + session))))
            .collect();
        while sessions.iter().any(|session| !session.is_finished()) {
            sleep(Duration::from_millis(300)).await;
            let (status, pins, leases) = (pool.status(), pool.pins(), pool.leases());
            assert!(status.open <= CONNECTIONS && fake.open_connections() <= CONNECTIONS, "{status:?}");
            assert!(pins.len() < CONNECTIONS && leases.len() <= CONNECTIONS, "{pins:?} {leases:?}");
            let mut connections: Vec<_> = leases.iter().map(|lease| lease.connection).collect();
            connections.sort_unstable();
            connections.dedup();
            assert_eq!(connections.len(), leases.len(), "a connection in two hands: {leases:?}");
        }
        for session in sessions {
            session.await.unwrap();
        }
        sleep(seconds(100)).await;
        (0..SESSIONS).for_each(|session| pool.release(&session.to_string()));
        sleep(seconds(100)).await;
        assert_nobody_saw_another(&fake.events());
        assert_all_given_back(&pool);
        assert_eq!(pool.status().open, fake.open_connections());
        let counters = pool.counters();
        assert!(counters.reused > counters.leases / 2, "{counters:?}");
        keeper.abort();
    }
}
