//! Observability: what the gateway says (`filter`, `repeats`, `panics`; written by `streams`), the snapshot behind `status`
//! (`status`, `overview`, `problems`), and what reads it: `metrics` and `alerts`.
//!
//! `filter` keeps request text out at any level; `repeats` counts what repeats.
//!
//! Invariant: nothing here writes to stdout, which belongs to the readiness line.

mod alerts;
mod filter;
mod metrics;
mod overview;
mod panics;
mod problems;
mod repeats;
mod status;

use std::io;
use std::path::Path;

pub use alerts::{Alerts, webhook};
pub use metrics::{Format, MetricsFile, metrics_reference, metrics_text};
pub use overview::{Overview, overview};
pub use panics::log_panics;
pub use problems::{Problem, Severity, problems};
use repeats::WithoutRepeats;
pub use status::{ConnectionView, StatusView, snapshot};
use thiserror::Error;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;

use crate::config::LogsConfig;
use crate::config::log_targets::TargetsError;
use crate::shared::SetLogLevel;
pub use crate::streams::newest_log;
use crate::streams::{MainStream, StderrUse};

/// The process's log; dropping it writes the waiting lines (for at most a second).
pub type Guard = MainStream;

/// Why there is no log.
#[derive(Debug, Error)]
pub enum ObserveError {
    /// The list of targets is invalid.
    #[error(transparent)]
    Targets(#[from] TargetsError),
    /// This process has a log already.
    #[error("this process already has a log")]
    AlreadySet,
    /// There is no room for its thread.
    #[error("cannot start the log's thread")]
    Thread(#[from] io::Error),
}

/// Starts the process's log in `log_dir`, once per process; `stderr`: what that is for. `targets` is `SNOWGATE_LOG` (a level or a list of
/// targets) and, if given, overrides `level`. What is returned beside the log changes the level, where there are none.
///
/// # Errors
///
/// [`ObserveError`]; nothing is logged then.
pub fn init(
    log_dir: &Path,
    logs: &LogsConfig,
    stderr: StderrUse,
    level: Level,
    targets: Option<&str>,
) -> Result<(Guard, Option<SetLogLevel>), ObserveError> {
    let (subscriber, guard, set_level) = build(log_dir, logs, stderr, level, targets)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| ObserveError::AlreadySet)?;
    Ok((guard, set_level))
}

fn build(
    log_dir: &Path,
    logs: &LogsConfig,
    stderr: StderrUse,
    level: Level,
    targets: Option<&str>,
) -> Result<(impl Subscriber + Send + Sync + 'static, Guard, Option<SetLogLevel>), ObserveError> {
    let (filter, set_level) = filter::filter(level, targets)?;
    let stream = MainStream::open(log_dir, logs, stderr)?;
    let layer = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .map_event_format(WithoutRepeats::new)
        .with_writer(stream.lines())
        .with_filter(filter);
    Ok((tracing_subscriber::registry().with(layer), stream, set_level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::log_targets::SPANS;
    use crate::streams::StreamName;

    fn logged(targets: Option<&str>, body: impl FnOnce()) -> String {
        let dir = tempfile::tempdir().unwrap();
        let (subscriber, guard, _) =
            build(dir.path(), &LogsConfig::default(), StderrUse::Fallback, Level::INFO, targets).unwrap();
        tracing::subscriber::with_default(subscriber, body);
        assert!(guard.states().iter().all(|state| state.dropped() == 0));
        drop(guard);
        std::fs::read_to_string(newest_log(dir.path(), StreamName::Main).unwrap()).unwrap()
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
        let (_, guard, _) =
            build(&file.join("logs"), &LogsConfig::default(), StderrUse::Fallback, Level::INFO, None)
                .unwrap();
        let problem = guard.states()[0].problem().unwrap();
        assert!(problem.contains("cannot open the log in") && problem.contains("stderr"), "{problem}");
    }
}
