//! The gateway's end of the link: listening, hellos, and MCP messages over frames.
//!
//! `listener` owns the socket and the lock, `connection` takes one peer through its hello, `envelope` judges lines
//! before MCP sees them, `requests` knows those under way, `channel` and `transport` carry messages between frames and `rmcp`.

mod channel;
mod connection;
mod control;
mod entrance;
mod envelope;
mod listener;
mod opening;
mod passed_on;
mod pins;
mod requests;
mod transport;

pub use connection::serve_connection;
pub use control::{Command, Reply, StatusView, ask};
pub use envelope::Replayed;
pub use listener::{BindError, GatewayLock, Listener};
pub(crate) use requests::seq_of_private;
