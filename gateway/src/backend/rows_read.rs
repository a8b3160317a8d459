//! How much of a result has been read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Rows and bytes that a statement has returned so far: written by its connection, read for progress.
#[derive(Debug, Default)]
pub struct RowsRead {
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl RowsRead {
    /// So many more have come.
    pub fn add(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Rows.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Bytes of their texts.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
