//! The benchmark of what a model pays: an analyst's scenario through Snowgate, dbhub and mcp-server-sqlite, on copies of the
//! same database, counted in calls, bytes and o200k tokens.
//!
//! `cargo bench -p snowgate-benches --bench tokens` prints tables and the targets, reached or not. Nothing is timed, so one
//! round is enough, and any build will do (`SNOWGATE_TEST_BIN_DIR`).
//!
//! Counted is what a model writes and reads: the name and the arguments of a call, and the contents of its result. Of the
//! list of tools it is name, description and input schema, which are what clients hand to a model, behind
//! the server's instructions.

#![allow(clippy::disallowed_macros)]

mod args;
#[path = "../common/mod.rs"]
mod common;
mod count;
#[path = "../spine/peers/environment.rs"]
mod environment;
mod scenario;
mod server;

use std::process::ExitCode;

use anyhow::Result;
use args::Args;
use common::report::{Report, table};
use common::{interrupt, programs};
use count::{Counter, Spent};
use scenario::Step;
use server::Server;

/// Of what the better peer takes, Snowgate may take this part.
const PEER_PART_MAX: f64 = 0.5;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tokens: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A missed target is no failure: figures are this program's business, verdicts are not.
fn run() -> Result<()> {
    let args = Args::parse(args::HELP)?;
    if args.help {
        print!("{}", args::HELP);
        return Ok(());
    }
    programs::find()?;
    interrupt::listen()?;
    let counter = Counter::new()?;
    let servers = Server::all()?;
    let mut played = Vec::new();
    for server in &servers {
        interrupt::check()?;
        played.push((server.name, counter.count(&server.play()?)?));
    }
    print_steps(&played);
    print_totals(&played);
    judge(&played);
    Ok(())
}

/// What one server took: its list of tools, and each step.
type Played = (&'static str, count::Counted);

/// A row for each step, and the tokens and bytes of each server.
fn print_steps(played: &[Played]) {
    let header: Vec<&str> =
        [&["step"][..], &played.iter().map(|(name, _)| *name).collect::<Vec<_>>()].concat();
    let row = |label: String, of: &dyn Fn(&count::Counted) -> Spent| {
        let cells = played.iter().map(|(_, counted)| of(counted)).map(count::Spent::shown);
        [label].into_iter().chain(cells).collect::<Vec<String>>()
    };
    let mut rows: Vec<Vec<String>> = Step::ALL
        .iter()
        .enumerate()
        .map(|(at, step)| row(step.label().to_owned(), &|counted| counted.steps[at]))
        .collect();
    rows.push(row("instructions, list of tools".to_owned(), &|counted| counted.tools));
    table("Each step: tokens (bytes), calls if more than one", &header, &rows);
}

/// The sums, with and without the list and the export.
fn print_totals(played: &[Played]) {
    let header =
        ["server", "calls", "scenario", "and the list", "without the export", "and the list", "tools listed"];
    let rows: Vec<Vec<String>> = played
        .iter()
        .map(|(name, counted)| {
            let all = counted.all();
            vec![
                (*name).to_owned(),
                all.calls.to_string(),
                all.shown_alone(),
                (all + counted.tools).shown_alone(),
                counted.without_export().shown_alone(),
                (counted.without_export() + counted.tools).shown_alone(),
                counted.tools_listed.to_string(),
            ]
        })
        .collect();
    table("Sums: tokens (bytes)", &header, &rows);
}

/// Compares with the better of the peers, which are the last two.
fn judge(played: &[Played]) {
    let mut report = Report::default();
    let [ours @ .., one, other] = played else { return };
    type Sum = fn(&count::Counted) -> Spent;
    let sums: [(&str, Sum); 4] = [
        ("scenario", |counted| counted.all()),
        ("scenario and list", |counted| counted.all() + counted.tools),
        ("without the export", |counted| counted.without_export()),
        ("without the export, and list", |counted| counted.without_export() + counted.tools),
    ];
    for (name, counted) in ours {
        for (what, sum) in sums {
            let better = sum(&one.1).tokens.min(sum(&other.1).tokens);
            let part = sum(counted).tokens as f64 / better as f64;
            report.at_most(format!("tokens / the better peer's, {what}: {name}"), part, PEER_PART_MAX, " x");
        }
    }
    report.print_targets();
}
