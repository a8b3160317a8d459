//! Statements through shim and gateway, with the journal and without.
//!
//! The journal cannot be turned off. But a statement that is rolled back is not journaled; and of a statement
//! that finds no row, a commit costs the database nothing, just as its rollback. So (j) and (k) differ by the
//! journal and nothing else, while (h) and (i) differ by the database's own commit as well, which waits for
//! the disk.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use snowgate_tests::Home;

use crate::args::Args;
use crate::common::connection::{Connection, Request};
use crate::common::cpu::Stations;
use crate::common::driver::drive;
use crate::common::report::{figure, table};
use crate::common::stats::{Sample, median_of, us};
use crate::common::{interrupt, sample};

const ROUNDS: usize = 21;
const ROUNDS_QUICK: usize = 3;
/// A subject's turn in a round.
const TURN: Duration = Duration::from_millis(300);
const TURN_QUICK: Duration = Duration::from_millis(100);

const INSERT: &str = "insert into journey values (1, 'a text as people write it')";
const NO_ROW: &str = "update barren set b = 'a text as people write it'";

/// What is asked, and whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// (h) a write, committed and journaled.
    Insert,
    /// (i) the same write, rolled back, not journaled.
    InsertRolledBack,
    /// (j) a write that changes no row, committed and journaled.
    NoRow,
    /// (k) the same, rolled back, not journaled.
    NoRowRolledBack,
    /// (l) a read, on the gateway that allows writes.
    Select,
    /// (m) the same, on a gateway that does not.
    SelectReadOnly,
}

/// A subject's turn.
#[derive(Clone, Copy, Debug)]
struct Turn {
    sample: Sample,
    /// Microseconds of processor time that a call costs the gateway.
    gateway: f64,
}

/// A round's turns, in the order of [`Subject::ALL`].
type Round = [Turn; Subject::ALL.len()];

impl Subject {
    const ALL: [Self; 6] = [
        Self::Insert,
        Self::InsertRolledBack,
        Self::NoRow,
        Self::NoRowRolledBack,
        Self::Select,
        Self::SelectReadOnly,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Insert => "(h) insert, committed: journaled",
            Self::InsertRolledBack => "(i) insert, rolled back: not journaled",
            Self::NoRow => "(j) update of no row, committed: journaled",
            Self::NoRowRolledBack => "(k) update of no row, rolled back: not journaled",
            Self::Select => "(l) select 1",
            Self::SelectReadOnly => "(m) select 1, read-only gateway",
        }
    }

    fn request(self) -> Request {
        let transaction = |sql, auto_commit| {
            let arguments = json!({"query": sql, "use_transaction": true, "auto_commit": auto_commit});
            Request::call("execute_query", &arguments)
        };
        match self {
            Self::Insert => transaction(INSERT, true),
            Self::InsertRolledBack => transaction(INSERT, false),
            Self::NoRow => transaction(NO_ROW, true),
            Self::NoRowRolledBack => transaction(NO_ROW, false),
            Self::Select | Self::SelectReadOnly => sample::select_1(),
        }
    }
}

/// A gateway with one client.
struct Place {
    client: [Connection; 1],
    stations: Stations,
    _home: Home,
}

impl Place {
    /// One whose databases can be written to, with the tables in place; or one that only reads.
    fn start(is_writable: bool) -> Result<Self> {
        let home = Home::bare();
        home.configure(&format!("read_only = {}\n", !is_writable));
        home.add_database("ONE");
        let mut client = sample::client(&home)?;
        if is_writable {
            for table in ["journey", "barren"] {
                let sql = format!("create table {table} (a integer, b text)");
                client.ask(&Request::call("execute_query", &json!({"query": sql})))?;
            }
        }
        let stations = Stations { between: vec![client.pid()?], server: home.gateway_pid() };
        Ok(Self { client: [client], stations, _home: home })
    }

    fn turn(&mut self, request: &Request, duration: Duration) -> Result<Turn> {
        let before = self.stations.used()?;
        let sample = drive(&mut self.client, request, duration)?;
        let cost = self.stations.used()?.each_since(before, sample.calls);
        Ok(Turn { sample, gateway: cost.server })
    }
}

pub(super) fn measure(args: &Args) -> Result<()> {
    let (mut writable, mut read_only) = (Place::start(true)?, Place::start(false)?);
    let requests = Subject::ALL.map(Subject::request);
    let (rounds, turn) = args.pick((ROUNDS, TURN), (ROUNDS_QUICK, TURN_QUICK));
    let mut taken: Vec<Round> = Vec::new();
    // Nobody's first round counts.
    for number in 0..=rounds {
        let mut turns = [None; Subject::ALL.len()];
        // Another one first each time.
        for offset in 0..turns.len() {
            interrupt::check()?;
            let at = (number + offset) % turns.len();
            let subject = Subject::ALL[at];
            let place = if subject == Subject::SelectReadOnly { &mut read_only } else { &mut writable };
            let turn = place.turn(&requests[at], turn);
            turns[at] = Some(turn.with_context(|| subject.name())?);
        }
        let turns: Option<Vec<Turn>> = turns.into_iter().collect();
        let round = turns.and_then(|turns| turns.try_into().ok()).context("a subject had no turn")?;
        if number > 0 {
            taken.push(round);
        }
    }
    print_statements(&taken, turn);
    print_shares(&taken);
    Ok(())
}

fn print_statements(taken: &[Round], turn: Duration) {
    let figures: [fn(&Turn) -> f64; 4] = [
        |turn| us(turn.sample.p50),
        |turn| us(turn.sample.p99),
        |turn| turn.gateway,
        |turn| turn.sample.per_second,
    ];
    let row = |(at, subject): (usize, Subject)| {
        let cells = figures.map(|figure_of| figure(median_of(taken, |round| figure_of(&round[at]))));
        std::iter::once(subject.name().to_owned()).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = Subject::ALL.into_iter().enumerate().map(row).collect();
    let title = format!(
        "Writes, one client, microseconds; medians of {} rounds of {} ms for each",
        taken.len(),
        turn.as_millis()
    );
    table(&title, &["statement", "p50", "p99", "processor time, gateway", "calls/s"], &rows);
}

fn print_shares(taken: &[Round]) {
    let of = |share: fn(&Round) -> f64| figure(median_of(taken, share));
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    let rows = [
        row("journal: (j) - (k), us", of(journal)),
        row(
            "of it processor time of the gateway, us",
            of(|[_, _, no_row, rolled_back, ..]| no_row.gateway - rolled_back.gateway),
        ),
        row(
            "journal's share of a write: ((j) - (k)) / (h), %",
            of(|round| journal(round) / us(round[0].sample.p50) * 100.0),
        ),
        row(
            "the database's commit: ((h) - (i)) - ((j) - (k)), us",
            of(|round| us(round[0].sample.p50) - us(round[1].sample.p50) - journal(round)),
        ),
        row(
            "a read where writes are allowed: (l) / (m)",
            of(|[.., select, read_only]| us(select.sample.p50) / us(read_only.sample.p50)),
        ),
    ];
    table("What the journal adds, in p50", &["", "median of the rounds"], &rows);
}

/// What a round says the journal adds to a write, in microseconds.
fn journal([_, _, no_row, rolled_back, ..]: &Round) -> f64 {
    us(no_row.sample.p50) - us(rolled_back.sample.p50)
}
