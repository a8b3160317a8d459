//! `select 1`, three ways, one client, in turns.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::args::Args;
use crate::common::cpu::Cost;
use crate::common::interrupt;
use crate::common::report::{Report, figure, table};
use crate::common::stats::{Sample, median_of, us};
use crate::subjects::{Subject, Subjects};
use crate::switches::voluntary;

const ROUNDS: usize = 15;
const ROUNDS_QUICK: usize = 3;
/// A subject's turn in a round.
const TURN: Duration = Duration::from_millis(1000);
const TURN_QUICK: Duration = Duration::from_millis(300);

/// (b) at most this many times (a), in p50.
const LATENCY_RATIO_MAX: f64 = 1.1;

/// What one of Snowgate's turns cost its two programs, a statement.
#[derive(Clone, Copy, Debug)]
struct Effort {
    cost: Cost,
    shim_switches: f64,
    gateway_switches: f64,
}

/// A round's turns, in the order of [`Subject::ALL`].
#[derive(Debug)]
struct Round {
    samples: [Sample; Subject::ALL.len()],
    effort: Effort,
}

pub(crate) fn measure(args: &Args, report: &mut Report) -> Result<()> {
    let mut subjects = Subjects::start().context("setting up the statements")?;
    let (rounds, turn) = args.pick((ROUNDS, TURN), (ROUNDS_QUICK, TURN_QUICK));
    // Nobody's first calls count.
    round(&mut subjects, 0, turn / 4)?;
    let rounds: Result<Vec<Round>> = (0..rounds).map(|number| round(&mut subjects, number, turn)).collect();
    let rounds = rounds?;
    let of_each = format!("medians of {} rounds of {} ms for each", rounds.len(), turn.as_millis());
    print_statements(&format!("select 1 over fakesnow, {of_each}; microseconds"), &rounds);
    print_efforts(&format!("What a statement costs Snowgate, {of_each}"), &rounds);
    let ratio = median_of(&rounds, |round| ratio(round, Subject::Snowgate));
    report.at_most("p50 of (b) / (a)", ratio, LATENCY_RATIO_MAX, " x");
    Ok(())
}

/// Every subject's turn, another one first each time.
fn round(subjects: &mut Subjects, number: usize, duration: Duration) -> Result<Round> {
    let mut samples = [None; Subject::ALL.len()];
    let mut effort = None;
    for offset in 0..samples.len() {
        interrupt::check()?;
        let at = (number + offset) % samples.len();
        let subject = Subject::ALL[at];
        let before = Before::read(subjects)?;
        let sample = subjects.drive(subject, duration).with_context(|| subject.name())?;
        if subject == Subject::Snowgate {
            effort = Some(before.effort(subjects, sample.calls)?);
        }
        samples[at] = Some(sample);
    }
    let samples: Option<Vec<Sample>> = samples.into_iter().collect();
    let samples = samples.and_then(|samples| samples.try_into().ok()).context("a subject had no turn")?;
    Ok(Round { samples, effort: effort.context("Snowgate had no turn")? })
}

/// The counters of Snowgate's processes before a turn.
struct Before {
    used: crate::common::cpu::Used,
    shim: u64,
    gateway: u64,
}

impl Before {
    fn read(subjects: &Subjects) -> Result<Self> {
        let stations = subjects.stations()?;
        let shim = voluntary(stations.between[0])?;
        Ok(Self { used: stations.used()?, shim, gateway: voluntary(stations.server)? })
    }

    /// What each of `calls` cost since.
    fn effort(&self, subjects: &Subjects, calls: usize) -> Result<Effort> {
        let now = Self::read(subjects)?;
        let each = |now: u64, then: u64| -> Result<f64> {
            Ok(f64::from(u32::try_from(now.saturating_sub(then))?) / f64::from(u32::try_from(calls.max(1))?))
        };
        Ok(Effort {
            cost: now.used.each_since(self.used, calls),
            shim_switches: each(now.shim, self.shim)?,
            gateway_switches: each(now.gateway, self.gateway)?,
        })
    }
}

/// A subject's p50 over that of the driver alone.
fn ratio(round: &Round, subject: Subject) -> f64 {
    let [driver, ..] = round.samples;
    us(round.samples[subject as usize].p50) / us(driver.p50)
}

fn print_statements(title: &str, rounds: &[Round]) {
    let row = |subject: Subject| {
        let of = |figure_of: fn(&Sample) -> f64| {
            figure(median_of(rounds, |round| figure_of(&round.samples[subject as usize])))
        };
        vec![
            subject.name().to_owned(),
            of(|sample| us(sample.p50)),
            of(|sample| us(sample.p99)),
            of(|sample| sample.per_second),
            figure(median_of(rounds, |round| ratio(round, subject))),
        ]
    };
    table(title, &["through", "p50", "p99", "statements/s", "p50 / (a)"], &Subject::ALL.map(row));
}

fn print_efforts(title: &str, rounds: &[Round]) {
    let row = |what: &str, cost: fn(&Effort) -> f64, switches: fn(&Effort) -> f64| {
        let of = |figure_of: fn(&Effort) -> f64| figure(median_of(rounds, |round| figure_of(&round.effort)));
        vec![what.to_owned(), of(cost), of(switches)]
    };
    let rows = [
        row("shim", |effort| effort.cost.between, |effort| effort.shim_switches),
        row("gateway", |effort| effort.cost.server, |effort| effort.gateway_switches),
    ];
    table(title, &["program", "processor time, us", "voluntary context switches"], &rows);
}
