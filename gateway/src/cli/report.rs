//! `snowgate report`: packs what a bug report needs, without secrets and statements.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;

use super::Cli;
use super::control::{columns, print_json, print_text};
use super::doctor::places;
use crate::config::ProcessEnvironment;
use crate::doctor::{self, Options, Part, Situation};
use crate::keys::now_ms;
use crate::os::create_file;
use crate::streams::Timestamp;

/// What is packed, and where to.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReportArgs {
    /// The archive to write; it must not exist. Default: snowgate-report-DATE-TIME.tar.gz in the current folder
    #[arg(long, value_name = "FILE.tar.gz")]
    output: Option<PathBuf>,

    /// Only list what would be packed
    #[arg(long)]
    list: bool,

    /// Print JSON, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

/// A file is there already.
#[derive(Debug, thiserror::Error)]
#[error("{} is there already, and is not overwritten", .0.display())]
pub(super) struct FileExists(PathBuf);

impl FileExists {
    /// What the user can do about it.
    pub(super) fn next_step() -> String {
        "name another file with --output, or remove that one".to_owned()
    }
}

/// Packs a report.
pub(super) fn report(cli: &Cli, args: &ReportArgs) -> Result<ExitCode> {
    let parts = match places(cli) {
        Err(diagnosis) => vec![doctor::part_of(&diagnosis)],
        Ok((paths, endpoint)) => {
            let situation = Situation::look(paths, endpoint, &ProcessEnvironment, Options::default());
            let diagnosis = doctor::examine(&situation);
            doctor::parts(&situation, &diagnosis)
        }
    };
    if args.list {
        return list(&parts, None, args.json);
    }
    let at_ms = now_ms();
    let output = args.output.clone().unwrap_or_else(|| default_name(at_ms).into());
    write(&parts, at_ms, &output)?;
    list(&parts, Some(&output), args.json)
}

fn write(parts: &[Part], at_ms: u64, output: &Path) -> Result<()> {
    let archive = doctor::pack(parts, at_ms / 1_000).context("cannot pack the report")?;
    match create_file(output, &archive) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(FileExists(output.to_owned()).into()),
        written => written.with_context(|| format!("cannot write {}", output.display())),
    }
}

/// `snowgate-report-20270131-120000.tar.gz`
fn default_name(at_ms: u64) -> String {
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(at_ms);
    // 2027-01-31T12:00:00.000000Z
    let digits: String = Timestamp(at).to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    let (date, time) = digits.split_at(digits.len().min(8));
    format!("snowgate-report-{date}-{time}.tar.gz")
}

fn list(parts: &[Part], output: Option<&Path>, json: bool) -> Result<ExitCode> {
    if json {
        return print_json(&json!({"file": output, "parts": parts}));
    }
    let mut rows = vec![["FILE", "BYTES", "WHAT"].map(str::to_owned)];
    rows.extend(
        parts.iter().map(|part| [part.name.to_owned(), part.bytes.to_string(), part.what.to_owned()]),
    );
    let mut text = columns(&rows);
    if let Some(output) = output {
        text.push_str(&format!(
            "\nwrote {}. It has names of users, accounts, hosts, clients and folders in it: look at it before you pass it on \
             (tar -xzf {})\n",
            output.display(),
            output.display()
        ));
    }
    print_text(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_has_date_and_time() {
        assert_eq!(default_name(1_801_396_800_000), "snowgate-report-20270131-120000.tar.gz");
    }

    #[test]
    fn a_file_that_is_there_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        std::fs::write(&file, "precious").unwrap();
        assert!(write(&[], 0, &file).unwrap_err().is::<FileExists>());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    }
}
