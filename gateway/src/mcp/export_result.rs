//! The tool `export_result`: all rows of a query in a file.

use std::future::ready;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rmcp::model::{CallToolResult, ContentBlock, Resource};
use serde_json::json;
use sql_gate::{Class, Statement};
use tokio::task::spawn_blocking;
use url::Url;

use super::arguments::{self as args, InvalidArguments};
use super::call::{Call, CallError, Work};
use super::context_free::is_context_free;
use super::tool_name::ToolName;
use crate::backend::{
    BackendError, BoxFuture, Completion, Context, ErrorKind, Operation, Rule, SinkUse, Taking, WriteJournal,
};
use crate::export::{ExportBounds, ExportFolder, ExportFormat, ExportSink, Exported, check_name};
use crate::isolation::SessionGate;
use crate::limits::Used;
use crate::rows::RowSink;
use crate::session::Era;
use crate::telemetry::{ExportFacts, StatementFacts};

/// Rows that are held beside those of the file: none of them is shown.
const ROWS_HELD: u64 = 1;
/// The first revision of the protocol with links to resources in results.
const LINKS_SINCE: &str = "2025-06-18";
/// What is said behind each export that fails.
const NOTHING_LEFT: &str = "nothing of the file is left";

/// For statements that only read: the engine asks before one writes.
#[derive(Debug)]
struct ReadsOnly;

impl WriteJournal for ReadsOnly {
    fn begin<'a>(&'a self, _: Option<&'a str>) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(ready(Err(no_query("the statement writes"))))
    }

    // It is run again.
    fn record_query_id<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }
}

/// Whose rows are written.
enum Rows {
    /// A query's, with what it changes of the session's context.
    Query(String, Context),
    /// Those that are kept of an earlier result.
    Kept(String),
}

/// What is to be written, and how.
struct Export {
    rows: Rows,
    name: String,
    format: ExportFormat,
}

impl Export {
    fn read(tool: ToolName, arguments: args::ExportResult) -> Result<Self, InvalidArguments> {
        let args::ExportResult { query, handle, format, name, database, schema } = arguments;
        let invalid = |why: String| InvalidArguments::new(tool, why);
        if let Err(problem) = check_name(&name) {
            return Err(invalid(format!(
                "`name` is the name of one file in the export folder, and {problem}"
            )));
        }
        let format = ExportFormat::choose(format.as_deref(), &name)
            .map_err(|_| invalid(format!("`format` is {}", ExportFormat::BUILT_IN)))?;
        if !format.is_built_in() {
            let why = format!(
                "this build cannot write {format} (cargo feature `parquet`); use {}",
                ExportFormat::BUILT_IN
            );
            return Err(invalid(why));
        }
        let rows = match (query, handle) {
            (Some(query), None) => Rows::Query(query, Context { database, schema, ..Context::default() }),
            (None, Some(handle)) => Rows::Kept(handle),
            _ => return Err(invalid("give either `query` or `handle`".to_owned())),
        };
        Ok(Self { rows, name, format })
    }
}

/// A sink that ends with its call, however that ends: a backend may have it for a moment longer.
struct Ending(Arc<ExportSink>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Call {
    pub(super) async fn export_result(
        &self,
        tool: ToolName,
        arguments: args::ExportResult,
    ) -> Result<CallToolResult, CallError> {
        let Export { rows, name, format } = Export::read(tool, arguments)?;
        let (sink, counted) = match rows {
            Rows::Query(query, change) => {
                let (query, statement) = self.read_text(query).await?;
                let sink = Ending(Arc::new(self.open_sink(tool, name, format).await?));
                let taken = Arc::clone(&sink.0) as Arc<dyn RowSink>;
                let done = self.run_query(query, change, statement, taken).await;
                let done = done.map_err(|error| told_as_sink(error, &sink.0))?;
                (sink, done.rows.row_count() as u64)
            }
            Rows::Kept(handle) => {
                let rest = self.find_rest(tool, &handle).await?;
                let sink = Ending(Arc::new(self.open_sink(tool, name, format).await?));
                let read = self.read_rest(&rest, Arc::clone(&sink.0)).await;
                let counted = read.map_err(|error| told_as_sink(error, &sink.0))?;
                (sink, counted)
            }
        };
        let exported = self.publish(Arc::clone(&sink.0)).await?;
        self.note_export(counted, &exported);
        Ok(self.exported(&exported))
    }

    /// What is read of a statement that is to be a query.
    async fn read_text(&self, query: String) -> Result<(String, Arc<Statement>), BackendError> {
        let (query, digest) = self.digest(query).await;
        let keeps_text = self.shared.telemetry.keeps_text;
        self.record.seen().statement = Some(StatementFacts::new(digest, &query, keeps_text));
        let (query, statement, pattern) = self.read_statement(query, digest).await?;
        self.active.note_pattern(&pattern);
        if let Some(facts) = &mut self.record.seen().statement {
            facts.pattern = Some(pattern);
        }
        self.note_statement(&statement);
        // What a role or a list refuses is refused for that, when it runs.
        if statement.refusal.is_none() && (statement.class != Class::Read || statement.context.is_some()) {
            return Err(no_query(&format!("{} is no query", statement.verb)));
        }
        // A query ends no transaction: there is no answer but an error.
        self.check_state(&statement)?;
        Ok((query, statement))
    }

    /// Opens the profile's folder, and the sink that writes `name` into it.
    async fn open_sink(
        &self,
        tool: ToolName,
        name: String,
        format: ExportFormat,
    ) -> Result<ExportSink, BackendError> {
        let profile = &self.profile;
        let Some(path) = profile.export_folder.clone() else {
            return Err(no_export_folder(tool, &profile.name));
        };
        let bytes_max = profile.caps.export_bytes_max;
        let (profile, may_be_there) = (profile.name.clone(), self.facts.replayed);
        apart(move || {
            let folder =
                ExportFolder::open(&path).map_err(|problem| bad_folder(&path, &problem, &profile))?;
            folder.sweep();
            let is_taken =
                !may_be_there && folder.has(&name).map_err(|error| bad_folder(&path, &error, &profile))?;
            if is_taken {
                Err(taken(&name))
            } else {
                let bounds = ExportBounds { bytes_max, free_bytes_min: folder.bytes_to_leave() };
                Ok(ExportSink::new(Arc::new(folder), name, format, bounds))
            }
        })
        .await
    }

    async fn run_query(
        &self,
        query: String,
        change: Context,
        statement: Arc<Statement>,
        sink: Arc<dyn RowSink>,
    ) -> Result<Completion, BackendError> {
        let is_free = change == Context::default() && is_context_free(&query);
        let sink =
            SinkUse { sink, taking: Taking::All, time_max: Duration::MAX, read: Arc::clone(&self.kept.read) };
        let work = Work {
            statement: Some(statement),
            journal: Arc::new(ReadsOnly),
            sink: Some(sink),
            ..Work::reading(Operation::statement(query), ROWS_HELD)
        };
        if is_free {
            return self.run_anywhere(work).await;
        }
        let pool = self.shared.pool(&self.profile).await?;
        SessionGate::new(&self.session, &self.profile, &self.facts.context.context, pool.backend())
            .admit_context(pool.backend(), &change)?;
        self.run_in(self.call_context(change).await?, work).await
    }

    /// Has the file appear: only here, where the call goes on.
    async fn publish(&self, sink: Arc<ExportSink>) -> Result<Exported, BackendError> {
        let (cancel, killed) = (self.cancel.clone(), self.active.killed().clone());
        let may_be_there = self.facts.replayed;
        apart(move || {
            if cancel.is_cancelled() || killed.is_cancelled() {
                let message = format!("the export was cancelled; {NOTHING_LEFT}");
                return Err(BackendError::new(ErrorKind::Cancelled, message));
            }
            sink.publish(may_be_there).map_err(|error| not_written(error.kind(), &error.to_string()))
        })
        .await
    }

    /// Notes for the log, the audit trail and the limits what was written; `counted` rows of it have been counted.
    fn note_export(&self, counted: u64, exported: &Exported) {
        let facts = ExportFacts {
            file: exported.path.display().to_string(),
            bytes: exported.bytes,
            sha256: exported.sha256.clone(),
        };
        let mut seen = self.record.seen();
        (seen.rows, seen.export) = (Some(exported.rows), Some(facts));
        drop(seen);
        let rows = exported.rows.saturating_sub(counted);
        self.session.counters.rows.fetch_add(rows, Ordering::Relaxed);
        if let Some(admission) = self.admission.get() {
            admission.charge(Used { rows, bytes: exported.bytes, backend: Duration::ZERO });
        }
    }

    /// The result: the same for programs, for models, and as a link for clients that know those.
    fn exported(&self, exported: &Exported) -> CallToolResult {
        let Exported { path, rows, bytes, sha256, format } = exported;
        let shown = path.display().to_string();
        let counted = if *rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
        let text = format!("{counted} ({bytes} bytes, {format}) written to {shown}; SHA-256 {sha256}");
        let mut content = vec![ContentBlock::text(text)];
        content.extend(self.link(exported).map(ContentBlock::resource_link));
        let mut result = CallToolResult::success(content);
        result.structured_content = Some(json!({
            "path": shown, "rows": rows, "bytes": bytes, "sha256": sha256, "format": format.as_str(),
        }));
        result
    }

    fn link(&self, exported: &Exported) -> Option<Resource> {
        let revision = match self.session.client().era {
            Era::Handshake(revision) | Era::Stateless(revision) => revision,
            Era::Unknown => return None,
        };
        if revision.as_str() < LINKS_SINCE {
            return None;
        }
        let uri = Url::from_file_path(&exported.path).ok()?;
        let name = exported.path.file_name()?.to_string_lossy().into_owned();
        let link = Resource::new(uri, name).with_mime_type(exported.format.media_type());
        Some(link.with_size(exported.bytes))
    }
}

/// Does `work` where it may wait for a disk.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackendError> + Send + 'static,
) -> Result<T, BackendError> {
    // It is never aborted, and a panic in there is one here.
    spawn_blocking(work).await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// `error`, or why the sink could not take the rows where that was its cause.
fn told_as_sink(error: BackendError, sink: &ExportSink) -> BackendError {
    match sink.problem() {
        Some((kind, said)) if error.kind == ErrorKind::Refused => not_written(kind, &said),
        _ => error,
    }
}

/// The rows cannot be written: `said` is why.
fn not_written(kind: io::ErrorKind, said: &str) -> BackendError {
    let next_step = match kind {
        io::ErrorKind::AlreadyExists => return taken_meanwhile(),
        io::ErrorKind::InvalidInput => "send a statement that returns rows",
        io::ErrorKind::InvalidData => "export it as csv, or cast the column in the query",
        io::ErrorKind::FileTooLarge => {
            "export fewer rows or columns in each file, or have `export_bytes_max` raised under [limits]"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free space on the disk of the export folder, or export fewer rows"
        }
        _ => "look at the export folder and its disk, then send it again",
    };
    BackendError::new(ErrorKind::Refused, format!("the export failed, and {NOTHING_LEFT}: {said}"))
        .with_next_step(next_step)
}

fn taken(name: &str) -> BackendError {
    let message = format!("not run: the export folder has {name:?} already, and nothing is replaced");
    BackendError::new(ErrorKind::Refused, message).with_next_step("choose another name")
}

fn taken_meanwhile() -> BackendError {
    let message = "the export failed: another file of this name appeared meanwhile, and nothing is replaced";
    BackendError::new(ErrorKind::Refused, message).with_next_step("choose another name")
}

fn no_query(what: &str) -> BackendError {
    BackendError::new(
        ErrorKind::Refused,
        format!("not run: {what}, and export_result writes rows of a query"),
    )
    .with_next_step("run it with execute_query, and export a SELECT")
}

fn bad_folder(path: &Path, problem: &dyn std::fmt::Display, profile: &str) -> BackendError {
    let message =
        format!("not run: `export_folder` of the profile `{profile}`, {}, {problem}", path.display());
    BackendError::new(ErrorKind::Refused, message).with_next_step(
        "have the person who runs this gateway make it a folder that only its user may write to",
    )
}

/// The session's profile has no folder for exports.
pub(super) fn no_export_folder(tool: ToolName, profile: &str) -> BackendError {
    let message =
        format!("the tool {} is not offered: the profile `{profile}` has no `export_folder`", tool.as_str());
    let next_step =
        format!("read the rows with execute_query, or set `export_folder` under [profiles.{profile}]");
    BackendError::new(ErrorKind::Refused, message).with_rule(Rule::Tools).with_next_step(next_step)
}

/// The messages of the page, as they are.
#[cfg(test)]
pub(super) fn samples() -> Vec<(&'static str, BackendError)> {
    let full = "its disk has less than 256 MiB left, which stay free";
    vec![
        ("an export, and no folder for it", no_export_folder(ToolName::ExportResult, "analyst")),
        (
            "an export into a folder that others may write to",
            bad_folder(Path::new("/srv/exports"), &crate::export::FolderProblem::OthersMayWrite, "analyst"),
        ),
        ("an export below a name that is taken", taken("sales.csv")),
        ("an export below a name that was taken meanwhile", taken_meanwhile()),
        ("an export of what is no query", no_query("DELETE is no query")),
        ("an export that fills the disk", not_written(io::ErrorKind::StorageFull, full)),
    ]
}
