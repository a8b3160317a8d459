//! Parts of a result, as storage serves them: to whoever has the link and the key.

use std::sync::Arc;

use super::reply::KEY_HEADER;
use crate::answers::Reply;
use crate::result::{Encoding, ResultSet, chunk_body};
use crate::server::Received;
use crate::sql::Outcome;
use crate::state::{Shared, State};

/// `GET /results/ID/NUMBER`.
pub(crate) fn chunk(shared: &Shared, request: &Received) -> Reply {
    let found = shared.with(|state| find(state, request));
    let (rows, paging) = match found {
        Ok(result) => (Arc::clone(&result.rows), result.paging),
        Err(reply) => return reply,
    };
    // No lock is held while rows are made and compressed.
    let range = paging.range(rows.len(), request.route.number);
    let (body, _) = chunk_body(&rows, range, paging.encoding);
    let reply = Reply { status: 200, headers: vec![("content-type", "binary/octet-stream".into())], body };
    if paging.encoding == Encoding::Gzip { reply.with_header("content-encoding", "gzip") } else { reply }
}

fn find(state: &mut State, request: &Received) -> Result<ResultSet, Reply> {
    let signature = request.query.get("X-Amz-Signature");
    if signature.is_none_or(|signature| *signature != state.links_epoch.to_string()) {
        return Err(Reply::storage_error(403, "AccessDenied"));
    }
    if request.headers.get(KEY_HEADER) != Some(&state.storage_key) {
        return Err(Reply::storage_error(400, "InvalidRequest"));
    }
    match state.queries.outcome(&request.route.id) {
        Some(Ok(Outcome::Rows(result))) if request.route.number < result.paging.chunks => Ok(result.clone()),
        _ => Err(Reply::storage_error(404, "NoSuchKey")),
    }
}
