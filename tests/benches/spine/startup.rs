//! How long a client waits for its first answer: from just before the shim is started to the answer to
//! `initialize`.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use snowgate_tests::Home;

use crate::args::Args;
use crate::common::connection::{Connection, Request, own_program};
use crate::common::report::{Report, figure, table};
use crate::common::stats::{median, ms, percentile};
use crate::common::{interrupt, roles, sample};

const WARM: usize = 50;
const WARM_QUICK: usize = 10;
const COLD: usize = 10;
const COLD_QUICK: usize = 3;

const WARM_MS_MAX: f64 = 5.0;
const COLD_MS_MAX: f64 = 150.0;

pub(crate) fn measure(args: &Args, report: &mut Report) -> Result<()> {
    let home = sample::home()?;
    let (forwarder, warm) = warm(&home, args.pick(WARM, WARM_QUICK))?;
    let cold = cold(&home, args.pick(COLD, COLD_QUICK))?;
    let rows = [("shim, gateway warm", &warm), ("shim, no gateway", &cold), ("forwarder (b)", &forwarder)];
    table(
        "From exec to the first answer, in ms",
        &["", "launches", "min", "median", "p95"],
        &rows.map(|(what, times)| row(what, times)),
    );
    report.at_most("first answer, gateway warm (median)", middle(&warm), WARM_MS_MAX, " ms");
    report.at_most("first answer, no gateway (median)", middle(&cold), COLD_MS_MAX, " ms");
    Ok(())
}

/// Launches of the forwarder and of the shim, in turns. The forwarder is the floor: a process that does
/// nothing.
fn warm(home: &Home, launches: usize) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let sockets = roles::socket_folder()?;
    let (socket, _server) = roles::start(sockets.path(), roles::ECHO)?;
    let (mut forwarder, mut shim) = (Vec::new(), Vec::new());
    for _ in 0..launches {
        forwarder.push(launch(&mut own_program(roles::FORWARD, &socket)?)?);
        shim.push(launch(&mut home.shim())?);
    }
    Ok((forwarder, shim))
}

/// Launches of a shim that has to start the gateway. The sample data is in place.
fn cold(home: &Home, launches: usize) -> Result<Vec<Duration>> {
    let one = |_| {
        sample::stop(home);
        launch(&mut home.shim())
    };
    (0..launches).map(one).collect()
}

fn launch(command: &mut Command) -> Result<Duration> {
    interrupt::check()?;
    let since = Instant::now();
    let mut connection = Connection::spawn(command)?;
    connection.ask(&Request::initialize()).context("the first answer")?;
    let took = since.elapsed();
    connection.close()?;
    Ok(took)
}

fn middle(times: &[Duration]) -> f64 {
    median(&times.iter().copied().map(ms).collect::<Vec<_>>())
}

fn row(what: &str, times: &[Duration]) -> Vec<String> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let figures = [ms(percentile(&sorted, 0)), middle(&sorted), ms(percentile(&sorted, 95))];
    let launches = times.len().to_string();
    [what.to_owned(), launches].into_iter().chain(figures.map(figure)).collect()
}
