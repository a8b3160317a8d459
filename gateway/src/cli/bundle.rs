//! `snowgate bundle`: both programs and a profile in one file that a client installs.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use snowgate_link::BUILD;

use super::control::{print_json, print_text};
use super::{Cli, OutputArgs};
use crate::bundle::{
    BundleError, CONFIG_FILE, Entry, Facts, MANIFEST_FILE, ProgramFiles, Question, manifest, pack,
};
use crate::config::{BackendKind, Config, Paths, ProcessEnvironment, ProfileConfig};
use crate::mcp::{ToolName, all_tools};
use crate::os::{read_whole, replace_file, umask_of_caller};

/// The largest program or config file that is packed, in bytes.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// How a zip file begins: the signature of its first entry, whose name follows 26 bytes behind it. Source: APPNOTE.TXT, 4.3.7.
const ZIP_BEGIN: &[u8; 4] = b"PK\x03\x04";
const ZIP_NAME_AT: usize = 30;

/// What is written where.
#[derive(Clone, Debug, Args)]
pub(crate) struct BundleArgs {
    /// The profile that clients of the bundle have
    #[arg(long, value_name = "NAME", default_value = "default")]
    profile: String,

    /// The file to write, instead of NAME.mcpb in this folder
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The bundle's name, instead of snowgate-PROFILE: lower-case letters, digits and hyphens
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Pack this config file, too, for machines that have none; one with secrets is refused
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Pack the programs of another system (linux, macos, windows), too, from this folder, for a bundle that works on both; repeat it for a
    /// third
    #[arg(long, value_name = "SYSTEM=FOLDER", value_parser = other_system)]
    with: Vec<(String, PathBuf)>,

    #[command(flatten)]
    pub(super) output_form: OutputArgs,
}

/// What `--with` says.
fn other_system(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((system, folder)) if !folder.is_empty() => Ok((system.to_owned(), folder.into())),
        _ => Err("a system, `=`, and the folder with its programs".to_owned()),
    }
}

/// A program is not where a bundle takes it from.
#[derive(Debug, thiserror::Error)]
#[error("{} is not there", .0.display())]
pub(super) struct NoProgram(PathBuf);

impl NoProgram {
    /// What the user can do about it.
    pub(super) fn next_step(&self) -> String {
        format!("put snowgate-shim and snowgate into one folder ({})", self.0.with_file_name("").display())
    }
}

/// Writes the bundle.
pub(super) fn bundle(cli: &Cli, args: &BundleArgs) -> Result<ExitCode> {
    let mut paths = Paths::discover(&ProcessEnvironment)?.with_system_file(cli.system_config.clone());
    if let Some(file) = &args.config {
        paths =
            paths.with_config_file(std::path::absolute(file).context("cannot resolve the path of --config")?);
    }
    let config = Config::load(&paths, &ProcessEnvironment).context("the configuration has errors")?;
    let profile = config.profile(&args.profile)?;
    let questions = questions(&config, profile);
    let tools = tools(profile);
    let name = args.name.clone().unwrap_or_else(|| default_name(&args.profile));
    let programs = programs(&args.with)?;
    let files: Vec<_> = programs.iter().map(|(files, _)| files.clone()).collect();
    let manifest = manifest(&Facts {
        name: &name,
        profile: &args.profile,
        version: BUILD,
        programs: &files,
        has_config: args.config.is_some(),
        questions: &questions,
        tools: &tools,
    })?;
    if args.config.is_some()
        && let Some(secret) = config.secrets_of_file().pop()
    {
        return Err(BundleError::Secret(secret).into());
    }
    let packed =
        pack(&entries(&manifest, args.config.as_deref(), &programs)?).context("cannot pack the bundle")?;
    let output = args.output.clone().unwrap_or_else(|| format!("{name}.mcpb").into());
    if !may_replace(&output)? {
        return Err(BundleError::OtherFile(output).into());
    }
    replace_file(&output, &packed, 0o666 & !umask_of_caller())
        .with_context(|| format!("cannot write {}", output.display()))?;
    if args.output_form.json {
        return print_json(&json!({
            "file": output, "name": name, "profile": args.profile, "version": BUILD, "bytes": packed.len(),
        }));
    }
    let own = format!("{} ({})", std::env::consts::OS, std::env::consts::ARCH);
    let systems: Vec<_> =
        [own].into_iter().chain(args.with.iter().map(|(system, _)| system.clone())).collect();
    print_text(&format!(
        "{}: profile {}, version {BUILD}, {} KiB. Open it with Claude Desktop (Settings, Extensions), on {} only\n",
        output.display(),
        args.profile,
        packed.len() / 1024,
        systems.join(", "),
    ))
}

/// Whether a bundle may be written there: nothing is, or a bundle.
fn may_replace(path: &Path) -> Result<bool> {
    let unreadable = || format!("cannot look at {}", path.display());
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error).with_context(unreadable),
        Ok(metadata) if !metadata.is_file() => return Ok(false),
        Ok(_) => {}
    }
    let mut begin = [0; ZIP_NAME_AT + MANIFEST_FILE.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut begin));
    Ok(read.is_ok() && begin.starts_with(ZIP_BEGIN) && begin.ends_with(MANIFEST_FILE.as_bytes()))
}

/// What the user of a client has to say where the config does not.
fn questions(config: &Config, profile: &ProfileConfig) -> Vec<Question> {
    // The variables of the answers belong to the built-in connections only.
    let connection = profile.connection.as_deref().unwrap_or(config.backend.connection());
    if connection == BackendKind::Snowflake.connection() {
        vec![Question::Account, Question::User, Question::PrivateKeyFile]
    } else if connection == BackendKind::Sqlite.connection() {
        vec![Question::Folder]
    } else {
        Vec::new()
    }
}

/// The tools that the profile offers, and their titles.
fn tools(profile: &ProfileConfig) -> Vec<(String, String)> {
    let is_offered =
        |name: &str| profile.tools.as_ref().is_none_or(|tools| tools.iter().any(|tool| tool == name));
    let has_folder = |name: &str| name != ToolName::ExportResult.as_str() || profile.export_folder.is_some();
    let offered = all_tools().into_iter().filter(|tool| is_offered(&tool.name) && has_folder(&tool.name));
    offered.map(|tool| (tool.name.to_string(), tool.title.unwrap_or_default())).collect()
}

/// A profile's name may have letters that a bundle's may not.
fn default_name(profile: &str) -> String {
    let is_kept = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    let kept: String =
        profile.to_lowercase().chars().map(|char| if is_kept(char) { char } else { '-' }).collect();
    format!("snowgate-{kept}")
}

/// The programs of each system, and their folder: this one's, then those of `others`.
fn programs(others: &[(String, PathBuf)]) -> Result<Vec<(ProgramFiles, PathBuf)>> {
    let own = std::env::current_exe().context("cannot find this program's own path")?;
    let own = (ProgramFiles::of(std::env::consts::OS, true)?, own.with_file_name(""));
    let mut programs = vec![own];
    for (system, folder) in others {
        programs.push((ProgramFiles::of(system, false)?, folder.clone()));
    }
    Ok(programs)
}

fn entries(
    manifest: &serde_json::Value,
    config: Option<&Path>,
    programs: &[(ProgramFiles, PathBuf)],
) -> Result<Vec<Entry>> {
    let text = |path: &str, bytes| Entry { path: path.to_owned(), bytes, is_program: false };
    let mut entries = vec![
        text(MANIFEST_FILE, format!("{manifest:#}\n").into_bytes()),
        text("LICENSE-APACHE", include_bytes!("../../../LICENSE-APACHE").to_vec()),
        text("LICENSE-MIT", include_bytes!("../../../LICENSE-MIT").to_vec()),
    ];
    if let Some(config) = config {
        entries.push(text(CONFIG_FILE, read(config)?));
    }
    for (files, folder) in programs {
        for path in [&files.gateway, &files.shim] {
            let file = folder.join(path.rsplit('/').next().unwrap_or(path));
            if !file.is_file() {
                return Err(NoProgram(file).into());
            }
            entries.push(Entry { path: path.clone(), bytes: read(&file)?, is_program: true });
        }
    }
    Ok(entries)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    read_whole(path, FILE_BYTES_MAX).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_profile_becomes_one_that_clients_take() {
        for (profile, name) in
            [("analyst", "snowgate-analyst"), ("Ops_2", "snowgate-ops-2"), ("Zürich", "snowgate-z-rich")]
        {
            assert_eq!(default_name(profile), name);
        }
    }
}
