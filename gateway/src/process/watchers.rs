//! What the gateway looks at while it serves: its sessions, and the reasons to shut down. Each runs until the
//! gateway shuts down, or returns because it is the reason.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use snowgate_link::BUILD;
use tokio::time::{Instant, MissedTickBehavior};

use super::listener::Listener;
use crate::audit::Notice;
use crate::observe::{Alerts, MetricsFile, webhook};
use crate::session::KEEP_INTERVAL;
use crate::shared::{AlertView, Shared, YIELD_PAUSE};

/// How often the gateway looks whether its socket and lock are still there.
const ENDPOINT_CHECK: Duration = Duration::from_secs(1);

/// How often the gateway looks whether API keys were changed or have expired: what they have open ends within a second.
const KEYS_CHECK: Duration = Duration::from_millis(250);

/// How often sessions are looked for whose shims ended without a goodbye, or which no client came back for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// How often it looks whether there is a session, at least.
const IDLE_CHECK_MAX: Duration = Duration::from_secs(60);

/// How often a gateway that makes room for a newer one looks whether nothing runs.
const YIELD_CHECK: Duration = Duration::from_millis(250);

/// Closes, again and again, the connections of clients' own settings that no session uses.
pub(super) async fn close_client_sets(shared: &Shared) {
    let idle = shared.config.pool.idle_timeout;
    let mut interval = tokio::time::interval(idle / 2);
    loop {
        interval.tick().await;
        shared.client_sets.close_idle(shared, idle);
    }
}

/// Writes the metrics to their file, again and again, where there is one. On a thread of its own: a disk that hangs holds up
/// the next write and nothing else.
pub(super) async fn write_metrics(shared: &Arc<Shared>) {
    let metrics = &shared.config.observing.metrics;
    let Some(path) = metrics.file.clone() else { return std::future::pending().await };
    let file = MetricsFile::new(path);
    let mut interval = tokio::time::interval(metrics.file_interval);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let (file, shared) = (file.clone(), Arc::clone(shared));
        if tokio::task::spawn_blocking(move || file.write(&shared)).await.is_err() {
            tracing::error!("writing the metrics to their file failed unexpectedly");
        }
    }
}

/// Looks for causes of alerts, again and again, and tells what has changed.
pub(super) async fn watch_alerts(shared: &Arc<Shared>) {
    let config = &shared.config.observing.alerts;
    if !config.enabled {
        return std::future::pending().await;
    }
    let (outbox, posts) = config.webhook.clone().map(webhook).unzip();
    let posting = async {
        match posts {
            Some(posts) => posts.run(shared).await,
            None => std::future::pending().await,
        }
    };
    let looking = async {
        let mut alerts = Alerts::new(config);
        let mut interval = tokio::time::interval(config.interval);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            alerts.set_thresholds(shared.live().config.observing.alerts.thresholds);
            for note in alerts.look(shared) {
                log_alert(&note.alert);
                if let Some(outbox) = &outbox {
                    outbox.put(shared, note);
                }
            }
        }
    };
    tokio::select! {
        () = posting => {}
        () = looking => {}
    }
}

/// What it is about is not said: that may be the name of a client.
fn log_alert(alert: &AlertView) {
    let AlertView { summary, severity, value, threshold, setting, runbook, .. } = alert;
    let (alert, state) = (&alert.alert, alert.state.name());
    tracing::warn!(alert, state, severity, summary, value, threshold, setting, runbook, "alert");
}

/// Ends, again and again, the sessions of API keys that were revoked or have expired; the audit trail has what was done to keys.
pub(super) async fn watch_keys(shared: &Shared) {
    if shared.config.http.is_none() {
        return std::future::pending().await;
    }
    let mut interval = tokio::time::interval(KEYS_CHECK);
    loop {
        interval.tick().await;
        if shared.keys.settle() {
            for change in shared.keys.take_changes() {
                shared.telemetry.audit.note(|| Notice::key_changed(change.event, &change.name));
            }
            shared.end_sessions_of_keys();
        }
    }
}

/// Writes down sessions that have changed, and removes those that no client comes back for, for ever.
pub(super) async fn keep_sessions(shared: &Shared) {
    let mut interval = tokio::time::interval(KEEP_INTERVAL);
    // Not at once: shims whose gateway was killed are coming back just then.
    let mut swept_at = Instant::now();
    loop {
        interval.tick().await;
        let sweeps = swept_at.elapsed() >= SWEEP_INTERVAL;
        if sweeps {
            swept_at = Instant::now();
        }
        shared.keeper.persist_changed(sweeps).await;
        shared.renew_late_profiles();
        shared.keep_limits().await;
        shared.keys.keep_usage().await;
    }
}

/// Returns once there was no session for as long as the config allows.
pub(super) async fn watch_idleness(shared: &Shared) {
    // The HTTP front has clients that nothing would start a gateway for.
    if shared.config.http.is_some() {
        return std::future::pending().await;
    }
    let mut idle_since = Instant::now();
    loop {
        let idle_exit = shared.live().config.gateway.idle_exit;
        tokio::time::sleep(idle_exit.map_or(IDLE_CHECK_MAX, |bound| (bound / 16).min(IDLE_CHECK_MAX))).await;
        if !shared.sessions.is_empty() {
            idle_since = Instant::now();
        }
        // A reload may have changed it.
        let idle_exit = shared.live().config.gateway.idle_exit;
        if let Some(bound) = idle_exit.filter(|bound| idle_since.elapsed() >= *bound) {
            tracing::info!("no session for {} s", bound.as_secs());
            return;
        }
    }
}

/// Returns once nothing runs and a newer build has asked for room.
pub(super) async fn watch_for_newer_build(shared: &Shared) {
    loop {
        let build = shared.newer_build.wait_for_request().await;
        let sessions = shared.sessions.all();
        if sessions.iter().any(|session| session.counters.running.load(Ordering::Relaxed) > 0) {
            tokio::time::sleep(YIELD_CHECK).await;
            continue;
        }
        if shared.state.yields_to(&build, YIELD_PAUSE).await == Ok(true) {
            tracing::info!(build, own = BUILD, "making room for a newer build");
            return;
        }
        tracing::info!(build, own = BUILD, "a newer build is in use beside this one");
        shared.newer_build.clear();
    }
}

/// Returns once no shim can find the gateway any more.
pub(super) async fn watch_endpoint(listener: &Listener) {
    let mut interval = tokio::time::interval(ENDPOINT_CHECK);
    while listener.is_in_place() {
        interval.tick().await;
    }
    tracing::warn!("the socket or the lock was removed or replaced; making room for another gateway");
}
