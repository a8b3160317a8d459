//! The gateway's shared parts, and its life from the first connection to the last.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use snowgate_link::endpoint::Endpoint;
use snowgate_link::{BUILD, os};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::config::{Config, Paths};
use crate::link::{GatewayLock, Listener, StatusView, serve_connection};
use crate::mcp;
use crate::multiplexer::Multiplexer;
use crate::observe;
use crate::session::{Session, SessionTable};
use crate::state::StateStore;
use crate::upgrade::{Newer, YIELD_PAUSE};

/// Pause after a failed accept: what fails it (descriptors, memory) needs time to come free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections accepted beyond the session limit: for hellos under way and for `snowgate status`.
const SPARE_CONNECTIONS: usize = 64;

/// How often the gateway looks whether its socket and lock are still there.
const ENDPOINT_CHECK: Duration = Duration::from_secs(1);

/// How much longer than the drain time-out the last connections get to say goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// How often the counters of sessions are written down: a gateway that is killed loses what came after.
const KEEP_INTERVAL: Duration = Duration::from_secs(5);

/// How often sessions are looked for whose shims are gone without a word, or which nobody came back for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// How often a gateway that makes room for a newer one looks whether nothing runs.
const YIELD_CHECK: Duration = Duration::from_millis(250);

/// What all sessions share.
pub struct Gateway {
    /// The configuration, as it was at the start.
    pub config: Config,
    /// Where files lie.
    pub paths: Paths,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// The way to the backend.
    pub multiplexer: Multiplexer,
    /// The open sessions.
    pub sessions: Arc<SessionTable>,
    /// What outlives this gateway.
    pub state: Arc<StateStore>,
    /// Statements that are not reads and run now.
    pub writes: Arc<mcp::RunningWrites>,
    /// Fires when the gateway is to leave: signals, `stop`, `restart`, idleness, a newer build, a socket that was removed.
    pub drain: CancellationToken,
    /// The file of this program. Read at the start, because an upgrade replaces it.
    pub program: PathBuf,
    /// Set before `drain` fires if the program that is on disk then is to take this one's place.
    restart: AtomicBool,
    newer: Newer,
    /// Drawn at the start: tells a gateway from the one that takes its place under the same process id.
    instance: String,
    started: Instant,
}

impl Gateway {
    /// A gateway without sessions.
    pub fn new(
        config: Config,
        paths: Paths,
        endpoint: Endpoint,
        multiplexer: Multiplexer,
        state: StateStore,
    ) -> Arc<Self> {
        Arc::new(Self {
            sessions: SessionTable::new(config.gateway.sessions_max),
            config,
            paths,
            endpoint,
            multiplexer,
            state: Arc::new(state),
            writes: Arc::default(),
            drain: CancellationToken::new(),
            program: os::own_program().unwrap_or_else(|| PathBuf::from("snowgate")),
            restart: AtomicBool::new(false),
            newer: Newer::default(),
            instance: Uuid::new_v4().to_string(),
            started: Instant::now(),
        })
    }

    /// How it is.
    pub fn status(&self) -> StatusView {
        let (pool, backend) = (self.multiplexer.status(), self.multiplexer.backend().status());
        let shown = |path: &std::path::Path| path.display().to_string();
        StatusView {
            version: BUILD.to_owned(),
            pid: std::process::id(),
            instance: self.instance.clone(),
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            sessions: self.sessions.len(),
            backend: self.multiplexer.backend().kind().to_owned(),
            backend_target: backend.target,
            backend_problem: backend.problem,
            connections_open: pool.open,
            connections_idle: pool.idle,
            connections_max: pool.limit,
            requests_waiting: pool.waiting,
            program: shown(&self.program),
            socket: shown(&self.endpoint.socket),
            config_file: self.config.file.as_deref().map(shown),
            data_dir: shown(&self.paths.data_dir),
            state_file: shown(self.state.path()),
            state_problem: self.state.problem(),
            log_file: observe::newest_log(&self.paths.log_dir).as_deref().map(shown),
        }
    }

    /// Leaves for good, also where a restart was under way.
    pub fn stop(&self) {
        self.restart.store(false, Ordering::Relaxed);
        self.drain.cancel();
    }

    /// Leaves, and has the program that is then on disk take its place.
    pub fn restart(&self) {
        self.restart.store(true, Ordering::Relaxed);
        self.drain.cancel();
    }

    /// Whether another program is to take this one's place.
    pub fn is_restarting(&self) -> bool {
        self.restart.load(Ordering::Relaxed)
    }

    /// A peer of this build connected.
    pub(crate) fn note_build(&self, build: &str) {
        self.newer.note(build, BUILD);
    }

    /// What tells the tools of this gateway from others.
    pub(crate) fn tools_digest(&self) -> String {
        mcp::tools_digest(self.config.read_only())
    }

    /// How long a session is kept whose client is gone, in milliseconds.
    pub(crate) fn ttl_ms(&self) -> i64 {
        i64::try_from(self.config.session.ttl.as_millis()).unwrap_or(i64::MAX)
    }

    /// A session's connection is at its end: writes down what the next one is to find.
    pub(crate) async fn put_away(&self, session: &Arc<Session>) {
        if !session.is_kept.load(Ordering::Relaxed) || session.is_replaced() {
            return;
        }
        let (state, session) = (Arc::clone(&self.state), Arc::clone(session));
        let put_away = spawn_blocking(move || {
            let (id, standing) = (session.key.id.as_str(), session.standing());
            let kept = if session.is_over() {
                state.detach(id, &standing)
            } else {
                state.keep([(id, standing)].into_iter()).map(drop)
            };
            if let Err(error) = kept {
                tracing::warn!(session = %session.key.id, %error, "what the session left is not kept");
            }
        });
        // A panic in there is in the log.
        let _ = put_away.await;
    }

    /// Serves connections until the gateway is to leave; then lets what runs finish, within the drain time-out. Gives the
    /// lock back: until it is dropped, no other gateway begins.
    pub async fn serve(self: &Arc<Self>, listener: Listener) -> GatewayLock {
        let connections = TaskTracker::new();
        tokio::select! {
            () = self.accept(&listener, &connections) => {}
            () = self.multiplexer.reap_idle() => {}
            () = self.keep_sessions() => {}
            () = self.watch_idleness() => {}
            () = self.watch_for_newer() => {}
            () = watch_endpoint(&listener) => {}
            () = self.drain.cancelled() => {}
        }
        tracing::info!(sessions = self.sessions.len(), "leaving");
        let lock = listener.close();
        self.drain.cancel();
        connections.close();
        let bound = self.config.gateway.drain_timeout + GOODBYE_TIMEOUT;
        if tokio::time::timeout(bound, connections.wait()).await.is_err() {
            tracing::warn!(connections = connections.len(), "left connections behind");
        }
        // They have been told to stop. The next gateway runs again what is known to have changed nothing.
        self.writes.until_all_ended(GOODBYE_TIMEOUT).await;
        self.multiplexer.close().await;
        lock
    }

    /// Accepts for ever.
    async fn accept(self: &Arc<Self>, listener: &Listener, connections: &TaskTracker) {
        let connections_max = self.config.gateway.sessions_max + SPARE_CONNECTIONS;
        loop {
            match listener.accept().await {
                // Dropped: the shim tries again until its deadline.
                Ok(_) if connections.len() >= connections_max => {
                    tracing::warn!(connections_max, "too many connections");
                }
                Ok(stream) => {
                    connections.spawn(serve_connection(Arc::clone(self), stream));
                }
                Err(error) => {
                    tracing::error!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Writes down how sessions stand, and removes those that nobody comes back for, for ever.
    async fn keep_sessions(self: &Arc<Self>) {
        let mut interval = tokio::time::interval(KEEP_INTERVAL);
        // Not at once: shims whose gateway was killed are coming back just then.
        let mut swept_at = Instant::now();
        loop {
            interval.tick().await;
            let sweeps = swept_at.elapsed() >= SWEEP_INTERVAL;
            if sweeps {
                swept_at = Instant::now();
            }
            let gateway = Arc::clone(self);
            // A panic in there is in the log.
            let _ = spawn_blocking(move || gateway.keep_now(sweeps)).await;
        }
    }

    fn keep_now(&self, sweeps: bool) {
        self.state.look_after();
        let sessions = self.sessions.all();
        let ahead = sessions.iter().filter(|session| session.has_entered.load(Ordering::Relaxed));
        let ahead: Vec<_> = ahead.filter(|session| session.is_ahead_of_file()).cloned().collect();
        self.keep(&ahead);
        if sweeps {
            let connected: HashSet<String> = sessions.iter().map(|session| session.key.id.clone()).collect();
            match self.state.sweep(&connected, self.ttl_ms()) {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "sessions that nobody came back for are forgotten"),
                Err(error) => tracing::warn!(%error, "old sessions are not looked for"),
            }
        }
    }

    /// Writes down how these sessions stand; what fails is tried again. Blocks.
    pub(crate) fn keep(&self, sessions: &[Arc<Session>]) {
        if sessions.is_empty() {
            return;
        }
        // Looked at in the order of writing: so an older context is never written over a newer one.
        let rows = sessions.iter().map(|session| {
            session.note_kept(session.counters.counts().requests);
            (session.key.id.as_str(), session.standing())
        });
        match self.state.keep(rows) {
            Ok(missing) => missing.into_iter().for_each(|at| self.enter_again(&sessions[at])),
            Err(error) => {
                tracing::warn!(%error, "contexts and counters are not kept; it is tried again");
                sessions.iter().for_each(|session| session.note_unkept());
            }
        }
    }

    /// Enters a session that the state file does not have, or no longer.
    fn enter_again(&self, session: &Session) {
        match self.state.enter(&session.record(session.client().name), false, self.ttl_ms()) {
            Ok(_) => session.is_kept.store(true, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(session = %session.key.id, %error, "the session is not kept; it is tried again");
                session.note_unkept();
            }
        }
    }

    /// Returns once there was no session for as long as the config allows.
    async fn watch_idleness(&self) {
        let Some(idle_exit) = self.config.gateway.idle_exit else { return std::future::pending().await };
        let mut idle_since = Instant::now();
        let mut interval = tokio::time::interval(idle_exit / 16);
        while idle_since.elapsed() < idle_exit {
            interval.tick().await;
            if !self.sessions.is_empty() {
                idle_since = Instant::now();
            }
        }
        tracing::info!("no session for {} s", idle_exit.as_secs());
    }

    /// Returns once nothing runs and somebody has a newer build.
    async fn watch_for_newer(&self) {
        loop {
            let build = self.newer.asked().await;
            let is_idle = self
                .sessions
                .all()
                .iter()
                .all(|session| session.counters.running.load(Ordering::Relaxed) == 0);
            if !is_idle {
                tokio::time::sleep(YIELD_CHECK).await;
                continue;
            }
            let (state, asked) = (Arc::clone(&self.state), build.clone());
            let pause = YIELD_PAUSE;
            let may_yield = spawn_blocking(move || state.yields_to(&asked, pause)).await;
            if matches!(may_yield, Ok(Ok(true))) {
                tracing::info!(build, own = BUILD, "making room for a newer build");
                return;
            }
            tracing::info!(build, own = BUILD, "a newer build is in use beside this one");
            self.newer.clear();
        }
    }
}

/// Returns once nobody can find the gateway any more.
async fn watch_endpoint(listener: &Listener) {
    let mut interval = tokio::time::interval(ENDPOINT_CHECK);
    while listener.is_in_place() {
        interval.tick().await;
    }
    tracing::warn!("the socket or the lock was removed or replaced; making room for another gateway");
}
