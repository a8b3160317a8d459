//! Observability: the gateway's log, and the snapshot behind `status` (`status`).
//!
//! JSON lines in `<log_dir>/gateway.<date>.log`, written by its own thread so that no request waits for the
//! disk ([`init`]). `filter` decides what is logged and keeps request text out, whatever is configured;
//! `files` writes the files and bounds them, `paced` in batches, `repeats` counts what repeats. Where the files cannot be written,
//! the lines go to stderr (`stderr`).
//!
//! Invariant: nothing here writes to stdout, which belongs to the readiness line.

mod filter;
mod overview;
mod repeats;
mod status;

use std::path::Path;

pub use overview::{Overview, overview};
use repeats::WithoutRepeats;
pub use status::{ConnectionView, StatusView, snapshot};
use thiserror::Error;
use tracing::{Level, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;

use crate::config::log_targets::TargetsError;
use crate::streams::{FILE_BYTES_MAX, LogFile, Paced};
pub use crate::streams::{LogProblem, newest_log};

/// The most lines that wait for the disk; further ones are dropped and counted, because logging must not slow
/// requests.
const LINES_WAITING_MAX: usize = 8_192;

/// Keeps the log's thread alive; dropping it writes the waiting lines (for at most a second).
#[derive(Debug)]
#[must_use = "the log ends when the guard is dropped"]
pub struct Guard {
    dropped: ErrorCounter,
    problem: LogProblem,
    _worker: WorkerGuard,
}

impl Guard {
    /// Lines that were not written because too many were waiting.
    pub fn dropped_lines(&self) -> usize {
        self.dropped.dropped_lines()
    }

    /// Why the lines go to stderr, while they do.
    pub fn problem(&self) -> LogProblem {
        LogProblem::clone(&self.problem)
    }
}

/// Why there is no log.
#[derive(Debug, Error)]
pub enum ObserveError {
    /// The list of targets is invalid.
    #[error(transparent)]
    Targets(#[from] TargetsError),
    /// This process has a log already.
    #[error("this process already has a log")]
    AlreadySet,
}

/// Starts the process's log in `log_dir`, once per process. `targets` is `SNOWGATE_LOG` (a level or a list of
/// targets) and, if given, overrides `level`.
///
/// # Errors
///
/// [`ObserveError`]; nothing is logged then.
pub fn init(log_dir: &Path, level: Level, targets: Option<&str>) -> Result<Guard, ObserveError> {
    let (subscriber, guard) = build(log_dir, level, targets)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| ObserveError::AlreadySet)?;
    Ok(guard)
}

fn build(
    log_dir: &Path,
    level: Level,
    targets: Option<&str>,
) -> Result<(impl Subscriber + Send + Sync + 'static, Guard), ObserveError> {
    let filter = filter::filter(level, targets)?;
    let (file, problem) = LogFile::open(log_dir, FILE_BYTES_MAX);
    let (writer, worker) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES_WAITING_MAX)
        .thread_name("snowgate-log")
        .finish(Paced::new(file));
    let dropped = writer.error_counter();
    let layer = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .map_event_format(WithoutRepeats::new)
        .with_writer(writer)
        .with_filter(filter);
    Ok((tracing_subscriber::registry().with(layer), Guard { dropped, problem, _worker: worker }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::log_targets::SPANS;

    fn logged(targets: Option<&str>, body: impl FnOnce()) -> String {
        let dir = tempfile::tempdir().unwrap();
        let (subscriber, guard) = build(dir.path(), Level::INFO, targets).unwrap();
        tracing::subscriber::with_default(subscriber, body);
        assert_eq!(guard.dropped_lines(), 0);
        drop(guard);
        std::fs::read_to_string(newest_log(dir.path()).unwrap()).unwrap()
    }

    #[test]
    fn lines_are_json_with_fields_and_spans_and_are_written_when_the_guard_is_dropped() {
        let text = logged(None, || {
            let span = tracing::info_span!("session", id = 7);
            span.in_scope(|| tracing::info!(rows = 3, "answered"));
            tracing::debug!("too fine");
        });
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert_eq!(lines[0]["message"], "answered");
        assert_eq!(lines[0]["rows"], 3);
        assert_eq!(lines[0]["spans"][0]["id"], 7);
        assert!(lines[0]["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn request_text_that_rmcp_logs_is_never_written() {
        for targets in [None, Some("trace"), Some("rmcp=trace"), Some("rmcp::service=debug,trace")] {
            let text = logged(targets, || {
                tracing::info!(target: "rmcp::service", sql = "select secret", "received request");
                tracing::warn!(target: "rmcp", "select secret");
                let span = tracing::info_span!(target: "rmcp::handler", "call", sql = "select secret");
                span.in_scope(|| tracing::info!("ours"));
                tracing::error!(target: "rmcp::service", "fail to send");
            });
            assert!(!text.contains("secret"), "{targets:?}: {text}");
            assert!(text.contains("fail to send") && text.contains("ours"), "{targets:?}: {text}");
        }
    }

    #[test]
    fn an_event_names_what_it_is_about_whatever_is_logged() {
        let text = logged(Some("snowgate=off,snowgate::link=info"), || {
            let span = tracing::error_span!(target: SPANS, "session", session = "s");
            span.in_scope(|| {
                tracing::info!(target: "snowgate::link", "logged");
                tracing::error!(target: "snowgate::mcp", "not logged");
            });
        });
        assert!(text.contains("\"session\":\"s\"") && !text.contains("not logged"), "{text}");
    }

    #[test]
    fn a_fault_that_repeats_is_one_line() {
        let text = logged(None, || {
            for _ in 0..200 {
                tracing::error!(error = "EMFILE", "cannot accept a connection");
            }
            tracing::info!("fine");
        });
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn a_folder_that_cannot_be_created_is_a_problem_and_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let (_, guard) = build(&file.join("logs"), Level::INFO, None).unwrap();
        let problem = guard.problem().lock().unwrap().clone().unwrap();
        assert!(problem.contains("cannot open the log in") && problem.contains("stderr"), "{problem}");
    }
}
