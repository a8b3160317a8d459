//! What `session_info` says.

use std::path::Path;

use serde_json::{Value, json};
use snowgate_link::BUILD;

use super::own_settings;
use crate::backend::Backend;
use crate::session::{Session, SessionContext};

/// The session, as its client may know it; `context`: the one that the request runs in.
pub(super) fn render(
    session: &Session,
    context: &SessionContext,
    backend: &dyn Backend,
    file: &Path,
) -> Value {
    let (client, counts) = (session.client(), session.counters.counts());
    let statement_timeout = session.profile.caps.statement_timeout.as_millis();
    let mut info = json!({
        "session": session.key.id,
        "profile": session.profile.name,
        "backend": backend.kind(),
        "read_only": session.profile.read_only,
        "isolation": session.profile.isolation.name(),
        "statements": session.profile.statements.iter().map(sql_gate::Class::name).collect::<Vec<_>>(),
        "gateway_version": BUILD,
        "context": backend.completed(&context.context),
        "context_from": context.origin.name(),
        "limits": {
            "rows_max": session.profile.caps.rows_max,
            "bytes_max": session.profile.caps.bytes_max,
            "statement_timeout_ms": u64::try_from(statement_timeout).unwrap_or(u64::MAX),
            "requests_max": session.profile.caps.requests_max,
        },
        "requests": counts.requests,
        "rows": counts.rows,
        "bytes": counts.bytes,
        "errors": counts.errors,
    });
    if !session.profile.roles.is_empty() {
        info["roles"] = session.profile.roles.iter().map(|role| role.name.clone()).collect::<Vec<_>>().into();
    }
    if context.origin.is_inherited() {
        info["context_inherited"] = true.into();
    }
    if let Some(settings) = &session.settings {
        info["settings_not_applied"] = settings.names.clone().into();
    }
    if let Some(lost) = session.lost_state() {
        info["state_lost"] = lost.into();
    }
    let by_settings =
        session.refusing_settings().map(|settings| own_settings::refusal(settings, file).to_string());
    let refused = by_settings.or_else(|| session.profile.problem().map(|problem| problem.message.clone()));
    let texts = [
        ("client", client.name),
        ("client_version", client.version),
        ("context_lost", context.lost.clone()),
        ("session_name", session.name.clone()),
        ("key", session.api_key.as_ref().map(|key| key.name.clone())),
        ("calls_refused", refused),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            info[name] = value.into();
        }
    }
    info
}
