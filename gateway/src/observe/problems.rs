//! What is wrong with the gateway, worst first, and what mends it: for `snowgate status`, `snowgate top` and the page.

use serde::{Deserialize, Serialize};

use super::status::StatusView;
use crate::multiplexer::BreakerState;
use crate::shared::AlertState;

/// How bad a problem is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Calls fail, or are refused.
    Critical,
    /// Something is lost, or will fail.
    Warning,
    /// Worth to know.
    Note,
}

impl Severity {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, and why.
    pub what: String,
    /// The command that mends it, or tells more.
    pub command: String,
}

/// The problems in `status`, worst first.
pub fn problems(status: &StatusView) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut add = |severity, what: &str, command: &str| {
        let (what, command) = (what.to_owned(), command.to_owned());
        let problem = Problem { severity, what, command };
        if !found.contains(&problem) {
            found.push(problem);
        }
    };
    connections(status, &mut add);
    let optional = [
        (Severity::Critical, &status.settings_problem, "snowgate sessions"),
        (Severity::Critical, &status.state_problem, "snowgate restart"),
        (Severity::Critical, &status.limit_problem, "ulimit -Hn; snowgate stop"),
    ];
    for (severity, what, command) in optional {
        if let Some(what) = what {
            add(severity, what, command);
        }
    }
    let logs = status.logs.iter().filter_map(|log| Some((log, log.problem.as_ref()?)));
    for (log, what) in logs {
        add(Severity::Warning, &format!("log {}: {what}", log.stream), "df -h; snowgate status --all");
    }
    for log in status.logs.iter().filter(|log| log.dropped > 0) {
        let what = format!("{} lines of `{}` were dropped", log.dropped, log.stream);
        add(Severity::Warning, &what, "snowgate status --all");
    }
    if let Some(what) = &status.audit.problem {
        let severity = if status.audit.required { Severity::Critical } else { Severity::Warning };
        add(severity, &format!("audit: {what}"), "df -h; snowgate audit verify");
    }
    if status.audit.lost > 0 {
        let what = format!("audit: {} records were not written", status.audit.lost);
        add(Severity::Warning, &what, "snowgate audit verify");
    }
    if let Some(what) = status.http.as_ref().and_then(|http| http.problem.as_ref()) {
        add(Severity::Critical, &format!("http: {what}"), "snowgate config check");
    }
    if let Some(keys) = &status.keys {
        if let Some(what) = &keys.problem {
            add(Severity::Critical, &format!("keys: {what}"), "snowgate keys list");
        }
        if let Some(what) = &keys.warning {
            add(Severity::Warning, &format!("keys: {what}"), "snowgate keys list");
        }
    }
    for validator in &status.validators {
        if let Some(what) = &validator.problem {
            let what = format!("validator {}: {what}", validator.command.join(" "));
            add(Severity::Critical, &what, "snowgate config check");
        }
    }
    if let Some(what) = &status.metrics_problem {
        add(Severity::Warning, what, "df -h; snowgate config show");
    }
    if let Some(what) = &status.service_problem {
        add(Severity::Warning, what, "snowgate service status; snowgate service logs");
    }
    for alert in status.alerts.iter().filter(|alert| alert.state == AlertState::Firing) {
        add(Severity::Warning, &format!("alert {}: {}", alert.alert, alert.summary), "snowgate alerts");
    }
    if let Some(what) = &status.config_problem {
        let what = format!("the config has errors, and the one before goes on: {what}");
        add(Severity::Warning, &what, "snowgate config check; snowgate reload");
    }
    if !status.config_needs_restart.is_empty() {
        let keys = status.config_needs_restart.join(", ");
        add(Severity::Note, &format!("changes of the config wait for a restart: {keys}"), "snowgate restart");
    }
    for what in &status.config_warnings {
        add(Severity::Note, what, "snowgate config check");
    }
    found.sort_by_key(|problem| problem.severity);
    found
}

/// What keeps connections from working, and queues that are full.
fn connections(status: &StatusView, add: &mut impl FnMut(Severity, &str, &str)) {
    for connection in &status.connections {
        let name = &connection.name;
        if let Some(what) = &connection.problem {
            let of_other = if connection.is_default { String::new() } else { format!("{name}: ") };
            add(Severity::Critical, &format!("{of_other}{what}"), "snowgate login; snowgate breaker");
        }
        let is_open = matches!(
            connection.breaker.state,
            BreakerState::Open | BreakerState::HalfOpen | BreakerState::ForcedOpen
        );
        if is_open && connection.problem.is_none() {
            let state = connection.breaker.state.name();
            let what = format!("{name}: its circuit breaker is {state}");
            add(Severity::Critical, &what, &format!("snowgate breaker reset {name}"));
        }
        let allocator = &connection.allocator;
        if allocator.refused + allocator.timed_out > 0 {
            let what = format!(
                "{name}: {} requests were refused for a full queue, {} waited for too long",
                allocator.refused, allocator.timed_out
            );
            add(Severity::Note, &what, "snowgate top");
        }
    }
    // Of a connection that is not there yet.
    if let Some(what) = status.backend_problem.as_ref()
        && !status.connections.iter().any(|connection| connection.problem.as_ref() == Some(what))
    {
        add(Severity::Critical, what, "snowgate login; snowgate breaker");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::snapshot;
    use crate::shared::testing::TestGateway;

    #[tokio::test]
    async fn problems_are_named_worst_first_each_with_a_command_and_none_twice() {
        let gateway = TestGateway::new().await;
        let mut status = snapshot(&gateway.shared);
        status.config_warnings.clear();
        assert_eq!(problems(&status), []);
        status.config_warnings = vec!["an unknown key".to_owned()];
        status.backend_problem = Some("the log-in was refused".to_owned());
        status.connections[0].problem.clone_from(&status.backend_problem);
        status.state_problem = Some("the disk is full".to_owned());
        let found = problems(&status);
        let shown: Vec<_> = found.iter().map(|one| (one.severity, one.what.as_str())).collect();
        assert_eq!(
            shown,
            [
                (Severity::Critical, "the log-in was refused"),
                (Severity::Critical, "the disk is full"),
                (Severity::Note, "an unknown key"),
            ]
        );
        assert!(found.iter().all(|problem| problem.command.contains("snowgate ")), "{found:?}");
    }

    #[tokio::test]
    async fn a_breaker_that_is_open_is_named_with_its_connection() {
        let gateway = TestGateway::new().await;
        let mut status = snapshot(&gateway.shared);
        status.connections[0].breaker.state = BreakerState::Open;
        let name = status.connections[0].name.clone();
        let found = problems(&status);
        assert!(found.iter().any(|one| one.command == format!("snowgate breaker reset {name}")), "{found:?}");
        status.connections[0].breaker.state = BreakerState::ForcedClosed;
        assert_eq!(problems(&status), []);
    }
}
