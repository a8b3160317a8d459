//! The databases, the gateway, and what all sessions note.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;
use snowgate_tests::{Home, HttpGateway, Random};

use super::caller::{Caller, HttpCaller};
use super::session::Worker;

/// Differences that are listed, at most.
const LISTED_MAX: usize = 20;

/// How much of everything there is.
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) sessions: usize,
    pub(super) statements: u64,
    pub(super) kills: u64,
    pub(super) connections: usize,
    /// Sessions that are in a burst at once.
    pub(super) busy_sessions: usize,
}

impl Plan {
    pub(super) fn from_env(seed: u64) -> Self {
        let number = |name: &str, default: u64| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
            Err(_) => default,
        };
        let count = |name: &str, default: u64| usize::try_from(number(name, default)).expect("a count");
        Self {
            seed,
            sessions: count("SNOWGATE_TEST_SESSIONS", 24),
            statements: number("SNOWGATE_TEST_STATEMENTS", 1_200),
            kills: number("SNOWGATE_TEST_KILLS", 1),
            connections: count("SNOWGATE_TEST_CONNECTIONS", 8),
            busy_sessions: count("SNOWGATE_TEST_BUSY_SESSIONS", 6),
        }
    }
}

/// The name of a session's own database.
pub(super) fn database(number: usize) -> String {
    format!("D{number:03}")
}

/// Everything that the sessions share.
pub(super) struct World {
    gateway: HttpGateway,
    sessions: usize,
    pub(super) statements: AtomicU64,
    pub(super) busy: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) shims_killed: AtomicU64,
    differences: Mutex<Vec<String>>,
    /// Turns that are free.
    turns: (Mutex<usize>, Condvar),
    is_over: AtomicBool,
}

/// A session's turn to work, until dropped.
pub(super) struct Turn<'a>(&'a World);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(&self.0.turns.0) += 1;
        self.0.turns.1.notify_one();
    }
}

/// What came of a run.
pub(super) struct Report {
    statements: u64,
    busy: u64,
    lost: u64,
    shims_killed: u64,
    kills: u64,
    pub(super) differences: Vec<String>,
    status: Value,
}

impl World {
    pub(super) fn new(plan: &Plan) -> Self {
        let home = Home::new();
        for number in 0..plan.sessions {
            let name = database(number);
            home.add_database(&name);
            let file = Connection::open(home.databases().join(format!("{name}.db"))).expect("a database");
            file.execute_batch(&format!(
                "pragma journal_mode = wal; create table me (tag text); insert into me values ('{name}');
                 create table own (v integer);"
            ))
            .expect("making the tables");
        }
        let toml = format!(
            "read_only = false\n[pool]\nconnections_min = 1\nconnections_max = {}\nwait_timeout_ms = 60000\n\
             [limits]\nstatement_timeout_ms = 5000\n",
            plan.connections
        );
        Self {
            gateway: HttpGateway::with(home, "auth = 'none'\n", &toml),
            sessions: plan.sessions,
            statements: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            shims_killed: AtomicU64::new(0),
            differences: Mutex::default(),
            turns: (Mutex::new(plan.busy_sessions), Condvar::new()),
            is_over: AtomicBool::new(false),
        }
    }

    /// A client for session `number`.
    pub(super) fn client(&self, number: usize) -> Caller {
        let name = format!("s{number}");
        if number % 2 == 1 {
            return Caller::Http(HttpCaller::new(&self.gateway, name));
        }
        let mut client = self.gateway.home.launch().arg("--session").arg(name).start();
        client.initialize();
        Caller::Shim(client)
    }

    pub(super) fn any_database(&self, random: &mut Random) -> usize {
        usize::try_from(random.below(self.sessions as u64)).expect("an index")
    }

    /// Waits for a turn.
    pub(super) fn turn(&self) -> Turn<'_> {
        let mut free = lock(&self.turns.0);
        while *free == 0 {
            free = self.turns.1.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Turn(self)
    }

    pub(super) fn note(&self, difference: String) {
        let mut differences = lock(&self.differences);
        if differences.len() < LISTED_MAX {
            differences.push(difference);
        }
    }

    /// Runs all sessions to their end, while gateways are killed.
    pub(super) fn run(&self, plan: &Plan) -> Report {
        let each = plan.statements / plan.sessions as u64;
        let kills = thread::scope(|scope| {
            let killer = scope.spawn(|| self.kill_gateways(plan));
            let workers: Vec<_> = (0..plan.sessions)
                .map(|number| scope.spawn(move || Worker::new(self, number, plan.seed, each).run()))
                .collect();
            for worker in workers {
                if worker.join().is_err() {
                    self.note("a session panicked; its message is above".to_owned());
                }
            }
            self.is_over.store(true, Ordering::Release);
            killer.join().expect("killing gateways")
        });
        Report {
            statements: self.statements.load(Ordering::Relaxed),
            busy: self.busy.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            shims_killed: self.shims_killed.load(Ordering::Relaxed),
            kills,
            differences: lock(&self.differences).clone(),
            status: self.gateway.home.status().unwrap_or_default(),
        }
    }

    /// Kills gateways, evenly over the statements of the run; returns how many.
    fn kill_gateways(&self, plan: &Plan) -> u64 {
        let mut killed = 0;
        while killed < plan.kills && !self.is_over.load(Ordering::Acquire) {
            let due = plan.statements * (killed + 1) / (plan.kills + 1);
            if self.statements.load(Ordering::Relaxed) >= due && self.gateway.home.status().is_some() {
                self.gateway.home.kill_gateway();
                killed += 1;
            }
            thread::sleep(Duration::from_millis(20));
        }
        killed
    }
}

impl Report {
    /// What a run must have come to beside the answers.
    pub(super) fn check(&self, plan: &Plan) {
        assert_eq!(self.kills, plan.kills, "every kill was in the run");
        let count = |name: &str| {
            self.status["pool"][name].as_u64().unwrap_or_else(|| panic!("no {name}: {}", self.status))
        };
        let (leases, reused, switched) = (count("leases"), count("reused"), count("switched"));
        assert!(reused * 100 >= leases * 95, "{reused} of {leases} leases found an open connection");
        assert!(switched * 5 <= leases, "{switched} switches in {leases} leases");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} statements, {} gateways and {} shims killed; {} told that state was lost, {} that no connection was \
             free; {} differences",
            self.statements,
            self.kills,
            self.shims_killed,
            self.lost,
            self.busy,
            self.differences.len()
        )?;
        writeln!(f, "pool of the last gateway: {}", self.status["pool"])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
