//! The connection multiplexer: many sessions' requests over few connections.
//!
//! A [`Pool`] is the way to one backend. A request leases a connection for as long as it runs (`shared_run`), or runs
//! on the one that its session has to itself (`owned_run`); the same read of several sessions may run once
//! (`flights`), and answers about the catalog are kept for a while (`metadata`). `desk` hands connections out and takes
//! them back, `choice` says which, `board` knows where each is, the allocator says who may have one, `manager` opens
//! them for `deadpool`, and `upkeep` looks after what is idle. The `breaker` holds requests back while the backend does
//! not answer. The [`Multiplexer`] is what is above all pools: one for each connection of the config, opened when first
//! used.

mod board;
mod breaker;
mod choice;
mod desk;
mod errors;
mod flights;
mod manager;
mod metadata;
mod owned_run;
mod pool;
mod retries;
mod running;
#[cfg(test)]
mod samples;
mod shared_run;
mod stop;
mod terms;
mod upkeep;
mod views;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use breaker::Breaker;
pub(crate) use breaker::Force;
pub use breaker::{BreakerState, BreakerView};
pub(crate) use errors::{shown, stopped_by_person, stopped_while_waiting};
use metadata::MetadataCache;
pub use metadata::MetadataCounters;
pub use pool::{Pool, PoolStatus};
pub use running::RunTimes;
#[cfg(test)]
pub(crate) use samples::samples;
pub use stop::StopReason;
pub use terms::Terms;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument as _;
pub use views::{ClosedCounts, LeaseView, PinView, PoolCounters, SessionUse};

use crate::backend::{Backend, BackendError, Place, Registry};
use crate::config::PoolConfig;

/// The pools of all connections that are in use.
pub struct Multiplexer {
    registry: Registry,
    config: PoolConfig,
    /// Filled by the first user of each connection.
    pools: Mutex<BTreeMap<String, Arc<Pool>>>,
    /// Connections that were defined since, with what their pools are made of.
    defined: Mutex<BTreeMap<String, Defined>>,
    /// What is known of catalogs, by the kind of their backends.
    metadata: Mutex<BTreeMap<&'static str, Arc<MetadataCache>>>,
    /// The circuit breakers that were set by hand, by the name of their connection: also of one that is not in use.
    /// Locked inside `pools` only.
    forced: Mutex<BTreeMap<String, Force>>,
    /// Wakes [`Multiplexer::look_after`]: something is due earlier, or there is another pool.
    wake: Arc<Notify>,
}

/// A connection that is not the configuration's own.
#[derive(Clone)]
struct Defined {
    /// The connection of the configuration that it stands for: contexts of both belong to the same place.
    stands_for: String,
    config: PoolConfig,
}

impl Multiplexer {
    /// A multiplexer over the connections in `registry`; nothing is opened yet. `config` applies to each pool
    /// by itself.
    pub fn new(registry: Registry, config: PoolConfig) -> Self {
        let (pools, defined, metadata, forced, wake) = Default::default();
        Self { registry, config, pools, defined, metadata, forced, wake }
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
        let defined = self.defined().get(connection).cloned();
        let Defined { stands_for, config } = defined
            .unwrap_or_else(|| Defined { stands_for: connection.to_owned(), config: self.config.clone() });
        let place = Place::of(&stands_for, &*backend);
        let metadata = self.metadata_of(backend.kind());
        let mut pools = self.lock();
        let pool = pools.entry(connection.to_owned()).or_insert_with(|| {
            let pool = Pool::new(connection, place, backend, config, &metadata, &self.wake);
            if let Some(force) = self.forced().get(connection) {
                pool.force_breaker(Some(*force));
            }
            Arc::new(pool)
        });
        self.wake.notify_one();
        Ok(Arc::clone(pool))
    }

    /// Defines the connection `name`, which stands for `stands_for` of the configuration; its backend is opened by `open`
    /// when it is first used.
    pub fn define(
        &self,
        name: &str,
        stands_for: &str,
        config: PoolConfig,
        open: impl Fn() -> Result<Arc<dyn Backend>, BackendError> + Send + Sync + 'static,
    ) {
        self.defined().insert(name.to_owned(), Defined { stands_for: stands_for.to_owned(), config });
        self.registry.define(name, open);
    }

    /// Forgets a connection that was defined, and closes its pool. Must be called from a task.
    pub fn remove(&self, name: &str) {
        self.registry.remove(name);
        self.defined().remove(name);
        self.forced().remove(name);
        let removed = self.lock().remove(name);
        if let Some(pool) = removed {
            self.metadata_of(pool.backend().kind()).clear();
            tokio::spawn(async move { pool.close().await }.in_current_span());
        }
    }

    fn metadata_of(&self, kind: &'static str) -> Arc<MetadataCache> {
        let mut metadata = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(metadata.entry(kind).or_default())
    }

    /// What became of questions about the catalog so far.
    pub fn metadata(&self) -> MetadataCounters {
        let metadata = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        metadata
            .values()
            .map(|cache| cache.counters())
            .fold(MetadataCounters::default(), MetadataCounters::plus)
    }

    /// Opens or closes the circuit breaker of `connection` by hand, or gives it back (`None`).
    ///
    /// # Errors
    /// There is no such connection.
    pub(crate) fn force_breaker(&self, connection: &str, force: Option<Force>) -> Result<(), BackendError> {
        if !self.registry.names().iter().any(|name| name == connection) {
            return Err(self.registry.unknown(connection));
        }
        let pools = self.lock();
        match force {
            Some(force) => self.forced().insert(connection.to_owned(), force),
            None => self.forced().remove(connection),
        };
        if let Some(pool) = pools.get(connection) {
            pool.force_breaker(force);
        }
        Ok(())
    }

    /// The circuit breakers of all connections, those that are not in use among them.
    pub fn breakers(&self) -> Vec<BreakerView> {
        let pools = self.lock();
        let view = |name: String| match pools.get(&name) {
            Some(pool) => pool.breaker(),
            None => {
                let defined = self.defined().get(&name).map(|defined| defined.config.breaker.clone());
                let config = defined.unwrap_or_else(|| self.config.breaker.clone());
                Breaker::unused(&name, config, self.forced().get(&name).copied())
            }
        };
        self.registry.names().into_iter().map(view).collect()
    }

    fn forced(&self) -> MutexGuard<'_, BTreeMap<String, Force>> {
        self.forced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn defined(&self) -> MutexGuard<'_, BTreeMap<String, Defined>> {
        self.defined.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pools that are open now, by the name of their connection.
    pub fn opened(&self) -> Vec<(String, Arc<Pool>)> {
        self.lock().iter().map(|(name, pool)| (name.clone(), Arc::clone(pool))).collect()
    }

    /// Looks after the connections of all pools, also of those that are opened later, until dropped: closes what is
    /// idle or old, asks what is silent whether it works, and takes from sessions what they do not use.
    pub async fn look_after(&self) {
        loop {
            let pools = self.opened();
            for (_, pool) in &pools {
                pool.look_after().await;
            }
            let next = pools.iter().map(|(_, pool)| pool.plan()).min();
            drop(pools);
            tokio::select! {
                () = self.wake.notified() => {}
                () = sleep_until(next) => {}
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

/// Sleeps until `moment`; for ever where there is none.
async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
