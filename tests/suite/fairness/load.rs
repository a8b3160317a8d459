//! Clients at work, each session with a shim and a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, Received, eventually_within, patience, until};

/// A look at whether it is over.
const LOOK: Duration = Duration::from_millis(50);

/// Behind a long queue a client waits that much longer than for anything else.
const WAITS_PER_PATIENCE: u32 = 5;

/// A tool and its arguments.
pub(crate) type Call = (&'static str, Value);

/// A statement as a call.
pub(crate) fn query(sql: &str) -> Call {
    ("execute_query", json!({"query": sql}))
}

/// What a client does.
pub(crate) struct Work {
    /// The client's name.
    pub(crate) name: String,
    /// Its sessions.
    pub(crate) sessions: usize,
    /// Calls of each session that are not answered, at any time.
    pub(crate) in_flight: usize,
    /// Between an answer and the next call.
    pub(crate) pause: Duration,
    /// The next call.
    pub(crate) next: Arc<dyn Fn(usize) -> Call + Send + Sync>,
}

impl Work {
    /// One session, one call after the other.
    pub(crate) fn one_by_one(name: &str, next: impl Fn(usize) -> Call + Send + Sync + 'static) -> Self {
        let name = name.to_owned();
        Self { name, sessions: 1, in_flight: 1, pause: Duration::ZERO, next: Arc::new(next) }
    }

    /// So many sessions with so many calls each that are not answered.
    pub(crate) fn backlog(
        name: &str,
        (sessions, in_flight): (usize, usize),
        next: impl Fn(usize) -> Call + Send + Sync + 'static,
    ) -> Self {
        Self { sessions, in_flight, ..Self::one_by_one(name, next) }
    }
}

/// Clients that work until they are stopped.
pub(crate) struct Load {
    threads: Vec<JoinHandle<()>>,
    /// Answers of each client, by their order in what was started.
    answered: Vec<Arc<AtomicUsize>>,
    /// Answers that were errors.
    failed: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
}

impl Load {
    /// Starts all; they have shaken hands, and their first calls are sent, when this returns.
    pub(crate) fn start(home: &Home, works: Vec<Work>) -> Self {
        let (is_over, failed) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let mut load = Self { threads: Vec::new(), answered: Vec::new(), failed, is_over };
        let at_work = Arc::new(AtomicUsize::new(0));
        let mut sessions = Vec::new();
        for work in works {
            let answered = Arc::<AtomicUsize>::default();
            load.answered.push(Arc::clone(&answered));
            let work = Arc::new(work);
            for _ in 0..work.sessions {
                let mut client = home.client();
                client.initialize_as(&work.name, "2025-11-25");
                // The first call is registered, which is another matter.
                client.call("session_info", &json!({}));
                sessions.push((client, Arc::clone(&work), Arc::clone(&answered)));
            }
        }
        let count = sessions.len();
        for (client, work, answered) in sessions {
            let (over, failed) = (Arc::clone(&load.is_over), Arc::clone(&load.failed));
            let at_work = Arc::clone(&at_work);
            load.threads.push(thread::spawn(move || {
                let mut session = Session { client, work, answered, failed, sent: 0 };
                session.begin();
                at_work.fetch_add(1, Ordering::Relaxed);
                session.work_on(&over);
            }));
        }
        until("all are at work", || at_work.load(Ordering::Relaxed) == count);
        load
    }

    /// Waits until every client has been answered so many times: all queues are then as long as they will be.
    pub(crate) fn warm_up(&self, times: usize) {
        let limit = patience() * WAITS_PER_PATIENCE;
        eventually_within(limit, "every client is answered", || {
            (0..self.answered.len()).all(|at| self.answered(at) >= times).then_some(())
        });
    }

    /// How many calls of the client at this place were answered.
    pub(crate) fn answered(&self, at: usize) -> usize {
        self.answered[at].load(Ordering::Relaxed)
    }

    /// How many answers were errors.
    pub(crate) fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    /// Ends all shims; what they wait for is cancelled.
    pub(crate) fn stop(self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a client's end");
        }
    }
}

struct Session {
    client: Client,
    work: Arc<Work>,
    answered: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
    sent: usize,
}

impl Session {
    fn begin(&mut self) {
        for _ in 0..self.work.in_flight {
            self.send();
        }
    }

    fn send(&mut self) {
        let (tool, arguments) = (self.work.next)(self.sent);
        self.client.send_call(tool, &arguments);
        self.sent += 1;
    }

    fn work_on(&mut self, is_over: &AtomicBool) {
        let mut quiet = Duration::ZERO;
        while !is_over.load(Ordering::Relaxed) {
            match self.client.next_line(LOOK) {
                Received::Line(line) if self.is_answer(&line) => {
                    thread::sleep(self.work.pause);
                    self.send();
                    quiet = Duration::ZERO;
                }
                Received::Line(_) => {}
                Received::Nothing => quiet += LOOK,
                Received::End => panic!("a shim of {} ended: {}", self.work.name, self.client.stderr()),
            }
            assert!(quiet < patience() * WAITS_PER_PATIENCE, "{} waits without an end", self.work.name);
        }
    }

    fn is_answer(&self, line: &[u8]) -> bool {
        let message: Value = serde_json::from_slice(line).expect("JSON");
        if message.get("id").is_none() || message.get("method").is_some() {
            return false;
        }
        if message.get("error").is_some() || message["result"]["isError"] == true {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        true
    }
}
