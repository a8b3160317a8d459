//! The tools `get_result` and `cancel_query`: what an earlier call of the session has left behind.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::Value;
use sql_gate::{Class, Statement};

use super::arguments::{self as args, InvalidArguments, limit};
use super::call::{Call, CallError, Work, text_result};
use super::facts::RowFormat;
use super::given::{text_of, whole};
use super::kept::Rest;
use super::long_call::Resumed;
use super::page::PageSink;
use super::table;
use super::tool_name::ToolName;
use super::{META_RESULT, META_ROWS, rows};
use crate::backend::{
    BackendError, Caps, Completion, Context, ErrorKind, Operation, SinkUse, Taking, Transaction,
};
use crate::isolation::SessionGate;
use crate::results::{Handle, Kept, RowSource};
use crate::rows::{Column, unique_names};

/// How long a statement is waited for where neither the call nor the profile says.
const WAIT_DEFAULT: Duration = Duration::from_secs(50);
/// Columns that are named where one is asked for that there is not.
const COLUMNS_NAMED_MAX: usize = 30;

impl Call {
    /// Returns rows of an earlier result, or the result of a statement that took long.
    pub(super) async fn get_result(
        &self,
        tool: ToolName,
        arguments: args::GetResult,
    ) -> Result<CallToolResult, CallError> {
        let wait = self.wait_of(tool, arguments.wait_ms.as_ref())?;
        let (handle, mut kept) = self.find_kept(tool, &arguments.handle).await?;
        if kept.is_running() {
            match self.wait_for_long(&handle, kept, wait).await? {
                Ok(ended) => kept = ended,
                Err(progress) => return Ok(progress),
            }
        }
        let asks_for_rows =
            arguments.offset.is_some() || arguments.page.is_some() || arguments.columns.is_some();
        match (&kept.result, kept.rows) {
            (Some(result), rows) if !asks_for_rows || rows.is_none() => Ok(earlier_result(result)),
            (_, Some(rows)) => self.page(tool, arguments, self.rest(handle, rows)).await,
            (_, None) => Err(self.no_such_result(&arguments.handle).into()),
        }
    }

    /// Stops a statement that was answered with its handle.
    pub(super) async fn cancel_query(
        &self,
        tool: ToolName,
        arguments: args::CancelQuery,
    ) -> Result<CallToolResult, CallError> {
        let (handle, kept) = self.find_kept(tool, &arguments.handle).await?;
        let running = if kept.is_running() { Some(self.resumed(&handle, kept).await?) } else { None };
        let Some(Resumed::Running(long)) = running else {
            return Ok(text_result(format!(
                "The statement of {handle} has ended: nothing is to be stopped. get_result returns its result."
            )));
        };
        long.stop().await;
        if long.wait(self.wait_max()).await {
            Ok(text_result(format!(
                "The statement of {handle} is stopped; get_result says what became of it."
            )))
        } else {
            Ok(text_result(format!("The statement of {handle} was told to stop, and has not ended yet.")))
        }
    }

    /// What `handle` is, if it is a result of this session that its profile may still see.
    pub(super) async fn find_kept(&self, tool: ToolName, text: &str) -> Result<(Handle, Kept), CallError> {
        self.refuse_unkept_state("a handle holds for the requests that follow")?;
        let pool = self.shared.pool(&self.profile).await?;
        let gate =
            SessionGate::new(&self.session, &self.profile, &self.facts.context.context, pool.backend());
        gate.admit_tool(Class::Read, tool.as_str())?;
        self.take_audit_place()?;
        let Some(handle) = Handle::parse(text) else { return Err(self.no_such_result(text).into()) };
        let found = self.shared.results.load(&self.session.key.id, &handle).await;
        let kept = found.map_err(|error| unreadable(&error))?.ok_or_else(|| self.no_such_result(text))?;
        if kept.profile != self.profile.name || kept.policy != self.profile.policy {
            return Err(outdated(&handle, &self.profile.name).into());
        }
        Ok((handle, kept))
    }

    fn no_such_result(&self, text: &str) -> BackendError {
        let (shown, config) = (super::shown(text), &self.shared.config.results);
        let message = format!("this session has no result `{shown}`");
        let next_step = format!(
            "take the handle from a result of this session: each is kept for {} minutes at most, the last {} of them \
             (`age_max_minutes` and `handles_max` under [results] in the config); or run the query again",
            config.age_max.as_secs() / 60,
            config.handles_max
        );
        BackendError::new(ErrorKind::Statement, message).with_next_step(next_step)
    }

    /// How long a statement is waited for, at most.
    fn wait_max(&self) -> Duration {
        if self.profile.caps.answer_within.is_zero() { WAIT_DEFAULT } else { self.answer_within() }
    }

    fn wait_of(&self, tool: ToolName, given: Option<&Value>) -> Result<Duration, InvalidArguments> {
        let most = self.wait_max();
        match given.map(|given| (whole(given), given)) {
            None => Ok(most),
            Some((Some(wait), _)) => Ok(Duration::from_millis(wait).min(most)),
            Some((None, given)) => {
                let why = format!("`wait_ms` is a number of milliseconds; {} was given", text_of(given));
                Err(InvalidArguments::new(tool, why))
            }
        }
    }

    async fn page(
        &self,
        tool: ToolName,
        asked: args::GetResult,
        rest: Rest,
    ) -> Result<CallToolResult, CallError> {
        let limit = limit(tool, asked.limit.as_ref(), args::QUERY_LIMIT, self.rows_max())?;
        let offset = offset(tool, &asked, limit, rest.rows.shown)?;
        let columns =
            asked.columns.as_deref().map(|names| places(tool, names, &rest.rows.columns)).transpose()?;
        // Where none is named, all are meant.
        let columns = columns.filter(|columns| !columns.is_empty());
        let caps = Caps { rows_max: limit, bytes_max: self.result_bytes_max(), count_rows_max: 0 };
        let reservation = self.reserve(caps.bytes_max, None).await?;
        let sink = Arc::new(PageSink::new(caps, columns));
        match rest.rows.source.clone() {
            RowSource::File => self.read_file(&sink, &rest, offset).await?,
            RowSource::Query { id, context } => self.read_query(&sink, id, context, offset).await?,
        }
        let done = Completion::of_rows(sink.take_rows());
        self.keep(reservation, &done, Transaction::None)?;
        let shown = done.rows.row_count() as u64;
        self.record.seen().rows = Some(shown);
        self.charge_rows(shown);
        Ok(self.rendered_page(done, rest, offset).await)
    }

    async fn read_file(&self, sink: &Arc<PageSink>, rest: &Rest, offset: u64) -> Result<(), BackendError> {
        let path = self
            .shared
            .results
            .rows(&self.session.key.id, &rest.handle)
            .map_err(|error| unreadable(&error))?;
        let (sink, columns) = (Arc::clone(sink), rest.rows.columns.clone());
        let reading = tokio::task::spawn_blocking(move || sink.fill(&path, &columns, offset));
        // It is never aborted; a panic in there is in the log.
        let read = reading.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        read.map_err(|error| unreadable(&error))
    }

    /// Reads the rows of a query of this session from the warehouse, which keeps them: nothing runs again.
    async fn read_query(
        &self,
        sink: &Arc<PageSink>,
        id: String,
        context: Context,
        offset: u64,
    ) -> Result<(), BackendError> {
        let statement = Statement { class: Class::Read, not_understood: None, ..Statement::unknown() };
        let operation = Operation::statement(String::new());
        let work = Work {
            earlier: Some(id),
            statement: Some(Arc::new(statement)),
            sink: Some(SinkUse {
                sink: Arc::clone(sink) as _,
                taking: Taking::All,
                time_max: Duration::ZERO,
                read: Arc::clone(&self.kept.read),
            }),
            rows_skipped: Some(offset),
            ..Work::reading(operation, 0)
        };
        self.run(context, work).await.map(drop)
    }

    async fn rendered_page(&self, done: Completion, rest: Rest, offset: u64) -> CallToolResult {
        let format = self.facts.line.format;
        let meta = rest.meta(offset, done.rows.row_count() as u64);
        let render = move || match format {
            RowFormat::Json => rows::page(&done, offset, &rest),
            RowFormat::Text => table::page(&done.rows, offset, &rest),
        };
        let mut result = text_result(self.shared.heavy.run(render).await);
        let mut members = vec![(META_RESULT.to_owned(), meta)];
        members.extend((format == RowFormat::Json).then(|| (META_ROWS.to_owned(), true.into())));
        result.meta = Some(rmcp::model::MetaObject(members.into_iter().collect()));
        result
    }

    /// Bytes of one result.
    fn result_bytes_max(&self) -> u64 {
        match self.facts.line.format {
            RowFormat::Text => self.profile.caps.bytes_max,
            RowFormat::Json => self.profile.caps.row_bytes_max,
        }
    }
}

/// The result of a call, as it was written down.
fn earlier_result(result: &Value) -> CallToolResult {
    serde_json::from_value(result.clone()).unwrap_or_else(|_| {
        let text = "The result of the statement cannot be read: another version of the gateway wrote it.";
        CallToolResult::error(vec![ContentBlock::text(text)])
    })
}

/// The row that a page begins with, counted from 0.
fn offset(tool: ToolName, asked: &args::GetResult, limit: u64, shown: u64) -> Result<u64, InvalidArguments> {
    let number = |name: &str, given: &Value, least: u64| {
        whole(given).filter(|number| *number >= least).ok_or_else(|| {
            let why = format!("`{name}` is a whole number from {least}; {} was given", text_of(given));
            InvalidArguments::new(tool, why)
        })
    };
    match (&asked.offset, &asked.page) {
        (Some(_), Some(_)) => Err(InvalidArguments::new(tool, "give `offset` or `page`, and not both")),
        (Some(offset), None) => number("offset", offset, 0),
        (None, Some(page)) => Ok((number("page", page, 1)? - 1).saturating_mul(limit)),
        // Other columns are asked for of the rows that were shown.
        (None, None) if asked.columns.is_some() => Ok(0),
        (None, None) => Ok(shown),
    }
}

/// The places of the columns `names`, which are separated by commas; one with a comma in it is in quotes, as in SQL. Of columns with the
/// same name each but the first has a number, as in an export: `a`, `a_2`.
fn places(tool: ToolName, names: &str, columns: &[Column]) -> Result<Vec<usize>, InvalidArguments> {
    let own = || columns.iter().map(|column| column.name.as_str());
    if let Some(at) = own().position(|own| own == names) {
        return Ok(vec![at]);
    }
    let numbered = unique_names(own());
    let place = |name: String| {
        let by = |is: &dyn Fn(&str) -> bool| {
            own().position(is).or_else(|| numbered.iter().position(|numbered| is(numbered)))
        };
        by(&|own| own == name).or_else(|| by(&|own| own.eq_ignore_ascii_case(&name))).ok_or_else(|| {
            let known: Vec<String> =
                numbered.iter().take(COLUMNS_NAMED_MAX).map(|name| quoted(name)).collect();
            let why = format!("there is no column `{}`; there are {}", super::shown(&name), known.join(", "));
            InvalidArguments::new(tool, why)
        })
    };
    split_names(names).into_iter().map(place).collect()
}

/// A column's name as it is asked for.
fn quoted(name: &str) -> String {
    if name.contains([',', '"']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}

/// The names in a list with commas. A name in quotes has its quotes twice; a quote that begins no name is one of its characters.
fn split_names(list: &str) -> Vec<String> {
    let (mut names, mut rest) = (Vec::new(), list);
    while !rest.trim().is_empty() {
        rest = rest.trim_start();
        let (name, behind) = quoted_name(rest).unwrap_or_else(|| {
            let (name, behind) = rest.split_once(',').unwrap_or((rest, ""));
            (name.trim().to_owned(), behind)
        });
        names.extend(Some(name).filter(|name| !name.is_empty()));
        rest = behind;
    }
    names
}

/// The name in quotes that `list` begins with, and what is behind its comma.
fn quoted_name(list: &str) -> Option<(String, &str)> {
    let inner = list.strip_prefix('"')?;
    let mut from = 0;
    loop {
        let at = from + inner[from..].find('"')?;
        let behind = &inner[at + 1..];
        if behind.starts_with('"') {
            from = at + 2;
            continue;
        }
        let behind = behind.trim_start();
        let behind = if behind.is_empty() { behind } else { behind.strip_prefix(',')? };
        return Some((inner[..at].replace("\"\"", "\""), behind));
    }
}

fn unreadable(error: &std::io::Error) -> BackendError {
    let message = format!("the kept rows cannot be read: {error}");
    BackendError::new(ErrorKind::Unavailable, message).with_next_step("run the query again")
}

fn outdated(handle: &Handle, profile: &str) -> BackendError {
    let message = format!(
        "the result {handle} was made when the profile `{profile}` of this session allowed something else"
    );
    BackendError::new(ErrorKind::Refused, message)
        .with_next_step("run the query again, as far as the profile allows it now")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(arguments: &Value) -> args::GetResult {
        args::read(ToolName::GetResult, arguments.as_object().cloned()).unwrap()
    }

    #[test]
    fn a_page_begins_where_it_is_asked_for() {
        let of = |arguments: Value| offset(ToolName::GetResult, &asked(&arguments), 50, 100).map_err(|_| ());
        assert_eq!(of(json!({"handle": "h"})), Ok(100), "behind what was shown");
        assert_eq!(of(json!({"handle": "h", "columns": "a"})), Ok(0), "the rows that were shown");
        assert_eq!(of(json!({"handle": "h", "offset": 7})), Ok(7));
        assert_eq!(of(json!({"handle": "h", "page": 3})), Ok(100));
        assert_eq!(of(json!({"handle": "h", "page": "1"})), Ok(0));
        for wrong in [json!({"handle": "h", "page": 0}), json!({"handle": "h", "page": 1, "offset": 1})] {
            assert!(of(wrong).is_err());
        }
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let columns: Vec<Column> =
            ["id", "Name", "name"].map(|name| Column { name: name.to_owned(), type_name: None }).to_vec();
        let of = |names| places(ToolName::GetResult, names, &columns).map_err(|_| ());
        assert_eq!(of("name, ID,"), Ok(vec![2, 0]));
        assert_eq!(of("NAME"), Ok(vec![1]));
        assert!(of("id,other").is_err());
    }

    #[test]
    fn any_column_can_be_named() {
        let columns: Vec<Column> = ["a", "a,b", "a", "say \"x\"", "\"q"]
            .map(|name| Column { name: name.to_owned(), type_name: None })
            .to_vec();
        let of = |names| places(ToolName::GetResult, names, &columns).map_err(|error| format!("{error:?}"));
        assert_eq!(of("a,b"), Ok(vec![1]), "the whole text is a name");
        assert_eq!(of("\"a,b\" , a_2,a"), Ok(vec![1, 2, 0]));
        assert_eq!(of("\"say \"\"x\"\"\",a"), Ok(vec![3, 0]));
        assert_eq!(of("say \"x\""), Ok(vec![3]));
        assert_eq!(of("\"q, a"), Ok(vec![4, 0]));
        assert!(of("c").unwrap_err().contains("there are a, "));
        for text in [",", "\"", "\"\"\"", "a,,", " , a ", "\"a\"b", "\u{e9}\""] {
            let _ = of(text);
        }
    }
}
