//! The start of a gateway: log, lock, backend, socket, in this order.
//!
//! The socket comes last: every client that can connect is served.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use snowgate_link::BUILD;
use snowgate_link::endpoint::{Endpoint, EndpointError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::backends::registry;
use super::listener::{BindError, GatewayLock, Listener, check_passed};
use super::restart::Successor;
use super::serve::{Served, serve};
use super::signals::StopSignals;
use super::takeover;
use super::turn_away::turn_away;
use crate::audit::{Audit, Notice};
use crate::backend::sqlite::install_budgets;
use crate::config::log_targets::SPANS;
use crate::config::{Config, Paths, ProcessEnvironment};
use crate::http::HttpServer;
use crate::mcp::Mcp;
use crate::multiplexer::{Force, Multiplexer};
use crate::observe;
use crate::os::{
    PassedNumber, PassedSocket, activated_sockets, descriptor_limit, garbled_activation, is_reached_at,
    open_descriptors, raise_descriptor_limit, take_over_socket, tell_ready, tell_status,
};
use crate::service::{Delegation, Manager, Site, delegate, other_program};
use crate::shared::{
    Budget, ProcessFacts, ReloadView, Service, SetLogLevel, Shared, TooFewDescriptors, http_share, is_newer,
};
use crate::state::StateStore;
use crate::telemetry::RequestStreams;

/// Threads for short waits for files, and for what would hold up the runtime's one thread.
const BLOCKING_THREADS_MAX: usize = 8;

/// How long the runtime's last short jobs may take.
const RUNTIME_END_TIMEOUT: Duration = Duration::from_secs(2);

/// How a gateway begins.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The system's config file, instead of the built-in path.
    pub system_config: Option<PathBuf>,
    /// The lock, from the gateway that ran as this process before.
    pub lock_fd: Option<PassedNumber>,
    /// The socket of the HTTP front, from the same.
    pub http_fd: Option<PassedNumber>,
    /// The socket that the service manager has made, from the same.
    pub listen_fd: Option<PassedNumber>,
    /// Whether a shim has started this gateway and waits for it.
    pub is_for_shim: bool,
    /// Where another gateway runs, take its place. What a service manager starts always does.
    pub replaces: bool,
}

/// How a gateway ended that had no error.
pub enum Outcome {
    /// It did not serve at all: another gateway does.
    AlreadyRunning,
    /// It has shut down.
    Stopped,
    /// The same, because clients could not find it any more; its service manager is to start another.
    Displaced,
    /// Another program is to take its place.
    Restarting(Box<Successor>),
}

/// Hears how the start goes.
pub trait Events {
    /// The log is written to this file.
    fn logging(&mut self, log: Option<PathBuf>);
    /// Another gateway serves this endpoint.
    fn already_running(&mut self);
    /// This gateway serves; it listens here.
    fn ready(&mut self, socket: &Path);
    /// What the user can do about an error.
    fn next_step(&self, error: &anyhow::Error) -> Option<String>;
}

/// Runs a gateway at the endpoint that `find_endpoint` returns until it is told to shut down.
///
/// # Errors
/// Why it cannot serve.
pub fn start(
    find_endpoint: impl FnOnce() -> Result<Endpoint, EndpointError>,
    options: Options,
    events: &mut dyn Events,
) -> Result<Outcome> {
    // Before any thread runs, and before anything is opened. A socket that is passed on is taken over all the same.
    snowgate_link::os::keep_handles();
    let socket = passed_socket(&options)?;
    // For those who wait there, if this one fails.
    let waiting = socket.as_ref().and_then(|socket| socket.try_clone().ok());
    let outcome = start_on(find_endpoint, options, socket, events);
    if let (Some(waiting), Err(error)) = (waiting, &outcome) {
        tell_status(&format!("cannot serve: {error:#}"));
        turn_away(waiting, &format!("{error:#}"), events.next_step(error));
    }
    outcome
}

/// The socket that the service manager has made, if it has: it passes it at the start, and a gateway at its restart.
fn passed_socket(options: &Options) -> Result<Option<PassedSocket>> {
    let mut sockets = activated_sockets().context(
        "cannot use what the service manager has passed; correct LISTEN_FDS, or start it without LISTEN_PID and LISTEN_FDS",
    )?;
    if let Some(number) = options.listen_fd {
        sockets.extend(take_over_socket(number).ok());
    }
    match sockets.len() {
        0 | 1 => Ok(sockets.pop()),
        count => bail!(
            "the service manager has passed {count} sockets, and this gateway knows what to do with one; \
             correct its socket unit"
        ),
    }
}

fn start_on(
    find_endpoint: impl FnOnce() -> Result<Endpoint, EndpointError>,
    options: Options,
    socket: Option<PassedSocket>,
    events: &mut dyn Events,
) -> Result<Outcome> {
    let signals = StopSignals::listen().context("cannot listen for signals")?;
    // Before anything is opened.
    let (open_before, raised) = (open_descriptors(), raise_descriptor_limit());
    let environment = ProcessEnvironment;
    let paths = Paths::discover(&environment)?.with_system_file(options.system_config.clone());
    let mut config = Config::load(&paths, &environment)?;
    let mut log = open_log(&paths, &config)?;
    let log_problem = log.main.states()[0].problem();
    events.logging(log.main.states()[0].file().filter(|_| log_problem.is_none()));
    // With any backend: the state file is SQLite's, too.
    install_budgets();
    observe::log_panics();
    config.warnings.iter().for_each(|warning| tracing::warn!(%warning, "config"));
    if let Some(problem) = log_problem {
        let variable = paths.home_variable;
        tracing::warn!("{problem}; set {variable} to a folder that you can write to");
    }
    if let Some(value) = garbled_activation() {
        tracing::warn!(value, "LISTEN_PID is no process id; what was passed with it is not used");
    }
    if let Err(error) = raised {
        tracing::warn!(%error, "cannot raise the limit of open files to the hard limit");
    }
    let budget =
        fit(&mut config, open_before).inspect_err(|error| tracing::error!(%error, "cannot serve"))?;
    let mut process = ProcessFacts {
        budget,
        logs: log.main.states().iter().chain(log.requests.states()).cloned().collect(),
        service: Service::of_this_process(),
        streams: log.requests.clone(),
        audit: Audit::default(),
        service_problem: None,
        set_log_level: log.set_level.take(),
    };
    let endpoint = find_endpoint()?;
    let service_problem = match ask_manager(&options, &paths, &endpoint) {
        Delegation::Served => {
            events.already_running();
            return Ok(Outcome::AlreadyRunning);
        }
        Delegation::NotInstalled => None,
        Delegation::Failed(why) => {
            tracing::error!(why, "the service is installed and does not serve; serving without it");
            Some(format!("the service is installed and does not serve: {why}"))
        }
    };
    // One worker: the gateway moves messages, and a second would only pass each call back and forth.
    // Statements run on their connections' own threads.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let span = tracing::error_span!(target: SPANS, "process", pid = std::process::id());
    process.service_problem = service_problem;
    let start = Start { config, paths, endpoint, process, options, socket };
    let outcome =
        runtime.block_on(run(start, signals.stop(), signals.hang_up(), events).instrument(span.clone()));
    // What still asks another gateway for room is not waited for.
    runtime.shutdown_timeout(RUNTIME_END_TIMEOUT);
    let _entered = span.entered();
    log.requests.close();
    if let Err(error) = &outcome {
        tracing::error!(error = format!("{error:#}"), "cannot serve");
    }
    // The last look: what comes later stays pending, and the next program finds it.
    match (outcome, signals.close()) {
        (Ok(Outcome::Restarting(..)), true) => {
            tracing::info!("not restarted: a signal came");
            Ok(Outcome::Stopped)
        }
        (outcome, _) => outcome,
    }
}

/// Where a shim has started this gateway, and a service is installed: that is to serve.
fn ask_manager(options: &Options, paths: &Paths, endpoint: &Endpoint) -> Delegation {
    let is_first = options.is_for_shim && options.lock_fd.is_none();
    let program = snowgate_link::os::own_program().filter(|_| is_first);
    let site = program.and_then(|program| Site::discover(&ProcessEnvironment, paths, endpoint, &program));
    let Some(site) = site else { return Delegation::NotInstalled };
    let manager = Manager::of_this_user();
    // The shim wants a gateway of its own version at least: an older one would make room for it, and be started again.
    if let Some((version, path)) =
        other_program(&site, &manager).filter(|(version, _)| is_newer(BUILD, version))
    {
        return Delegation::Failed(format!(
            "its program {path} is of version {version}, older than this one ({BUILD}); run `snowgate service install` with \
             the newer one, or upgrade the package"
        ));
    }
    delegate(&site, &manager, endpoint)
}

/// The streams of the log. Dropping it writes what waits.
struct Log {
    main: observe::Guard,
    /// Changes how much is logged.
    set_level: Option<SetLogLevel>,
    requests: RequestStreams,
}

fn open_log(paths: &Paths, config: &Config) -> Result<Log> {
    let (folder, logs) = (&paths.log_dir, &config.observing.logs);
    let (level, targets) = (config.gateway.log_level, config.log_targets.as_deref());
    let (main, set_level) =
        observe::init(folder, logs, Service::stderr_use(), level, targets).context("cannot start the log")?;
    let requests = RequestStreams::open(folder, logs).context("cannot start the log of requests")?;
    Ok(Log { main, set_level, requests })
}

/// Lowers what is configured to what the system lets this process have.
fn fit(config: &mut Config, open_before: u64) -> Result<Budget, TooFewDescriptors> {
    let (sessions_max, connections_max) = (config.gateway.sessions_max, config.pool.connections_max);
    // Connections of the HTTP front have a share of their own: however many come, shims never lack one for it.
    let wanted = config.http.as_ref().map_or(0, |http| http.connections_max);
    let http_max = http_share(descriptor_limit(), open_before, wanted);
    if let Some(http) = config.http.as_mut().filter(|_| http_max < wanted) {
        tracing::warn!(
            wanted,
            http_max,
            "fewer HTTP connections than configured fit into the limit of open files"
        );
        http.connections_max = http_max;
    }
    let open_before = open_before + http_max as u64;
    // Each connection that sessions can get has a pool of its own, which may grow to its bound.
    let pools = config.pools();
    let budget = Budget::of(descriptor_limit(), open_before, sessions_max, connections_max * pools)?;
    config.pool.connections_max = (budget.connections_max / pools).clamp(1, connections_max);
    config.pool.connections_min = config.pool.connections_min.min(config.pool.connections_max);
    if let Some(problem) = &budget.problem {
        tracing::warn!("{problem}");
    }
    Ok(budget)
}

/// What a gateway is made of.
struct Start {
    config: Config,
    paths: Paths,
    endpoint: Endpoint,
    process: ProcessFacts,
    options: Options,
    /// The socket that the service manager has made.
    socket: Option<PassedSocket>,
}

async fn run(
    start: Start,
    stop: CancellationToken,
    hang_up: Arc<Notify>,
    events: &mut dyn Events,
) -> Result<Outcome> {
    let options = start.options.clone();
    let opened = tokio::select! {
        biased;
        () = stop.cancelled() => {
            tracing::info!("stopped before it was ready");
            return Ok(Outcome::Stopped);
        }
        opened = open(start) => opened?,
    };
    let Some((shared, listener)) = opened else {
        events.already_running();
        return Ok(Outcome::AlreadyRunning);
    };
    let stopping = Arc::clone(&shared);
    tokio::spawn(async move {
        stop.cancelled().await;
        stopping.shutdown.stop();
    });
    tokio::spawn(reload_at_signals(Arc::clone(&shared), hang_up).in_current_span());
    let http = open_http(&shared, &options).await?;
    tracing::info!(socket = %shared.endpoint.socket.display(), "ready");
    events.ready(&shared.endpoint.socket);
    tell_ready(&format!("serving on {}", shared.endpoint.socket.display()));
    let Served { lock, socket, http, is_displaced } =
        serve(&Mcp::new(Arc::clone(&shared)), listener, http).await;
    shared.telemetry.audit.close(shared.shutdown.is_restart());
    tracing::info!("stopped");
    Ok(if shared.shutdown.is_restart() {
        Outcome::Restarting(Box::new(Successor { program: shared.program.clone(), lock, socket, http }))
    } else if is_displaced && shared.service.is_some() {
        Outcome::Displaced
    } else {
        Outcome::Stopped
    })
}

/// Reads the configuration again at each SIGHUP, for ever. The log has what came of it.
async fn reload_at_signals(shared: Arc<Shared>, hang_up: Arc<Notify>) {
    loop {
        hang_up.notified().await;
        let reloaded = shared.reload().await;
        shared.telemetry.audit.note(|| {
            let mut facts = reloaded.as_ref().map(ReloadView::audit_facts).unwrap_or_default();
            facts["outcome"] = if reloaded.is_ok() { "allowed" } else { "denied" }.into();
            Notice::operator("reload", "signal", None, facts)
        });
    }
}

/// Opens the HTTP front, if it is enabled. Where that fails, a gateway that shims wait for, now or once it is ready, serves them
/// all the same, and goes on trying: no port and no certificate keeps them out. One that was started by hand ends.
async fn open_http(shared: &Arc<Shared>, options: &Options) -> Result<Option<HttpServer>> {
    // Taken over in any case: nothing is to hold the socket open that does not serve it.
    let inherited = options.http_fd.and_then(|number| take_over_socket(number).ok());
    let Some(config) = &shared.config.http else { return Ok(None) };
    let server = HttpServer::new(config.clone(), shared);
    match server.open(shared, inherited).await {
        Ok(()) => {}
        Err(error) if options.is_for_shim || options.lock_fd.is_some() || shared.service.is_some() => {
            let next_step = error.next_step();
            let error = format!("{:#}", anyhow::Error::new(error));
            tracing::error!(error, next_step, "there is no HTTP front; trying again and again");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Some(server))
}

/// Takes the lock, then opens everything, the socket last; `None` where another gateway has the lock.
async fn open(start: Start) -> Result<Option<(Arc<Shared>, Listener)>> {
    let Start { config, paths, endpoint, mut process, options, socket } = start;
    let socket = match socket {
        Some(socket) => {
            endpoint.prepare_dir()?;
            check_passed(&endpoint, &socket)?;
            in_place(&endpoint, socket)
        }
        None => None,
    };
    let has_socket = socket.is_some();
    process.service = process.service.map(|service| service.on_socket(has_socket));
    let lock = match options.lock_fd {
        Some(number) => GatewayLock::take_over(&endpoint, number, has_socket).await,
        None if options.replaces || process.service.is_some() || has_socket => {
            takeover::take_lock(&endpoint, has_socket).await
        }
        None => GatewayLock::take(&endpoint),
    };
    let lock = match lock {
        Err(BindError::Taken(lock)) => {
            tracing::info!(lock = %lock.display(), "another gateway is already running");
            return Ok(None);
        }
        other => other?,
    };
    let multiplexer = Multiplexer::new(registry(&config), config.pool.clone());
    let default_pool = multiplexer.pool(config.backend.connection()).await?;
    if default_pool.backend().connects_early() {
        default_pool.open_minimum().await?;
    }
    // Again: opening the backend took its time.
    let listener = match socket.and_then(|socket| in_place(lock.endpoint(), socket)) {
        Some(socket) => Listener::passed(lock, socket)?,
        None => Listener::bind(lock)?,
    };
    let state = Arc::new(StateStore::open(&paths.state_dir).await);
    // Before anything that is to be in it, and before a statement of an earlier gateway is asked for again.
    process.audit = Audit::open(&paths.state_dir, config.observing.audit, &state).await;
    force_breakers(&multiplexer, &state).await;
    process.audit.note(Notice::gateway_started);
    let shared = Shared::new(config, paths, endpoint, multiplexer, default_pool, state, process);
    // Before the first call is let in.
    shared.keep_limits().await;
    Ok(Some((shared, listener)))
}

/// The socket that the service manager has passed, if it is the one that clients find. Its file may have been removed, or
/// another may be in its place; the manager does not see that, and passes it again and again. Then this gateway makes one of
/// its own; the next one that a shim starts has the manager make its socket anew.
fn in_place(endpoint: &Endpoint, socket: PassedSocket) -> Option<PassedSocket> {
    if is_reached_at(&socket, &endpoint.socket).unwrap_or(true) {
        return Some(socket);
    }
    tracing::warn!(
        socket = %endpoint.socket.display(),
        "the service manager's socket is not in its place any more; listening on one of this gateway's own"
    );
    None
}

/// Circuit breakers are as they were set by hand while an earlier gateway ran.
async fn force_breakers(multiplexer: &Multiplexer, state: &StateStore) {
    let forced = state.forced().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "circuit breakers that were opened or closed by hand are not");
        Vec::new()
    });
    for (connection, word) in forced {
        // The connection may be gone from the configuration.
        let _ = Force::of_word(&word).map(|force| multiplexer.force_breaker(&connection, Some(force)));
    }
}
