//! Before a session's first call: the state file gets the session, and the session the context that was set
//! last in one of the same identity.
//!
//! Not earlier, because a client names itself with its first messages, and because probes and clients that
//! only list tools are to leave nothing behind. The call waits for it, and so do those behind it.

use std::sync::Arc;

use crate::session::{
    ContextOrigin, INHERITED, Session, SessionContext, fallback_notice, inheritance_notice,
};
use crate::shared::Shared;
use crate::state::KeptContext;

/// Registers `session`, whose first call states that its client is called `client`. Where that fails the
/// session goes on all the same. One whose calls are refused runs nothing, and may yet be another's, with its
/// next gateway: it is registered there.
pub async fn register(shared: &Shared, session: &Arc<Session>, client: Option<String>) {
    if session.refusing_settings().is_some() {
        return;
    }
    let client = client.or_else(|| session.client().name);
    if let Some(registered) = shared.keeper.register(session, client).await {
        if let Some(context) = registered.inherited {
            inherit(shared, session, &context).await;
        }
        session.set_persisted();
    }
    session.set_registered();
}

/// Begins in `remembered`, if that still exists. The client knows nothing of it: its first result says in
/// which context it ran and why; if it is gone, the profile's stays, and the result says that.
async fn inherit(shared: &Shared, session: &Session, remembered: &KeptContext) {
    let Ok(pool) = shared.pool(&session.profile).await else { return };
    if remembered.is_foreign_to(pool.place()) {
        return;
    }
    match pool.backend().resolve(&remembered.context).await {
        Ok(context) => {
            // Where only the server knows whether it exists, its first use shows that.
            let is_tentative = pool.backend().tells_contexts();
            let origin = if is_tentative { ContextOrigin::Tentative } else { ContextOrigin::Inherited };
            let notice = inheritance_notice(&pool.backend().completed(&context), session.name.as_deref());
            let at = Some(pool.place().clone());
            session.inherit(SessionContext { context, lost: None, origin, at }, notice);
            tracing::info!("restored this client's previous context");
        }
        Err(error) => {
            let (gone, now) = (&remembered.context, session.context().context);
            tracing::warn!(%gone, %error, %now, "cannot restore this client's previous context");
            session.set_notice(fallback_notice(INHERITED, gone, &error.to_string(), &now));
        }
    }
}
