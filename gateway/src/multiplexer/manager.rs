//! How `deadpool` opens the connections of a pool, and what one is while it is open.
//!
//! `deadpool` bounds how many are open, opens them within a time, and counts them. Which one a request gets is
//! decided above it (`choice`): a connection never goes back to its queue.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deadpool::managed::{Metrics, Object, RecycleError, RecycleResult};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use crate::backend::{Backend, BackendError, Connection};
use crate::config::log_targets::SPANS;

/// Opens a backend's connections for `deadpool`.
pub(super) struct Manager {
    /// The configured name of the pool's connection.
    name: String,
    backend: Arc<dyn Backend>,
    /// Connections that were opened or tried so far: the source of their numbers.
    opened: AtomicU64,
}

/// What `deadpool` has of a connection.
pub(super) struct PooledConnection {
    number: u64,
    connection: Box<dyn Connection>,
}

/// An open connection. It is in one hand at a time: it can only be moved. Where it is dropped, it is closed.
pub(super) struct OpenConnection {
    /// Taken when it is dropped.
    object: Option<Object<Manager>>,
    pub(super) opened_at: Instant,
    /// When it was last leased.
    pub(super) leased_at: Instant,
    /// When it last answered.
    pub(super) answered_at: Instant,
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

impl OpenConnection {
    pub(super) fn new(object: Object<Manager>) -> Self {
        let now = Instant::now();
        Self { object: Some(object), opened_at: now, leased_at: now, answered_at: now }
    }

    /// Its number in the pool.
    pub(super) fn number(&self) -> u64 {
        self.pooled().number
    }

    fn pooled(&self) -> &PooledConnection {
        self.object.as_deref().expect("it is taken only when it is dropped")
    }
}

impl Deref for OpenConnection {
    type Target = dyn Connection;

    fn deref(&self) -> &Self::Target {
        &*self.pooled().connection
    }
}

impl DerefMut for OpenConnection {
    fn deref_mut(&mut self) -> &mut Self::Target {
        let pooled = self.object.as_deref_mut().expect("it is taken only when it is dropped");
        &mut *pooled.connection
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        drop(self.object.take().map(Object::take));
    }
}

impl deadpool::managed::Manager for Manager {
    type Type = PooledConnection;
    type Error = BackendError;

    async fn create(&self) -> Result<PooledConnection, BackendError> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let connection = self.backend.connect().instrument(self.span(number)).await?;
        Ok(PooledConnection { number, connection })
    }

    async fn recycle(&self, _: &mut PooledConnection, _: &Metrics) -> RecycleResult<BackendError> {
        Err(RecycleError::message("a connection does not come back here"))
    }
}
