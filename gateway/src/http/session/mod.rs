//! The sessions of the front. Each is a shim's session whose shim is this process: its lines go through the same link,
//! intake, numbers, barriers and journal.
//!
//! | who sends | session | comes back after a restart |
//! |---|---|---|
//! | a client that opened with `initialize` | its own, by `Mcp-Session-Id` | yes, by that id, with the same key |
//! | a stateless or REST client with a name of its own: a key, `_client_id`, or a client name that tells it apart | one for each name | yes, by the name |
//! | a stateless or REST client that nothing tells apart from others | one for each connection; state that outlives a request is refused | nothing to come back to |
//! | a WebSocket | its own, until it is closed | no |
//!
//! `table` finds or opens them, `client` says whose they are, `http_session` sends, `courier` takes what comes back to the
//! `exchange` that it belongs to (`routes`), `numbers` reserves request numbers, `repeats` knows requests that are sent again, `head` reads
//! the outside of a request.

mod client;
mod courier;
mod exchange;
mod head;
mod http_session;
mod numbers;
mod repeats;
mod routes;
mod seat;
mod table;
#[cfg(test)]
mod tests;
mod waiting;

pub(super) use client::{NoSession, TAG_BYTES_MAX, Which, is_tag};
pub(super) use exchange::{Exchange, Outgoing};
pub(super) use http_session::{Delivery, HttpSession, NotSent, trace_of};
pub(crate) use repeats::Idempotency;
pub(super) use table::HttpSessions;
