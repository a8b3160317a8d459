//! `snowgate install` and `uninstall`: Snowgate's entry in clients' configs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Write as _, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Value, json};
use thiserror::Error;

use super::advice::{exit_code, next_step};
use super::control::{print_for_people, print_json, print_text};
use super::errors::ErrorView;
use super::{Cli, OutputArgs, exit};
use crate::clients::{
    ALL, Action, Change, Client, Desk, Entry, HOME_VARIABLE, NAME_DEFAULT, Options, PROFILE, Places, Results,
    SESSION, Scope, Shim, check_name, named_shim, own_shim, path_text, snippet,
};
use crate::config::{Config, Environment, Paths, PathsError, ProcessEnvironment};
use crate::os::running_programs;
use crate::streams::{escaped, escaped_lines};

/// Into which clients, and what.
#[derive(Clone, Debug, Args)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    pub(super) which: WhichArgs,

    /// The profile that the client gets, instead of the first one that matches it; '' takes out what the entry has
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// The name under which the client's context is kept; '' takes out what the entry has
    #[arg(long, value_name = "NAME")]
    session: Option<String>,

    /// Print the entry instead, to be copied by hand; with --json, as a text for each client
    #[arg(long, conflicts_with_all = ["all", "dry_run"])]
    print: bool,

    /// The `snowgate-shim` to name, instead of the one beside this program; with --print, it may be one of another machine
    #[arg(long, value_name = "PATH")]
    shim: Option<PathBuf>,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Out of which clients.
#[derive(Clone, Debug, Args)]
pub(crate) struct UninstallArgs {
    #[command(flatten)]
    which: WhichArgs,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Which entries of which clients.
#[derive(Clone, Debug, Args)]
pub(crate) struct WhichArgs {
    /// The clients
    #[arg(value_name = "CLIENT", required_unless_present = "all")]
    clients: Vec<Client>,

    /// Every client that is on this machine
    #[arg(long, conflicts_with = "clients")]
    all: bool,

    /// For this user, or for the project in the current folder
    #[arg(long, value_enum, default_value_t)]
    scope: Scope,

    /// The entry's name
    #[arg(long, value_name = "NAME", default_value = NAME_DEFAULT, value_parser = check_name)]
    name: String,

    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Replace or remove an entry of that name also if it launches another program
    #[arg(long)]
    force: bool,
}

/// `--all` found none.
#[derive(Clone, Copy, Debug, Error)]
#[error("none of the known MCP clients is on this machine")]
pub(super) struct NoClient;

impl NoClient {
    /// What the user can do about it.
    pub(super) fn next_step() -> String {
        "name the client: `snowgate install claude-code`; `snowgate clients` lists them".to_owned()
    }
}

/// Puts the entry into the clients' configs, or prints it.
pub(super) fn install(cli: &Cli, args: &InstallArgs) -> Result<ExitCode> {
    let places = places()?;
    let paths = Paths::discover(&ProcessEnvironment)?.with_system_file(cli.system_config.clone());
    let shim = match &args.shim {
        Some(path) => named_shim(path, !args.print)?,
        None => shim_of_this_program(&places)?,
    };
    let entry = entry(args, &shim.path)?;
    let desk = Desk::new(places, &paths.state_dir);
    let has_files = |client: &Client| !desk.places.files(*client, args.which.scope).is_empty();
    let clients = chosen(&args.which, |client| desk.places.is_present(*client) && has_files(client));
    if clients.is_empty() {
        return Err(NoClient.into());
    }
    if let Some(profile) = args.profile.as_ref().filter(|profile| !profile.is_empty()) {
        for variables in environments(args, &desk, &clients) {
            check_profile(cli, profile, variables)?;
        }
    }
    if args.print {
        return print_snippets(&clients, &args.which.name, &entry, args.output);
    }
    if let Some(warning) = &shim.warning {
        writeln!(stderr(), "warning: {warning}")?;
    }
    report(desk.install(&clients, &entry, &options(&args.which)), &args.which, args.output)
}

/// The variables that choose the config of each entry, as it will be: those that it sets, and the home of this command, if there
/// is one. Each once.
fn environments(args: &InstallArgs, desk: &Desk, clients: &[Client]) -> BTreeSet<BTreeMap<String, String>> {
    let home = ProcessEnvironment.get(HOME_VARIABLE);
    let (scope, name) = (args.which.scope, &args.which.name);
    let files = clients
        .iter()
        .flat_map(|client| desk.places.files(*client, scope).into_iter().map(move |file| (*client, file)));
    let of_file = |(client, file): (Client, PathBuf)| {
        let mut variables = desk.variables(client, &file, name);
        variables.extend(home.clone().map(|home| (HOME_VARIABLE.to_owned(), home)));
        variables
    };
    let found: BTreeSet<_> = files.filter(|_| !args.print).map(of_file).collect();
    if found.is_empty() { BTreeSet::from([BTreeMap::new()]) } else { found }
}

/// Refuses a profile that the config does not have which `variables` lead to.
fn check_profile(cli: &Cli, profile: &str, variables: BTreeMap<String, String>) -> Result<()> {
    let named = [HOME_VARIABLE, "SNOWGATE_CONFIG"].map(|name| variables.get(name));
    // Only the client knows what these are.
    if named.iter().flatten().any(|path| path.contains(['$', '%'])) {
        return Ok(());
    }
    let home = variables.get(HOME_VARIABLE).cloned();
    let is_other = home.is_some() && home != ProcessEnvironment.get(HOME_VARIABLE);
    let of_process = std::env::vars_os();
    let of_process =
        of_process.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let env: BTreeMap<String, String> = of_process.chain(variables).collect();
    let look_up = || -> Result<()> {
        let paths = Paths::discover(&env)?.with_system_file(cli.system_config.clone());
        let config = Config::load(&paths, &env);
        config.context("cannot look the profile up: the configuration has errors")?.profile(profile)?;
        Ok(())
    };
    let found = look_up();
    if is_other {
        let home = home.unwrap_or_default();
        return found.with_context(|| format!("the entry leads to the home {home}"));
    }
    found
}

/// The entry as each client has it; of several, with their names.
fn print_snippets(clients: &[Client], name: &str, entry: &Entry, output: OutputArgs) -> Result<ExitCode> {
    let one = |client: &Client| Ok((client.facts().id, snippet(*client, name, entry)?));
    let snippets = clients.iter().map(one).collect::<Result<Vec<_>>>()?;
    if output.json {
        let shown: Vec<_> =
            snippets.iter().map(|(client, text)| json!({ "client": client, "config": text })).collect();
        return print_json(&json!({ "configs": shown }));
    }
    if let [(_, text)] = snippets.as_slice() {
        return print_text(text);
    }
    print_text(&snippets.iter().map(|(client, text)| format!("{client}:\n{text}")).collect::<String>())
}

/// The clients on this machine that have a config of the user's.
pub(super) fn present_clients() -> Result<Vec<Client>> {
    let places = places()?;
    let has_files = |client: &Client| !places.files(*client, Scope::User).is_empty();
    Ok(ALL.iter().copied().filter(|client| places.is_present(*client) && has_files(client)).collect())
}

/// Puts the entry into the configs of `clients`, with this profile, and says what became of each: the end of a set-up, whose
/// config is written.
pub(super) fn install_into(clients: Vec<Client>, profile: Option<&str>) -> Result<ExitCode> {
    let which = WhichArgs {
        clients,
        all: false,
        scope: Scope::User,
        name: NAME_DEFAULT.to_owned(),
        dry_run: false,
        force: false,
    };
    let places = places()?;
    let shim = shim_of_this_program(&places)
        .context("no client was changed; the config is written, as said above")?;
    if let Some(warning) = &shim.warning {
        writeln!(stderr(), "warning: {warning}")?;
    }
    let flags = profile.map(|profile| (PROFILE, profile.to_owned())).into_iter().collect();
    let command = path_text(&shim.path).map_err(anyhow::Error::msg)?;
    let entry = Entry { command, flags, home: ProcessEnvironment.get(HOME_VARIABLE) };
    let desk = Desk::new(places, &Paths::discover(&ProcessEnvironment)?.state_dir);
    let results = desk.install(&which.clients, &entry, &options(&which));
    report(results, &which, OutputArgs { json: false })
}

/// Takes the entry out of the clients' configs.
pub(super) fn uninstall(args: &UninstallArgs) -> Result<ExitCode> {
    let paths = Paths::discover(&ProcessEnvironment)?;
    let desk = Desk::new(places()?, &paths.state_dir);
    // One that cannot be looked at is tried, so that it is said why.
    let is_there = |file: &PathBuf| file.try_exists().unwrap_or(true);
    let clients =
        chosen(&args.which, |client| desk.places.files(*client, args.which.scope).iter().any(is_there));
    if clients.is_empty() && !args.output.json {
        let whose = if args.which.scope == Scope::Project { "this project" } else { "this user" };
        return print_text(&format!(
            "no known MCP client has a config of {whose} here: nothing was changed\n"
        ));
    }
    report(desk.uninstall(&clients, &options(&args.which)), &args.which, args.output)
}

pub(super) fn places() -> Result<Places> {
    Ok(Places::discover(&ProcessEnvironment).ok_or(PathsError::NoHome)?)
}

/// The shim beside this program.
pub(super) fn shim_of_this_program(places: &Places) -> Result<Shim> {
    let launched = std::env::args_os().next().map(PathBuf::from);
    let program = std::env::current_exe().context("cannot find out where this program is")?;
    Ok(own_shim(launched.as_deref(), &program, &places.path)?)
}

fn entry(args: &InstallArgs, shim: &Path) -> Result<Entry> {
    let flags = [(PROFILE, &args.profile), (SESSION, &args.session)];
    Ok(Entry {
        command: path_text(shim).map_err(anyhow::Error::msg)?,
        flags: flags.into_iter().filter_map(|(flag, value)| Some((flag, value.clone()?))).collect(),
        home: ProcessEnvironment.get(HOME_VARIABLE),
    })
}

fn options(which: &WhichArgs) -> Options {
    Options { scope: which.scope, name: which.name.clone(), force: which.force, dry_run: which.dry_run }
}

/// The clients that are meant, each once; `is_here`: those of `--all`.
fn chosen(which: &WhichArgs, is_here: impl Fn(&Client) -> bool) -> Vec<Client> {
    let is_meant = |client: &Client| if which.all { is_here(client) } else { which.clients.contains(client) };
    ALL.iter().copied().filter(is_meant).collect()
}

/// Prints what became of each file. One that failed alone is the command's error; among others it is one of the results.
fn report(mut results: Results, which: &WhichArgs, output: OutputArgs) -> Result<ExitCode> {
    if let [(_, Err(_))] = results.as_slice()
        && let Some((_, Err(error))) = results.pop()
    {
        return Err(error.into());
    }
    let results: Vec<_> =
        results.into_iter().map(|(client, result)| (client, result.map_err(anyhow::Error::new))).collect();
    let failed = results.iter().filter_map(|(_, result)| result.as_ref().err()).map(exit_code).max();
    if output.json {
        let changes: Vec<Value> = results.iter().map(|(client, result)| as_json(*client, result)).collect();
        print_json(&json!({ "dry_run": which.dry_run, "changes": changes }))?;
    } else {
        let running = running_programs().unwrap_or_default();
        let mut text = String::new();
        for (client, result) in &results {
            match result {
                Ok(change) => write_change(&mut text, change, which, &running)?,
                Err(error) => write_error(*client, error)?,
            }
        }
        print_for_people(&text)?;
    }
    Ok(ExitCode::from(failed.unwrap_or(exit::OK)))
}

fn as_json(client: Client, result: &Result<Change>) -> Value {
    match result {
        Ok(change) => json!(change),
        Err(error) => json!({ "client": client, "error": ErrorView::of(error) }),
    }
}

fn write_error(client: Client, error: &anyhow::Error) -> Result<()> {
    let mut text = format!("{}: {error:#}\n", client.facts().id);
    if let Some(next_step) = next_step(error) {
        writeln!(text, "  next step: {next_step}")?;
    }
    Ok(stderr().write_all(escaped_lines(&text).as_bytes())?)
}

fn write_change(text: &mut String, change: &Change, which: &WhichArgs, running: &[String]) -> Result<()> {
    let facts = change.client.facts();
    let name = &which.name;
    let done = match (change.action, which.dry_run) {
        (Action::Added, false) => format!("added `{name}` to"),
        (Action::Added, true) => format!("would add `{name}` to"),
        (Action::Updated, false) => format!("updated `{name}` in"),
        (Action::Updated, true) => format!("would update `{name}` in"),
        (Action::Unchanged, _) => format!("`{name}` is already as it should be in"),
        (Action::Removed, false) => format!("removed `{name}` from"),
        (Action::Removed, true) => format!("would remove `{name}` from"),
        (Action::Absent, _) => format!("there is no `{name}` in"),
        (Action::SameFile, _) => {
            let first = change.same_as.as_deref().unwrap_or(&change.file);
            writeln!(
                text,
                "{}: {} is the same file as {}",
                facts.id,
                change.file.display(),
                first.display()
            )?;
            return Ok(());
        }
    };
    writeln!(text, "{}: {done} {}", facts.id, change.file.display())?;
    text.push_str(change.diff.as_deref().unwrap_or_default());
    for note in &change.notes {
        writeln!(text, "  note: {}", escaped(note))?;
    }
    if let Some(backup) = &change.backup {
        writeln!(text, "  backup: {}", backup.display())?;
    }
    if matches!(change.action, Action::Added | Action::Updated | Action::Removed) && !which.dry_run {
        let when = if facts.is_among(running) {
            "it is running; to apply the change"
        } else {
            "to apply the change"
        };
        // What shows the server is of no use once it is gone.
        let how = facts.reload.split(';').next().filter(|_| change.action == Action::Removed);
        writeln!(text, "  {when}: {}", how.unwrap_or(facts.reload))?;
    }
    Ok(())
}
