//! Why a message is refused.

use rmcp::model::{ErrorCode, ErrorData, RequestId};
use serde_json::json;

/// A message that is refused, and the error that says why.
#[derive(Debug)]
pub struct Rejection {
    /// The id to answer under, where the message has a valid one.
    pub id: Option<RequestId>,
    /// The answer.
    pub error: ErrorData,
}

/// Of params that are not what their method takes.
pub(super) const MISFIT: &str = "do not fit its schema";

/// Not a message at all.
pub(super) fn parse_error(message: String) -> Rejection {
    Rejection { id: None, error: ErrorData::new(ErrorCode::PARSE_ERROR, message, None) }
}

/// Not a valid request.
pub(super) fn invalid(id: Option<RequestId>, why: &str) -> Rejection {
    let message = format!("Invalid request: {why}");
    Rejection { id, error: ErrorData::new(ErrorCode::INVALID_REQUEST, message, None) }
}

/// The params of `method` cannot be taken.
pub(super) fn unfit(id: RequestId, method: &str, why: &str) -> Rejection {
    const SHOWN_CHARS_MAX: usize = 100;
    let method: String = method.chars().take(SHOWN_CHARS_MAX).collect();
    Rejection {
        id: Some(id),
        error: ErrorData::invalid_params(format!("the params of {method} {why}"), None),
    }
}

/// The refusal of a second request under the id of one that still runs. It carries no id of its own: an
/// answer under that id would end the first request in the client's eyes.
pub(super) fn duplicate(id: &RequestId) -> Rejection {
    invalid(None, &format!("id {} is in use by a request that still runs", json!(id)))
}

/// The refusal of a subscription beyond `limit`.
pub(super) fn too_many_subscriptions(id: RequestId, limit: usize) -> Rejection {
    invalid(Some(id), &format!("{limit} subscriptions are open, which is the limit; cancel one"))
}

/// The refusal of a long request that the gateway has no memory for, because of `why`.
pub fn no_room(id: RequestId, replayed: bool, why: &str) -> Rejection {
    let before = if replayed { "; an earlier gateway may have run it: look before you do" } else { "" };
    let message = format!("no room for this long request: {why}; send it again later{before}");
    // For programs; what was replayed may have run, and says so.
    let kind = if replayed { "outcome_unknown" } else { "busy" };
    Rejection { id: Some(id), error: ErrorData::internal_error(message, Some(json!({ "kind": kind }))) }
}
