//! `snowgate serve`: the gateway's process.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use snowgate_link::endpoint::{Endpoint, EndpointError};
use snowgate_link::start::Readiness;
use tokio::signal::unix::{SignalKind, signal};

use super::{Cli, ServeArgs};
use crate::backend::snowflake::SnowflakeBackend;
use crate::backend::sqlite::{SqliteBackend, SqliteSettings};
use crate::backend::{Backend, BackendError};
use crate::config::{Config, Environment, Paths, ProcessEnvironment};
use crate::gateway::Gateway;
use crate::link::{BindError, GatewayLock, Listener};
use crate::multiplexer::Multiplexer;
use crate::observe;
use crate::state::StateStore;

/// Threads for short waits for files. Nearly all of them are for the state file, which one has at a time.
const BLOCKING_THREADS_MAX: usize = 8;

/// The flag that a gateway is started with by a shim, which waits for its word.
const READY_STDOUT: &str = "--ready-stdout";

/// The flag that a gateway is started with by the one whose place it takes.
const LOCK_FD: &str = "--lock-fd";

/// Runs the gateway until it is told to leave.
pub(super) fn run(cli: &Cli, args: &ServeArgs) -> Result<ExitCode> {
    let mut readiness = ReadinessPipe { wanted: args.ready_stdout };
    let mut log = None;
    match serve(cli, args, &mut readiness, &mut log) {
        Ok(Served::Left) => Ok(ExitCode::SUCCESS),
        Ok(Served::Restarting(program, lock)) => Err(run_again(&program, &lock)),
        Err(error) => {
            let next_step = next_step(&error);
            tracing::error!(error = format!("{error:#}"), "cannot serve");
            readiness.say(&Readiness::Error { message: format!("{error:#}"), next_step, log });
            Err(error)
        }
    }
}

/// How a gateway ended that had no error.
enum Served {
    /// Nobody needs it.
    Left,
    /// What this file holds now is to take its place, and the lock.
    Restarting(PathBuf, GatewayLock),
}

/// Becomes the program at `path`, with the same arguments, environment, process id and lock. Returns only where that
/// fails.
fn run_again(path: &Path, lock: &GatewayLock) -> anyhow::Error {
    let mut command = std::process::Command::new(path);
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == LOCK_FD {
            arguments.next();
        } else if argument != READY_STDOUT {
            command.arg(argument);
        }
    }
    // Without it the next gateway takes the lock anew, and another may be quicker.
    if let Ok(number) = lock.pass_on() {
        command.arg(LOCK_FD).arg(number.to_string());
    }
    let error = command.exec();
    anyhow::Error::new(error).context(format!("cannot run {} in place of this gateway", path.display()))
}

fn serve(
    cli: &Cli,
    args: &ServeArgs,
    readiness: &mut ReadinessPipe,
    log: &mut Option<PathBuf>,
) -> Result<Served> {
    let environment = ProcessEnvironment;
    let paths = Paths::discover(&environment)?;
    let config = Config::load(&paths, &environment)?;
    let log_guard = observe::init(&paths.log_dir, config.gateway.log_level, config.log_targets.as_deref())
        .context("cannot write the log")?;
    *log = observe::newest_log(&paths.log_dir);
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panic")));
    config.warnings.iter().for_each(|warning| tracing::warn!(%warning, "config"));
    let endpoint = endpoint(cli)?;
    raise_descriptor_limit();
    // One worker: the gateway moves messages, and a second would only pass each call back and forth. Statements run on
    // their connections' own threads.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let lock = match args.lock_fd {
            Some(number) => GatewayLock::take_over(&endpoint, number),
            None => GatewayLock::take(&endpoint),
        };
        let lock = match lock {
            Err(BindError::Taken(lock)) => {
                tracing::info!(lock = %lock.display(), "another gateway is already running");
                readiness.say_to_person(format_args!("another gateway is already running"));
                readiness.say(&Readiness::Already);
                return Ok(Served::Left);
            }
            other => other?,
        };
        let backend = tokio::task::block_in_place(|| open_backend(&config))?;
        let multiplexer = Multiplexer::new(backend, config.pool.clone());
        if multiplexer.backend().connects_early() {
            multiplexer.open_minimum().await?;
        }
        let listener = Listener::bind(lock)?;
        let state = tokio::task::block_in_place(|| StateStore::open(&paths.state_dir));
        let gateway = Gateway::new(config, paths, endpoint, multiplexer, state);
        leave_on_signal(&gateway)?;
        tracing::info!(pid = std::process::id(), socket = %gateway.endpoint.socket.display(), "ready");
        readiness.say_to_person(format_args!("ready, listening on {}", gateway.endpoint.socket.display()));
        readiness.say(&Readiness::Ready);
        let lock = gateway.serve(listener).await;
        match log_guard.dropped_lines() {
            0 => {}
            lines => tracing::warn!(lines, "lines of this log were dropped: the disk was too slow"),
        }
        tracing::info!("gone");
        Ok(if gateway.is_restarting() {
            Served::Restarting(gateway.program.clone(), lock)
        } else {
            Served::Left
        })
    })
}

/// The endpoint that the shims use too.
pub(super) fn endpoint(cli: &Cli) -> Result<Endpoint, EndpointError> {
    let home = ProcessEnvironment.get("SNOWGATE_HOME").map(PathBuf::from);
    Endpoint::resolve(cli.socket().as_deref(), home.as_deref())
}

fn open_backend(config: &Config) -> Result<Arc<dyn Backend>, BackendError> {
    match &config.snowflake {
        Some(account) => Ok(Arc::new(SnowflakeBackend::new(account.clone())?)),
        None => {
            let sqlite = config.sqlite.clone();
            Ok(Arc::new(SqliteBackend::open(&SqliteSettings {
                folder: sqlite.folder,
                databases: sqlite.databases,
                read_only: sqlite.read_only,
                sample_data: sqlite.sample_data,
                busy_timeout: sqlite.busy_timeout,
            })?))
        }
    }
}

/// Every session is a descriptor: take as many as the system lets this user have.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

fn leave_on_signal(gateway: &Arc<Gateway>) -> Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).context("cannot listen for signals")?;
        let gateway = Arc::clone(gateway);
        tokio::spawn(async move {
            signals.recv().await;
            gateway.stop();
        });
    }
    Ok(())
}

/// What the user can do about `error`, where the part that failed knows.
pub(super) fn next_step(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<BackendError>() {
            return error.next_step.clone();
        }
        if let Some(error) = cause.downcast_ref::<BindError>() {
            return match error {
                BindError::Endpoint(error) => Some(error.next_step()),
                BindError::Taken(_) | BindError::Io { .. } => None,
            };
        }
        if let Some(error) = cause.downcast_ref::<snowgate_link::start::StartError>() {
            return error.next_step();
        }
        if cause.downcast_ref::<crate::config::ConfigErrors>().is_some() {
            return Some("run `snowgate config check`".to_owned());
        }
        cause.downcast_ref::<EndpointError>().map(EndpointError::next_step)
    })
}

/// Tells the shim that started this gateway how it went, once.
struct ReadinessPipe {
    wanted: bool,
}

impl ReadinessPipe {
    /// Tells whoever started the gateway by hand.
    fn say_to_person(&self, what: std::fmt::Arguments<'_>) {
        if !self.wanted {
            // They may not be listening.
            let _ = writeln!(std::io::stderr(), "snowgate: {what}");
        }
    }

    fn say(&mut self, readiness: &Readiness) {
        if !std::mem::take(&mut self.wanted) {
            return;
        }
        // The shim may have gone; the gateway serves the others.
        let _ = std::io::stdout().write_all(&readiness.to_line()).and_then(|()| std::io::stdout().flush());
        close_stdout();
    }
}

/// Points stdout at nothing, so that the pipe's reader sees its end.
fn close_stdout() {
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}
