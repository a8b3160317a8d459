//! Progress of a call, for a client that asked to be told: where it waits, whether it runs, and how many rows have come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotification, ProgressNotificationParam, ProgressToken, ServerNotification};
use rmcp::service::{Peer, RequestContext};
use tokio::sync::watch;
use tokio::time::{Instant, interval_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::facts::About;
use crate::allocator::{QueuePlace, WaitReport};
use crate::backend::RowsRead;

/// How often a client is told of a statement that runs.
const RUNNING_INTERVAL: Duration = Duration::from_secs(2);

/// Tells the client of one call.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    peer: Peer<RoleServer>,
    token: ProgressToken,
    about: About,
    began: Instant,
    /// Fires when the call is answered: its token is of no use from then on.
    answered: CancellationToken,
}

/// What is seen of a call that runs.
#[derive(Clone, Debug)]
pub(super) struct Running {
    /// Whether it has a connection.
    pub(super) is_running: Arc<AtomicBool>,
    /// What has come of its rows.
    pub(super) read: Arc<RowsRead>,
}

impl Progress {
    /// Of the call in `context`; `None`: its client did not ask.
    pub(super) fn of(context: &RequestContext<RoleServer>, about: About) -> Option<Self> {
        let token = context.meta.get_progress_token()?;
        let (peer, answered) = (context.peer.clone(), CancellationToken::new());
        Some(Self { peer, token, about, began: Instant::now(), answered })
    }

    /// The call is answered, although its statement goes on: nothing more is told. (What is on its way to the client then, the
    /// channel drops.)
    pub(super) fn end(&self) {
        self.answered.cancel();
    }

    /// What the allocator tells while the call waits, and the task that passes it on, and what is seen of it once it runs, until it is dropped. A
    /// client that does not read holds up that task, and nothing else: it is told the last place only.
    pub(super) fn report(&self, running: Running) -> (WaitReport, AbortOnDropHandle<()>) {
        let (told, places) = watch::channel(None);
        let task = tell_all(self.clone(), places, running).in_current_span();
        (Arc::new(told), AbortOnDropHandle::new(tokio::spawn(task)))
    }

    /// Tells the client `message`. Returns whether it is there.
    pub(super) async fn tell(&self, message: String) -> bool {
        // It must grow with every message, whatever the place does.
        let mut progress =
            ProgressNotificationParam::new(self.token.clone(), self.began.elapsed().as_secs_f64());
        progress.message = Some(message);
        let mut notification = ProgressNotification::new(progress);
        notification.extensions.insert(self.about);
        let notification = ServerNotification::ProgressNotification(notification);
        self.peer.send_notification(notification).await.is_ok()
    }
}

async fn tell_all(client: Progress, mut places: watch::Receiver<Option<QueuePlace>>, running: Running) {
    let mut ticks = interval_at(Instant::now() + RUNNING_INTERVAL, RUNNING_INTERVAL);
    let mut is_waiting = true;
    loop {
        let message = tokio::select! {
            biased;
            () = client.answered.cancelled() => return,
            changed = places.changed(), if is_waiting => {
                is_waiting = changed.is_ok();
                (*places.borrow_and_update()).map(|place| place.to_string()).filter(|_| is_waiting)
            }
            _ = ticks.tick() => running.message(client.began.elapsed()),
        };
        if let Some(message) = message
            && !client.tell(message).await
        {
            return;
        }
    }
}

impl Running {
    /// How far the call is; `None`: it does not run yet.
    fn message(&self, elapsed: Duration) -> Option<String> {
        if !self.is_running.load(Ordering::Relaxed) {
            return None;
        }
        let rows = match (self.read.rows(), self.read.bytes()) {
            (0, _) => String::new(),
            (rows, bytes) => format!(", {rows} rows read ({} kB)", bytes.div_ceil(1000)),
        };
        Some(format!("running for {} s{rows}", elapsed.as_secs()))
    }
}
