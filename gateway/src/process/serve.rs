//! Serving: connections are accepted until there is a reason to shut down.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use super::drain::{drain, drain_bound};
use super::listener::{GatewayLock, Listener};
use super::watchdog::keep_watchdog;
use super::watchers;
use crate::config::log_targets::SPANS;
use crate::http::HttpServer;
use crate::link::{Hellos, serve_connection};
use crate::mcp::Mcp;
use crate::os::{PassedSocket, is_out_of_descriptors, tell_stopping};

/// Pause after a failed accept: what fails it (descriptors, memory) needs time to come free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What is left of a gateway that has served.
pub(super) struct Served {
    /// Until it is dropped, no other gateway begins.
    pub(super) lock: GatewayLock,
    /// The service manager's socket, for a gateway that takes this one's place.
    pub(super) socket: Option<PassedSocket>,
    /// That of the HTTP front, for the same.
    pub(super) http: Option<PassedSocket>,
    /// Whether it has ended because clients could not find it any more.
    pub(super) is_displaced: bool,
}

/// Serves connections until the gateway is to shut down; then lets what runs finish, within the drain
/// time-out.
pub(super) async fn serve(mcp: &Arc<Mcp>, listener: Listener, http: Option<HttpServer>) -> Served {
    let (shared, connections, http_connections) = (&mcp.shared, TaskTracker::new(), TaskTracker::new());
    let is_displaced = tokio::select! {
        () = accept(mcp, &listener, &connections) => false,
        () = serve_http(mcp, http.as_ref(), &http_connections) => false,
        () = shared.multiplexer.look_after() => false,
        () = watchers::close_client_sets(shared) => false,
        () = watchers::keep_sessions(shared) => false,
        () = watchers::watch_keys(shared) => false,
        () = watchers::write_metrics(shared) => false,
        () = watchers::watch_alerts(shared) => false,
        () = watchers::watch_idleness(shared) => false,
        () = watchers::watch_for_newer_build(shared) => false,
        () = watchers::watch_endpoint(&listener) => true,
        () = keep_watchdog(shared) => false,
        () = shared.shutdown.drain.cancelled() => false,
    };
    tracing::info!(sessions = shared.sessions.len(), "shutting down");
    if !shared.shutdown.is_restart() {
        tell_stopping("finishing what runs", drain_bound(shared));
    }
    let (lock, socket) = listener.close();
    let http = http.and_then(|http| http.close(shared.shutdown.is_restart()));
    // What is finished may take longer than the manager waits to hear that this process is alive.
    let connections = [&connections, &http_connections];
    tokio::select! {
        () = drain(shared, &connections) => {}
        () = keep_watchdog(shared) => {}
    }
    Served { lock, socket, http, is_displaced }
}

/// Serves HTTP for ever, where that is enabled.
async fn serve_http(mcp: &Arc<Mcp>, http: Option<&HttpServer>, connections: &TaskTracker) {
    match http {
        Some(http) => http.serve(mcp, connections).await,
        None => std::future::pending().await,
    }
}

/// Accepts for ever.
async fn accept(mcp: &Arc<Mcp>, listener: &Listener, connections: &TaskTracker) {
    let descriptors = &mcp.shared.descriptors;
    let connections_max = descriptors.budget.sessions_max + descriptors.budget.spare;
    let (hellos, mut accepted) = (Arc::new(Hellos::default()), 0_u64);
    loop {
        match listener.accept().await {
            // Dropped: the shim tries again until its deadline.
            Ok(_) if connections.len() >= connections_max => {
                tracing::warn!(connections_max, "too many connections");
            }
            Ok(stream) => {
                accepted += 1;
                let span = tracing::error_span!(target: SPANS, "connection", connection = accepted);
                connections.spawn(serve_connection(Arc::clone(mcp), Arc::clone(&hellos), stream, span));
            }
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection");
                // With one of the reserve, the next is accepted and told why it is refused.
                if !is_out_of_descriptors(&error) || !descriptors.release() {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}
