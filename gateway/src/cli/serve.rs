//! `snowgate serve`: the gateway's process.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use snowgate_link::endpoint::{Endpoint, EndpointError};
use snowgate_link::start::Readiness;

use super::bundle::NoProgram;
use super::control::NoAnswer;
use super::install::NoClient;
use super::login::NotLoggedIn;
use super::migrate_env::MigrateError;
use super::report::FileExists;
use super::service::{NoJournal, NoService, NotForService};
use super::setup::SetupError;
use super::start_gateway::NotStarted;
use super::{Cli, ServeArgs, exit};
use crate::backend::BackendError;
use crate::bundle::BundleError;
use crate::clients::{BadShim, ClientError, NoShim};
use crate::config::{Environment, ProcessEnvironment};
use crate::http::HttpStartError;
use crate::keys::{KeyError, KeyFileError};
use crate::process::{self, BindError, Events, Options, Outcome};
use crate::service::InstallError;
use crate::shared::TooFewDescriptors;

/// Runs the gateway until it is told to shut down.
pub(super) fn run(cli: &Cli, args: &ServeArgs) -> Result<ExitCode> {
    let mut starter = Starter { wants_line: args.ready_stdout, log: None };
    let options = Options {
        lock_fd: args.lock_fd,
        http_fd: args.http_fd,
        listen_fd: args.listen_fd,
        is_for_shim: args.ready_stdout,
        replaces: args.replace,
        system_config: cli.system_config.clone(),
    };
    match process::start(|| endpoint(cli), options, &mut starter) {
        Ok(Outcome::AlreadyRunning | Outcome::Stopped) => {
            // Stopped before it was ready: to the shim that waits, a gateway that shuts down.
            starter.tell(&Readiness::Already);
            Ok(ExitCode::SUCCESS)
        }
        // To the manager, an end that another start follows.
        Ok(Outcome::Displaced) => Ok(ExitCode::from(exit::INTERNAL)),
        Ok(Outcome::Restarting(successor)) => Err(process::restart(&successor)),
        Err(error) => {
            let next_step = next_step(&error);
            let log = starter.log.take();
            starter.tell(&Readiness::Error { message: format!("{error:#}"), next_step, log });
            Err(error)
        }
    }
}

/// The endpoint that the shims use too.
pub(super) fn endpoint(cli: &Cli) -> Result<Endpoint, EndpointError> {
    let home = ProcessEnvironment.get("SNOWGATE_HOME").map(PathBuf::from);
    Endpoint::resolve(cli.socket().as_deref(), home.as_deref())
}

/// What the user can do about `error`, where the part that failed knows.
pub(super) fn next_step(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        if cause.is::<NoService>() {
            return Some(NoService::next_step());
        }
        if cause.is::<NoJournal>() {
            return Some(NoJournal::next_step());
        }
        if cause.is::<NotForService>() {
            return Some(NotForService::next_step());
        }
        if let Some(error) = cause.downcast_ref::<InstallError>() {
            return Some(error.next_step());
        }
        if cause.is::<NoAnswer>() {
            return Some(NoAnswer::next_step());
        }
        if let Some(error) = cause.downcast_ref::<ClientError>() {
            return Some(error.next_step());
        }
        if let Some(error) = cause.downcast_ref::<NoShim>() {
            return Some(error.next_step());
        }
        if let Some(error) = cause.downcast_ref::<BadShim>() {
            return Some(error.next_step());
        }
        if cause.is::<NoClient>() {
            return Some(NoClient::next_step());
        }
        if cause.is::<FileExists>() {
            return Some(FileExists::next_step());
        }
        if let Some(error) = cause.downcast_ref::<KeyError>() {
            return error.next_step();
        }
        if let Some(error) = cause.downcast_ref::<KeyFileError>() {
            return Some(error.next_step());
        }
        if let Some(error) = cause.downcast_ref::<BundleError>() {
            return Some(error.next_step());
        }
        if let Some(error) = cause.downcast_ref::<NoProgram>() {
            return Some(error.next_step());
        }
        if let Some(error) = cause.downcast_ref::<NotLoggedIn>() {
            return error.next_step();
        }
        if cause.is::<NotStarted>() {
            return Some(NotStarted::next_step());
        }
        if let Some(error) = cause.downcast_ref::<SetupError>() {
            return error.next_step();
        }
        if let Some(error) = cause.downcast_ref::<MigrateError>() {
            return Some(error.next_step());
        }
        if let Some(error) = cause.downcast_ref::<BackendError>() {
            return error.next_step.clone();
        }
        if let Some(error) = cause.downcast_ref::<BindError>() {
            return match error {
                BindError::Endpoint(error) => Some(error.next_step()),
                BindError::Foreign(error) => error.next_step(),
                BindError::Io { path, source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                    Some(format!(
                        "check the permissions of {}, and whether a sandbox denies sockets there (Claude Code: \
                         `sandbox.network.allowUnixSockets`, Codex: `network_access`)",
                        path.parent().unwrap_or(path).display()
                    ))
                }
                BindError::NotOurSocket { .. } => Some(
                    "correct `ListenStream` of its socket unit, or have it written anew: `snowgate service install`"
                        .to_owned(),
                ),
                BindError::Taken(_) | BindError::Io { .. } => None,
            };
        }
        if let Some(error) = cause.downcast_ref::<snowgate_link::start::StartError>() {
            return error.next_step();
        }
        if let Some(error) = cause.downcast_ref::<HttpStartError>() {
            return Some(error.next_step());
        }
        if let Some(error) = cause.downcast_ref::<TooFewDescriptors>() {
            return Some(error.next_step());
        }
        if let Some(errors) = cause.downcast_ref::<crate::config::ConfigErrors>() {
            return Some(errors.next_step());
        }
        cause.downcast_ref::<EndpointError>().map(EndpointError::next_step)
    })
}

/// What started this gateway: a shim, which waits for one line on stdout, or a person.
struct Starter {
    wants_line: bool,
    log: Option<PathBuf>,
}

impl Starter {
    fn tell_person(&self, what: std::fmt::Arguments<'_>) {
        if !self.wants_line {
            // They may not be listening.
            let _ = writeln!(std::io::stderr(), "snowgate: {what}");
        }
    }

    /// Writes the readiness line, once.
    fn tell(&mut self, readiness: &Readiness) {
        if !std::mem::take(&mut self.wants_line) {
            return;
        }
        // The shim may have gone; the gateway serves the others.
        let _ = std::io::stdout().write_all(&readiness.to_line()).and_then(|()| std::io::stdout().flush());
        close_stdout();
    }
}

impl Events for Starter {
    fn logging(&mut self, log: Option<PathBuf>) {
        self.log = log;
    }

    fn already_running(&mut self) {
        self.tell_person(format_args!("another gateway is already running"));
        self.tell(&Readiness::Already);
    }

    fn ready(&mut self, socket: &Path) {
        self.tell_person(format_args!("ready, listening on {}", socket.display()));
        self.tell(&Readiness::Ready);
    }

    fn next_step(&self, error: &anyhow::Error) -> Option<String> {
        next_step(error)
    }
}

/// Points stdout at nothing, so that the pipe's reader sees its end.
fn close_stdout() {
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}
