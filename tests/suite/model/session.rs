//! One session at work: statements, what comes back, and what must have come back.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use snowgate_tests::Random;

use super::caller::Caller;
use super::model::Model;
use super::world::{World, database};

/// Statements of a burst, at most: a session works for a while, then others do.
const BURST_MAX: u64 = 12;

/// What a session does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Tag,
    Count,
    Insert,
    OneCallElsewhere,
    SetContext,
    Use,
    Begin,
    Commit,
    RollBack,
    Savepoint,
    MakeTemporary,
    ReadTemporary,
    DropTemporary,
    Wrong,
    Cancel,
    TimeOut,
    LookAtAnother,
    KillShim,
}

const STEPS: [(u64, Step); 18] = [
    (26, Step::Tag),
    (12, Step::Count),
    (10, Step::Insert),
    (5, Step::OneCallElsewhere),
    (3, Step::SetContext),
    (3, Step::Use),
    (6, Step::Begin),
    (5, Step::Commit),
    (3, Step::RollBack),
    (2, Step::Savepoint),
    (4, Step::MakeTemporary),
    (8, Step::ReadTemporary),
    (4, Step::DropTemporary),
    (5, Step::Wrong),
    (1, Step::Cancel),
    (1, Step::TimeOut),
    (4, Step::LookAtAnother),
    (1, Step::KillShim),
];

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Text(String),
    /// The statement ran and failed, as it must.
    Failed(String),
    /// Nothing of it ran: no connection was free in time.
    Busy,
    /// The session's state is lost, and nothing of it ran.
    Lost(String),
    /// Nobody knows whether it ran.
    Unknown,
}

/// A session, its client and its model.
pub(super) struct Worker<'a> {
    world: &'a World,
    number: usize,
    random: Random,
    client: Caller,
    model: Model,
    left: u64,
}

const ENDLESS: &str = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";

impl<'a> Worker<'a> {
    pub(super) fn new(world: &'a World, number: usize, seed: u64, statements: u64) -> Self {
        let client = world.client(number);
        let random = Random::branch(seed, number as u64 + 1);
        Self { world, number, random, client, model: Model::new(number), left: statements }
    }

    /// Runs all its statements.
    pub(super) fn run(mut self) {
        self.enter(self.number);
        while self.left > 0 {
            let turn = self.world.turn();
            for _ in 0..self.random.between(1, BURST_MAX).min(self.left) {
                self.step();
                self.left -= 1;
            }
            // A burst is over when its state is: sessions share few connections.
            self.tidy();
            drop(turn);
        }
        let rows = self.count();
        self.check_count(&rows);
    }

    fn tidy(&mut self) {
        if self.model.transaction.is_some() {
            self.roll_back();
        }
        if self.model.temporary.is_some() {
            self.drop_temporary();
        }
    }

    fn step(&mut self) {
        self.world.statements.fetch_add(1, Ordering::Relaxed);
        match self.random.weighted(&STEPS) {
            Step::Tag => self.tag(),
            Step::Count => {
                let rows = self.count();
                self.check_count(&rows);
            }
            Step::Insert => self.insert(),
            Step::OneCallElsewhere => self.one_call_elsewhere(),
            Step::SetContext if self.holds_nothing() => {
                let to = self.somewhere();
                self.enter(to);
            }
            Step::Use if self.holds_nothing() => self.use_database(),
            Step::Begin if self.model.transaction.is_none() => self.begin(),
            Step::Commit if self.model.transaction.is_some() => self.commit(),
            Step::RollBack if self.model.transaction.is_some() => self.roll_back(),
            Step::Savepoint if self.model.transaction.is_some() => self.savepoint(),
            Step::MakeTemporary if self.model.temporary.is_none() => self.make_temporary(),
            Step::ReadTemporary => self.read_temporary(),
            Step::DropTemporary if self.model.temporary.is_some() => self.drop_temporary(),
            Step::Wrong => self.wrong(),
            Step::Cancel => self.cancel(),
            Step::TimeOut => self.time_out(),
            Step::LookAtAnother => self.look_at_another(),
            Step::KillShim => self.kill_shim(),
            _ => self.tag(),
        }
    }

    fn holds_nothing(&self) -> bool {
        self.model.transaction.is_none() && self.model.temporary.is_none()
    }

    fn somewhere(&mut self) -> usize {
        if self.random.percent(60) { self.number } else { self.world.any_database(&mut self.random) }
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Outcome {
        let answer = self.client.call(tool, arguments);
        let outcome = outcome(&answer);
        if let Outcome::Lost(_) = outcome {
            self.world.lost.fetch_add(1, Ordering::Relaxed);
            // Until its client ends a lost transaction, nothing runs that changes something. It may be one whose COMMIT had no
            // known outcome, which the model has ended. Where there is none any more, this fails.
            self.client.call("execute_query", &json!({"query": "rollback"}));
            self.model.lost();
        }
        if outcome == Outcome::Busy {
            self.world.busy.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }

    fn query(&mut self, sql: &str) -> Outcome {
        self.call("execute_query", &json!({"query": sql}))
    }

    #[track_caller]
    fn differs(&self, what: &str, got: &Outcome) {
        let place = std::panic::Location::caller();
        let (number, model) = (self.number, &self.model);
        self.world.note(format!(
            "session {number}, line {}: {what}, but it got {got:?}; model: {model:?}",
            place.line()
        ));
    }

    /// Checks an answer whose only right text is `expected`.
    #[track_caller]
    fn expect(&self, got: &Outcome, expected: &str) {
        match got {
            Outcome::Busy | Outcome::Lost(_) => {}
            Outcome::Text(text) if text == expected => {}
            _ => self.differs(&format!("{expected:?} was right"), got),
        }
    }

    fn tag(&mut self) {
        let expected = table("tag", &database(self.model.context));
        let got = self.query("select tag from me");
        self.expect(&got, &expected);
    }

    fn one_call_elsewhere(&mut self) {
        if !self.holds_nothing() {
            return self.tag();
        }
        let other = self.world.any_database(&mut self.random);
        let got =
            self.call("execute_query", &json!({"query": "select tag from me", "database": database(other)}));
        self.expect(&got, &table("tag", &database(other)));
        self.tag();
    }

    fn enter(&mut self, to: usize) {
        loop {
            match self.call("set_context", &json!({"database": database(to)})) {
                Outcome::Text(_) => break,
                Outcome::Busy | Outcome::Lost(_) => {}
                other => return self.differs("the context could be set", &other),
            }
        }
        self.model.context = to;
    }

    fn use_database(&mut self) {
        let to = self.somewhere();
        match self.query(&format!("USE {}", database(to))) {
            Outcome::Text(text) if text.contains(&database(to)) => self.model.context = to,
            Outcome::Busy | Outcome::Lost(_) => {}
            other => self.differs("USE changes the context", &other),
        }
    }

    /// The rows of its own table.
    fn count(&mut self) -> Outcome {
        self.query(&format!("select count(*) as n from {}.own", database(self.number)))
    }

    fn check_count(&mut self, got: &Outcome) {
        let rows = match got {
            Outcome::Text(text) => cell(text).and_then(|cell| cell.parse::<i64>().ok()),
            Outcome::Busy | Outcome::Lost(_) => return,
            _ => None,
        };
        match rows {
            Some(rows) if self.model.visible().contains(rows) => match &mut self.model.transaction {
                Some(visible) => visible.settle(rows),
                None => self.model.rows.settle(rows),
            },
            _ => self.differs("its own rows were right", got),
        }
    }

    fn insert(&mut self) {
        let sql = format!("insert into {}.own (v) values (1), (2)", database(self.number));
        if self.model.context != self.number {
            return self.tag();
        }
        match self.query(&sql) {
            Outcome::Text(_) => self.model.inserted(),
            Outcome::Busy | Outcome::Lost(_) => {}
            Outcome::Unknown => self.model.perhaps_inserted(),
            other => self.differs("two rows go in", &other),
        }
    }

    fn begin(&mut self) {
        match self.query("begin") {
            Outcome::Text(_) => self.model.begun(),
            Outcome::Busy | Outcome::Lost(_) => {}
            other => self.differs("a transaction begins", &other),
        }
    }

    fn commit(&mut self) {
        match self.query("commit") {
            Outcome::Text(_) => self.model.committed(),
            Outcome::Busy | Outcome::Lost(_) => {}
            Outcome::Unknown => self.model.perhaps_committed(),
            other => self.differs("the transaction is committed", &other),
        }
    }

    fn roll_back(&mut self) {
        match self.query("rollback") {
            Outcome::Text(_) | Outcome::Unknown => self.model.rolled_back(),
            // Its answer was lost with a gateway, and it ran again. Had it left anything, the counts would tell.
            Outcome::Failed(text)
                if self.client.was_sent_again() && text.contains("no transaction is active") =>
            {
                self.model.rolled_back();
            }
            Outcome::Busy | Outcome::Lost(_) => {}
            other => self.differs("the transaction is rolled back", &other),
        }
    }

    /// A savepoint, two rows, and back: nothing is left of it.
    fn savepoint(&mut self) {
        if self.model.context != self.number {
            return;
        }
        let sql = format!("insert into {}.own (v) values (3), (4)", database(self.number));
        for sql in ["savepoint here", &sql, "rollback to here", "release here"] {
            let got = self.query(sql);
            match got {
                Outcome::Text(_) => {}
                Outcome::Busy | Outcome::Lost(_) | Outcome::Unknown => return self.abandon(),
                other => return self.differs("the savepoint works", &other),
            }
        }
        let rows = self.count();
        self.check_count(&rows);
    }

    /// Something in the middle of a transaction was not done: it is given up.
    fn abandon(&mut self) {
        if self.model.transaction.is_some() {
            self.roll_back();
        }
    }

    fn make_temporary(&mut self) {
        match self.query("create temp table scratch (v integer)") {
            Outcome::Text(_) => {}
            // What is unknown is gone with its gateway.
            Outcome::Busy | Outcome::Lost(_) | Outcome::Unknown => return,
            other => return self.differs("a temporary table is made", &other),
        }
        self.model.temporary = Some(-1);
        let number = self.number;
        match self.query(&format!("insert into temp.scratch values ({number})")) {
            Outcome::Text(_) => self.model.temporary = i64::try_from(number).ok(),
            Outcome::Busy | Outcome::Lost(_) | Outcome::Unknown => {}
            other => self.differs("a row goes into its temporary table", &other),
        }
    }

    fn read_temporary(&mut self) {
        let got = self.query("select v from temp.scratch");
        match (&got, self.model.temporary) {
            (Outcome::Busy | Outcome::Lost(_), _) | (Outcome::Failed(_), None) => {}
            (Outcome::Text(text), Some(value)) if value >= 0 && *text == table("v", &value.to_string()) => {}
            (Outcome::Text(text), Some(-1)) => {
                let own = self.number.to_string();
                if cell(text).is_some_and(|cell| cell != own) {
                    self.differs("its temporary table is its own", &got);
                }
            }
            _ => self.differs("its temporary table is its own", &got),
        }
    }

    fn drop_temporary(&mut self) {
        match self.query("drop table temp.scratch") {
            Outcome::Text(_) | Outcome::Unknown => self.model.temporary = None,
            Outcome::Busy | Outcome::Lost(_) => {}
            other => self.differs("its temporary table is dropped", &other),
        }
    }

    fn wrong(&mut self) {
        let got = self.query("select x from nowhere");
        match &got {
            Outcome::Failed(text) if text.contains("nowhere") => {}
            Outcome::Busy | Outcome::Lost(_) => {}
            _ => self.differs("there is no such table", &got),
        }
    }

    fn cancel(&mut self) {
        self.client.give_up(ENDLESS);
        self.tag();
    }

    fn time_out(&mut self) {
        let got = self.query(ENDLESS);
        match &got {
            Outcome::Failed(text) if text.contains("stopped after") => {}
            Outcome::Busy | Outcome::Lost(_) => {}
            _ => self.differs("it runs out of time", &got),
        }
    }

    /// Others insert two rows at a time: an odd number would be half a statement, or a part of a transaction.
    fn look_at_another(&mut self) {
        if !self.holds_nothing() {
            return self.tag();
        }
        let other = self.world.any_database(&mut self.random);
        let got = self.query(&format!("select count(*) % 2 as odd from {}.own", database(other)));
        self.expect(&got, &table("odd", "0"));
    }

    fn kill_shim(&mut self) {
        if let Caller::Http(caller) = &mut self.client {
            // Its session has its state still, whichever connection its calls come on.
            return caller.leave();
        }
        let cursor = self.world.client(self.number);
        self.client = cursor;
        self.model.lost();
        self.world.shims_killed.fetch_add(1, Ordering::Relaxed);
        // The context is remembered for whoever comes under this session's name, unless the old one is still at it.
        self.enter(self.model.context);
    }
}

fn outcome(answer: &Value) -> Outcome {
    let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned();
    if answer["error"].is_object() {
        return Outcome::Failed(answer["error"].to_string());
    }
    if answer["result"]["isError"] != true {
        return Outcome::Text(text);
    }
    let says = |what: &str| text.to_lowercase().contains(what);
    if says("outcome unknown") || says("may have taken effect") || says("not known whether") {
        Outcome::Unknown
    } else if says("of this session") && (says("lost") || says("gone")) {
        Outcome::Lost(text)
    } else if says("busy") || says("locked") || says("hold") {
        Outcome::Busy
    } else {
        Outcome::Failed(text)
    }
}

/// A result of one row and one column, as it is written.
fn table(column: &str, cell: &str) -> String {
    format!("{column}\n{cell}\n(1 row)")
}

/// The one cell of such a result.
fn cell(text: &str) -> Option<&str> {
    text.lines().nth(1)
}
