//! The connection cut in every phase, for a read and for a write: the right answer or a stated error, and
//! what writes is carried out at most once; exactly once if it is acknowledged.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

static KEYS: AtomicUsize = AtomicUsize::new(0);

/// What cuts an exchange.
fn cuts(endpoint: Endpoint) -> Vec<Fault> {
    let mut cuts = vec![
        Fault::ResetUnread,
        Fault::ResetAnswer,
        Fault::CutBody { after: 0 },
        Fault::CutBody { after: 40 },
    ];
    if endpoint == Endpoint::Chunk {
        cuts.push(Fault::TruncatedGzip);
    }
    cuts
}

/// A read whose result is asked for, and comes in chunks.
const READ: &str = "SELECT * FROM TABLE(GENERATOR(rowcount => 60, chunks => 3))";

fn numbers(count: usize) -> String {
    let rows: String = (0..count).map(|number| format!("{number}\n")).collect();
    format!("N\n{rows}({count} rows)")
}

/// What is struck, and what is asked then.
struct Case {
    endpoint: Endpoint,
    fault: Fault,
    strike: Strike,
    /// Done before the client asks.
    before: fn(&Warehouse),
}

impl Case {
    /// A client that was there before, or comes now: then it needs a log-in.
    fn run(&self) {
        let warehouse = impatient(20);
        let home = home_with(&warehouse, "[pool]\nconnections_max = 1\n");
        let mut client = client(&home);
        if self.endpoint != Endpoint::LogIn {
            works_again(&mut client);
        }
        self.read(&warehouse, &mut client);
        self.write(&warehouse, &mut client);
        assert_eq!(home.writes_under_way(), 0, "{self:?}");
    }

    fn read(&self, warehouse: &Warehouse, client: &mut Client) {
        let (sql, expected) = match self.endpoint {
            Endpoint::Result => ("SELECT polls(2) AS N", "N\n2\n(1 row)".to_owned()),
            _ => (READ, numbers(60)),
        };
        let answer = self.struck(warehouse, client, sql);
        if self.strike == Strike::Always {
            assert!(is_error(&answer), "{self:?}: {answer}");
        } else {
            assert_eq!(result(&answer), expected, "{self:?}");
        }
        works_again(client);
    }

    fn write(&self, warehouse: &Warehouse, client: &mut Client) {
        let key = format!("key {}", KEYS.fetch_add(1, Ordering::Relaxed));
        let answer = self.struck(warehouse, client, &insert(&format!("'{key}'")));
        works_again(client);
        let count = warehouse.count_key(LOG, &key);
        let text = tool_text(&answer);
        if !is_error(&answer) {
            assert_eq!((result(&answer), count), ("1 row changed", 1), "{self:?}");
            return;
        }
        assert_eq!(self.strike, Strike::Always, "{self:?}: {text}");
        if text.contains("outcome unknown") {
            assert!(count <= 1, "{self:?}: {text}");
        } else {
            assert!(text.starts_with("Backend unavailable: ") && count == 0, "{self:?}: {count}: {text}");
        }
    }

    /// The answer to `sql`, with the fault in force.
    fn struck(&self, warehouse: &Warehouse, client: &mut Client, sql: &str) -> Value {
        (self.before)(warehouse);
        warehouse.fault(self.endpoint, self.strike, self.fault.clone());
        let answer = ask(client, sql);
        warehouse.clear_faults();
        answer
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?} {:?}", self.endpoint, self.strike, self.fault)
    }
}

/// Cuts exchanges of one kind, in each way: once, and until they are given up.
fn cut(endpoint: Endpoint, before: fn(&Warehouse)) {
    for fault in cuts(endpoint) {
        for strike in [Strike::First(1), Strike::Always] {
            Case { endpoint, fault: fault.clone(), strike, before }.run();
        }
    }
}

fn nothing(_: &Warehouse) {}

#[test]
fn a_log_in() {
    cut(Endpoint::LogIn, Warehouse::end_sessions);
}

#[test]
fn a_submission() {
    cut(Endpoint::Submit, nothing);
}

#[test]
fn a_question_for_a_result() {
    cut(Endpoint::Result, nothing);
}

#[test]
fn a_chunk() {
    cut(Endpoint::Chunk, nothing);
}

#[test]
fn a_renewal() {
    cut(Endpoint::Renew, Warehouse::expire_tokens);
}

#[test]
fn a_goodbye() {
    for fault in cuts(Endpoint::Close) {
        let (warehouse, home) = start();
        let mut client = client(&home);
        works_again(&mut client);
        warehouse.fault(Endpoint::Close, Strike::Always, fault.clone());
        home.stop();
        assert!(warehouse.seen(|seen| seen.count(Endpoint::Close)) > 0, "{fault:?}");
        warehouse.clear_faults();
        // A shim starts the next gateway.
        works_again(&mut client);
    }
}
