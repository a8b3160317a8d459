//! `snowgate serve`: the gateway's process.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use snowgate_link::endpoint::{Endpoint, EndpointError};
use snowgate_link::start::Readiness;

use super::advice::next_step;
use super::{Cli, ServeArgs, exit};
use crate::config::{Environment, ProcessEnvironment};
use crate::os::close_stdout;
use crate::process::{self, Events, Options, Outcome};

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
        Ok(Outcome::Restarting(successor)) => {
            process::restart(&successor)?;
            Ok(ExitCode::SUCCESS)
        }
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
