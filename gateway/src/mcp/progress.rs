//! Progress of a call that waits for a connection: where it stands, for a client that asked to be told.

use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotification, ProgressNotificationParam, ProgressToken, ServerNotification};
use rmcp::service::{Peer, RequestContext};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::facts::About;
use crate::allocator::{QueuePlace, WaitReport};

/// Tells the client of one call.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    peer: Peer<RoleServer>,
    token: ProgressToken,
    about: About,
}

impl Progress {
    /// Of the call in `context`; `None`: its client did not ask.
    pub(super) fn of(context: &RequestContext<RoleServer>, about: About) -> Option<Self> {
        let token = context.meta.get_progress_token()?;
        Some(Self { peer: context.peer.clone(), token, about })
    }

    /// What the allocator tells while the call waits, and the task that passes it on until it is dropped. A client that
    /// does not read holds up that task, and nothing else: it is told the last place only.
    pub(super) fn report(&self) -> (WaitReport, AbortOnDropHandle<()>) {
        let (told, places) = watch::channel(None);
        let task = tell(self.clone(), places).in_current_span();
        (Arc::new(told), AbortOnDropHandle::new(tokio::spawn(task)))
    }
}

async fn tell(client: Progress, mut places: watch::Receiver<Option<QueuePlace>>) {
    let Progress { peer, token, about } = client;
    let began = Instant::now();
    while places.changed().await.is_ok() {
        let Some(place) = *places.borrow_and_update() else { continue };
        // It must grow with every message, whatever the place does.
        let mut progress = ProgressNotificationParam::new(token.clone(), began.elapsed().as_secs_f64());
        progress.message = Some(place.to_string());
        let mut notification = ProgressNotification::new(progress);
        notification.extensions.insert(about);
        let notification = ServerNotification::ProgressNotification(notification);
        if peer.send_notification(notification).await.is_err() {
            return;
        }
    }
}
