//! The gateway is killed, and every client asks at once: how long until they have their answers.
//!
//! In that time a shim notices, one of them starts a gateway, all present their sessions to it, and it
//! restores each context and answers.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::args::Args;
use crate::common::connection::check_answer;
use crate::common::poller::Poller;
use crate::common::report::{figure, table};
use crate::common::stats::{median_of, ms};
use crate::common::{cpu, descriptors, interrupt};
use crate::fleet::{self, Fleet};

const CLIENTS: [usize; 2] = [1, 1_000];
const CLIENTS_QUICK: [usize; 2] = [1, 100];
const ROUNDS: usize = 15;
const ROUNDS_QUICK: usize = 3;

/// What one kill came to, in milliseconds.
struct Round {
    /// Until the first client had its answer.
    first: f64,
    /// Until half of them had.
    half: f64,
    /// Until all had.
    all: f64,
    /// Processor time that the new gateway took, its start included.
    gateway: f64,
    /// Processor time that the shims took.
    shims: f64,
}

pub(crate) fn measure(args: &Args) -> Result<()> {
    let sizes = args.pick(CLIENTS, CLIENTS_QUICK);
    descriptors::make_room(sizes.iter().sum(), 2)?;
    let mut fleets = sizes.map(Fleet::start).into_iter().collect::<Result<Vec<Fleet>>>()?;
    let mut taken: Vec<Vec<Round>> = fleets.iter().map(|_| Vec::new()).collect();
    let rounds = args.pick(ROUNDS, ROUNDS_QUICK);
    for _ in 0..rounds {
        for (fleet, taken) in fleets.iter_mut().zip(&mut taken) {
            interrupt::check()?;
            let clients = fleet.clients.len();
            taken.push(kill(fleet).with_context(|| format!("a kill with {clients} clients"))?);
        }
    }
    print(&sizes, &taken, rounds);
    Ok(())
}

/// Kills the gateway and has every client ask; each must be answered, once and in its own context.
fn kill(fleet: &mut Fleet) -> Result<Round> {
    let gateway = fleet.home.gateway_pid();
    let poller = Poller::of(&fleet.clients)?;
    let used_before = used_by_shims(fleet)?;
    let mut answers = Vec::with_capacity(fleet.clients.len());
    let since = Instant::now();
    snowgate_tests::kill(gateway);
    for client in &mut fleet.clients {
        client.send(&fleet.question)?;
    }
    while answers.len() < fleet.clients.len() {
        for at in poller.wait()? {
            let client = &mut fleet.clients[at];
            if let Some(line) = client.read()? {
                answers.push((since.elapsed(), line, client.last_id()));
            }
        }
    }
    let shims = ms(used_by_shims(fleet)?.saturating_sub(used_before));
    let gateway = ms(cpu::of_process(fleet.home.gateway_pid())?);
    for (_, line, id) in &answers {
        fleet::check(&check_answer(line, *id)?)?;
    }
    let at = |rank: usize| ms(answers[rank].0);
    Ok(Round { first: at(0), half: at((answers.len() - 1) / 2), all: at(answers.len() - 1), gateway, shims })
}

fn used_by_shims(fleet: &Fleet) -> Result<Duration> {
    fleet.clients.iter().map(|client| cpu::of_process(client.pid()?)).sum()
}

fn print(sizes: &[usize], taken: &[Vec<Round>], rounds: usize) {
    let row = |(clients, taken): (&usize, &Vec<Round>)| {
        let middle = |figure_of: fn(&Round) -> f64| median_of(taken, figure_of);
        let all = || taken.iter().map(|round| round.all);
        let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
        let each = middle(|round| round.all) / *clients as f64;
        let waits = [middle(|round| round.first), middle(|round| round.half)];
        let work = [middle(|round| round.gateway), middle(|round| round.shims)];
        let figures = waits.into_iter().chain([least, middle(|round| round.all), most, each]).chain(work);
        std::iter::once(clients.to_string()).chain(figures.map(figure)).collect()
    };
    let rows: Vec<Vec<String>> = sizes.iter().zip(taken).map(row).collect();
    let title = format!("From a kill of the gateway to the answers, ms; {rounds} kills");
    let header = [
        "clients",
        "first answer",
        "half",
        "all: min",
        "median",
        "max",
        "all / clients",
        "processor time: gateway",
        "shims",
    ];
    table(&title, &header, &rows);
}
