//! `snowgate migrate-env`: a config from the `.env` file of another Snowflake MCP server.
//!
//! `env_file` reads it, `table` knows the variables, `convert` their values; `plan` makes the config and says what became of
//! each variable, `page` writes `docs/migration.md`. All of them are pure; here is what reads and writes files.

mod convert;
mod env_file;
mod page;
mod plan;
mod table;

use std::io::{self, ErrorKind, Write, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use self::env_file::EnvFile;
use self::plan::{Outcome, Plan, plan};
use super::control::{print_for_people, print_json, print_text};
use super::exit;
use crate::config::{Paths, ProcessEnvironment};
use crate::os::{create_file, read_whole};
use crate::streams::escaped_lines;

/// Bytes of a `.env` file, at most.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What `migrate-env` reads and writes.
#[derive(Debug, Args)]
pub(crate) struct MigrateEnvArgs {
    /// The .env file of the other server
    #[arg(required_unless_present = "reference")]
    file: Option<PathBuf>,

    /// Write the config to this file, which must not exist yet, instead of printing it
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,

    /// Print docs/migration.md
    #[arg(long, hide = true)]
    reference: bool,

    /// Print JSON, for scripts: the config and what became of each variable
    #[arg(long)]
    pub(crate) json: bool,
}

/// The file cannot be used, or is not to be written.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct MigrateError {
    message: String,
    next_step: &'static str,
    exit_code: u8,
}

impl MigrateError {
    fn usage(message: String, next_step: &'static str) -> Self {
        Self { message, next_step, exit_code: exit::USAGE }
    }

    /// A fault of a file or the system.
    fn failed(message: String, next_step: &'static str) -> Self {
        Self { message, next_step, exit_code: exit::INTERNAL }
    }

    pub(super) fn next_step(&self) -> String {
        self.next_step.to_owned()
    }

    pub(super) fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

/// Migrates.
pub(super) fn migrate_env(args: &MigrateEnvArgs) -> Result<ExitCode> {
    if args.reference {
        return print_text(&page::page());
    }
    let Some(file) = &args.file else { bail!("no file is named") };
    let text = read(file)?;
    let folder = std::path::absolute(file)?.parent().map(Path::to_owned).unwrap_or_default();
    let mut paths = Paths::discover(&ProcessEnvironment)?;
    paths.usual_file = None;
    if let Some(output) = &args.output {
        paths = paths.with_config_file(std::path::absolute(output)?);
    }
    let made = plan(&EnvFile::parse(&text), &folder, &paths);
    if let Some(output) = &args.output {
        write_new(output, &made.config)?;
    }
    if args.json {
        let mut shown = serde_json::to_value(&made)?;
        shown["written_to"] = json!(args.output);
        return print_json(&shown);
    }
    let report = report(&made, args.output.as_deref());
    if args.output.is_some() {
        return print_for_people(&report);
    }
    // The config alone on stdout: it may go into a file.
    stderr().write_all(escaped_lines(&report).as_bytes())?;
    print_text(&made.config)
}

fn read(file: &Path) -> Result<String> {
    let wrong = |why: &str| {
        let message = format!("{} cannot be read: {why}", file.display());
        MigrateError::usage(message, "name the .env file of the other server")
    };
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::InvalidInput
        | ErrorKind::FileTooLarge => wrong(&error.to_string()),
        _ => {
            let message = format!("{} cannot be read: {error}", file.display());
            MigrateError::failed(message, "make sure that you may read the file, then run the command again")
        }
    };
    let bytes = read_whole(file, FILE_BYTES_MAX).map_err(failed)?;
    Ok(String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?)
}

/// Writes a file that did not exist, for its user alone: whole, or not at all.
fn write_new(file: &Path, text: &str) -> Result<(), MigrateError> {
    create_file(file, text.as_bytes()).map_err(|error| {
        let message = format!("{} is not written: {error}", file.display());
        match error.kind() {
            ErrorKind::AlreadyExists => {
                MigrateError::usage(message, "name a file that does not exist; a file is never overwritten")
            }
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                MigrateError::usage(message, "name a file in a folder that is there")
            }
            _ => MigrateError::failed(
                message,
                "make room on its disk and make sure that you may write in its folder, or name a file in another one",
            ),
        }
    })
}

fn report(made: &Plan, output: Option<&Path>) -> String {
    let mut text = String::new();
    let groups = [
        (Outcome::Setting, "Taken over:"),
        (Outcome::Comment, "In the file as a comment (it had no effect before):"),
        (Outcome::Secret, "Secrets, which are not copied:"),
        (Outcome::NotTaken, "Not taken over:"),
        (Outcome::NoCounterpart, "Without a counterpart:"),
        (Outcome::Unknown, "Not known:"),
    ];
    for (outcome, heading) in groups {
        let of_group: Vec<_> = made.variables.iter().filter(|finding| finding.outcome == outcome).collect();
        if of_group.is_empty() {
            continue;
        }
        text.push_str(&format!("{heading}\n"));
        for finding in of_group {
            let set = match (&finding.key, &finding.value) {
                (Some(key), Some(value)) => format!("{key} = {value}"),
                _ => String::new(),
            };
            let rest = match &finding.text {
                Some(more) if outcome == Outcome::Setting => format!(" ({more})"),
                Some(more) if set.is_empty() => more.clone(),
                _ => String::new(),
            };
            text.push_str(&format!("  {} (line {}): {set}{rest}\n", finding.variable, finding.line));
        }
    }
    if !made.unread_lines.is_empty() {
        text.push_str(&format!("Lines that were not read:\n  {}\n", made.unread_lines.join("\n  ")));
    }
    if !made.missing.is_empty() {
        let missing = made.missing.join("\n").replace('\n', "\n  ");
        text.push_str(&format!("Still missing:\n  {missing}\n"));
    }
    if let Some(output) = output {
        text.push_str(&format!(
            "Written to {}. Next step: snowgate config check --file {0}\n",
            output.display()
        ));
    }
    text
}
