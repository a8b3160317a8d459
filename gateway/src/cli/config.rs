//! `snowgate config`: check, show, reference.

use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::{ConfigCommand, OutputArgs, exit};
use crate::config::{Config, ConfigErrors, Paths, ProcessEnvironment, reference};

/// Runs one of the commands about the configuration.
pub(super) fn run(command: &ConfigCommand) -> Result<ExitCode> {
    match command {
        ConfigCommand::Check { file } => check(file.as_deref()),
        ConfigCommand::Show(args) => show(*args),
        ConfigCommand::Reference => print(&reference()),
    }
}

fn check(file: Option<&Path>) -> Result<ExitCode> {
    let paths = paths(file)?;
    match Config::load(&paths, &ProcessEnvironment) {
        Ok(config) => {
            print_warnings(&config)?;
            print(&summary(&paths, &config))
        }
        Err(errors) => list(&errors),
    }
}

fn paths(file: Option<&Path>) -> Result<Paths> {
    let paths = Paths::discover(&ProcessEnvironment)?;
    let Some(file) = file else { return Ok(paths) };
    let file: PathBuf = std::path::absolute(file).context("cannot resolve the path of --file")?;
    Ok(paths.with_config_file(file))
}

fn summary(paths: &Paths, config: &Config) -> String {
    match &config.file {
        Some(file) => format!("ok: {}\n", file.display()),
        None => format!("ok: {} does not exist, the defaults apply\n", paths.config_file.display()),
    }
}

/// The errors are the requested result, so they are printed one per line, without the program's name.
fn list(errors: &ConfigErrors) -> Result<ExitCode> {
    writeln!(stderr(), "{errors}")?;
    Ok(ExitCode::from(exit::CONFIG))
}

fn show(args: OutputArgs) -> Result<ExitCode> {
    let config = Config::load(&paths(None)?, &ProcessEnvironment).context("the configuration has errors")?;
    print_warnings(&config)?;
    match args.json {
        true => print(&format!("{:#}\n", config.to_json())),
        false => print(&config.to_toml()),
    }
}

fn print_warnings(config: &Config) -> Result<()> {
    for warning in &config.warnings {
        writeln!(stderr(), "warning: {warning}")?;
    }
    Ok(())
}

fn print(text: &str) -> Result<ExitCode> {
    stdout().write_all(text.as_bytes()).context("cannot write to stdout")?;
    Ok(ExitCode::from(exit::OK))
}
