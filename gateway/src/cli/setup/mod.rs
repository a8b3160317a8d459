//! `snowgate setup`: a backend, chosen by a few questions or flags, tested, and written to the config file.
//!
//! `answers` has what is chosen and the settings that follow, `dialogue` asks, `edit` puts the settings into the file's text,
//! `probe` tests the connection, `write` replaces the file: last, and whole, so that nothing is left of a set-up that was ended
//! before. `sql` prints SQL for a role that only reads.

mod answers;
mod dialogue;
mod edit;
mod probe;
mod sql;
mod write;

use std::io::{Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use self::answers::{Answers, Backend, account, existing_file, existing_folder};
use self::dialogue::{Known, check_profile};
use self::edit::{Change, Edited, edit};
use super::control::{ask_now, print_json, print_text};
use super::install::{install_into, present_clients};
use super::person::{AtTerminal, Cancelled, Person, ask_whether, is_at_terminal};
use super::serve::endpoint;
use super::{Cli, exit};
use crate::config::{Config, Environment, PROFILE_DEFAULT, Paths, ProcessEnvironment, connection_names};
use crate::link::Command;

/// What is set up. Without a terminal, flags say it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SetupArgs {
    #[command(subcommand)]
    command: Option<SetupCommand>,

    /// The backend; without it, the one that the other flags belong to
    #[arg(long)]
    backend: Option<Backend>,

    /// SQLite: the folder of the database files, instead of the default one
    #[arg(long, value_name = "PATH")]
    folder: Option<String>,

    /// Snowflake: an entry of Snowflake's own connections.toml, instead of account, user and the rest
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,

    /// Snowflake: the account in any spelling: organization-account, a locator with its region, Snowsight's address
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,

    /// Snowflake: the user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Snowflake: how to log in: externalbrowser, snowflake_jwt, programmatic_access_token, username_password_mfa, snowflake
    #[arg(long, value_name = "METHOD")]
    authenticator: Option<String>,

    /// Snowflake: the file of the private key
    #[arg(long, value_name = "PATH")]
    private_key_file: Option<String>,

    /// Snowflake: the file of the access token
    #[arg(long, value_name = "PATH")]
    token_file: Option<String>,

    /// Snowflake: the role
    #[arg(long, value_name = "NAME")]
    role: Option<String>,

    /// Snowflake: the warehouse
    #[arg(long, value_name = "NAME")]
    warehouse: Option<String>,

    /// The database that clients start in
    #[arg(long, value_name = "NAME")]
    database: Option<String>,

    /// Allow clients to change data
    #[arg(long)]
    write: bool,

    /// The profile that holds what clients may do
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Do not test the connection
    #[arg(long)]
    no_test: bool,

    /// Ask nothing, and write the config if the test succeeds
    #[arg(long, short)]
    yes: bool,

    /// Replace settings that the config has already
    #[arg(long)]
    overwrite: bool,

    /// Print the config that would be written, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

/// More of `setup`.
#[derive(Debug, Subcommand)]
enum SetupCommand {
    /// Print the SQL for a role that only reads, a user that has no other, a warehouse and its budget
    Sql(sql::SqlArgs),
}

impl SetupArgs {
    /// Whether the output is for a script.
    pub(crate) fn wants_json(&self) -> bool {
        match &self.command {
            Some(SetupCommand::Sql(args)) => args.json,
            None => self.json,
        }
    }
}

/// The set-up cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct SetupError {
    message: String,
    next_step: Option<String>,
    exit_code: u8,
}

impl SetupError {
    fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            next_step: Some("run `snowgate setup --help`".to_owned()),
            exit_code: exit::USAGE,
        }
    }

    fn config(message: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { message: message.into(), next_step: Some(next_step.into()), exit_code: exit::CONFIG }
    }

    fn refused(message: String, next_step: &str) -> Self {
        Self { message, next_step: Some(next_step.to_owned()), exit_code: exit::REFUSED }
    }

    pub(super) fn next_step(&self) -> Option<String> {
        self.next_step.clone()
    }

    pub(super) fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

/// Sets up.
pub(super) fn setup(cli: &Cli, args: &SetupArgs) -> Result<ExitCode> {
    if let Some(SetupCommand::Sql(args)) = &args.command {
        return sql::print(args);
    }
    let paths = Paths::discover(&ProcessEnvironment)?.with_system_file(cli.system_config.clone());
    let mut at_terminal = AtTerminal;
    let mut person: Option<&mut dyn Person> =
        if is_at_terminal() && !args.yes && !args.json { Some(&mut at_terminal) } else { None };
    let mut answers = args.answers(&paths)?;
    match person.as_deref_mut() {
        Some(person) => answers = args.ask(person, answers, &paths)?,
        None => args.check_complete(&answers)?,
    }
    let before = write::read_if_there(&paths.config_file)?;
    let edited = edit(before.as_deref().unwrap_or_default(), &answers.settings()).map_err(|error| {
        let message =
            format!("{} is no TOML, and is left alone: {}", paths.config_file.display(), error.message());
        SetupError::config(message, "run `snowgate config check`, which says where")
    })?;
    let config = load(&paths, &edited)?;
    if args.dry_run {
        return args.show_dry_run(&paths, &edited);
    }
    args.check_overwriting(person.as_deref_mut(), &edited)?;
    let mut tell = |what: &str| drop(writeln!(stderr(), "snowgate: {what}"));
    let mut target = None;
    if !args.no_test {
        tell("testing the connection ...");
        match probe::test(&config, answers.database.as_deref(), person.as_deref_mut(), &mut tell) {
            Ok(found) => {
                tell(&format!("the connection works ({found})"));
                target = Some(found);
            }
            Err(error) => go_on_in_spite_of(error, person.as_deref_mut())?,
        }
    }
    if let Some(person) = person.as_deref_mut() {
        person.tell(&format!(
            "\n{} is to have:\n\n{}",
            paths.config_file.display(),
            shown(&edited.changes)
        ))?;
        if !ask_whether(person, "Write it?", true)? {
            return Err(Cancelled.into());
        }
    }
    let copy = if edited.changes.is_empty() {
        None
    } else {
        write::replace(&paths.config_file, before.as_deref(), &edited.text)?
    };
    let steps = next_steps(cli, &answers);
    let done =
        Done { paths: &paths, changes: &edited.changes, copy, target, steps, note: answers.secret_note() };
    done.print(args.json)?;
    match person {
        Some(person) => offer_install(person, &answers.profile),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Asks whether the clients of this machine are to have Snowgate, too.
fn offer_install(person: &mut dyn Person, profile: &str) -> Result<ExitCode> {
    let clients = present_clients()?;
    if clients.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let titles: Vec<_> = clients.iter().map(|client| client.facts().title).collect();
    let question = format!("Put Snowgate into the configs of these clients: {}?", titles.join(", "));
    if !ask_whether(person, &question, true)? {
        return Ok(ExitCode::SUCCESS);
    }
    install_into(clients, (profile != PROFILE_DEFAULT).then_some(profile))
}

/// The config as it would be; a password that is missing is asked for later.
fn load(paths: &Paths, edited: &Edited) -> Result<Config> {
    match Config::load_text(paths, &ProcessEnvironment, edited.text.clone()) {
        Ok(config) => Ok(config),
        Err(errors) => {
            let message = format!("the config would have errors, and nothing was written:\n{errors}");
            Err(SetupError::config(message, "correct what is named: a flag, the file, or a variable").into())
        }
    }
}

/// A test that failed ends the set-up, unless the person wants it all the same.
fn go_on_in_spite_of(error: anyhow::Error, person: Option<&mut (dyn Person + '_)>) -> Result<()> {
    let Some(person) = person.filter(|_| !error.is::<Cancelled>()) else { return Err(error) };
    let why = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let next_step = super::serve::next_step(&error).map(|step| format!("\n  next step: {step}"));
    person.tell(&format!("snowgate: {why}{}", next_step.unwrap_or_default()))?;
    if ask_whether(person, "Write the config all the same?", false)? { Ok(()) } else { Err(Cancelled.into()) }
}

impl SetupArgs {
    /// What the flags say.
    fn answers(&self, paths: &Paths) -> Result<Answers> {
        let home = paths.home_dir.as_deref();
        let file = |text: &Option<String>, flag: &'static str| {
            text.as_deref().map(|text| existing_file(text, home)).transpose().map_err(wrong(flag))
        };
        let folder = self.folder.as_deref().map(|text| existing_folder(text, home)).transpose();
        let profile = self.profile.as_deref().unwrap_or(PROFILE_DEFAULT);
        let of_snowflake = self.account.is_some() || self.connection.is_some();
        let guess = if self.folder.is_some() && !of_snowflake { Backend::Sqlite } else { Backend::Snowflake };
        let backend = self.backend.unwrap_or(guess);
        if backend == Backend::Sqlite && of_snowflake {
            bail!(SetupError::usage(
                "--account and --connection belong to Snowflake, and the backend is SQLite"
            ));
        }
        Ok(Answers {
            backend,
            folder: folder.map_err(wrong("--folder"))?,
            connection: self.connection.clone(),
            account: self.account.as_deref().map(account).transpose().map_err(wrong("--account"))?,
            user: self.user.clone(),
            authenticator: self.authenticator.clone(),
            private_key_file: file(&self.private_key_file, "--private-key-file")?,
            token_file: file(&self.token_file, "--token-file")?,
            role: self.role.clone(),
            warehouse: self.warehouse.clone(),
            database: self.database.clone(),
            may_write: self.write,
            profile: check_profile(profile).map_err(wrong("--profile"))?,
        })
    }

    fn ask(&self, person: &mut dyn Person, answers: Answers, paths: &Paths) -> Result<Answers> {
        let connections = connection_names(&ProcessEnvironment, paths);
        let known = Known {
            connections: &connections,
            home: paths.home_dir.as_deref(),
            sqlite_folder: &paths.data_dir.join("databases"),
            has_backend: self.backend.is_some()
                || self.account.is_some()
                || self.folder.is_some()
                || self.connection.is_some(),
            has_write: self.write,
            has_profile: self.profile.is_some(),
        };
        dialogue::complete(person, answers, &known)
    }

    /// Without a person, flags say everything.
    fn check_complete(&self, answers: &Answers) -> Result<()> {
        let nothing = self.backend.is_none() && self.folder.is_none() && answers.missing_flags().len() > 2;
        let missing = answers.missing_flags();
        if missing.is_empty() {
            return Ok(());
        }
        let message = if nothing {
            "there is no terminal to ask questions at, so flags must say what is to be set up: --backend sqlite, or --account, \
             --user and --authenticator (or --connection) of Snowflake"
                .to_owned()
        } else {
            format!(
                "there is no terminal to ask questions at, and these flags are missing: {}",
                missing.join(", ")
            )
        };
        Err(SetupError::usage(message).into())
    }

    /// What the config has already is replaced only if that is wanted.
    fn check_overwriting(&self, person: Option<&mut (dyn Person + '_)>, edited: &Edited) -> Result<()> {
        let replaced: Vec<String> = edited
            .changes
            .iter()
            .filter_map(|change| {
                Some(format!("{} = {} (now {})", change.key, change.to, change.from.as_ref()?))
            })
            .collect();
        if replaced.is_empty() || self.overwrite {
            return Ok(());
        }
        let list = replaced.join("\n  ");
        let Some(person) = person else {
            let message =
                format!("the config has other values for some settings, and nothing was written:\n  {list}");
            return Err(SetupError::config(message, "run it again with --overwrite to replace them").into());
        };
        person.tell(&format!(
            "The config has other values for some settings, which would be replaced:\n  {list}"
        ))?;
        if ask_whether(person, "Replace them?", false)? { Ok(()) } else { Err(Cancelled.into()) }
    }

    fn show_dry_run(&self, paths: &Paths, edited: &Edited) -> Result<ExitCode> {
        if self.json {
            let (file, changes) = (&paths.config_file, &edited.changes);
            return print_json(
                &json!({"config_file": file, "written": false, "changes": changes, "config": edited.text}),
            );
        }
        print_text(&edited.text)
    }
}

/// The error of a flag that cannot be right.
fn wrong(flag: &'static str) -> impl Fn(String) -> SetupError {
    move |why| SetupError::usage(format!("{flag}: {why}"))
}

/// The settings that change, as the file has them.
fn shown(changes: &[Change]) -> String {
    let (mut text, mut section) = (String::new(), "");
    for change in changes {
        let (of, key) = change.key.rsplit_once('.').unwrap_or(("", &change.key));
        if of != section {
            text.push_str(&format!("[{of}]\n"));
            section = of;
        }
        text.push_str(&format!("{key} = {}\n", change.to));
    }
    if text.is_empty() { "(nothing new: it has all of it already)\n".to_owned() } else { text }
}

/// What is left to do, each a command.
fn next_steps(cli: &Cli, answers: &Answers) -> Vec<String> {
    let mut steps = Vec::new();
    let is_running =
        endpoint(cli).ok().and_then(|endpoint| ask_now(&endpoint, &Command::Status).ok()).flatten();
    if is_running.is_some() {
        steps.push("snowgate restart".to_owned());
    }
    let has_password = ProcessEnvironment.get("SNOWFLAKE_PASSWORD").is_some();
    let asks = matches!(answers.authenticator.as_deref(), Some("snowflake" | "username_password_mfa"));
    if asks && !has_password {
        steps.push("snowgate login".to_owned());
    }
    steps.push("snowgate install --all".to_owned());
    steps
}

/// How it went.
struct Done<'a> {
    paths: &'a Paths,
    changes: &'a [Change],
    copy: Option<PathBuf>,
    target: Option<String>,
    steps: Vec<String>,
    note: Option<&'static str>,
}

impl Done<'_> {
    fn print(&self, json: bool) -> Result<ExitCode> {
        let file = &self.paths.config_file;
        if json {
            return print_json(&json!({
                "config_file": file,
                "written": !self.changes.is_empty(),
                "backup": self.copy,
                "changes": self.changes,
                "tested": self.target.is_some(),
                "target": self.target,
                "secrets": self.note,
                "next_steps": self.steps,
            }));
        }
        let mut text = match (self.changes.is_empty(), &self.copy) {
            (true, _) => format!("{} has all of it already; nothing was written\n", file.display()),
            (false, None) => format!("written: {}\n", file.display()),
            (false, Some(copy)) => format!("written: {} (before: {})\n", file.display(), copy.display()),
        };
        if let Some(note) = self.note {
            text.push_str(&format!("secrets: {note}\n"));
        }
        text.push_str(&format!("next: {}\n", self.steps.join("; ")));
        text.push_str("`snowgate setup sql` prints the SQL for a role that only reads.\n");
        print_text(&text)
    }
}
