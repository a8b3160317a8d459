//! Calls through the whole shim: beside a forwarder that retains nothing, with the same echo behind both, and
//! for scale through the gateway.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use snowgate_tests::Home;
use tempfile::TempDir;

use super::typical;
use crate::args::Args;
use crate::common::connection::{Connection, Process, Request, own_program};
use crate::common::cpu::{Cost, Stations};
use crate::common::driver::drive;
use crate::common::report::{figure, table};
use crate::common::stats::{Sample, median_of, us};
use crate::common::{interrupt, roles, sample};
use crate::framed_echo;

const CLIENTS: usize = 50;
const ROUNDS: usize = 15;
const ROUNDS_QUICK: usize = 3;
/// A subject's turn in a round.
const TURN: Duration = Duration::from_millis(400);
const TURN_QUICK: Duration = Duration::from_millis(100);

const NAMES: [&str; 3] =
    ["(b) forwarder + echo", "(f) shim + echo in frames", "(g) shim + gateway, two rows without a table"];

/// What calls go through.
struct Subject {
    connections: Vec<Connection>,
    stations: Stations,
}

/// Everything that runs for the calls. The fields are dropped in order: connections before what they lead to.
struct Subjects {
    each: [Subject; 3],
    _servers: [Process; 2],
    _sockets: TempDir,
    _home: Home,
}

/// One subject's turn.
#[derive(Clone, Copy, Debug)]
struct Turn {
    sample: Sample,
    cost: Cost,
}

type Round = [Turn; NAMES.len()];

pub(super) fn measure(args: &Args) -> Result<()> {
    let mut subjects = Subjects::start().context("setting up the calls")?;
    let request = typical();
    let (rounds, turn) = args.pick((ROUNDS, TURN), (ROUNDS_QUICK, TURN_QUICK));
    // Nobody's first calls count.
    subjects.round(&request, 0, CLIENTS, turn / 4)?;
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for number in 0..rounds {
        one.push(subjects.round(&request, number, 1, turn)?);
        many.push(subjects.round(&request, number, CLIENTS, turn)?);
    }
    print(&one, &many, rounds, turn);
    Ok(())
}

impl Subjects {
    fn start() -> Result<Self> {
        let home = Home::new();
        let sockets = roles::socket_folder()?;
        let (echo_socket, echo) = roles::start(sockets.path(), roles::ECHO)?;
        let (framed_socket, framed) = roles::start(sockets.path(), framed_echo::ROLE)?;
        let forwarder = || own_program(roles::FORWARD, &echo_socket);
        let shim = || {
            let mut shim = home.shim();
            shim.arg("--no-autostart").arg("--socket").arg(&framed_socket);
            Ok(shim)
        };
        let gateway_clients: Result<Vec<Connection>> = (0..CLIENTS).map(|_| sample::client(&home)).collect();
        let each = [
            Subject::new(spawn_all(forwarder)?, echo.id())?,
            Subject::new(spawn_all(shim)?, framed.id())?,
            Subject::new(gateway_clients?, home.gateway_pid())?,
        ];
        Ok(Self { each, _servers: [echo, framed], _sockets: sockets, _home: home })
    }

    /// Every subject's turn, another one first each time.
    fn round(
        &mut self,
        request: &Request,
        number: usize,
        clients: usize,
        duration: Duration,
    ) -> Result<Round> {
        let mut turns = [None; NAMES.len()];
        for offset in 0..turns.len() {
            interrupt::check()?;
            let at = (number + offset) % turns.len();
            let turn = self.each[at].turn(request, clients, duration);
            turns[at] = Some(turn.with_context(|| NAMES[at])?);
        }
        let turns: Option<Vec<Turn>> = turns.into_iter().collect();
        turns.and_then(|turns| turns.try_into().ok()).context("a subject had no turn")
    }
}

impl Subject {
    fn new(connections: Vec<Connection>, server: u32) -> Result<Self> {
        let between: Result<Vec<u32>> = connections.iter().map(Connection::pid).collect();
        Ok(Self { connections, stations: Stations { between: between?, server } })
    }

    fn turn(&mut self, request: &Request, clients: usize, duration: Duration) -> Result<Turn> {
        let before = self.stations.used()?;
        let sample = drive(&mut self.connections[..clients], request, duration)?;
        let cost = self.stations.used()?.each_since(before, sample.calls);
        Ok(Turn { sample, cost })
    }
}

fn spawn_all(command: impl Fn() -> Result<Command>) -> Result<Vec<Connection>> {
    (0..CLIENTS).map(|_| Connection::spawn(&mut command()?)).collect()
}

fn print(one: &[Round], many: &[Round], rounds: usize, turn: Duration) {
    let figures: [fn(&Turn) -> f64; 3] =
        [|turn| us(turn.sample.p50), |turn| us(turn.sample.p99), |turn| turn.cost.between];
    let mut rows: Vec<Vec<String>> = NAMES
        .into_iter()
        .enumerate()
        .map(|(at, name)| row(name, &figures, one, many, |round, figure| figure(&round[at])))
        .collect();
    let added = |round: &Round, figure: &dyn Fn(&Turn) -> f64| figure(&round[1]) - figure(&round[0]);
    rows.push(row("(f) - (b)", &figures, one, many, added));
    let ratio = |round: &Round, figure: &dyn Fn(&Turn) -> f64| figure(&round[1]) / figure(&round[0]);
    rows.push(row("(f) / (b)", &figures, one, many, ratio));
    let title = format!(
        "The shim beside a forwarder, microseconds; medians of {rounds} rounds of {} ms for each; processor time is that of forwarder or shim",
        turn.as_millis()
    );
    let header =
        ["through", "1 client: p50", "p99", "processor time", "50 clients: p50", "p99", "processor time"];
    table(&title, &header, &rows);
}

/// A row: each figure's median over the rounds with one client, then with many.
fn row(
    name: &str,
    figures: &[fn(&Turn) -> f64],
    one: &[Round],
    many: &[Round],
    of: impl Fn(&Round, &dyn Fn(&Turn) -> f64) -> f64,
) -> Vec<String> {
    let median = |rounds: &[Round], figure_of: &fn(&Turn) -> f64| {
        figure(median_of(rounds, |round| of(round, figure_of)))
    };
    let one = figures.iter().map(|figure_of| median(one, figure_of));
    let many = figures.iter().map(|figure_of| median(many, figure_of));
    std::iter::once(name.to_owned()).chain(one).chain(many).collect()
}
