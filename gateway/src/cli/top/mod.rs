//! `snowgate top`: what goes on in the gateway, on a terminal.
//!
//! `model` is what is on the screen and how keys change it, `rows` makes the lists of what the gateway says, `view` draws:
//! all three are pure. `screen` has the terminal; `asker` asks the gateway, one question at a time, on a thread of its own.

mod asker;
mod model;
mod plain;
mod rows;
mod screen;
mod view;

use std::io::{IsTerminal as _, Write as _, stderr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use super::Cli;
use super::control::{ask_now, no_gateway, print_json, print_text};
use super::serve::endpoint;
use crate::link::{Command, Reply};
use model::{Gateway, Model};
use view::Palette;

/// Columns of a frame where that goes to no terminal and `COLUMNS` says nothing.
const COLUMNS: u16 = 100;

/// Columns of a frame, at least and at most.
const COLUMNS_RANGE: std::ops::RangeInclusive<u16> = 40..=400;

/// How `top` shows it.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct TopArgs {
    /// Seconds between two looks
    #[arg(short = 'd', long, value_name = "SECONDS", default_value_t = 1.0, value_parser = delay)]
    delay: f64,

    /// Print one frame as plain text, and end
    #[arg(long)]
    once: bool,

    /// Print all that is shown as JSON, and end
    #[arg(long)]
    pub(super) json: bool,
}

/// Half a second to an hour.
fn delay(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "this is no number of seconds".to_owned())?;
    if (0.5..=3_600.0).contains(&seconds) { Ok(seconds) } else { Err("write 0.5 to 3600 seconds".to_owned()) }
}

/// Shows it.
pub(super) fn top(cli: &Cli, args: &TopArgs) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    let why_plain = if args.once || args.json { None } else { why_plain() };
    if !args.once && !args.json && why_plain.is_none() {
        let palette =
            Palette { has_colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) };
        return screen::run(&endpoint, Duration::from_secs_f64(args.delay), palette);
    }
    let overview = match ask_now(&endpoint, &Command::Overview)? {
        Some(Reply::Overview(overview)) => overview,
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => return no_gateway(&endpoint, args.json),
    };
    if args.json {
        return print_json(&overview);
    }
    if let Some(why) = why_plain {
        // The look is what was asked for, also where stderr is closed.
        let _ = writeln!(stderr(), "snowgate top: {why}, so this is one look (`--once`)");
    }
    let mut model = Model::new();
    model.take(Gateway::Here, Some(*overview));
    print_text(&plain::frame(&model, columns()))
}

/// Why there is no screen to draw on.
fn why_plain() -> Option<&'static str> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Some("this is no terminal");
    }
    let term = std::env::var("TERM").unwrap_or_default();
    matches!(term.as_str(), "" | "dumb").then_some("the terminal can only print lines (TERM)")
}

/// The width of a plain frame.
fn columns() -> u16 {
    let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let of_terminal = || ratatui::crossterm::terminal::size().ok().map(|(columns, _)| columns);
    let of_terminal = if std::io::stdout().is_terminal() { of_terminal() } else { None };
    of_terminal.or(asked).unwrap_or(COLUMNS).clamp(*COLUMNS_RANGE.start(), *COLUMNS_RANGE.end())
}

#[cfg(test)]
mod tests;
