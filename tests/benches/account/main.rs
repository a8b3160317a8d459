//! The benchmark of the Snowflake backend: what a statement costs through shim and gateway, over the driver
//! alone.
//!
//! `cargo bench -p snowgate-benches --bench account [-- --quick]` prints tables and the target, reached or
//! not. The server is fakesnow, real SQL over the real protocol: it takes most of the time, as the warehouse
//! does. Linux only: processes are looked at through `/proc`. Python is needed, see `tests/clients/fakesnow`.
//!
//! The three ways take turns, round after round; a ratio is the median of the rounds' ratios.

#![allow(clippy::disallowed_macros)]

mod args;
#[path = "../common/mod.rs"]
mod common;
mod driver_alone;
mod statements;
mod subjects;
mod switches;

use std::process::ExitCode;

use anyhow::Result;
use args::Args;
use common::report::Report;
use common::{interrupt, programs};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("account: {error:#}");
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
    let mut report = Report::default();
    if args.wants(args::Part::Statements) {
        statements::measure(&args, &mut report)?;
    }
    report.print_targets();
    Ok(())
}
