//! `snowgate status` for people.

use super::control::duration;
use crate::observe::StatusView;
use crate::validator::ValidatorView;

/// Where values begin in a line.
const INDENT: &str = "\n             ";

/// The lines for `status`.
pub(super) fn status_text(status: &StatusView) -> String {
    let none = || "none".to_owned();
    let mut text = format!(
        "snowgate {} is running (pid {}, up {})\n",
        status.version,
        status.pid,
        duration(status.uptime_ms)
    );
    let mut line = |name: &str, value: String, more: &[Option<&str>]| {
        let more: String = more.iter().flatten().map(|more| indented(more)).collect();
        text.push_str(&format!("{name:<12} {value}{more}\n"));
    };
    line(
        "sessions",
        status.sessions.to_string(),
        &[status.limit_problem.as_deref(), status.settings_problem.as_deref()],
    );
    let more = [&status.backend_target, &status.backend_wall, &status.backend_problem];
    line("backend", backend(status), &more.map(|more| more.as_deref()));
    for validator in &status.validators {
        line("validator", validator_text(validator), &[validator.problem.as_deref()]);
    }
    line("socket", status.socket.clone(), &[]);
    let warnings: Vec<Option<&str>> = status.config_warnings.iter().map(|text| Some(text.as_str())).collect();
    line("config", status.config_file.clone().unwrap_or_else(none), &warnings);
    line("data", status.data_dir.clone(), &[]);
    let problem = status.state_problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default();
    line("state", format!("{}{problem}", status.state_file), &[]);
    line("log", status.log_file.clone().unwrap_or_else(none), &[status.log_problem.as_deref()]);
    if let Some(service) = &status.service {
        line("service", format!("{}; to stop it: {}", service.manager, service.stop), &[]);
    }
    text
}

fn backend(status: &StatusView) -> String {
    format!(
        "{}, {} of {} connections open, {} idle, {} requests waiting",
        status.backend,
        status.connections_open,
        status.connections_max,
        status.connections_idle,
        status.requests_waiting
    )
}

fn validator_text(validator: &ValidatorView) -> String {
    let ValidatorView { command, pid, asked, denied, failed, .. } = validator;
    let pid = pid.map_or_else(|| "not running".to_owned(), |pid| format!("pid {pid}"));
    format!("{}: {pid}, {asked} asked, {denied} denied, {failed} without an answer", command.join(" "))
}

/// A line of its own, below the values.
fn indented(text: &str) -> String {
    format!("{INDENT}{}", text.replace('\n', INDENT))
}
