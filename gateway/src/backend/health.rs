//! What a backend reports of its other end: whether that answers.
//!
//! A backend reports each exchange, and decides nothing: who listens (a pool's circuit breaker) holds requests back.
//! Only outages are failures: no connection, no answer, a file or share that is gone. A statement's own error, a
//! cancel and a statement's time-out are answers, or nothing at all.

use std::sync::{Arc, OnceLock};

use super::BackendError;

/// Hears how a backend's other end is. Called from any thread; returns at once.
pub trait Health: Send + Sync + 'static {
    /// It has answered.
    fn answered(&self);

    /// It did not, `attempts` times in a row. `error` names nothing of the request: others are told it, too.
    fn failed(&self, error: BackendError, attempts: u32);
}

/// Where a backend reports to. Clones report to the same.
#[derive(Clone, Default)]
pub struct HealthReports(Arc<OnceLock<Arc<dyn Health>>>);

impl HealthReports {
    /// Reports go to `health`, if they go nowhere yet.
    pub fn attach(&self, health: Arc<dyn Health>) {
        let _ = self.0.set(health);
    }

    /// The other end has answered.
    pub fn answered(&self) {
        if let Some(health) = self.0.get() {
            health.answered();
        }
    }

    /// It did not.
    pub fn failed(&self, error: BackendError, attempts: u32) {
        if let Some(health) = self.0.get() {
            health.failed(error, attempts);
        }
    }
}
