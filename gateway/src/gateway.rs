//! The gateway's shared parts, and its life from the first connection to the last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use snowgate_link::BUILD;
use snowgate_link::endpoint::Endpoint;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Paths};
use crate::link::{Listener, StatusView, serve_connection};
use crate::multiplexer::Multiplexer;
use crate::observe;
use crate::session::SessionTable;

/// Pause after a failed accept: what fails it (descriptors, memory) needs time to come free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections accepted beyond the session limit: for hellos under way and for `snowgate status`.
const SPARE_CONNECTIONS: usize = 64;

/// How often the gateway looks whether its socket and lock are still there.
const ENDPOINT_CHECK: Duration = Duration::from_secs(1);

/// How much longer than the drain time-out the last connections get to say goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

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
    /// Fires when the gateway is to leave; written by signals, `stop` and idleness.
    pub drain: CancellationToken,
    started: Instant,
}

impl Gateway {
    /// A gateway without sessions.
    pub fn new(config: Config, paths: Paths, endpoint: Endpoint, multiplexer: Multiplexer) -> Arc<Self> {
        let sessions = SessionTable::new(config.gateway.sessions_max);
        let drain = CancellationToken::new();
        Arc::new(Self { config, paths, endpoint, multiplexer, sessions, drain, started: Instant::now() })
    }

    /// How it is.
    pub fn status(&self) -> StatusView {
        let pool = self.multiplexer.status();
        let shown = |path: &std::path::Path| path.display().to_string();
        StatusView {
            version: BUILD.to_owned(),
            pid: std::process::id(),
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            sessions: self.sessions.len(),
            backend: self.multiplexer.backend().kind().to_owned(),
            connections_open: pool.open,
            connections_idle: pool.idle,
            connections_max: pool.limit,
            requests_waiting: pool.waiting,
            socket: shown(&self.endpoint.socket),
            config_file: self.config.file.as_deref().map(shown),
            data_dir: shown(&self.paths.data_dir),
            log_file: observe::newest_log(&self.paths.log_dir).as_deref().map(shown),
        }
    }

    /// Serves connections until the gateway is to leave; then lets what runs finish, within the drain time-out.
    pub async fn serve(self: &Arc<Self>, listener: Listener) {
        let connections = TaskTracker::new();
        tokio::select! {
            () = self.accept(&listener, &connections) => {}
            () = self.multiplexer.reap_idle() => {}
            () = self.watch_idleness() => {}
            () = watch_endpoint(&listener) => {}
            () = self.drain.cancelled() => {}
        }
        tracing::info!(sessions = self.sessions.len(), "leaving");
        let _lock = listener.close();
        self.drain.cancel();
        connections.close();
        let bound = self.config.gateway.drain_timeout + GOODBYE_TIMEOUT;
        if tokio::time::timeout(bound, connections.wait()).await.is_err() {
            tracing::warn!(connections = connections.len(), "left connections behind");
        }
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
}

/// Returns once nobody can find the gateway any more.
async fn watch_endpoint(listener: &Listener) {
    let mut interval = tokio::time::interval(ENDPOINT_CHECK);
    while listener.is_in_place() {
        interval.tick().await;
    }
    tracing::warn!("the socket or the lock was removed or replaced; making room for another gateway");
}
