//! The file that metrics are written to, for those who do not want `/metrics`: the textfile collector of Prometheus' node
//! exporter reads it.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use super::encode::{Format, metrics_text};
use crate::os::{READABLE, replace_often};
use crate::shared::Shared;

/// The file of `metrics.file`.
#[derive(Clone, Debug)]
pub struct MetricsFile {
    path: PathBuf,
}

impl MetricsFile {
    /// The file at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Writes the metrics of now. A failure is said, in the log once and in `status` while it lasts. Waits for the disk: not for
    /// the runtime's thread.
    pub fn write(&self, shared: &Arc<Shared>) {
        let written = metrics_text(shared, Format::Prometheus)
            .map_err(std::io::Error::other)
            // The node exporter is another user. The file has names of clients, and no text of theirs.
            .and_then(|text| replace_often(&self.path, text.as_bytes(), READABLE));
        let problem = written.err().map(|error| {
            format!(
                "the metrics cannot be written to {} (metrics.file): {error}; they are tried again every {} s",
                self.path.display(),
                shared.config.observing.metrics.file_interval.as_secs()
            )
        });
        let mut known = shared.metrics_problem.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*known, &problem) {
            (None, Some(problem)) => tracing::warn!("{problem}"),
            (Some(_), None) => tracing::info!("the metrics are written to their file again"),
            _ => {}
        }
        *known = problem;
    }
}
