//! `snowgate config`: check, show, explain, reference.

use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::advice::next_step;
use super::{ConfigCommand, OutputArgs, config_questions, exit, explain};
use crate::backend::snowflake::key_problem;
use crate::config::{Config, ConfigErrors, ConnectionConfig, Paths, ProcessEnvironment, reference};
use crate::http::check_files;
use crate::keys::KeyDesk;

/// Runs one of the commands about the configuration.
pub(super) fn run(command: &ConfigCommand, system_file: Option<PathBuf>) -> Result<ExitCode> {
    let paths = |file| paths(file, system_file);
    match command {
        ConfigCommand::Check { file } => check(&paths(file.as_deref())?),
        ConfigCommand::Show(args) => show(&paths(None)?, *args),
        ConfigCommand::Explain(args) => {
            let paths = paths(None)?;
            let config = Config::load(&paths, &ProcessEnvironment).context("the configuration has errors")?;
            print_warnings(&config)?;
            let keys = match KeyDesk::in_folder(&paths.state_dir).list() {
                Ok((keys, _)) => keys,
                Err(error) => {
                    writeln!(stderr(), "warning: {error}")?;
                    Vec::new()
                }
            };
            print(&explain::explain(&config, &keys, args)?)
        }
        ConfigCommand::Reference => print(&reference()),
    }
}

fn check(paths: &Paths) -> Result<ExitCode> {
    match Config::load(paths, &ProcessEnvironment) {
        Ok(config) => {
            print_warnings(&config)?;
            let named = config.connections.values().filter_map(|connection| match connection {
                ConnectionConfig::Snowflake(account) => Some(&**account),
                ConnectionConfig::Sqlite(_) => None,
            });
            for problem in config.snowflake.iter().chain(named).filter_map(key_problem) {
                writeln!(stderr(), "warning: {problem}")?;
            }
            if let Some(Err(error)) = config.http.as_ref().map(check_files) {
                let place = config.file.as_ref().unwrap_or(&paths.config_file).display().to_string();
                let error = anyhow::Error::new(error);
                let next_step = next_step(&error).unwrap_or_default();
                writeln!(stderr(), "{place}: {error:#}\n  hint: {next_step}")?;
                return Ok(ExitCode::from(exit::CONFIG));
            }
            let questions = config_questions::prepare(&config)?;
            for note in &questions.notes {
                writeln!(stderr(), "warning: {note}")?;
            }
            if !questions.errors.is_empty() {
                let place = config.file.as_ref().unwrap_or(&paths.config_file).display();
                for error in &questions.errors {
                    writeln!(stderr(), "{place}: {error}")?;
                }
                return Ok(ExitCode::from(exit::CONFIG));
            }
            let mut text = summary(paths, &config);
            if questions.prepared > 0 {
                text.push_str(&format!("saved questions prepared: {}\n", questions.prepared));
            }
            print(&text)
        }
        Err(errors) => list(&errors),
    }
}

fn paths(file: Option<&Path>, system_file: Option<PathBuf>) -> Result<Paths> {
    let paths = Paths::discover(&ProcessEnvironment)?.with_system_file(system_file);
    let Some(file) = file else { return Ok(paths) };
    let file: PathBuf = std::path::absolute(file).context("cannot resolve the path of --file")?;
    Ok(paths.with_config_file(file))
}

fn summary(paths: &Paths, config: &Config) -> String {
    let mut text = match &config.file {
        Some(file) => format!("ok: {}\n", file.display()),
        None => format!("ok: {} does not exist, the defaults apply\n", paths.config_file.display()),
    };
    if let Some(file) = &config.system_file {
        text.push_str(&format!("system's file, which it can only narrow: {}\n", file.display()));
    }
    let reason =
        config.origins.origin("backend.kind").map_or_else(String::new, |origin| format!(" ({origin})"));
    text.push_str(&format!("backend: {}{reason}\n", config.backend.connection()));
    text
}

/// The errors are the requested result, so they are printed one per line, without the program's name.
fn list(errors: &ConfigErrors) -> Result<ExitCode> {
    writeln!(stderr(), "{errors}")?;
    Ok(ExitCode::from(exit::CONFIG))
}

fn show(paths: &Paths, args: OutputArgs) -> Result<ExitCode> {
    let config = Config::load(paths, &ProcessEnvironment).context("the configuration has errors")?;
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
