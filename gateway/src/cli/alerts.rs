//! `snowgate alerts`: the gateway's own alerts.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::json;

use super::control::{ask_now, columns, duration, no_gateway, print_json, print_text};
use super::serve::endpoint;
use super::{Cli, OutputArgs};
use crate::link::{Command, Reply};
use crate::observe::StatusView;
use crate::shared::{AlertState, AlertView, WebhookView};

/// Shows the alerts that are not inactive.
pub(super) fn alerts(cli: &Cli, args: &OutputArgs) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    match ask_now(&endpoint, &Command::Status)? {
        Some(Reply::Status(status)) if args.json => {
            print_json(&json!({ "alerts": status.alerts, "webhook": status.alert_webhook }))
        }
        Some(Reply::Status(status)) => print_text(&text(&status)),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => no_gateway(&endpoint, args.json),
    }
}

fn text(status: &StatusView) -> String {
    let webhook = webhook_text(&status.alert_webhook).map(|text| format!("webhook: {text}\n"));
    if status.alerts.is_empty() {
        return format!("no alerts\n{}", webhook.unwrap_or_default());
    }
    let mut rows = vec![["ALERT", "STATE", "FOR", "SEVERITY", "VALUE", "SETTING", "OF"].map(str::to_owned)];
    rows.extend(status.alerts.iter().map(|alert| {
        [
            alert.alert.clone(),
            alert.state.name().to_owned(),
            duration(alert.since_ms),
            alert.severity.clone(),
            rounded(alert.value),
            format!("{} = {}", alert.setting, rounded(alert.threshold)),
            alert.subject.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }));
    let runbooks = status.alerts.iter().filter(|alert| alert.state == AlertState::Firing).map(runbook);
    [columns(&rows)].into_iter().chain(runbooks).chain(webhook).collect()
}

fn runbook(alert: &AlertView) -> String {
    format!("{}: {}. {}\n", alert.alert, alert.summary, alert.runbook)
}

fn rounded(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// What became of posts, if there were any.
fn webhook_text(webhook: &WebhookView) -> Option<String> {
    let WebhookView { sent, failed, dropped, problem } = webhook;
    let why = problem.as_ref().map(|problem| format!("; the last one: {problem}")).unwrap_or_default();
    (sent + failed + dropped > 0).then(|| format!("{sent} sent, {failed} failed, {dropped} dropped{why}"))
}
