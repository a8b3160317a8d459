//! The stream of a connection.

use tokio::io::{AsyncRead, AsyncWrite};

/// What a connection's bytes come from and go to: a reference reads and writes, so both sides share it.
pub(super) trait LinkStream: Send + Sync + 'static {
    /// The side that reads and writes.
    fn half(&self) -> impl AsyncRead + AsyncWrite + Unpin + Send + '_;
}

impl LinkStream for interprocess::local_socket::tokio::Stream {
    fn half(&self) -> impl AsyncRead + AsyncWrite + Unpin + Send + '_ {
        self
    }
}
