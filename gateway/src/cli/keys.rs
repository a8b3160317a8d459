//! `snowgate keys`: API keys for the HTTP front. No gateway is needed; one that runs sees each change at once.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::json;

use super::Cli;
use super::control::{columns, duration, print_json, print_text};
use crate::config::{Config, Paths, ProcessEnvironment};
use crate::keys::{KeyDesk, KeyView, MadeKey, NewKey, now_ms};
use crate::shared::moments::{date_of, parse_moment, parse_span};

/// What is wanted of the keys.
#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    action: KeysCommand,

    /// Print JSON, for scripts
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// The commands about API keys.
#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key; it is printed this once, on stdout
    Create(CreateArgs),
    /// List the keys: what they may do, until when, and when each was used last
    List,
    /// End a key at once: its sessions and streams end, too
    Revoke {
        /// The key's name, or its id
        name: String,
    },
    /// Give a key another secret, which is printed this once; the old one is good for a while
    Rotate {
        /// The key's name, or its id
        name: String,

        /// For how long the old secret is good besides the new one: 24h, 30m, 7d; 0: not at all
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_span)]
        overlap: u64,
    },
}

/// What a new key is to be.
#[derive(Clone, Debug, Args)]
struct CreateArgs {
    /// Its name: 1 to 64 letters, digits, dots, dashes or underscores
    #[arg(long)]
    name: String,

    /// The profile of its sessions, instead of the one whose `match` fits
    #[arg(long)]
    profile: Option<String>,

    /// What it may do at most: a built-in role (admin, power_user, analyst, read_only, guest) or one of [roles.NAME]
    #[arg(long)]
    role: Option<String>,

    /// When it ends: after a time (30d, 12h), at the end of a day in UTC (2027-01-31) or at a moment (2027-01-31T12:00:00Z)
    #[arg(long, value_name = "WHEN", value_parser = parse_moment)]
    expires: Option<u64>,

    /// An address, or a range of them, that it may come from; several can be given
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    allow_from: Vec<String>,

    /// Requests in any minute or hour: 60/min, 1000/h; both can be given
    #[arg(long, value_name = "N/TIME", value_parser = parse_rate)]
    rate: Vec<Rate>,
}

/// `60/min`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rate {
    PerMinute(u64),
    PerHour(u64),
}

fn parse_rate(text: &str) -> Result<Rate, String> {
    let wrong = || format!("{text:?} is no rate; write 60/min or 1000/h");
    let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
    let number: u64 = number.trim().replace('_', "").parse().map_err(|_| wrong())?;
    if number == 0 {
        return Err("a rate of 0 would let nothing in; leave it out for no limit".to_owned());
    }
    match unit.trim() {
        "m" | "min" | "minute" => Ok(Rate::PerMinute(number)),
        "h" | "hour" => Ok(Rate::PerHour(number)),
        _ => Err(wrong()),
    }
}

/// Changes or shows keys.
pub(super) fn keys(cli: &Cli, args: &KeysArgs) -> Result<ExitCode> {
    let paths = Paths::discover(&ProcessEnvironment)?.with_system_file(cli.system_config.clone());
    let desk = KeyDesk::in_folder(&paths.state_dir);
    match &args.action {
        KeysCommand::Create(create) => {
            check_names(&paths, create)?;
            let made = desk.create(new_key(create))?;
            print_made(&made, "created", args.json)
        }
        KeysCommand::List => {
            let (keys, warning) = desk.list()?;
            if let Some(warning) = warning {
                tell(&format!("warning: {warning}"));
            }
            if args.json { print_json(&keys) } else { print_text(&text(&keys)) }
        }
        KeysCommand::Revoke { name } => {
            let name = desk.revoke(name)?;
            if args.json {
                return print_json(&json!({"revoked": name}));
            }
            print_text(&format!("revoked the key `{name}`: its sessions and streams end\n"))
        }
        KeysCommand::Rotate { name, overlap } => {
            print_made(&desk.rotate(name, *overlap)?, "rotated", args.json)
        }
    }
}

/// A profile and a role that a key names must be there.
fn check_names(paths: &Paths, create: &CreateArgs) -> Result<()> {
    if create.profile.is_none() && create.role.is_none() {
        return Ok(());
    }
    let config = Config::load(paths, &ProcessEnvironment).context("cannot check --profile and --role")?;
    if let Some(profile) = &create.profile {
        config.profile(profile)?;
    }
    if let Some(role) = &create.role {
        config.role(role)?;
    }
    Ok(())
}

fn new_key(create: &CreateArgs) -> NewKey {
    let rate = |find: fn(&Rate) -> Option<u64>| create.rate.iter().filter_map(find).min();
    NewKey {
        name: create.name.clone(),
        profile: create.profile.clone(),
        role: create.role.clone(),
        expires_ms: create.expires,
        allow_from: create.allow_from.clone(),
        requests_per_minute: rate(|rate| match rate {
            Rate::PerMinute(number) => Some(*number),
            Rate::PerHour(_) => None,
        }),
        requests_per_hour: rate(|rate| match rate {
            Rate::PerHour(number) => Some(*number),
            Rate::PerMinute(_) => None,
        }),
    }
}

/// The key alone on stdout, so that a script can take it; what to do with it on stderr.
fn print_made(made: &MadeKey, done: &str, json: bool) -> Result<ExitCode> {
    if json {
        return print_json(&json!({
            "id": made.id,
            "name": made.name,
            "key": made.key,
            "expires_ms": made.expires_ms,
            "old_valid_until_ms": made.old_until_ms,
        }));
    }
    let code = print_text(&format!("{}\n", made.key))?;
    let mut told = format!("{done} the key `{}`", made.name);
    if let Some(at) = made.expires_ms {
        told.push_str(&format!(", which is good until {}", date_of(at)));
    }
    told.push_str(
        ". It is shown this once: put it into a password manager, the secret store of what uses it, or a file that only its user \
         can read (chmod 600). Clients send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`, never in an address.",
    );
    if let Some(at) = made.old_until_ms {
        told.push_str(&format!(" What it replaces is good until {}.", date_of(at)));
    }
    tell(&told);
    Ok(code)
}

fn tell(text: &str) {
    // The one who reads it may have gone.
    let _ = writeln!(std::io::stderr(), "snowgate: {text}");
}

fn text(keys: &[KeyView]) -> String {
    if keys.is_empty() {
        return "no keys; `snowgate keys create --name NAME` makes one\n".to_owned();
    }
    let headings = ["NAME", "ROLE", "PROFILE", "STATE", "EXPIRES", "FROM", "RATE", "LAST USED", "REQUESTS"];
    let mut rows = vec![headings.map(str::to_owned)];
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let now_ms = now_ms();
    rows.extend(keys.iter().map(|key| {
        let used = key.last_used_ms.map(|at| {
            let from = key.last_address.map(|address| format!(" from {address}")).unwrap_or_default();
            format!("{} ago{from}", duration(now_ms.saturating_sub(at)))
        });
        let rates = [(key.requests_per_minute, "min"), (key.requests_per_hour, "h")];
        let rates: Vec<_> =
            rates.into_iter().filter_map(|(rate, unit)| Some(format!("{}/{unit}", rate?))).collect();
        let state = match key.secrets.len() {
            0 | 1 => key.state.clone(),
            secrets => format!("{} ({secrets} secrets)", key.state),
        };
        [
            key.name.clone(),
            or_dash(&key.role),
            or_dash(&key.profile),
            state,
            or_dash(&key.expires_ms.map(date_of)),
            if key.allow_from.is_empty() { "-".to_owned() } else { key.allow_from.join(", ") },
            if rates.is_empty() { "-".to_owned() } else { rates.join(", ") },
            used.unwrap_or_else(|| "never".to_owned()),
            key.requests.to_string(),
        ]
    }));
    columns(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_people_write_them() {
        assert_eq!(parse_rate("60/min"), Ok(Rate::PerMinute(60)));
        assert_eq!(parse_rate("1_000/hour"), Ok(Rate::PerHour(1_000)));
        for wrong in ["", "60", "60/day", "x/min", "0/min", "-1/h"] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_list_shows_each_key_and_nothing_secret() {
        let folder = tempfile::tempdir().unwrap();
        let desk = KeyDesk::in_folder(folder.path());
        let made = desk.create(NewKey { name: "bi".to_owned(), ..NewKey::default() }).unwrap();
        let text = text(&desk.list().unwrap().0);
        assert!(text.contains("bi") && text.contains("never") && !text.contains(&made.key), "{text}");
    }
}
