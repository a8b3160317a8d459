//! The benchmark of the queue for connections: what it costs to get one and to give it back.
//!
//! `cargo bench -p snowgate-benches --bench queue [-- --quick]` prints a table. What the core of the allocator costs by
//! itself is measured in its own crate (`gateway/crates/fair-queue`).

#![allow(clippy::disallowed_macros)]

mod args;
#[path = "../common/mod.rs"]
mod common;
mod grants;
mod instant;

use std::process::ExitCode;

use anyhow::Result;
use args::{Args, Part};
use common::interrupt;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("queue: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let args = Args::parse(args::HELP)?;
    if args.help {
        print!("{}", args::HELP);
        return Ok(());
    }
    interrupt::listen()?;
    if args.wants(Part::Grants) {
        grants::measure(&args)?;
    }
    Ok(())
}
