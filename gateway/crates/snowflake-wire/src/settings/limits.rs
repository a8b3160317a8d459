//! The bounds of time and memory.

use std::time::Duration;

/// Every wait and every buffer of this client, with its bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Making a connection, TLS included.
    pub connect_timeout: Duration,
    /// From the request to the head of its answer, for exchanges that the server answers at once.
    pub answer_timeout: Duration,
    /// The same for statements and results, which the server holds for up to 45 s before it says "still
    /// running".
    pub held_timeout: Duration,
    /// The same for a log-in, which may wait for a person to approve it.
    pub log_in_timeout: Duration,
    /// Closing a session, retries included. Short, because a caller has no use for the answer.
    pub close_timeout: Duration,
    /// Between two pieces of a body.
    pub stall_timeout: Duration,
    /// An answer, decompressed; rows that come with it included.
    pub answer_bytes_max: usize,
    /// One row of a result, as JSON.
    pub row_bytes_max: usize,
    /// Chunks downloaded ahead of the one that is read.
    pub chunks_ahead: usize,
    /// Bytes of one chunk, as they came (compressed), that may wait to be read. A result holds at most this
    /// times `chunks_ahead + 1`, one row, what 8 KiB inflate to (8 MiB at the very worst), and what the
    /// connections read at a time (below 1 MiB each).
    pub chunk_buffer_bytes: usize,
    /// Idle connections kept to one host.
    pub idle_connections_max: usize,
    /// How long an idle connection is kept; below the 60 s after which load balancers drop it.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(30),
            held_timeout: Duration::from_secs(90),
            log_in_timeout: Duration::from_secs(120),
            close_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
            answer_bytes_max: 64 << 20,
            row_bytes_max: 64 << 20,
            chunks_ahead: 2,
            chunk_buffer_bytes: 2 << 20,
            idle_connections_max: 16,
            idle_timeout: Duration::from_secs(50),
        }
    }
}
