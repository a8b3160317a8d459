//! One session with the server: logged in, kept alive, and ended where nobody uses it any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at};
use tokio_util::task::TaskTracker;

use super::log_in::{Counted, Logins};
use snowflake_wire::{Session, SessionContext};

/// How often a session tells the server that it is still wanted. Snowflake's own clients do it every 15 to 60 minutes.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15 * 60);

/// A session, and the context that its log-in gave.
pub(super) struct OpenSession {
    pub(super) wire: Session,
    pub(super) base: SessionContext,
    /// Aborts under way, which need the session: it is closed after them.
    pub(super) aborts: TaskTracker,
    /// Set where a query of the session goes on without us: closing the session would abort it, a detached one, too.
    pub(super) is_left: Arc<AtomicBool>,
    /// The database that was gone to last without a schema, and the schema that it brought.
    pub(super) brought: Mutex<Option<(String, Option<String>)>>,
    heartbeat: JoinHandle<()>,
    logins: Arc<Logins>,
    _counted: Counted,
}

impl OpenSession {
    /// The session that a log-in gave. Called from a task.
    pub(super) fn new(logins: &Arc<Logins>, wire: Session) -> Self {
        let base = wire.context();
        logins.note_base(&base);
        let heartbeat = tokio::spawn(beat(wire.clone()));
        Self {
            base,
            wire,
            aborts: TaskTracker::new(),
            is_left: Arc::default(),
            brought: Mutex::default(),
            heartbeat,
            logins: Arc::clone(logins),
            _counted: logins.count(),
        }
    }
}

impl Drop for OpenSession {
    /// Has the server told that the session is over, by a task that only a gateway which leaves waits for.
    fn drop(&mut self) {
        self.heartbeat.abort();
        if self.is_left.load(Ordering::Acquire) {
            return;
        }
        let (session, aborts) = (self.wire.clone(), self.aborts.clone());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        self.logins.goodbyes.spawn_on(
            async move {
                aborts.close();
                aborts.wait().await;
                // Where it cannot be told, it ends the session by itself.
                let _ = session.close().await;
            },
            &runtime,
        );
    }
}

async fn beat(session: Session) {
    let mut interval = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    while session.is_alive() {
        interval.tick().await;
        if let Err(error) = session.heartbeat().await {
            tracing::debug!(%error, "a heartbeat failed");
        }
    }
}
