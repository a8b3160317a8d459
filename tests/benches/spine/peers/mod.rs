//! What people use on SQLite today, beside Snowgate, in the same run and on copies of the same database.
//!
//! The peers are used as they are meant to be: each client starts a process of its own, here without the
//! package manager (`uvx`, `npx`) that would come on top. Snowgate: each client starts a shim; one gateway is
//! running.

mod contestant;
mod environment;
mod launch;

use std::time::Duration;

use anyhow::{Context, Result};
use contestant::Contestant;

use crate::args::Args;
use crate::common::driver::drive;
use crate::common::interrupt;
use crate::common::report::{Report, figure, table};
use crate::common::stats::{median_of, ms};

const CLIENTS: [usize; 3] = [1, 10, 20];
const ROUNDS: usize = 3;
const ROUNDS_QUICK: usize = 1;
/// Driving one client, and then all.
const TURN: Duration = Duration::from_millis(1000);
const TURN_QUICK: Duration = Duration::from_millis(300);

/// Of either peer's memory and time to the first answer, Snowgate may take this part.
const PEER_PART_MAX: f64 = 1.0 / 20.0;
/// Of dbhub's p50, Snowgate may take this part.
const LATENCY_PART_MAX: f64 = 0.5;
/// Snowgate answers at least this many times as many calls a second as dbhub.
const THROUGHPUT_TIMES_MIN: f64 = 5.0;

/// One contestant with some number of clients.
#[derive(Clone, Copy, Debug)]
struct Figures {
    /// Milliseconds until all clients had their first answer.
    all_ms: f64,
    /// Milliseconds until half of them had.
    half_ms: f64,
    /// Milliseconds of a call, one client asking and the others idle.
    p50_ms: f64,
    /// Milliseconds of a call, all clients asking.
    p50_all_ms: f64,
    /// Calls a second, all clients asking.
    per_second: f64,
    /// Megabytes of everything started.
    memory_mb: f64,
}

impl Figures {
    fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median_of(rounds, figure);
        Self {
            all_ms: of(|figures| figures.all_ms),
            half_ms: of(|figures| figures.half_ms),
            p50_ms: of(|figures| figures.p50_ms),
            p50_all_ms: of(|figures| figures.p50_all_ms),
            per_second: of(|figures| figures.per_second),
            memory_mb: of(|figures| figures.memory_mb),
        }
    }
}

/// Fetches what is not there yet; fails here, and not after minutes of measuring, if that cannot be done.
pub(crate) fn prepare() -> Result<()> {
    environment::python().context("mcp-server-sqlite")?;
    environment::dbhub().context("dbhub").map(drop)
}

pub(crate) fn measure(args: &Args, report: &mut Report) -> Result<()> {
    let contestants = Contestant::all().context("preparing the peers")?;
    let (rounds, turn) = args.pick((ROUNDS, TURN), (ROUNDS_QUICK, TURN_QUICK));
    let mut rows = Vec::new();
    for clients in CLIENTS {
        let mut taken = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            for (contestant, taken) in contestants.iter().zip(&mut taken) {
                let figures = round(contestant, clients, turn);
                taken.push(figures.with_context(|| format!("{} with {clients} clients", contestant.name))?);
            }
        }
        let figures = taken.map(|rounds| Figures::median(&rounds));
        rows.extend(
            contestants.iter().zip(&figures).map(|(contestant, figures)| row(contestant, clients, figures)),
        );
        if clients == CLIENTS[CLIENTS.len() - 1] {
            judge(clients, figures, report);
        }
    }
    let title = format!("Peers, medians of {rounds} rounds; times in milliseconds");
    let header = [
        "server",
        "clients",
        "first answer, all",
        "half",
        "p50, one asks",
        "p50, all ask",
        "calls/s",
        "PSS, MB",
    ];
    table(&title, &header, &rows);
    Ok(())
}

/// Starts all clients, measures, and ends them.
fn round(contestant: &Contestant, clients: usize, turn: Duration) -> Result<Figures> {
    interrupt::check()?;
    let mut launched = launch::launch(contestant, clients)?;
    let one = drive(&mut launched.clients[..1], &contestant.select_1, turn)?;
    let all = drive(&mut launched.clients, &contestant.select_1, turn)?;
    let memory_mb = contestant.memory_mb()?;
    for client in launched.clients {
        client.close()?;
    }
    Ok(Figures {
        all_ms: ms(launched.all),
        half_ms: ms(launched.half),
        p50_ms: ms(one.p50),
        p50_all_ms: ms(all.p50),
        per_second: all.per_second,
        memory_mb,
    })
}

fn row(contestant: &Contestant, clients: usize, figures: &Figures) -> Vec<String> {
    let Figures { all_ms, half_ms, p50_ms, p50_all_ms, per_second, memory_mb } = *figures;
    let figures = [all_ms, half_ms, p50_ms, p50_all_ms, per_second, memory_mb].map(figure);
    [contestant.name.to_owned(), clients.to_string()].into_iter().chain(figures).collect()
}

/// Compares with the better of the peers, or with dbhub where the target says so.
fn judge(clients: usize, [snowgate, python, dbhub]: [Figures; 3], report: &mut Report) {
    let part = |of: fn(&Figures) -> f64| of(&snowgate) / of(&python).min(of(&dbhub));
    let what = |what: &str| format!("{what}, {clients} clients");
    let memory = part(|figures| figures.memory_mb);
    report.at_most(what("memory / the better peer's"), memory, PEER_PART_MAX, " x");
    let first = part(|figures| figures.all_ms);
    report.at_most(what("first answer, all / the better peer's"), first, PEER_PART_MAX, " x");
    let latency = snowgate.p50_ms / dbhub.p50_ms;
    report.at_most(what("p50 / dbhub's, one asks"), latency, LATENCY_PART_MAX, " x");
    let latency = snowgate.p50_all_ms / dbhub.p50_all_ms;
    report.at_most(what("p50 / dbhub's, all ask"), latency, LATENCY_PART_MAX, " x");
    let throughput = snowgate.per_second / dbhub.per_second;
    report.at_least(what("calls/s / dbhub's, all ask"), throughput, THROUGHPUT_TIMES_MIN, " x");
}
