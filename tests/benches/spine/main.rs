//! The benchmark of the spine: what a call through shim and gateway costs, and what shim and gateway weigh.
//!
//! `cargo bench -p snowgate-benches --bench spine [-- --quick] [--peers] [--only NAME]` prints one table a
//! question and the targets, reached or not. `docs/benchmarks.md` explains the rows. Linux only: memory comes
//! from `/proc`.
//!
//! Everything that is compared is measured in turns, round after round, and a ratio is the median of the
//! rounds' ratios: a machine that is busy for a second slows both sides of it.

#![allow(clippy::disallowed_macros)]

mod args;
mod bare;
mod calls;
#[path = "../common/mod.rs"]
mod common;
mod http;
mod idle;
mod observing;
mod peers;
mod shim;
mod startup;
mod subjects;

use std::process::ExitCode;

use anyhow::Result;
use args::{Args, Part};
use common::report::Report;
use common::{interrupt, programs, roles};

fn main() -> ExitCode {
    if let Some(role) = roles::asked_for(&[(bare::ROLE, bare::serve), (http::bare::ROLE, http::bare::serve)])
    {
        return roles::run(&role);
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("spine: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Every part that was asked for. A missed target is no failure: figures are this program's business,
/// verdicts are not.
fn run() -> Result<()> {
    let args = Args::parse(args::HELP)?;
    if args.help {
        print!("{}", args::HELP);
        return Ok(());
    }
    let programs = programs::find()?;
    interrupt::listen()?;
    if args.wants(Part::Peers) {
        peers::prepare()?;
    }
    let mut report = Report::default();
    if args.wants(Part::Calls) {
        calls::measure(&args, &mut report)?;
    }
    if args.wants(Part::Http) {
        http::measure(&args, &mut report)?;
    }
    if args.wants(Part::Observing) {
        observing::measure(&args, &mut report)?;
    }
    if args.wants(Part::Shim) {
        shim::measure(&args, &programs, &mut report)?;
    }
    if args.wants(Part::Start) {
        startup::measure(&args, &mut report)?;
    }
    if args.wants(Part::Idle) {
        idle::measure(&args, &mut report)?;
    }
    if args.wants(Part::Peers) {
        peers::measure(&args, &mut report)?;
    }
    report.print_targets();
    Ok(())
}
