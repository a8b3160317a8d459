//! `snowgate man`: manual pages, made of what `--help` says.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::CommandFactory;

use super::{Cli, exit};

/// Writes `snowgate.1` and one page for each command into `folder`.
pub(super) fn run(folder: &Path) -> Result<ExitCode> {
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .with_context(|| format!("cannot write manual pages into {}", folder.display()))?;
    Ok(ExitCode::from(exit::OK))
}
