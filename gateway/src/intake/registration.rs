//! Before a session's first call: the state file gets the session, and the session what an earlier one of the
//! same client has left.
//!
//! Not earlier, because a client names itself with its first messages, and because probes and clients that
//! only list tools are to leave nothing behind. The call waits for it, and so do those behind it.

use std::sync::Arc;

use crate::backend::Context;
use crate::session::{Session, SessionContext};
use crate::shared::Shared;

/// Registers `session`, whose first call states that its client is called `client`. Where that fails the
/// session goes on all the same.
pub async fn register(shared: &Shared, session: &Arc<Session>, client: Option<String>) {
    let client = client.or_else(|| session.client().name);
    if let Some(registered) = shared.keeper.register(session, client).await {
        if let Some(context) = registered.inherited {
            inherit(shared, session, &context).await;
        }
        session.set_persisted();
    }
    session.set_registered();
}

/// Takes over the context that an earlier session left, if it still exists.
async fn inherit(shared: &Shared, session: &Session, context: &Context) {
    // The client that left it is gone, and this one knows nothing of it: if it is gone too, the profile's
    // stays.
    match shared.resolve(&session.profile, context).await {
        Ok(context) => {
            session.inherit(SessionContext { context, lost: None });
            tracing::info!("restored this client's previous context");
        }
        Err(error) => tracing::warn!(%error, "cannot restore this client's previous context"),
    }
}
