//! The stream of a connection.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::mcp::LineFacts;
use crate::os::LinkConnection;

/// What a connection's bytes come from and go to: a reference reads and writes, so both sides share it.
pub(super) trait LinkStream: Send + Sync + 'static {
    /// The side that reads and writes.
    fn half(&self) -> impl AsyncRead + AsyncWrite + Unpin + Send + '_;

    /// Whether the other end is told which line a notification is about.
    const TELLS_ABOUT: bool = false;

    /// Whether the clients behind it do not know each other's ids.
    fn has_several_clients(&self) -> bool {
        false
    }

    /// What the front says of line `seq`, which starts now, beside its text.
    fn line_facts(&self, _seq: u64) -> LineFacts {
        LineFacts::default()
    }
}

impl LinkStream for LinkConnection {
    fn half(&self) -> impl AsyncRead + AsyncWrite + Unpin + Send + '_ {
        self
    }
}
