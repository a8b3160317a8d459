//! Errors as a person reads them, and as a script does (`--json`).

use std::io::{ErrorKind, Write, stderr};
use std::process::ExitCode;

use serde::Serialize;
use snowgate_link::endpoint::Endpoint;

use super::advice::{exit_code, next_step};
use super::control::print_json;
use super::exit;
use crate::streams::escaped_lines;

/// An error for a script. Its fields are part of the interface: they are never renamed nor removed.
#[derive(Debug, Serialize)]
pub(super) struct ErrorView {
    /// `no_gateway`, `usage`, `not_yet`, `refused`, `config`, `cancelled` or `internal`.
    kind: &'static str,
    /// What failed.
    message: String,
    /// Why, the nearest cause first.
    causes: Vec<String>,
    /// What to do about it.
    next_step: Option<String>,
    /// The exit code of the command.
    exit_code: u8,
}

impl ErrorView {
    /// No gateway runs.
    pub(super) fn no_gateway(endpoint: &Endpoint) -> Self {
        Self {
            kind: "no_gateway",
            message: format!("no gateway is running (socket {})", endpoint.socket.display()),
            causes: Vec::new(),
            next_step: Some("the next MCP client that launches `snowgate-shim` starts one".to_owned()),
            exit_code: exit::NO_GATEWAY,
        }
    }

    /// What failed, for a script.
    pub(super) fn of(error: &anyhow::Error) -> Self {
        let exit_code = exit_code(error);
        Self {
            kind: match exit_code {
                exit::CONFIG => "config",
                exit::USAGE => "usage",
                exit::NOT_YET => "not_yet",
                exit::REFUSED => "refused",
                exit::CANCELLED => "cancelled",
                _ => "internal",
            },
            message: error.to_string(),
            causes: error.chain().skip(1).map(ToString::to_string).collect(),
            next_step: next_step(error),
            exit_code,
        }
    }

    fn print(&self) {
        // If this cannot be printed, there is nothing left to do.
        let _ = print_json(&serde_json::json!({"error": self}));
    }
}

/// Prints what clap says. Help and version are results, everything else is a usage error.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::from(exit::OK);
    }
    if std::env::args_os().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let message = text.strip_prefix("error: ").unwrap_or(&text).trim().to_owned();
        let (causes, next_step) = (Vec::new(), Some("run `snowgate --help`".to_owned()));
        ErrorView { kind: "usage", message, causes, next_step, exit_code: exit::USAGE }.print();
    } else {
        // As above.
        let _ = error.print();
    }
    ExitCode::from(exit::USAGE)
}

/// Prints an error; returns the exit code.
pub(super) fn report(error: &anyhow::Error, json: bool) -> ExitCode {
    // The reader closed the pipe (`snowgate config show | head -1`): it has what it wanted.
    if is_broken_pipe(error) {
        return ExitCode::from(exit::OK);
    }
    if json {
        ErrorView::of(error).print();
        return ExitCode::from(exit_code(error));
    }
    let mut text = format!("snowgate: {error}\n");
    for cause in error.chain().skip(1) {
        let cause = cause.to_string().replace('\n', "\n    ");
        text.push_str(&format!("  because: {cause}\n"));
    }
    if let Some(next_step) = next_step(error) {
        text.push_str(&format!("  next step: {next_step}\n"));
    }
    let _ = stderr().write_all(escaped_lines(&text).as_bytes());
    ExitCode::from(exit_code(error))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    error.chain().any(io)
}
