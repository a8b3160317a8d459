//! The benchmark of what is carried over a gateway's end: what retained lines and the journal cost while
//! nothing happens, and how long clients wait when a gateway is killed or restarted.
//!
//! `cargo bench -p snowgate-benches --bench carry [-- --quick] [--only NAME]` prints tables and the targets,
//! reached or not. `docs/benchmarks.md` explains the rows. Linux only: processes are looked at through
//! `/proc`.
//!
//! What is compared takes turns, round after round; differences and ratios are medians of the rounds' own.

#![allow(clippy::disallowed_macros)]

mod args;
#[path = "../common/mod.rs"]
mod common;
mod fleet;
mod framed_echo;
mod journal;
mod restart;
mod resume;
mod retain;

use std::process::ExitCode;

use anyhow::Result;
use args::{Args, Part};
use common::report::Report;
use common::{interrupt, programs, roles};

fn main() -> ExitCode {
    if let Some(role) = roles::asked_for(&[(framed_echo::ROLE, framed_echo::serve)]) {
        return roles::run(&role);
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("carry: {error:#}");
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
    programs::find()?;
    interrupt::listen()?;
    let mut report = Report::default();
    if args.wants(Part::Retain) {
        retain::measure(&args)?;
    }
    if args.wants(Part::Journal) {
        journal::measure(&args)?;
    }
    if args.wants(Part::Resume) {
        resume::measure(&args)?;
    }
    if args.wants(Part::Restart) {
        restart::measure(&args, &mut report)?;
    }
    report.print_targets();
    Ok(())
}
