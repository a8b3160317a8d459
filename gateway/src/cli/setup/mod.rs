//! `snowgate setup`: a backend, chosen by a few questions or flags, tested, and written to the config file.
//!
//! `args` has the flags, `answers` what is chosen and the settings that follow, `dialogue` asks, `edit` puts the settings into the
//! file's text, `probe` tests the connection, `write` replaces the file: last, and whole, so that nothing is written of a set-up
//! that was ended before. `sql` prints SQL for a role that only reads.

mod answers;
mod args;
mod dialogue;
mod edit;
mod probe;
mod sql;
mod write;

use std::io::{Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;
use sql_gate::Class;

use self::answers::Answers;
pub(crate) use self::args::SetupArgs;
use self::args::SetupCommand;
use self::edit::{Change, Edited, edit};
pub(super) use self::probe::without_making;
use super::control::{ask_now, print_for_people, print_json, print_text};
use super::install::{install_into, present_clients};
use super::person::{AtTerminal, Cancelled, Person, ask_whether, is_at_terminal};
use super::serve::endpoint;
use super::{Cli, exit};
use crate::config::{Config, PROFILE_DEFAULT, Paths, ProcessEnvironment};
use crate::link::Command;
use crate::streams::escaped_lines;

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

    /// A fault of a file or the system.
    fn failed(message: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { message: message.into(), next_step: Some(next_step.into()), exit_code: exit::INTERNAL }
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

/// What holds of a set-up that was ended at a question.
const NOTHING_WRITTEN: &str = "the config was not written, and no client was changed";
const ONLY_CONFIG_WRITTEN: &str = "the config is written, as said above; no client was changed";

/// Sets up.
pub(super) fn setup(cli: &Cli, args: &SetupArgs) -> Result<ExitCode> {
    if let Some(SetupCommand::Sql(args)) = &args.command {
        return sql::print(args);
    }
    let mut at_terminal = AtTerminal;
    let mut person: Option<&mut dyn Person> =
        if is_at_terminal() && !args.yes && !args.json { Some(&mut at_terminal) } else { None };
    let profile = configure(cli, args, person.as_deref_mut());
    match (profile.map_err(|error| Cancelled::after(error, NOTHING_WRITTEN))?, person) {
        (Some(profile), Some(person)) => offer_install(person, &profile),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Writes the config; returns the profile that clients are to have. `None`: it was only printed.
fn configure(
    cli: &Cli,
    args: &SetupArgs,
    mut person: Option<&mut (dyn Person + '_)>,
) -> Result<Option<String>> {
    let paths = Paths::discover(&ProcessEnvironment)?.with_system_file(cli.system_config.clone());
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
    check_writing(&answers, &config)?;
    if args.dry_run {
        args.show_dry_run(&paths, &edited)?;
        return Ok(None);
    }
    args.check_overwriting(person.as_deref_mut(), &edited)?;
    let target = args.test(&config, &answers, person.as_deref_mut())?;
    if let Some(person) = person.filter(|_| !edited.changes.is_empty()) {
        let file = paths.config_file.display();
        person.tell(&format!("\n{file} is to have:\n\n{}", shown(&edited.changes)))?;
        if !ask_whether(person, "Write it?", true)? {
            return Err(Cancelled::default().into());
        }
    }
    let copy = if edited.changes.is_empty() {
        None
    } else {
        write::replace(&paths.config_file, before.as_deref(), &edited.text)?
    };
    let steps = next_steps(cli, &answers, &config);
    let done = Done {
        paths: &paths,
        changes: &edited.changes,
        copy,
        target,
        steps,
        note: answers.secret_note(),
        variables: config.deciding_variables(&ProcessEnvironment),
    };
    done.print(args.json)?;
    Ok(Some(answers.profile))
}

/// Asks whether the clients of this machine are to have Snowgate, too.
fn offer_install(person: &mut dyn Person, profile: &str) -> Result<ExitCode> {
    let clients = present_clients()?;
    if clients.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let titles: Vec<_> = clients.iter().map(|client| client.facts().title).collect();
    let question = format!("Put Snowgate into the configs of these clients: {}?", titles.join(", "));
    let answer = ask_whether(person, &question, true);
    if !answer.map_err(|error| Cancelled::after(error, ONLY_CONFIG_WRITTEN))? {
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

/// Whether clients with the profile can change data if they are to: what is in the config already may keep them from it.
fn check_writing(answers: &Answers, config: &Config) -> Result<(), SetupError> {
    let Some(profile) = config.profile(&answers.profile).ok().filter(|_| answers.may_write) else {
        return Ok(());
    };
    let name = &answers.profile;
    let role = profile.access_role.as_ref().and_then(|name| Some((name, config.roles.get(name)?)));
    let is_read_only = match &config.snowflake {
        Some(account) => account.read_only,
        None => config.sqlite.read_only,
    };
    let (why, step) = match (profile.statements, role) {
        (Some(classes), _) if !classes.contains(Class::Write) => (
            format!("`statements` of the profile {name:?} has only: {classes}"),
            "add \"write\" to its `statements`",
        ),
        (_, Some((role, found))) if !found.permissions.classes().contains(Class::Write) => (
            format!("the role {role:?} of the profile {name:?} (`access_role`) does not permit it"),
            "give the profile another role",
        ),
        _ if is_read_only => (
            "`read_only` stays true, because the system's config file or a variable says so".to_owned(),
            "see `snowgate config show`, which names the place",
        ),
        _ => return Ok(()),
    };
    let message = format!("clients are to change data, and could not: {why}; nothing was written");
    Err(SetupError::config(
        message,
        format!("{step}, name another profile with `--profile`, or leave `--write` away"),
    ))
}

/// A test that failed ends the set-up, unless the person wants it all the same.
fn go_on_in_spite_of(error: anyhow::Error, person: Option<&mut (dyn Person + '_)>) -> Result<()> {
    let Some(person) = person.filter(|_| !error.is::<Cancelled>()) else { return Err(error) };
    let why = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let next_step = super::advice::next_step(&error).map(|step| format!("\n  next step: {step}"));
    person.tell(&format!("snowgate: {why}{}", next_step.unwrap_or_default()))?;
    if ask_whether(person, "Write the config all the same?", false)? {
        Ok(())
    } else {
        Err(Cancelled::default().into())
    }
}

impl SetupArgs {
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
        if ask_whether(person, "Replace them?", false)? { Ok(()) } else { Err(Cancelled::default().into()) }
    }

    /// Tests the connection, unless that is not wanted; returns what it leads to.
    fn test(
        &self,
        config: &Config,
        answers: &Answers,
        mut person: Option<&mut (dyn Person + '_)>,
    ) -> Result<Option<String>> {
        if self.no_test {
            return Ok(None);
        }
        if person.is_none() && lacks_password(config) {
            let message =
                "the connection cannot be tested: there is no password, and no terminal to ask for it";
            let step = "set SNOWFLAKE_PASSWORD, run this in a terminal, or leave the test out with --no-test";
            return Err(SetupError::config(message, step).into());
        }
        let mut tell = |what: &str| drop(writeln!(stderr(), "snowgate: {}", escaped_lines(what)));
        tell("testing the connection ...");
        match probe::test(config, answers.database.as_deref(), person.as_deref_mut(), &mut tell) {
            Ok(found) => {
                tell(&format!("the connection works ({found})"));
                Ok(Some(found))
            }
            Err(error) => go_on_in_spite_of(error, person).map(|()| None),
        }
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
fn next_steps(cli: &Cli, answers: &Answers, config: &Config) -> Vec<String> {
    let mut steps = Vec::new();
    let is_running =
        endpoint(cli).ok().and_then(|endpoint| ask_now(&endpoint, &Command::Status).ok()).flatten();
    if is_running.is_some() {
        steps.push("snowgate restart".to_owned());
    }
    if lacks_password(config) {
        steps.push("snowgate login".to_owned());
    }
    let profile = match answers.profile.as_str() {
        PROFILE_DEFAULT => String::new(),
        profile => format!(" --profile '{}'", profile.replace('\'', "'\\''")),
    };
    steps.push(format!("snowgate install --all{profile}"));
    steps
}

/// Whether a log-in needs a password, and neither the environment nor one of Snowflake's own files has it.
fn lacks_password(config: &Config) -> bool {
    config.snowflake.as_ref().is_some_and(|account| account.authenticator.lacks_password())
}

/// How it went.
struct Done<'a> {
    paths: &'a Paths,
    changes: &'a [Change],
    copy: Option<PathBuf>,
    target: Option<String>,
    steps: Vec<String>,
    note: Option<&'static str>,
    /// Variables of this terminal that decide what the file does not say.
    variables: Vec<String>,
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
                "variables": self.variables,
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
        if !self.variables.is_empty() {
            text.push_str(&format!(
                "variables of this terminal decide more than the file says, and clients may not have them: {}; \
                 `snowgate config show` says what, to be put into the file\n",
                self.variables.join(", ")
            ));
        }
        text.push_str(&format!("next: {}\n", self.steps.join("; ")));
        text.push_str("`snowgate setup sql` prints the SQL for a role that only reads.\n");
        print_for_people(&text)
    }
}
