//! What a call costs: five subjects, with one client and with fifty, in turns.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::args::Args;
use crate::common::cpu::Cost;
use crate::common::driver::drive;
use crate::common::interrupt;
use crate::common::report::{Report, figure, table};
use crate::common::stats::{Sample, median_of, us};
use crate::subjects::{Subject, Subjects};

const CLIENTS: usize = 50;
const ROUNDS: usize = 15;
const ROUNDS_QUICK: usize = 3;
/// A subject's turn in a round.
const TURN: Duration = Duration::from_millis(400);
const TURN_QUICK: Duration = Duration::from_millis(100);

/// (d) at most this many times (b) + (c) - (a), in p50.
const LATENCY_RATIO_MAX: f64 = 1.5;
/// (d) at least this many times (c), in calls a second with all clients.
const THROUGHPUT_RATIO_MIN: f64 = 0.6;

/// One subject's turn.
#[derive(Clone, Copy, Debug)]
struct Turn {
    sample: Sample,
    cost: Cost,
}

/// A round's turns, in the order of [`Subject::ALL`].
type Round = [Turn; Subject::ALL.len()];

pub(crate) fn measure(args: &Args, report: &mut Report) -> Result<()> {
    let mut subjects = Subjects::start(CLIENTS).context("setting up the calls")?;
    let (rounds, turn) = args.pick((ROUNDS, TURN), (ROUNDS_QUICK, TURN_QUICK));
    // Nobody's first calls count.
    round(&mut subjects, 0, CLIENTS, turn / 4)?;
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for number in 0..rounds {
        one.push(round(&mut subjects, number, 1, turn)?);
        many.push(round(&mut subjects, number, CLIENTS, turn)?);
    }
    let of_each = format!("medians of {rounds} rounds of {} ms for each; microseconds", turn.as_millis());
    print_calls(&format!("Calls, {of_each}"), &one, &many);
    print_costs(&format!("Processor time of a call, {of_each}"), &one, &many);
    let ratio = median_of(&one, latency_ratio);
    report.at_most("p50 of (d) / ((b) + (c) - (a)), 1 client", ratio, LATENCY_RATIO_MAX, " x");
    let ratio = median_of(&many, throughput_ratio);
    report.at_least(format!("calls/s of (d) / (c), {CLIENTS} clients"), ratio, THROUGHPUT_RATIO_MIN, " x");
    Ok(())
}

/// Every subject's turn, another one first each time.
fn round(subjects: &mut Subjects, number: usize, clients: usize, duration: Duration) -> Result<Round> {
    let mut turns = [None; Subject::ALL.len()];
    for offset in 0..turns.len() {
        interrupt::check()?;
        let at = (number + offset) % turns.len();
        let turn = turn(subjects, Subject::ALL[at], clients, duration);
        turns[at] = Some(turn.with_context(|| Subject::ALL[at].name())?);
    }
    let turns: Option<Vec<Turn>> = turns.into_iter().collect();
    turns.and_then(|turns| turns.try_into().ok()).context("a subject had no turn")
}

fn turn(subjects: &mut Subjects, subject: Subject, clients: usize, duration: Duration) -> Result<Turn> {
    let stations = subjects.stations(subject)?;
    let (connections, request) = subjects.of(subject);
    let before = stations.used()?;
    let sample = drive(&mut connections[..clients], request, duration)?;
    let cost = stations.used()?.each_since(before, sample.calls);
    Ok(Turn { sample, cost })
}

fn latency_ratio([echo, forwarder, bare, session_info, _]: &Round) -> f64 {
    let p50 = |turn: &Turn| us(turn.sample.p50);
    p50(session_info) / (p50(forwarder) + p50(bare) - p50(echo))
}

fn throughput_ratio([_, _, bare, session_info, _]: &Round) -> f64 {
    session_info.sample.per_second / bare.sample.per_second
}

fn print_calls(title: &str, one: &[Round], many: &[Round]) {
    let header = ["through", "1 client: p50", "p99", "calls/s", "50 clients: p50", "p99", "calls/s"];
    let figures: [fn(&Turn) -> f64; 3] =
        [|turn| us(turn.sample.p50), |turn| us(turn.sample.p99), |turn| turn.sample.per_second];
    print(title, &header, figures, one, many);
}

fn print_costs(title: &str, one: &[Round], many: &[Round]) {
    let header =
        ["through", "1 client: driver", "between", "server", "50 clients: driver", "between", "server"];
    let figures: [fn(&Turn) -> f64; 3] =
        [|turn| turn.cost.client, |turn| turn.cost.between, |turn| turn.cost.server];
    print(title, &header, figures, one, many);
}

/// A row a subject: each figure's median with one client, then with many.
fn print(title: &str, header: &[&str], figures: [fn(&Turn) -> f64; 3], one: &[Round], many: &[Round]) {
    let row = |(at, subject): (usize, Subject)| {
        let of = |rounds: &[Round]| figures.map(|figure_of| median_of(rounds, |round| figure_of(&round[at])));
        let cells = of(one).into_iter().chain(of(many)).map(figure);
        std::iter::once(subject.name().to_owned()).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = Subject::ALL.into_iter().enumerate().map(row).collect();
    table(title, header, &rows);
}
