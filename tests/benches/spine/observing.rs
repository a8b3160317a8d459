//! What being seen costs a call: gateways that write nothing, that write all streams but `sql`, and all, in turns; and,
//! where `SNOWGATE_BENCH_BEFORE` names the folder of another build, that one.
//!
//! The difference of two medians, round by round: what a scheduler's mood adds, it adds to both sides.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use snowgate_tests::Home;

use crate::args::Args;
use crate::common::connection::Connection;
use crate::common::cpu::Stations;
use crate::common::driver::drive;
use crate::common::report::{Report, figure, table};
use crate::common::stats::{median_of, us};
use crate::common::{interrupt, sample};

const ROUNDS: usize = 41;
const ROUNDS_QUICK: usize = 5;
const TURN: Duration = Duration::from_millis(250);
const TURN_QUICK: Duration = Duration::from_millis(100);

/// All streams but `sql` add at most so much to the middle call, in microseconds.
const COST_US_MAX: f64 = 10.0;

/// Names a folder with both programs of another build.
const BEFORE: &str = "SNOWGATE_BENCH_BEFORE";

const NOTHING: &str = "[logs]\naccess = false\n[audit]\nenabled = false\n";
const WITH_SQL: &str = "[logs]\nlog_sql = true\n";

/// One gateway with one client.
struct Watched {
    name: &'static str,
    client: Connection,
    gateway: u32,
    _home: Home,
}

/// A turn's middle call, and the gateway's processor time of a call, in microseconds.
#[derive(Clone, Copy)]
struct Turn {
    p50: f64,
    server: f64,
}

impl Watched {
    fn start(name: &'static str, toml: &str, programs: Option<&PathBuf>) -> Result<Self> {
        let home = Home::bare();
        std::fs::write(home.config_file(), toml).context("writing the config")?;
        let mut shim = home.shim();
        if let Some(folder) = programs {
            shim = std::process::Command::new(folder.join("snowgate-shim"));
            shim.env("SNOWGATE_HOME", home.path());
        }
        let mut client = Connection::spawn(&mut shim)?;
        client.initialize()?;
        client.ask(&sample::select_1()).with_context(|| format!("the first query of {name}"))?;
        Ok(Self { name, client, gateway: home.gateway_pid(), _home: home })
    }

    fn turn(&mut self, duration: Duration) -> Result<Turn> {
        let stations = Stations { between: Vec::new(), server: self.gateway };
        let before = stations.used()?;
        let sample = drive(std::slice::from_mut(&mut self.client), &sample::select_1(), duration)?;
        let cost = stations.used()?.each_since(before, sample.calls);
        Ok(Turn { p50: us(sample.p50), server: cost.server })
    }
}

pub(crate) fn measure(args: &Args, report: &mut Report) -> Result<()> {
    let mut watched = vec![
        Watched::start("writes nothing", NOTHING, None)?,
        Watched::start("all streams but sql", "", None)?,
        Watched::start("all streams", WITH_SQL, None)?,
    ];
    if let Some(before) = std::env::var_os(BEFORE).map(PathBuf::from) {
        watched.push(Watched::start("the build before", "", Some(&before))?);
    }
    let (rounds, turn) = args.pick((ROUNDS, TURN), (ROUNDS_QUICK, TURN_QUICK));
    let mut turns: Vec<Vec<Turn>> = Vec::with_capacity(rounds);
    for number in 0..=rounds {
        let mut round = vec![Turn { p50: 0.0, server: 0.0 }; watched.len()];
        for offset in 0..watched.len() {
            interrupt::check()?;
            let at = (number + offset) % watched.len();
            round[at] = watched[at].turn(turn).with_context(|| watched[at].name)?;
        }
        // The first round's calls do not count.
        if number > 0 {
            turns.push(round);
        }
    }
    let more = |at: usize| median_of(&turns, |round| round[at].p50 - round[0].p50);
    let rows: Vec<Vec<String>> = watched
        .iter()
        .enumerate()
        .map(|(at, watched)| {
            let p50 = median_of(&turns, |round| round[at].p50);
            let server = median_of(&turns, |round| round[at].server);
            let cells = [figure(p50), figure(more(at)), figure(server)];
            std::iter::once(watched.name.to_owned()).chain(cells).collect()
        })
        .collect();
    let title = format!(
        "select 1 with what is written of it, medians of {rounds} rounds of {} ms; microseconds",
        turn.as_millis()
    );
    table(&title, &["", "p50", "more than nothing", "gateway's processor time"], &rows);
    report.at_most("what all streams but sql add to the middle call", more(1), COST_US_MAX, " us");
    Ok(())
}
