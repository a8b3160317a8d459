//! Before a session's first call: the state file gets the session, and the session what an earlier one of the same
//! client has left.
//!
//! Not before, because a client names itself with its first messages, and because probes and clients that only list
//! tools are to leave nothing behind. The call waits for it, and so do those behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rmcp::model::{ClientRequest, GetMeta, JsonRpcMessage};
use tokio::task::spawn_blocking;

use super::channel::Channel;
use super::envelope::Incoming;
use crate::backend::Context;
use crate::gateway::Gateway;
use crate::session::{Session, SessionContext};

/// Whether a connection's calls may pass.
pub(super) struct Entrance {
    gateway: Arc<Gateway>,
    is_asked: bool,
    is_open: Arc<AtomicBool>,
}

impl Entrance {
    /// The entrance of `session`; open if the session has passed it before, and the state file has it.
    pub(super) fn new(gateway: Arc<Gateway>, session: &Session) -> Self {
        let is_open = session.has_entered.load(Ordering::Relaxed) && session.is_kept.load(Ordering::Relaxed);
        let is_open = Arc::new(AtomicBool::new(is_open));
        Self { gateway, is_asked: false, is_open }
    }

    /// Whether `message` may pass now; `channel` is woken once it may.
    pub(super) fn lets_pass(
        &mut self,
        message: &Incoming,
        session: &Arc<Session>,
        channel: &Arc<Channel>,
    ) -> bool {
        if self.is_open.load(Ordering::Acquire) {
            return true;
        }
        let JsonRpcMessage::Request(request) = message else { return true };
        if !matches!(request.request, ClientRequest::CallToolRequest(_)) {
            return true;
        }
        if !self.is_asked {
            self.is_asked = true;
            // Stated with the request itself: what `rmcp` reads into the request's extensions.
            let stated = request.request.get_meta().client_info().map(|client| client.name);
            let client = stated.or_else(|| session.client().name);
            let (session, channel) = (Arc::clone(session), Arc::clone(channel));
            let (gateway, is_open) = (Arc::clone(&self.gateway), Arc::clone(&self.is_open));
            tokio::spawn(async move {
                enter(&gateway, &session, client).await;
                session.has_entered.store(true, Ordering::Relaxed);
                channel.give_state();
                is_open.store(true, Ordering::Release);
                channel.freed.notify_one();
            });
        }
        false
    }
}

/// Enters `session` into the state file. Where that fails the session goes on all the same.
async fn enter(gateway: &Gateway, session: &Arc<Session>, client: Option<String>) {
    let (record, follows) = (session.record(client), !session.has_entered.load(Ordering::Relaxed));
    let (state, ttl_ms) = (Arc::clone(&gateway.state), gateway.ttl_ms());
    let entered = spawn_blocking(move || state.enter(&record, follows, ttl_ms)).await;
    let inherited = match entered {
        Ok(Ok(entered)) => entered.inherited,
        Ok(Err(error)) => {
            tracing::warn!(session = %session.key.id, %error, "the session is not kept; it is tried again");
            return;
        }
        Err(error) => {
            tracing::error!(session = %session.key.id, %error, "the session is not kept");
            return;
        }
    };
    if let Some(context) = inherited {
        inherit(gateway, session, &context).await;
    }
    session.is_kept.store(true, Ordering::Relaxed);
}

/// Goes on in the context that an earlier session left, if it can be had.
async fn inherit(gateway: &Gateway, session: &Session, context: &Context) {
    // The client that left it is gone, and this one knows nothing of it: where it cannot be had, the profile's stays.
    match gateway.multiplexer.backend().resolve(context).await {
        Ok(context) => {
            session.inherit(SessionContext { context, lost: None });
            tracing::info!(session = %session.key.id, "the context of an earlier session of this client");
        }
        Err(error) => {
            tracing::warn!(session = %session.key.id, %error, "the context that an earlier session left is gone");
        }
    }
}
