//! `snowgate kill`: stop what a session runs.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use super::control::{ask_now, no_gateway, print_json, print_text};
use super::serve::endpoint;
use super::{Cli, OutputArgs};
use crate::link::{Command, Reply};

/// What to stop.
#[derive(Clone, Debug, Args)]
pub(crate) struct KillArgs {
    /// The session's id as `snowgate sessions` lists it, or its beginning; with `:REQUEST`, one call of it alone
    #[arg(value_name = "SESSION[:REQUEST]")]
    target: String,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The call to stop does not exist.
#[derive(Debug, thiserror::Error)]
#[error("nothing was stopped: {0}")]
pub(super) struct NoTarget(String);

/// Stops it. The client gets an error that says so; its session goes on.
pub(super) fn kill(cli: &Cli, args: &KillArgs) -> Result<ExitCode> {
    let (session, request) = parse(&args.target)?;
    let endpoint = endpoint(cli)?;
    match ask_now(&endpoint, &Command::Kill { session, request })? {
        Some(Reply::Killed(killed)) if args.output.json => print_json(&killed),
        Some(Reply::Killed(killed)) => {
            let client = killed.client.as_deref().unwrap_or("a client without a name");
            let numbers: Vec<String> = killed.requests.iter().map(u64::to_string).collect();
            print_text(&match numbers.len() {
                0 => format!(
                    "{client} ({}) runs nothing; what it has sent before will not start\n",
                    killed.session
                ),
                _ => format!("stopped {} of {client} ({})\n", numbers.join(", "), killed.session),
            })
        }
        Some(Reply::Refused(why)) => Err(NoTarget(why).into()),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => no_gateway(&endpoint, args.output.json),
    }
}

fn parse(target: &str) -> Result<(String, Option<u64>)> {
    let Some((session, request)) = target.rsplit_once(':') else { return Ok((target.to_owned(), None)) };
    match request.parse() {
        Ok(number) => Ok((session.to_owned(), Some(number))),
        Err(_) => Err(NoTarget(format!(
            "{request:?} is no number of a call: write SESSION:REQUEST, as in 0a1b2c3d:17 (`snowgate status` and \
             `snowgate sessions --json` have the numbers)"
        ))
        .into()),
    }
}
