//! The front for shims: frames over a local socket, and MCP messages over frames.
//!
//! `connection` serves one peer, from its hello on (`handshake`) to the end; `hellos` bounds how many open
//! their sessions at once. `channel` holds a session's
//! requests and the writing side, `outbox` what waits to be written, `pins` which lines the shim keeps for
//! the next gateway, `lines` messages as text; `transport` reads (a `stream`), and carries messages between the
//! intake and `rmcp`. `inner` opens the session of a front within this process. `control` answers `status`, `sessions`, `login` (`log_in`), `breaker`, `stop` and `restart`.

mod breaker;
mod channel;
mod client_settings;
mod connection;
mod control;
mod handler_guard;
mod handshake;
mod hellos;
mod inbound;
mod inner;
mod lines;
mod log_in;
mod outbox;
mod page_link;
mod parcel;
mod pins;
mod profile;
mod queries;
#[cfg(test)]
mod replay_order;
mod restore;
mod stream;
#[cfg(test)]
mod tests;
mod transport;

pub use breaker::{BreakerAction, BreakersView};
pub use connection::serve_connection;
pub use control::{Command, Reply, ask};
pub use hellos::Hellos;
pub use inner::{InnerClient, InnerLink, open_inner};
pub use log_in::{LogInAsked, LogInView, Need, Passcode, Password};
pub use page_link::PageLink;
pub use queries::{QueriesAsked, QueriesReply};
