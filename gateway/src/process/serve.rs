//! Serving: connections are accepted until there is a reason to shut down.

use std::os::fd::OwnedFd;
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
use crate::os::{is_out_of_descriptors, tell_stopping};

/// Pause after a failed accept: what fails it (descriptors, memory) needs time to come free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves connections until the gateway is to shut down; then lets what runs finish, within the drain
/// time-out. Returns the lock: until it is dropped, no other gateway begins; and, for a gateway that takes this one's place, the
/// sockets of the service manager and of the HTTP front.
pub(super) async fn serve(
    mcp: &Arc<Mcp>,
    listener: Listener,
    http: Option<HttpServer>,
) -> (GatewayLock, Option<OwnedFd>, Option<OwnedFd>) {
    let (shared, connections, http_connections) = (&mcp.shared, TaskTracker::new(), TaskTracker::new());
    tokio::select! {
        () = accept(mcp, &listener, &connections) => {}
        () = serve_http(mcp, http.as_ref(), &http_connections) => {}
        () = shared.multiplexer.look_after() => {}
        () = watchers::close_client_sets(shared) => {}
        () = watchers::keep_sessions(shared) => {}
        () = watchers::watch_keys(shared) => {}
        () = watchers::write_metrics(shared) => {}
        () = watchers::watch_alerts(shared) => {}
        () = watchers::watch_idleness(shared) => {}
        () = watchers::watch_for_newer_build(shared) => {}
        () = watchers::watch_endpoint(&listener) => {}
        () = keep_watchdog(shared) => {}
        () = shared.shutdown.drain.cancelled() => {}
    }
    tracing::info!(sessions = shared.sessions.len(), "shutting down");
    if !shared.shutdown.is_restart() {
        tell_stopping("finishing what runs", drain_bound(shared));
    }
    let (lock, socket) = listener.close();
    let http = http.and_then(|http| http.close(shared.shutdown.is_restart()));
    drain(shared, &[&connections, &http_connections]).await;
    (lock, socket, http)
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
