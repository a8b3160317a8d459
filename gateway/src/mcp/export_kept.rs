//! `export_result` with a handle: the rows that are kept of an earlier result of the session.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sql_gate::{Class, Statement};
use tokio_util::sync::CancellationToken;

use super::call::{Call, CallError, Work};
use super::export_result::apart;
use super::kept::Rest;
use super::tool_name::ToolName;
use crate::backend::{BackendError, ErrorKind, Operation, RowsRead, SinkUse, Taking};
use crate::export::ExportSink;
use crate::results::{Handle, RowSource};
use crate::rows::{Column, RowSink, SpillFile, Want};

impl Call {
    /// All rows of the result `text`, if it is one of this session.
    pub(super) async fn find_rest(&self, tool: ToolName, text: &str) -> Result<Rest, CallError> {
        let (handle, kept) = self.find_kept(tool, text).await?;
        if kept.is_running() {
            return Err(still_runs(&handle).into());
        }
        match kept.rows {
            Some(rows) if rows.is_whole => Ok(self.rest(handle, rows)),
            Some(rows) => Err(not_whole(&handle, rows.problem.as_deref()).into()),
            None => Err(no_rows(&handle).into()),
        }
    }

    /// Hands the rows of `rest` to `sink`; returns how many of them have been counted for the session and its limits.
    pub(super) async fn read_rest(&self, rest: &Rest, sink: Arc<ExportSink>) -> Result<u64, BackendError> {
        match rest.rows.source.clone() {
            RowSource::File => self.read_rest_file(rest, sink).await.map(|()| 0),
            RowSource::Query { id, context } => {
                let statement =
                    Statement { class: Class::Read, not_understood: None, ..Statement::unknown() };
                let operation = Operation::statement(String::new());
                let work = Work {
                    earlier: Some(id),
                    statement: Some(Arc::new(statement)),
                    sink: Some(SinkUse {
                        sink,
                        taking: Taking::All,
                        time_max: Duration::ZERO,
                        read: Arc::clone(&self.kept.read),
                    }),
                    rows_skipped: Some(0),
                    ..Work::reading(operation, 0)
                };
                self.run(context, work).await.map(|done| done.rows.row_count() as u64)
            }
        }
    }

    async fn read_rest_file(&self, rest: &Rest, sink: Arc<ExportSink>) -> Result<(), BackendError> {
        let path =
            self.shared.results.rows(&self.session.key.id, &rest.handle).map_err(|error| unread(&error))?;
        let (columns, read) = (rest.rows.columns.clone(), Arc::clone(&self.kept.read));
        let stops = [self.cancel.clone(), self.active.killed().clone(), CancellationToken::new()];
        // A call that is dropped stops it, too.
        let _dropped = stops[2].clone().drop_guard();
        apart(move || {
            let is_stopped = || stops.iter().any(CancellationToken::is_cancelled);
            match copy(&path, &columns, &sink, &read, is_stopped) {
                Ok(true) => Ok(()),
                Ok(false) => Err(BackendError::new(ErrorKind::Cancelled, "the export was cancelled")),
                Err(error) => Err(unread(&error)),
            }
        })
        .await
    }
}

/// Hands all rows of a file to `sink`; `false`: it was stopped before the last.
fn copy(
    path: &Path,
    columns: &[Column],
    sink: &ExportSink,
    read: &RowsRead,
    is_stopped: impl Fn() -> bool,
) -> io::Result<bool> {
    let mut file = SpillFile::open(path, columns.len())?;
    sink.begin(columns)?;
    while let Some(block) = file.next_block()? {
        if is_stopped() || sink.write(block)? == Want::Nothing {
            return Ok(false);
        }
        read.add(block.row_count() as u64, block.text_bytes() as u64);
    }
    sink.finish(true)?;
    Ok(true)
}

/// As an error of what is refused: what the sink says of it is said instead.
fn unread(error: &io::Error) -> BackendError {
    let message = format!("not exported: the kept rows cannot be read: {error}");
    BackendError::new(ErrorKind::Refused, message).with_next_step("export the query instead: give `query`")
}

fn still_runs(handle: &Handle) -> BackendError {
    let message = format!("not exported: the statement of {handle} still runs");
    BackendError::new(ErrorKind::Busy, message).with_next_step("wait for it with get_result, then export it")
}

fn not_whole(handle: &Handle, problem: Option<&str>) -> BackendError {
    let why = problem.map(|problem| format!(": {problem}")).unwrap_or_default();
    let message = format!("not exported: not all rows of {handle} are kept{why}");
    BackendError::new(ErrorKind::Refused, message).with_next_step("export the query instead: give `query`")
}

fn no_rows(handle: &Handle) -> BackendError {
    let message = format!("not exported: no rows are kept of {handle}, as it was shown whole");
    BackendError::new(ErrorKind::Refused, message).with_next_step("export the query instead: give `query`")
}
