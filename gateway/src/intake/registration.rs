//! Before a session's first call: the state file gets the session, and the session what an earlier one of the
//! same client has left.
//!
//! Not earlier, because a client names itself with its first messages, and because probes and clients that
//! only list tools are to leave nothing behind. The call waits for it, and so do those behind it.

use std::sync::Arc;

use crate::session::{ContextOrigin, INHERITED, Session, SessionContext, fallback_notice};
use crate::shared::Shared;
use crate::state::KeptContext;

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

/// Takes over the context that an earlier session left, if it still exists. The client that left it is gone,
/// and this one knows nothing of it: if it is gone too, the profile's stays, and the client's first result
/// says so.
async fn inherit(shared: &Shared, session: &Session, left: &KeptContext) {
    let Ok(pool) = shared.pool(&session.profile).await else { return };
    if left.is_foreign_to(pool.place()) {
        return;
    }
    match pool.backend().resolve(&left.context).await {
        Ok(context) => {
            // Where only the server knows whether it exists, its first use shows that.
            let is_tentative = pool.backend().tells_contexts();
            let origin = if is_tentative { ContextOrigin::Inherited } else { ContextOrigin::Set };
            session.inherit(SessionContext { context, lost: None, origin, at: Some(pool.place().clone()) });
            tracing::info!("restored this client's previous context");
        }
        Err(error) => {
            let (gone, now) = (&left.context, session.context().context);
            tracing::warn!(%gone, %error, %now, "cannot restore this client's previous context");
            session.set_notice(fallback_notice(INHERITED, gone, &error.to_string(), &now));
        }
    }
}
