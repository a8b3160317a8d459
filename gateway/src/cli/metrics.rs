//! `snowgate metrics`: what `/metrics` of the HTTP front shows, for gateways without it.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::Cli;
use super::control::{ask_now, no_gateway, print_text};
use super::serve::endpoint;
use crate::link::{Command, Reply};
use crate::observe::metrics_reference;

/// What `metrics` prints.
#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    #[command(subcommand)]
    what: Option<MetricsCommand>,

    /// Print OpenMetrics instead of the text format of Prometheus
    #[arg(long)]
    openmetrics: bool,
}

/// What else `metrics` prints.
#[derive(Debug, Subcommand)]
enum MetricsCommand {
    /// Print what all metrics are, in Markdown
    Reference,
}

/// Prints the metrics, or what they are.
pub(super) fn metrics(cli: &Cli, args: &MetricsArgs) -> Result<ExitCode> {
    if let Some(MetricsCommand::Reference) = args.what {
        return print_text(&metrics_reference());
    }
    let endpoint = endpoint(cli)?;
    match ask_now(&endpoint, &Command::Metrics { open_metrics: args.openmetrics })? {
        Some(Reply::Metrics(text)) => print_text(&text),
        Some(Reply::Refused(why)) => bail!(why),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => no_gateway(&endpoint, false),
    }
}
