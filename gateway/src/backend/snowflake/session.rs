//! Sessions with the server: logged in, kept alive, counted, and closed when they are no longer used.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use snowflake_wire::{Session as WireSession, SessionContext};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, error_span};

use super::context::of_session;
use super::wall::Standing;
use crate::backend::{Context, SecondaryRoles};

/// How often a session tells the server that it is in use. Snowflake's own clients do it every 15 to 60
/// minutes.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15 * 60);

/// All sessions of the account.
#[derive(Default)]
pub(super) struct SessionTracker {
    /// Sessions that are logged in. Changed by [`OpenSession`] alone.
    open: AtomicUsize,
    /// The context that the last log-in returned.
    base: Mutex<Context>,
    /// What log-ins ask for; `None`: the user's default, which no answer tells.
    configured_roles: Option<SecondaryRoles>,
    /// Sessions that are being closed on the server. Only a shutdown waits for them.
    pub(super) closing: TaskTracker,
}

impl SessionTracker {
    /// Of log-ins that ask for these secondary roles: `ALL`, `NONE`, or the user's default.
    pub(super) fn new(secondary_roles: Option<&str>) -> Self {
        let configured_roles = match secondary_roles {
            Some("ALL") => Some(SecondaryRoles::All),
            Some("NONE") => Some(SecondaryRoles::None),
            _ => None,
        };
        Self { configured_roles, ..Self::default() }
    }

    /// The context that the last log-in returned: what completes a request's.
    pub(super) fn base(&self) -> Context {
        self.base.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether any session is logged in.
    pub(super) fn has_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }
}

/// What a request uses of a session. The connection may replace the session meanwhile.
#[derive(Clone)]
pub(super) struct SessionHandle {
    pub(super) wire: WireSession,
    /// Aborts in progress, which need the session: it is closed after them.
    pub(super) aborts: TaskTracker,
    /// Set while a query of the session is to keep running without us: closing the session would abort it,
    /// even one that was submitted as detached.
    pub(super) keep_open: Arc<AtomicBool>,
}

/// The secondary roles of a session, which no answer of the server tells. Written by context switches.
#[derive(Debug)]
pub(super) struct SecondaryRolesNow {
    /// Those of the log-in; `None`: the user's default.
    base: Option<SecondaryRoles>,
    /// Those of now; `None`: the user's default still.
    now: Mutex<Option<SecondaryRoles>>,
}

impl SecondaryRolesNow {
    fn new(base: Option<SecondaryRoles>) -> Self {
        Self { base, now: Mutex::new(base) }
    }

    pub(super) fn now(&self) -> Option<SecondaryRoles> {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, roles: SecondaryRoles) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Some(roles);
    }

    /// What is to be done for `wanted`; `None` is what the log-in selects.
    pub(super) fn next_step(&self, wanted: Option<SecondaryRoles>) -> Option<RolesStep> {
        match (wanted.or(self.base), self.now()) {
            (target, now) if target == now => None,
            (Some(target), _) => Some(RolesStep::Use(target)),
            // No statement selects the user's default.
            (None, _) => Some(RolesStep::StartOver),
        }
    }
}

/// A step to the secondary roles that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RolesStep {
    Use(SecondaryRoles),
    StartOver,
}

/// A session, and the context that its log-in returned.
pub(super) struct OpenSession {
    handle: SessionHandle,
    pub(super) base: SessionContext,
    /// The database that was last entered without a schema, and the schema that the server chose. Written by
    /// context switches.
    pub(super) default_schema: Mutex<Option<(String, Option<String>)>>,
    /// What the account says that the session is, once that was asked. Written by its connection.
    pub(super) standing: OnceLock<Standing>,
    pub(super) roles: SecondaryRolesNow,
    heartbeat: JoinHandle<()>,
    tracker: Arc<SessionTracker>,
}

impl OpenSession {
    /// The session that a log-in returned. Must be called from a task.
    pub(super) fn new(tracker: &Arc<SessionTracker>, wire: WireSession) -> Self {
        let base = wire.context();
        let configured = Context { secondary_roles: tracker.configured_roles, ..of_session(&base) };
        *tracker.base.lock().unwrap_or_else(PoisonError::into_inner) = configured;
        tracker.open.fetch_add(1, Ordering::Relaxed);
        // The session outlives the request that logged in, and so do its events that request's spans.
        let span = error_span!(parent: None, "keep_alive", session_id = wire.id());
        let heartbeat = tokio::spawn(keep_alive(wire.clone()).instrument(span));
        let handle = SessionHandle { wire, aborts: TaskTracker::new(), keep_open: Arc::default() };
        Self {
            handle,
            base,
            default_schema: Mutex::default(),
            standing: OnceLock::new(),
            roles: SecondaryRolesNow::new(tracker.configured_roles),
            heartbeat,
            tracker: Arc::clone(tracker),
        }
    }

    pub(super) fn handle(&self) -> &SessionHandle {
        &self.handle
    }

    pub(super) fn wire(&self) -> &WireSession {
        &self.handle.wire
    }
}

impl Drop for OpenSession {
    /// Starts a task that closes the session on the server.
    fn drop(&mut self) {
        self.heartbeat.abort();
        self.tracker.open.fetch_sub(1, Ordering::Relaxed);
        if self.handle.keep_open.load(Ordering::Acquire) {
            return;
        }
        let SessionHandle { wire, aborts, .. } = self.handle.clone();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        self.tracker.closing.spawn_on(
            async move {
                aborts.close();
                aborts.wait().await;
                // If this fails, the server ends the session by itself.
                let _ = wire.close().await;
            },
            &runtime,
        );
    }
}

async fn keep_alive(session: WireSession) {
    let mut interval = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    while session.is_alive() {
        interval.tick().await;
        if let Err(error) = session.heartbeat().await {
            tracing::debug!(%error, "the heartbeat failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secondary_roles_are_selected_where_they_differ_and_the_default_takes_a_new_session() {
        const ALL: Option<SecondaryRoles> = Some(SecondaryRoles::All);
        const NONE: Option<SecondaryRoles> = Some(SecondaryRoles::None);
        let of_user = SecondaryRolesNow::new(None);
        assert_eq!(of_user.next_step(None), None);
        assert_eq!(of_user.next_step(NONE), Some(RolesStep::Use(SecondaryRoles::None)));
        of_user.set(SecondaryRoles::None);
        assert_eq!((of_user.next_step(NONE), of_user.now()), (None, NONE));
        assert_eq!(of_user.next_step(None), Some(RolesStep::StartOver));
        let configured = SecondaryRolesNow::new(ALL);
        assert_eq!(configured.next_step(ALL), None);
        configured.set(SecondaryRoles::None);
        assert_eq!(configured.next_step(None), Some(RolesStep::Use(SecondaryRoles::All)));
    }
}
