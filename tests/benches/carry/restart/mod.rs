//! `snowgate restart` while clients ask: none of their requests may fail, and how long do they wait.

mod load;

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use load::{Load, drive_until};

use crate::args::Args;
use crate::common::interrupt;
use crate::common::report::{Report, figure, table};
use crate::common::stats::{median, ms};
use crate::fleet::Fleet;

const CLIENTS: usize = 50;
const RESTARTS: usize = 10;
/// How often the restarts in a row are repeated, with new clients.
const RUNS: usize = 3;
const RUNS_QUICK: usize = 1;

/// Load without a restart, before each one: what the longest wait is without it.
const QUIET: Duration = Duration::from_millis(300);
/// After `snowgate restart` has returned: by then every client has the answer that it waited for.
const SETTLE: Duration = Duration::from_millis(200);

/// A client must not wait longer than this, in milliseconds, where no statement runs for long.
const STALL_MS_MAX: f64 = 300.0;

/// When a restart was what.
struct Times {
    quiet_from: Instant,
    began: Instant,
    returned: Instant,
    settled: Instant,
    /// The process that serves afterwards.
    pid: u32,
}

/// The restarts in a row.
struct Run {
    /// The process that served before the first.
    first: u32,
    times: Vec<Times>,
    load: Load,
}

impl Run {
    /// After how many restarts the process was another. None, if the gateway that was told to became the next
    /// one.
    fn replaced(&self) -> usize {
        let after = self.times.iter().map(|times| times.pid);
        let before = std::iter::once(self.first).chain(after.clone());
        before.zip(after).filter(|(before, after)| before != after).count()
    }
}

/// What a restart meant to the clients, in milliseconds.
struct Restart {
    /// The longest that a client waited before it.
    quiet: f64,
    /// The longest that a client waited for an answer that came during it or just after.
    stall: f64,
    /// How long the command took.
    command: f64,
}

pub(crate) fn measure(args: &Args, report: &mut Report) -> Result<()> {
    let runs = args.pick(RUNS, RUNS_QUICK);
    let (mut restarts, mut answers, mut failed) = (Vec::new(), 0, Vec::new());
    let mut replaced = 0;
    for _ in 0..runs {
        let run = run()?;
        answers += run.load.answers.len();
        replaced += run.replaced();
        restarts.extend(run.times.iter().map(|times| restart(times, &run.load)));
        failed.extend(run.load.failed);
    }
    print(&restarts, runs, answers, &failed);
    report.at_most("requests that failed, restarts under load", count(failed.len()), 0.0, "");
    let what = "restarts after which another process served";
    report.at_most(what, count(replaced), 0.0, "");
    report.at_most(
        "longest wait of a client, restarts under load",
        most(&restarts, |it| it.stall),
        STALL_MS_MAX,
        " ms",
    );
    Ok(())
}

/// The restarts in a row, under load.
fn run() -> Result<Run> {
    let mut fleet = Fleet::start(CLIENTS)?;
    let mut command = fleet.home.gateway();
    command.arg("restart");
    let first = fleet.home.gateway_pid();
    // Whichever of the two ends first, the other does not go on.
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        let restarts = scope.spawn(move || {
            let times = restart_in_a_row(command, is_over);
            is_over.store(true, Ordering::Relaxed);
            times
        });
        let load = drive_until(&mut fleet.clients, &fleet.question, is_over);
        is_over.store(true, Ordering::Relaxed);
        let times = restarts.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok(Run { first, times: times?, load: load? })
    })
}

fn restart_in_a_row(mut command: Command, is_over: &AtomicBool) -> Result<Vec<Times>> {
    let mut restarts = Vec::with_capacity(RESTARTS);
    while restarts.len() < RESTARTS && !is_over.load(Ordering::Relaxed) {
        interrupt::check()?;
        let quiet_from = Instant::now();
        thread::sleep(QUIET);
        let began = Instant::now();
        let output = command.output()?;
        let returned = Instant::now();
        ensure!(output.status.success(), "snowgate restart: {output:?}");
        let pid = pid_in(&String::from_utf8_lossy(&output.stdout))?;
        thread::sleep(SETTLE);
        restarts.push(Times { quiet_from, began, returned, settled: Instant::now(), pid });
    }
    Ok(restarts)
}

/// The process id in what `snowgate restart` says.
fn pid_in(said: &str) -> Result<u32> {
    let (_, rest) = said.split_once("pid ").with_context(|| format!("no process id: {said}"))?;
    let digits = rest.split(|character: char| !character.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).with_context(|| format!("no process id: {said}"))
}

fn restart(times: &Times, load: &Load) -> Restart {
    let longest = |from, to| load.longest(from, to).map_or(f64::NAN, ms);
    Restart {
        quiet: longest(times.quiet_from, times.began),
        stall: longest(times.began, times.settled),
        command: ms(times.returned - times.began),
    }
}

fn print(restarts: &[Restart], runs: usize, answers: usize, failed: &[String]) {
    let row = |what: &str, of: fn(&Restart) -> f64| {
        let values: Vec<f64> = restarts.iter().map(of).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let figures = [least, median(&values), most(restarts, of)].map(figure);
        std::iter::once(what.to_owned()).chain(figures).collect()
    };
    let rows = [
        row("longest wait of any client, restart", |it| it.stall),
        row("longest wait of any client, none", |it| it.quiet),
        row("`snowgate restart` took", |it| it.command),
    ];
    let title = format!(
        "{RESTARTS} restarts in a row under the load of {CLIENTS} clients, {runs} times, ms; {answers} requests, {} failed",
        failed.len()
    );
    table(&title, &["", "min", "median", "max"], &rows);
    failed.iter().take(5).for_each(|why| println!("failed: {why}"));
}

fn most(restarts: &[Restart], of: fn(&Restart) -> f64) -> f64 {
    restarts.iter().map(of).fold(0.0, f64::max)
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
