//! `snowgate quota`: what clients have used of their limits, and a reset of that.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::Cli;
use super::control::{ask_now, columns, duration, no_gateway, print_json, print_text};
use super::serve::endpoint;
use crate::limits::{ClientQuotaView, LimitView, QuotaView};
use crate::link::{Command, Reply};

/// What is wanted of the limits.
#[derive(Debug, Args)]
pub(crate) struct QuotaArgs {
    #[command(subcommand)]
    action: Option<Action>,

    /// Print JSON, for scripts
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show each limit, what is used and left of it, and when it is free again
    Show,
    /// Forget what was used: by one client, or by all clients and all of them together
    Reset {
        /// The client's name, as `snowgate quota` shows it
        client: Option<String>,
    },
}

/// There is no such client.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UnknownClient(String);

/// Shows what is used, or forgets it.
pub(super) fn quota(cli: &Cli, args: &QuotaArgs) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    let command = match &args.action {
        None | Some(Action::Show) => Command::Quota,
        Some(Action::Reset { client }) => Command::ResetQuota { client: client.clone() },
    };
    match (ask_now(&endpoint, &command)?, &args.action) {
        (Some(Reply::Quota(quota)), _) if args.json => print_json(&quota),
        (Some(Reply::Quota(quota)), _) => print_text(&text(&quota)),
        (Some(Reply::QuotaReset { clients: 0 }), Some(Action::Reset { client: Some(client) })) => {
            let why = format!(
                "nothing is counted for the client {client:?}; `snowgate quota` shows the clients that are"
            );
            Err(UnknownClient(why).into())
        }
        (Some(Reply::QuotaReset { clients }), _) if args.json => {
            print_json(&json!({"reset_clients": clients}))
        }
        (Some(Reply::QuotaReset { .. }), Some(Action::Reset { client: Some(client) })) => {
            print_text(&format!("forgot what the client {client} has used\n"))
        }
        (Some(Reply::QuotaReset { clients }), _) => {
            print_text(&format!("forgot what was used, by {clients} clients and by all together\n"))
        }
        (Some(_), _) => bail!("the gateway sent an unexpected reply"),
        (None, _) => no_gateway(&endpoint, args.json),
    }
}

/// The lines for people.
fn text(quota: &QuotaView) -> String {
    let mut rows = vec![["CLIENT", "LIMIT", "USED", "LEFT", "FREE AGAIN"].map(str::to_owned)];
    rows.extend(quota.global.iter().map(|limit| row("(all)", limit)));
    for client in &quota.clients {
        let ClientQuotaView { client: name, profile, .. } = client;
        let name = if profile.is_empty() {
            format!("API key {}", name.trim_start_matches('@'))
        } else if profile == crate::config::PROFILE_DEFAULT {
            name.clone()
        } else {
            format!("{name} ({profile})")
        };
        rows.extend(client.limits.iter().map(|limit| row(&name, limit)));
    }
    if rows.len() == 1 {
        let why = if quota.clients.is_empty() { "no limit was used yet" } else { "no limit is set" };
        return format!("{why}; docs/limits.md says how to set them, under [limits] or in a profile\n");
    }
    let mut text = columns(&rows);
    let refused: u64 = quota.clients.iter().map(|client| client.refused).sum();
    if refused > 0 {
        text.push_str(&format!("{refused} calls were refused by a limit\n"));
    }
    if quota.more > 0 {
        text.push_str(&format!("and {} more clients, which were used less recently\n", quota.more));
    }
    text
}

fn row(client: &str, limit: &LimitView) -> [String; 5] {
    let seconds = |seconds: u64| duration(seconds.saturating_mul(1_000));
    let free = match (limit.free_in_s, limit.used) {
        (Some(wait), _) => format!("in {}", seconds(wait)),
        (None, 0) => "all of it".to_owned(),
        (None, _) if limit.unused_in_s > 0 => format!("now; all of it in {}", seconds(limit.unused_in_s)),
        (None, _) => "now".to_owned(),
    };
    [
        client.to_owned(),
        limit.setting.clone(),
        format!("{} of {}", limit.used, limit.max),
        limit.left.to_string(),
        free,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(used: u64, free_in_s: Option<u64>) -> LimitView {
        LimitView {
            limit: "requests_per_day".to_owned(),
            setting: "limits.requests_per_day".to_owned(),
            max: 10,
            used,
            left: 10 - used,
            free_in_s,
            unused_in_s: if used > 0 { 7_200 } else { 0 },
        }
    }

    #[test]
    fn each_limit_is_a_line() {
        let client = |client: &str, profile: &str, limit| ClientQuotaView {
            client: client.to_owned(),
            profile: profile.to_owned(),
            running: 0,
            refused: 2,
            limits: vec![limit],
        };
        let clients = vec![client("a", "default", limit(10, Some(90))), client("b", "p", limit(4, None))];
        let quota = QuotaView { global: vec![limit(0, None)], clients, more: 1 };
        let text = text(&quota);
        let lines: Vec<String> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "CLIENT LIMIT USED LEFT FREE AGAIN",
                "(all) limits.requests_per_day 0 of 10 10 all of it",
                "a limits.requests_per_day 10 of 10 0 in 90 s",
                "b (p) limits.requests_per_day 4 of 10 6 now; all of it in 2 h",
                "4 calls were refused by a limit",
                "and 1 more clients, which were used less recently",
            ]
        );
    }
}
