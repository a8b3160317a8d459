//! The connection multiplexer: many sessions' requests over few connections.
//!
//! A [`Pool`] is the way to one backend: a request leases a connection (`manager` opens them for `deadpool`)
//! for as long as it runs and no longer, and needs one of the pool's `slots` for it. The [`Multiplexer`] is
//! what is above all pools: one for each connection of the config, opened when first used.

mod errors;
mod manager;
mod pool;
mod slots;
mod stop;
mod terms;
mod views;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use errors::stopped_while_waiting;
pub use pool::{Pool, PoolStatus, RunTimes};
pub use stop::StopReason;
pub use terms::Terms;
use tokio::task::JoinSet;
use tracing::Instrument as _;
pub use views::{ClosedCounts, LeaseView, PinView, PoolCounters, SessionUse};

use crate::backend::{BackendError, Registry};
use crate::config::PoolConfig;

/// The pools of all connections that are in use.
pub struct Multiplexer {
    registry: Registry,
    config: PoolConfig,
    /// Filled by the first user of each connection; nothing is ever taken out.
    pools: Mutex<BTreeMap<String, Arc<Pool>>>,
}

impl Multiplexer {
    /// A multiplexer over the connections in `registry`; nothing is opened yet. `config` applies to each pool
    /// by itself.
    pub fn new(registry: Registry, config: PoolConfig) -> Self {
        Self { registry, config, pools: Mutex::default() }
    }

    /// The pool of `connection`. The first user opens its backend, which may take as long as the files behind
    /// it.
    ///
    /// # Errors
    /// There is no such connection, or its backend cannot be opened; the next user tries again.
    pub async fn pool(&self, connection: &str) -> Result<Arc<Pool>, BackendError> {
        if let Some(pool) = self.lock().get(connection) {
            return Ok(Arc::clone(pool));
        }
        let backend = self.registry.backend(connection).await?;
        let mut pools = self.lock();
        let pool = pools
            .entry(connection.to_owned())
            .or_insert_with(|| Arc::new(Pool::new(connection, backend, self.config.clone())));
        Ok(Arc::clone(pool))
    }

    /// The pools that are open now, by the name of their connection.
    pub fn opened(&self) -> Vec<(String, Arc<Pool>)> {
        self.lock().iter().map(|(name, pool)| (name.clone(), Arc::clone(pool))).collect()
    }

    /// Closes idle connections above each pool's minimum, until dropped. Pools that are opened later are
    /// included.
    pub async fn reap_idle(&self) {
        let mut interval = tokio::time::interval(self.config.idle_timeout / 2);
        loop {
            interval.tick().await;
            for (_, pool) in self.opened() {
                pool.close_idle();
            }
        }
    }

    /// Closes all pools at once: they take as long as the slowest.
    pub async fn close(&self) {
        let mut closing = JoinSet::new();
        for (_, pool) in self.opened() {
            closing.spawn(async move { pool.close().await }.in_current_span());
        }
        while let Some(closed) = closing.join_next().await {
            if let Err(error) = closed {
                tracing::error!(%error, "a pool could not be closed");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
