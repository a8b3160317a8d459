//! What the HTTP front says of itself in `status`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// The HTTP front, as `status` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpView {
    /// Where it listens: `ADDRESS:PORT`, or the path of a Unix socket; what is configured, where it does not listen.
    pub address: String,
    /// Who is let in: `keys` or `none`.
    pub auth: String,
    /// Whether connections are encrypted.
    pub tls: bool,
    /// When the certificate expires, in seconds since 1970.
    #[serde(default)]
    pub certificate_expires: Option<i64>,
    /// Connections open.
    pub connections: usize,
    /// Connections open at once, at most.
    pub connections_max: usize,
    /// Connections that were refused because there were too many.
    #[serde(default)]
    pub connections_refused: u64,
    /// Why it does not listen, or does not use what is on disk now.
    #[serde(default)]
    pub problem: Option<String>,
}

/// What the HTTP front says of itself. Written by its listener, read by `status`.
#[derive(Debug, Default)]
pub struct HttpFacts {
    /// What changes seldom; `None` where the front is not enabled.
    view: Mutex<Option<HttpView>>,
    /// Connections open.
    pub connections: AtomicUsize,
    /// Connections that were refused because there were too many.
    pub refused: AtomicUsize,
}

impl HttpFacts {
    /// Changes what is said.
    pub fn set(&self, change: impl FnOnce(&mut HttpView)) {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        change(view.get_or_insert_default());
    }

    /// What is said now; `None` where the front is not enabled.
    pub fn view(&self) -> Option<HttpView> {
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let refused = self.refused.load(Ordering::Relaxed);
        Some(HttpView {
            connections: self.connections.load(Ordering::Relaxed),
            connections_refused: u64::try_from(refused).unwrap_or(u64::MAX),
            ..view
        })
    }
}
