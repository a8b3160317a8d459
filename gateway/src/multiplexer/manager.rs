//! How `deadpool` opens and checks the connections of a pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deadpool::managed::{Metrics, RecycleError, RecycleResult};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use crate::backend::{Backend, BackendError, Connection};
use crate::config::log_targets::SPANS;

/// Opens and checks a backend's connections for `deadpool`.
pub(super) struct Manager {
    /// The configured name of the pool's connection.
    name: String,
    backend: Arc<dyn Backend>,
    /// Connections that were opened or tried so far: the source of their numbers.
    opened: AtomicU64,
}

/// An open connection, and what the pool records about it.
pub(super) struct PooledConnection {
    pub(super) connection: Box<dyn Connection>,
    /// Set at each lease. `deadpool` has a time like it, but reads the system's clock, which a test cannot
    /// set.
    leased_at: Instant,
}

impl Manager {
    pub(super) fn new(name: &str, backend: Arc<dyn Backend>) -> Self {
        Self { name: name.to_owned(), backend, opened: AtomicU64::new(0) }
    }

    /// The span in which a connection is opened; its parent is the request that needs it. There is none for what
    /// runs on the connection: its events are the request's own.
    fn span(&self, number: u64) -> Span {
        tracing::error_span!(target: SPANS, "backend", backend = self.name, connection = number)
    }
}

impl PooledConnection {
    /// When it was last leased.
    pub(super) fn leased_at(&self) -> Instant {
        self.leased_at
    }
}

impl deadpool::managed::Manager for Manager {
    type Type = PooledConnection;
    type Error = BackendError;

    async fn create(&self) -> Result<PooledConnection, BackendError> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let connection = self.backend.connect().instrument(self.span(number)).await?;
        Ok(PooledConnection { connection, leased_at: Instant::now() })
    }

    async fn recycle(&self, pooled: &mut PooledConnection, _: &Metrics) -> RecycleResult<BackendError> {
        if !pooled.connection.is_usable() {
            return Err(RecycleError::message("the connection is broken"));
        }
        pooled.leased_at = Instant::now();
        Ok(())
    }
}
