//! `snowgate reload`: have the running gateway read its configuration again.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::control::{InvalidConfig, ask_now, no_gateway, print_json, print_text};
use super::serve::endpoint;
use super::{Cli, OutputArgs};
use crate::config::Change;
use crate::link::{Command, Reply};
use crate::shared::ReloadView;

/// Has it read the configuration, and says what came of it.
pub(super) fn reload(cli: &Cli, args: &OutputArgs) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    match ask_now(&endpoint, &Command::Reload)? {
        Some(Reply::Reloaded(view)) if args.json => print_json(&view),
        Some(Reply::Reloaded(view)) => print_text(&text(&view)),
        Some(Reply::Refused(errors)) => Err(InvalidConfig::not_reloaded(errors).into()),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => no_gateway(&endpoint, args.json),
    }
}

fn text(view: &ReloadView) -> String {
    let mut text = String::new();
    if view.applied.is_empty() && view.needs_restart.is_empty() {
        text.push_str("nothing has changed\n");
    }
    if !view.applied.is_empty() {
        text.push_str("applied:\n");
        text.extend(view.applied.iter().map(line));
        if view.sessions > 0 {
            text.push_str(&format!("  ({} open sessions have a changed profile)\n", view.sessions));
        }
    }
    if !view.needs_restart.is_empty() {
        text.push_str("changed, and applies with `snowgate restart` (clients stay connected):\n");
        text.extend(view.needs_restart.iter().map(line));
        if let Some(why) = &view.profiles_wait {
            text.push_str(&format!("  (profiles and roles are among them because {why})\n"));
        }
    }
    text.extend(view.warnings.iter().map(|warning| format!("warning: {warning}\n")));
    text
}

fn line(change: &Change) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(not set)".to_owned());
    format!("  {}: {} -> {}\n", change.key, shown(&change.from), shown(&change.to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_applies_is_told_from_what_waits() {
        let change = |key: &str, from: Option<&str>, to: Option<&str>| Change {
            key: key.to_owned(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        let view = ReloadView {
            applied: vec![change("limits.rows_max", Some("10"), Some("20"))],
            needs_restart: vec![change("pool.connections_max", None, Some("6"))],
            profiles_wait: None,
            sessions: 2,
            warnings: vec!["careful".to_owned()],
            config_hash: String::new(),
        };
        let text = text(&view);
        for part in [
            "  limits.rows_max: 10 -> 20\n",
            "(2 open sessions",
            "snowgate restart",
            "  pool.connections_max: (not set) -> 6\n",
            "warning: careful",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
