//! `snowgate completions`: scripts that complete its commands in a shell.

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, exit};

/// Prints the completion script for `shell`.
pub(super) fn run(shell: Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    // Not directly to stdout: clap_complete panics if it cannot write, for instance to a closed pipe.
    clap_complete::generate(shell, &mut Cli::command(), "snowgate", &mut script);
    stdout().write_all(&script).context("cannot write to stdout")?;
    Ok(ExitCode::from(exit::OK))
}
