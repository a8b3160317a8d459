//! Progress of a call, for a client that asked to be told: where it waits, whether it runs, and how many rows have come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotification, ProgressNotificationParam, ProgressToken, ServerNotification};
use rmcp::service::{Peer, RequestContext};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::facts::About;
use crate::allocator::{QueuePlace, WaitReport};
use crate::backend::RowsRead;

/// How often a client is told of a statement that runs.
const RUNNING_INTERVAL: Duration = Duration::from_secs(2);

/// How long an answer is behind what was last told of its call. The official TypeScript SDK takes an answer at once, and a notification a
/// moment later: of two that it reads together it forgets the token before it knows the progress, and reports a fault of the
/// connection (<https://github.com/modelcontextprotocol/typescript-sdk/issues/2580>).
const BEFORE_ANSWER: Duration = Duration::from_millis(25);

/// Tells the client of one call.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    peer: Peer<RoleServer>,
    token: ProgressToken,
    about: About,
    began: Instant,
    /// What the first value is. It must grow with every message, also with those of a gateway that has the call of one that died.
    base: Duration,
    /// When something was last told; held while something is.
    last: Arc<Mutex<Option<Instant>>>,
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
    /// Of the call in `context`; `None`: its client did not ask. `asked_before`: how long ago it may have been asked for first, of another
    /// gateway.
    pub(super) fn of(
        context: &RequestContext<RoleServer>,
        about: About,
        asked_before: Option<Duration>,
    ) -> Option<Self> {
        let token = context.meta.get_progress_token()?;
        let base = asked_before.unwrap_or_default();
        let (peer, last, answered) = (context.peer.clone(), Arc::default(), CancellationToken::new());
        Some(Self { peer, token, about, began: Instant::now(), base, last, answered })
    }

    /// The call is about to be answered, although its statement may go on: nothing more is told, and the answer keeps its distance. (What
    /// `rmcp` hands over behind the answer all the same, the channel drops.)
    pub(super) async fn end(&self) {
        self.answered.cancel();
        let last = *self.last.lock().await;
        if let Some(last) = last {
            sleep_until(last + BEFORE_ANSWER).await;
        }
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
        let mut last = self.last.lock().await;
        if self.answered.is_cancelled() {
            return false;
        }
        // Now, too: the task may be ended before it knows that the message is there.
        *last = Some(Instant::now());
        // Whatever the place does.
        let value = (self.base + self.began.elapsed()).as_secs_f64();
        let mut progress = ProgressNotificationParam::new(self.token.clone(), value);
        progress.message = Some(message);
        let mut notification = ProgressNotification::new(progress);
        notification.extensions.insert(self.about);
        let notification = ServerNotification::ProgressNotification(notification);
        let is_there = self.peer.send_notification(notification).await.is_ok();
        *last = Some(Instant::now());
        is_there
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
            _ = ticks.tick() => running.message(&client),
        };
        if let Some(message) = message
            && !client.tell(message).await
        {
            return;
        }
    }
}

impl Running {
    /// How far the call is, as its client is told; `None`: it does not run yet.
    fn message(&self, client: &Progress) -> Option<String> {
        if !self.is_running.load(Ordering::Relaxed) {
            return None;
        }
        let rows = match (self.read.rows(), self.read.bytes()) {
            (0, _) => String::new(),
            (rows, bytes) => format!(", {rows} rows read ({} kB)", bytes.div_ceil(1000)),
        };
        let since = if client.base.is_zero() { "" } else { " since it was sent again" };
        Some(format!("running for {} s{since}{rows}", client.began.elapsed().as_secs()))
    }
}
