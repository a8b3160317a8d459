//! What the pool needs to know of connections.

use std::sync::Arc;

use deadpool::managed::{Metrics, RecycleError, RecycleResult};

use crate::backend::{Backend, BackendError, Connection};

/// Opens and checks a backend's connections for `deadpool`.
pub(super) struct Manager {
    backend: Arc<dyn Backend>,
}

impl Manager {
    pub(super) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend }
    }
}

impl deadpool::managed::Manager for Manager {
    type Type = Box<dyn Connection>;
    type Error = BackendError;

    async fn create(&self) -> Result<Self::Type, BackendError> {
        self.backend.connect().await
    }

    async fn recycle(&self, connection: &mut Self::Type, _: &Metrics) -> RecycleResult<BackendError> {
        if connection.is_usable() { Ok(()) } else { Err(RecycleError::message("the connection is broken")) }
    }
}
