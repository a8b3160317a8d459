//! `snowgate login`: has the running gateway log in now, with a passcode where one is needed.

use std::io::{BufRead, IsTerminal, Read, Write, stderr, stdin};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use snowgate_link::endpoint::Endpoint;

use super::control::{ask_now, no_gateway, print_json, print_text};
use super::serve::endpoint;
use super::{Cli, LoginArgs, exit};
use crate::link::{Command, LogInView, Need, Passcode, Reply};

/// The argument that stands for a passcode which is typed.
pub(super) const TYPED: &str = "-";

/// How long the command waits for the user, who is in a browser or has a phone in hand: a little longer than
/// the gateway does.
const USER_TIMEOUT: Duration = Duration::from_secs(310);

/// Between two questions whether the user is done, where the gateway does not hold the first.
const ASK_PAUSE: Duration = Duration::from_millis(250);

/// Bytes that are read as a passcode.
const PASSCODE_BYTES_MAX: u64 = 256;

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

    fn of(view: LogInView) -> Self {
        let exit_code = match (&view.code, view.needs) {
            (_, Need::Unsupported) => exit::USAGE,
            (Some(_), _) | (_, Need::Passcode) => exit::REFUSED,
            (None, _) => exit::NOT_YET,
        };
        let problem = view.problem.unwrap_or_else(|| "the gateway gave no reason".to_owned());
        let code = view.code.map(|code| format!(" (code {code})")).unwrap_or_default();
        Self { message: format!("not logged in: {problem}{code}"), next_step: view.next_step, exit_code }
    }

    fn usage(message: impl Into<String>) -> Self {
        let next_step = "run `snowgate login --passcode` and type the code".to_owned();
        Self { message: message.into(), next_step: Some(next_step), exit_code: exit::USAGE }
    }
}

/// Logs in.
pub(super) fn login(cli: &Cli, args: &LoginArgs) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    let given = match args.passcode.as_deref() {
        None => None,
        Some(TYPED) => Some(read_passcode()?),
        Some(code) => Some(Passcode::parse(code).map_err(NotLoggedIn::usage)?),
    };
    let may_type = given.is_none() && !args.output.json && stdin().is_terminal();
    let Some(mut view) = ask(&endpoint, given, false)? else {
        return no_gateway(&endpoint, args.output.json);
    };
    if view.needs == Need::Passcode && may_type {
        tell(&view);
        let Some(next) = ask(&endpoint, Some(read_passcode()?), false)? else {
            return no_gateway(&endpoint, args.output.json);
        };
        view = next;
    }
    let deadline = Instant::now() + USER_TIMEOUT;
    let mut told = None;
    while view.needs == Need::User && Instant::now() < deadline {
        if told != view.problem {
            tell(&view);
            told.clone_from(&view.problem);
        }
        std::thread::sleep(ASK_PAUSE);
        let Some(next) = ask(&endpoint, None, true)? else { return no_gateway(&endpoint, args.output.json) };
        view = next;
    }
    report(view, args.output.json)
}

fn report(view: LogInView, json: bool) -> Result<ExitCode> {
    if !view.logged_in {
        return Err(NotLoggedIn::of(view).into());
    }
    if json {
        let shown = serde_json::json!({"logged_in": true, "backend": view.backend, "target": view.target});
        return print_json(&shown);
    }
    print_text(&format!("logged in ({})\n", view.target.unwrap_or(view.backend)))
}

/// Asks the gateway; `None` where none runs.
fn ask(endpoint: &Endpoint, passcode: Option<Passcode>, joins: bool) -> Result<Option<LogInView>> {
    match ask_now(endpoint, &Command::LogIn { passcode, joins })? {
        Some(Reply::LogIn(view)) => Ok(Some(*view)),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => Ok(None),
    }
}

/// Tells a person what is to be done; stdout is for the outcome.
fn tell(view: &LogInView) {
    let problem = view.problem.as_deref().unwrap_or_default();
    // They may not be listening.
    let _ = writeln!(stderr(), "snowgate: {problem}");
}

/// Reads a line from a person or a pipe.
fn read_passcode() -> Result<Passcode> {
    if stdin().is_terminal() {
        let _ = write!(stderr(), "Passcode: ").and_then(|()| stderr().flush());
    }
    let mut line = String::new();
    let read = stdin().lock().take(PASSCODE_BYTES_MAX).read_line(&mut line);
    read.context("cannot read the passcode from stdin")?;
    Ok(Passcode::parse(&line).map_err(NotLoggedIn::usage)?)
}
