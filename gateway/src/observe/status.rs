//! The snapshot of the gateway's state that `status` shows.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use serde::{Deserialize, Serialize};
use snowgate_link::BUILD;

use crate::allocator::AllocatorView;
use crate::audit::AuditView;
use crate::config::{HttpAuth, Warning};
use crate::keys::KeysView;
use crate::limits::LimitView;
use crate::multiplexer::{BreakerView, MetadataCounters, Pool, PoolCounters};
use crate::os::usage;
use crate::results::ResultsView;
use crate::session::Session;
use crate::shared::{AlertView, ClientBackendView, Descriptors, HttpView, Service, Shared, WebhookView};
use crate::streams::{LogView, StreamName};
use crate::telemetry::{MinuteView, QueriesView, QueryOrder, TotalsView};
use crate::validator::ValidatorView;

/// The most warnings about the configuration that are shown; the rest is counted.
const CONFIG_WARNINGS_MAX: usize = 20;

/// Patterns of statements that are shown.
const SLOWEST_MAX: usize = 3;

/// Minutes that are shown.
const MINUTES: usize = 2;

/// How a gateway is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    /// Its version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Drawn when it started: another gateway under the same process id has another.
    pub instance: String,
    /// How long it has run, in milliseconds.
    pub uptime_ms: u64,
    /// What became of all requests since it started.
    #[serde(default)]
    pub totals: TotalsView,
    /// Statements that are the same but for their literals: the few that took longest.
    #[serde(default)]
    pub queries: QueriesView,
    /// The present minute and the last whole one, in this order of time: the last whole one first.
    #[serde(default)]
    pub minutes: Vec<MinuteView>,
    /// What its process uses of the system.
    #[serde(default)]
    pub process: ProcessView,
    /// Sessions that went on after their gateway had ended, since this one started.
    #[serde(default)]
    pub resumed: u64,
    /// Open sessions.
    pub sessions: usize,
    /// The backend's kind.
    pub backend: String,
    /// Where that is, where it can be said in a line.
    #[serde(default)]
    pub backend_target: Option<String>,
    /// What keeps it from working, and what to do about it.
    #[serde(default)]
    pub backend_problem: Option<String>,
    /// What the account's own wall was found to be, where a profile requires one.
    #[serde(default)]
    pub backend_wall: Option<String>,
    /// Connections open.
    pub connections_open: usize,
    /// Connections open and unused.
    pub connections_idle: usize,
    /// Connections open at once, at most.
    pub connections_max: usize,
    /// Connections that sessions have to themselves.
    #[serde(default)]
    pub connections_pinned: usize,
    /// Requests waiting for a connection.
    pub requests_waiting: usize,
    /// What the pool of connections has done since the gateway started.
    #[serde(default)]
    pub pool: PoolCounters,
    /// What became of questions about the catalog, on all connections.
    #[serde(default)]
    pub metadata: MetadataCounters,
    /// Results that keep a handle.
    #[serde(default)]
    pub results: ResultsView,
    /// The file of the gateway's program, which `restart` runs again.
    pub program: String,
    /// The socket.
    pub socket: String,
    /// The config file in use; `None`: there is none.
    pub config_file: Option<String>,
    /// What is likely wrong in the configuration, as `config check` says it.
    #[serde(default)]
    pub config_warnings: Vec<String>,
    /// Where the data is.
    pub data_dir: String,
    /// Where sessions and the journal of writes are kept.
    pub state_file: String,
    /// What is wrong with that file, or was when the gateway started.
    pub state_problem: Option<String>,
    /// The file of the log's stream `main`.
    pub log_file: Option<String>,
    /// Why the log is not written there.
    #[serde(default)]
    pub log_problem: Option<String>,
    /// The streams of the log.
    #[serde(default)]
    pub logs: Vec<LogView>,
    /// Why the metrics are not in the file that they are to be written to.
    #[serde(default)]
    pub metrics_problem: Option<String>,
    /// Alerts that are pending, fire, or were resolved within the last hour.
    #[serde(default)]
    pub alerts: Vec<AlertView>,
    /// What became of posts to the webhook of alerts.
    #[serde(default)]
    pub alert_webhook: WebhookView,
    /// Which clients' calls are refused, because their own settings are not this gateway's.
    #[serde(default)]
    pub settings_problem: Option<String>,
    /// Sessions open at once, at most.
    #[serde(default)]
    pub sessions_max: usize,
    /// Why that is less than is configured, or why there is no room for another.
    #[serde(default)]
    pub limit_problem: Option<String>,
    /// All connections of the configuration that are in use, the default one among them.
    #[serde(default)]
    pub connections: Vec<ConnectionView>,
    /// Connections of clients whose own settings are not the gateway's.
    #[serde(default)]
    pub client_backends: Vec<ClientBackendView>,
    /// Who shares the default connection's pool, and how.
    #[serde(default)]
    pub allocator: AllocatorView,
    /// The programs that profiles have asked about statements.
    #[serde(default)]
    pub validators: Vec<ValidatorView>,
    /// The names of the saved questions.
    #[serde(default)]
    pub saved_questions: Vec<String>,
    /// The limits of all clients together, and what is used of them.
    #[serde(default)]
    pub limits: Vec<LimitView>,
    /// Clients whose use is counted.
    #[serde(default)]
    pub limited_clients: usize,
    /// Calls that limits have refused them.
    #[serde(default)]
    pub limit_refusals: u64,
    /// The HTTP front; `None`: it is not enabled.
    #[serde(default)]
    pub http: Option<HttpView>,
    /// The API keys of the HTTP front; `None`: it is off, or asks for none.
    #[serde(default)]
    pub keys: Option<KeysView>,
    /// The audit trail.
    #[serde(default)]
    pub audit: AuditView,
    /// What runs this gateway and starts it again when it ends.
    #[serde(default)]
    pub service: Option<Service>,
    /// A digest of every value of the config that was read last.
    #[serde(default)]
    pub config_hash: String,
    /// When it was read, in milliseconds since 1970.
    #[serde(default)]
    pub config_loaded_ms: u64,
    /// The keys in it that apply with a restart.
    #[serde(default)]
    pub config_needs_restart: Vec<String>,
    /// What is wrong with the files, if the last reload was refused.
    #[serde(default)]
    pub config_problem: Option<String>,
    /// Why what is installed to run it does not.
    #[serde(default)]
    pub service_problem: Option<String>,
}

/// What the gateway's process uses of the system; what the system does not tell is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessView {
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Processor time since its start, in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Descriptors that are open.
    pub descriptors: u64,
    /// Descriptors that may be open.
    pub descriptors_max: Option<u64>,
}

impl ProcessView {
    fn of_this_process() -> Self {
        let usage = usage();
        Self {
            memory_bytes: usage.memory_bytes,
            cpu_ms: usage.cpu.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            descriptors: usage.descriptors,
            descriptors_max: usage.descriptors_max,
        }
    }
}

/// A connection of the configuration that is in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectionView {
    /// Its name.
    pub name: String,
    /// The backend's kind.
    pub kind: String,
    /// Where that is, where it can be said in a line.
    pub target: Option<String>,
    /// What keeps it from working, and what to do about it.
    pub problem: Option<String>,
    /// Pooled connections open.
    pub open: usize,
    /// Pooled connections open and unused.
    pub idle: usize,
    /// Pooled connections open at once, at most.
    pub max: usize,
    /// Requests waiting for one.
    pub waiting: usize,
    /// Pooled connections that sessions have to themselves.
    #[serde(default)]
    pub pinned: usize,
    /// What the pool has done since the gateway started.
    #[serde(default)]
    pub counters: PoolCounters,
    /// Who shares them, and how.
    #[serde(default)]
    pub allocator: AllocatorView,
    /// Whether sessions use it whose profile names none.
    pub is_default: bool,
    /// Its circuit breaker.
    #[serde(default)]
    pub breaker: BreakerView,
}

fn connections(shared: &Shared) -> Vec<ConnectionView> {
    let live = shared.live();
    let view = |(name, pool): (String, Arc<Pool>)| {
        let (status, backend) = (pool.status(), pool.backend().status());
        let is_clients = shared.client_sets.has(&name);
        ConnectionView {
            is_default: Arc::ptr_eq(&pool, &shared.default_pool),
            name,
            kind: pool.backend().kind().to_owned(),
            // Of a client's own settings no value is shown.
            target: backend.target.filter(|_| !is_clients),
            problem: problem_of(&pool, backend.problem).filter(|_| !is_clients),
            breaker: breaker_of(&pool, is_clients),
            open: status.open,
            idle: status.idle,
            max: status.limit,
            waiting: status.waiting,
            pinned: status.pinned,
            counters: pool.counters(),
            allocator: pool.allocation(live.config.limits.statement_timeout),
        }
    };
    shared.multiplexer.opened().into_iter().map(view).collect()
}

/// What keeps a connection from working: what its backend says of itself, else what its breaker holds requests back for.
fn problem_of(pool: &Pool, problem: Option<String>) -> Option<String> {
    problem.or_else(|| pool.breaker_problem())
}

/// Of a client's own settings no value is shown, and an error may name the host.
fn breaker_of(pool: &Pool, is_clients: bool) -> BreakerView {
    let breaker = pool.breaker();
    BreakerView { error: breaker.error.filter(|_| !is_clients), ..breaker }
}

/// Clients that are named, at most.
const CLIENTS_MAX: usize = 5;

/// What results have left, and which still come.
fn results(shared: &Shared) -> ResultsView {
    let running = shared.sessions.all().iter().map(|session| session.long_calls.len() as u64).sum();
    ResultsView { running, ..shared.results.view() }
}

fn settings_problem(shared: &Shared) -> Option<String> {
    let sessions = shared.sessions.sorted();
    let refused = |session: &Arc<Session>| {
        let settings = session.settings.as_ref().filter(|settings| settings.is_decisive)?;
        Some(format!("pid {}: {}", session.origin.pid, settings.listed()))
    };
    let refused: Vec<String> = sessions.iter().filter_map(refused).collect();
    let shown = refused.iter().take(CLIENTS_MAX).map(String::as_str).collect::<Vec<_>>().join("; ");
    let count = refused.len();
    let refused = (count > 0)
        .then(|| format!("calls of {count} are refused: their settings are not this gateway's ({shown})"));
    let problems: Vec<String> = refused.into_iter().chain(shared.client_sets.outdated()).collect();
    (!problems.is_empty()).then(|| problems.join("; "))
}

fn limit_problem(descriptors: &Descriptors) -> Option<String> {
    descriptors.is_short().then(Descriptors::shortage).or_else(|| descriptors.budget.problem.clone())
}

fn config_warnings(warnings: &[Warning]) -> Vec<String> {
    let mut shown: Vec<String> = warnings.iter().take(CONFIG_WARNINGS_MAX).map(ToString::to_string).collect();
    match warnings.len().saturating_sub(CONFIG_WARNINGS_MAX) {
        0 => {}
        more => shown.push(format!("and {more} more: run `snowgate config check`")),
    }
    shown
}

fn has_keys(shared: &Shared) -> bool {
    shared.config.http.as_ref().is_some_and(|http| http.auth == HttpAuth::Keys)
}

fn log_of(logs: &[LogView], stream: StreamName) -> Option<&LogView> {
    logs.iter().find(|log| log.stream == stream.as_str())
}

/// The gateway as it is now.
pub fn snapshot(shared: &Shared) -> StatusView {
    let default = &shared.default_pool;
    let (pool, backend) = (default.status(), default.backend().status());
    let shown = |path: &Path| path.display().to_string();
    let live = shared.live();
    let logs: Vec<LogView> = shared.logs.iter().map(|log| log.view()).collect();
    StatusView {
        version: BUILD.to_owned(),
        pid: std::process::id(),
        instance: shared.instance.clone(),
        uptime_ms: u64::try_from(shared.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        totals: shared.telemetry.totals.view(),
        queries: shared.telemetry.queries.view_by(QueryOrder::Max, false, SLOWEST_MAX),
        minutes: shared.telemetry.minutes.view(MINUTES),
        process: ProcessView::of_this_process(),
        resumed: shared.sessions.resumed(),
        sessions: shared.sessions.len(),
        backend: default.backend().kind().to_owned(),
        backend_target: backend.target,
        backend_problem: problem_of(default, backend.problem),
        backend_wall: backend.wall,
        connections_open: pool.open,
        connections_idle: pool.idle,
        connections_max: pool.limit,
        connections_pinned: pool.pinned,
        requests_waiting: pool.waiting,
        pool: default.counters(),
        metadata: shared.multiplexer.metadata(),
        connections: connections(shared),
        program: shown(&shared.program),
        socket: shown(&shared.endpoint.socket),
        config_file: live.config.file.as_deref().map(shown),
        config_warnings: config_warnings(&live.config.warnings),
        config_hash: live.digest.clone(),
        config_loaded_ms: live.loaded_ms,
        config_needs_restart: live.needs_restart.iter().map(|change| change.key.clone()).collect(),
        config_problem: shared.reload_problem.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        data_dir: shown(&shared.paths.data_dir),
        state_file: shown(shared.state.path()),
        state_problem: shared.state.problem(),
        log_file: log_of(&logs, StreamName::Main).and_then(|log| log.file.clone()),
        log_problem: log_of(&logs, StreamName::Main).and_then(|log| log.problem.clone()),
        logs,
        metrics_problem: shared.metrics_problem.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        alerts: shared.alerts.alerts(),
        alert_webhook: shared.alerts.webhook(),
        sessions_max: shared.descriptors.budget.sessions_max,
        limit_problem: limit_problem(&shared.descriptors),
        settings_problem: settings_problem(shared),
        allocator: default.allocation(live.config.limits.statement_timeout),
        client_backends: shared.client_sets.views(shared),
        validators: shared.validators.views(),
        results: results(shared),
        saved_questions: shared.live().config.questions.keys().cloned().collect(),
        limits: shared.limits.all_view(),
        limited_clients: shared.limits.counts().0,
        limit_refusals: shared.limits.counts().1,
        http: shared.http.view(),
        keys: has_keys(shared).then(|| shared.keys.view()),
        audit: shared.telemetry.audit.view(),
        service: shared.service.clone(),
        service_problem: shared.service_problem.clone(),
    }
}
