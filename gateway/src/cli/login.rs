//! `snowgate login`: has the gateway log in now, with what the person types where that is needed.

use std::io::{BufRead, IsTerminal, Read, Write, stderr, stdin};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use snowgate_link::endpoint::Endpoint;

use super::control::{ask_now, no_gateway, print_json, print_text};
use super::log_in_talk::log_in;
use super::person::{AtTerminal, Cancelled, Person, is_at_terminal};
use super::serve::endpoint;
use super::{Cli, LoginArgs, exit, start_gateway};
use crate::link::{Command, LogInAsked, LogInView, Need, Passcode, Password, Reply};

/// The argument that stands for a passcode which is typed.
pub(super) const TYPED: &str = "-";

/// What holds of a log-in that was ended at a question.
const NOT_LOGGED_IN: &str = "not logged in";

/// Bytes that are read as a passcode or a password from a pipe.
const SECRET_BYTES_MAX: u64 = 2048;

/// Nobody is logged in.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct NotLoggedIn {
    message: String,
    next_step: Option<String>,
    exit_code: u8,
}

impl NotLoggedIn {
    pub(super) fn next_step(&self) -> Option<String> {
        self.next_step.clone()
    }

    pub(super) fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// What `view` says, after `what` failed.
    pub(super) fn of(what: &str, view: LogInView) -> Self {
        let exit_code = match (&view.code, view.needs) {
            (_, Need::Unsupported) => exit::USAGE,
            (Some(_), _) | (_, Need::Passcode) => exit::REFUSED,
            (None, _) => exit::NOT_YET,
        };
        let problem = view.problem.unwrap_or_else(|| "the gateway gave no reason".to_owned());
        let code = view.code.map(|code| format!(" (code {code})")).unwrap_or_default();
        Self { message: format!("{what}: {problem}{code}"), next_step: view.next_step, exit_code }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        let next_step = "run `snowgate login --passcode` and type the code".to_owned();
        Self { message: message.into(), next_step: Some(next_step), exit_code: exit::USAGE }
    }

    pub(super) fn password(message: impl Into<String>) -> Self {
        let next_step = "run `snowgate login` and type the password".to_owned();
        Self { message: message.into(), next_step: Some(next_step), exit_code: exit::USAGE }
    }
}

/// Logs in.
pub(super) fn login(cli: &Cli, args: &LoginArgs) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    let first = LogInAsked {
        connection: args.connection.clone(),
        passcode: args.passcode.as_deref().map(passcode).transpose()?,
        password: if args.password { Some(password()?) } else { None },
        joins: false,
    };
    if !args.no_start && matches!(ask_now(&endpoint, &Command::Status), Ok(None)) {
        start_gateway::start(cli)?;
    }
    let mut person = AtTerminal;
    let may_type = first.passcode.is_none() && !args.output.json && is_at_terminal();
    let mut asks = |asked: &LogInAsked| ask(&endpoint, asked);
    let person: Option<&mut dyn Person> = if may_type { Some(&mut person) } else { None };
    // They may not be listening; stdout is for the outcome.
    let mut tell = |what: &str| drop(writeln!(stderr(), "snowgate: {what}"));
    let done = log_in(&mut asks, &first, person, &mut tell);
    match done.map_err(|error| Cancelled::after(error, NOT_LOGGED_IN))? {
        Some(view) => report(view, args),
        None => no_gateway(&endpoint, args.output.json),
    }
}

fn report(view: LogInView, args: &LoginArgs) -> Result<ExitCode> {
    if view.connection != args.connection && args.connection.is_some() {
        // A gateway of an earlier version knows no connections, and has logged in to the default one.
        bail!("the gateway that runs is of an earlier version; run `snowgate restart` first");
    }
    if !view.logged_in {
        return Err(NotLoggedIn::of("not logged in", view).into());
    }
    if args.output.json {
        let LogInView { connection, backend, target, .. } = &view;
        let shown = serde_json::json!({
            "logged_in": true, "connection": connection, "backend": backend, "target": target,
        });
        return print_json(&shown);
    }
    print_text(&format!("logged in ({})\n", view.target.unwrap_or(view.backend)))
}

/// Asks the gateway; `None` where none runs.
fn ask(endpoint: &Endpoint, asked: &LogInAsked) -> Result<Option<LogInView>> {
    match ask_now(endpoint, &Command::LogIn(asked.clone()))? {
        Some(Reply::LogIn(view)) => Ok(Some(*view)),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => Ok(None),
    }
}

fn passcode(given: &str) -> Result<Passcode> {
    let code = if given == TYPED { read_secret("Passcode:")? } else { given.to_owned() };
    Ok(Passcode::parse(&code).map_err(NotLoggedIn::usage)?)
}

fn password() -> Result<Password> {
    let typed = read_secret("Password (kept in the gateway's memory only, and written nowhere):")?;
    Ok(Password::new(&typed).map_err(NotLoggedIn::password)?)
}

/// Reads a line from a person, without showing it, or from a pipe.
fn read_secret(question: &str) -> Result<String> {
    if stdin().is_terminal() {
        let typed = AtTerminal.ask_hidden(question);
        return typed.map_err(|error| Cancelled::after(error, NOT_LOGGED_IN));
    }
    let mut line = String::new();
    let read = stdin().lock().take(SECRET_BYTES_MAX).read_line(&mut line);
    read.context("cannot read from stdin")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
