//! Errors as a person reads them, and as a script does (`--json`).

use std::io::{ErrorKind, Write, stderr};
use std::process::ExitCode;

use serde::Serialize;
use snowgate_link::endpoint::Endpoint;

use super::breaker::NoConnection;
use super::control::{InvalidConfig, print_json};
use super::install::NoClient;
use super::kill::NoTarget;
use super::login::NotLoggedIn;
use super::migrate_env::MigrateError;
use super::open::NoPage;
use super::person::Cancelled;
use super::quota::UnknownClient;
use super::report::FileExists;
use super::service::NoService;
use super::setup::SetupError;
use super::{exit, serve};
use crate::bundle::BundleError;
use crate::clients::{BadShim, ClientError};
use crate::config::{ConfigErrors, PathsError, UnknownProfile, UnknownRole};
use crate::isolation::NoProfile;
use crate::keys::KeyError;
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
            next_step: serve::next_step(error),
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
    if let Some(next_step) = serve::next_step(error) {
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

pub(super) fn exit_code(error: &anyhow::Error) -> u8 {
    let is_config = error.chain().any(|cause| {
        cause.is::<ConfigErrors>()
            || cause.is::<PathsError>()
            || cause.is::<UnknownProfile>()
            || cause.is::<NoProfile>()
            || cause.is::<InvalidConfig>()
    });
    if let Some(error) = error.downcast_ref::<KeyError>() {
        return if error.is_usage() { exit::USAGE } else { exit::INTERNAL };
    }
    if error.is::<NoClient>()
        || error.is::<BadShim>()
        || error.downcast_ref::<ClientError>().is_some_and(ClientError::is_usage)
    {
        return exit::USAGE;
    }
    if error.is::<UnknownRole>() || error.is::<BundleError>() {
        return exit::USAGE;
    }
    if let Some(error) = error.downcast_ref::<SetupError>() {
        return error.exit_code();
    }
    if let Some(error) = error.downcast_ref::<MigrateError>() {
        return error.exit_code();
    }
    if error.is::<Cancelled>() {
        return exit::CANCELLED;
    }
    if error.is::<NoTarget>()
        || error.is::<FileExists>()
        || error.is::<NoPage>()
        || error.is::<NoService>()
        || error.is::<UnknownClient>()
    {
        return exit::USAGE;
    }
    let not_logged_in = error.downcast_ref::<NotLoggedIn>().map(NotLoggedIn::exit_code);
    let no_connection = error.is::<NoConnection>().then_some(exit::USAGE);
    if is_config { exit::CONFIG } else { not_logged_in.or(no_connection).unwrap_or(exit::INTERNAL) }
}
