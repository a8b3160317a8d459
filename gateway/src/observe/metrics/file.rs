//! The file that metrics are written to, for those who do not want `/metrics`: the textfile collector of Prometheus' node
//! exporter reads it.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use super::encode::{Format, metrics_text};
use crate::shared::Shared;

/// Others may read it: the node exporter is another user. It has names of clients, and no text of theirs.
const MODE: u32 = 0o644;

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
            .map_err(io::Error::other)
            .and_then(|text| replace(&self.path, text.as_bytes()));
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

/// Replaces the file at once: who reads it finds the old one or the new one, whole.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    // The node exporter reads those that end with `.prom` only.
    let new = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    // Left by a process of this number that was killed; or put there by another user, whose link is not followed.
    let _ = fs::remove_file(&new);
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&new)
        .and_then(|mut file| {
            file.write_all(bytes).and_then(|()| file.set_permissions(Permissions::from_mode(MODE)))
        })
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // What is half written is of no use; that it cannot be removed adds nothing.
        let _ = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snowgate.prom");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let precious = folder.path().join("precious");
        fs::write(&precious, b"precious").unwrap();
        let guessed = folder.path().join(format!(".snowgate.prom.{}.new", std::process::id()));
        std::os::unix::fs::symlink(&precious, &guessed).unwrap();
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        assert!(replace(&folder.path().join("missing").join("x.prom"), b"one").is_err());
    }
}
