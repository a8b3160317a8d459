//! `snowgate breaker`: how the circuit breakers of the connections are, and to open or close one by hand.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::Cli;
use super::control::{ask_now, columns, duration, no_gateway, print_json, print_text};
use super::serve::endpoint;
use crate::link::{BreakerAction, BreakersView, Command, Reply};
use crate::multiplexer::BreakerView;

/// Bytes of a connection's name, at most: more than one can have.
const NAME_BYTES_MAX: usize = 1_024;

/// What `breaker` does.
#[derive(Debug, Args)]
pub(crate) struct BreakerArgs {
    #[command(subcommand)]
    action: Option<BreakerCommand>,

    /// Print JSON, for scripts
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// The commands about circuit breakers.
#[derive(Debug, Subcommand)]
enum BreakerCommand {
    /// Show the circuit breaker of each connection (the default)
    Status,
    /// Send no request on this connection until `close` or `reset`
    Open {
        /// The connection, as `status` names it.
        name: String,
    },
    /// Send requests on this connection whatever fails, until `open` or `reset`
    Close {
        /// The connection, as `status` names it.
        name: String,
    },
    /// Let the breaker of this connection decide by itself again, from closed
    Reset {
        /// The connection, as `status` names it.
        name: String,
    },
}

/// There is no such connection.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoConnection(String);

/// Shows the breakers, or sets one.
pub(super) fn breaker(cli: &Cli, args: &BreakerArgs) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    let set = |name: &String, action| Command::SetBreaker { connection: name.clone(), action };
    let command = match &args.action {
        None | Some(BreakerCommand::Status) => Command::Breakers,
        Some(BreakerCommand::Open { name }) => set(name, BreakerAction::Open),
        Some(BreakerCommand::Close { name }) => set(name, BreakerAction::Close),
        Some(BreakerCommand::Reset { name }) => set(name, BreakerAction::Reset),
    };
    if let Command::SetBreaker { connection, .. } = &command
        && connection.len() > NAME_BYTES_MAX
    {
        return Err(NoConnection(format!("no connection has a name of {} bytes", connection.len())).into());
    }
    match ask_now(&endpoint, &command)? {
        Some(Reply::Breakers(view)) if args.json => print_json(&view),
        Some(Reply::Breakers(view)) => print_text(&text(&view)),
        Some(Reply::Refused(why)) => Err(NoConnection(why).into()),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => no_gateway(&endpoint, args.json),
    }
}

fn text(view: &BreakersView) -> String {
    let headings =
        ["CONNECTION", "STATE", "FOR", "FAILURES", "NEXT TRY", "WAITING", "OPENED", "PROBES", "REFUSED"];
    let mut rows = vec![headings.map(str::to_owned)];
    rows.extend(view.breakers.iter().map(|breaker| {
        [
            breaker.connection.clone(),
            breaker.state.name().to_owned(),
            duration(breaker.since_ms),
            format!("{} of {} in {}", breaker.failures, breaker.failures_max, duration(breaker.window_ms)),
            next_try(breaker),
            breaker.waiting.to_string(),
            breaker.opened.to_string(),
            breaker.probes.to_string(),
            breaker.refused.to_string(),
        ]
    }));
    let errors = view
        .breakers
        .iter()
        .filter_map(|breaker| Some(format!("{}: {}\n", breaker.connection, breaker.error.as_deref()?)));
    let warning = view.warning.iter().map(|warning| format!("{warning}\n"));
    [columns(&rows)].into_iter().chain(errors).chain(warning).collect()
}

fn next_try(breaker: &BreakerView) -> String {
    match breaker.next_probe_ms {
        None => "-".to_owned(),
        Some(0) => "next request".to_owned(),
        Some(ms) => format!("in {}", duration(ms)),
    }
}
