//! A tool call on its way through the backend: operations in, text out.

use std::future::ready;
use std::sync::{Arc, OnceLock};

use rmcp::model::{CallToolResult, ContentBlock, JsonObject, MetaObject};
use serde_json::json;
use sql_gate::{Class, Statement};
use tokio_util::sync::CancellationToken;

use super::arguments::{self as args, InvalidArguments, limit};
use super::client_log::ClientLog;
use super::consent::Consent;
use super::describe_table::with_one_key;
use super::export_result::no_export_folder;
use super::facts::{RequestFacts, RowFormat};
use super::kept::CallKept;
use super::progress::Progress;
use super::request_record::RequestRecord;
use super::table::{self, Source};
use super::tool_call::ToolCall;
use super::tool_name::ToolName;
use super::{META_RESULT, META_ROWS, NAME_BYTES_MAX, failure, own_settings, rows, session_info};
use crate::backend::{
    BackendError, BoxFuture, Catalog, Completion, Context, ErrorKind, Operation, Relation, RelationKind,
    Rule, SinkUse, WriteJournal,
};
use crate::config::Permission;
use crate::isolation::{SessionGate, of_role};
use crate::limits::{Admission, CallKind};
use crate::multiplexer::stopped_by_person;
use crate::results::Handle;
use crate::session::{ActiveCall, CONTEXT_BYTES_MAX, Profile, ProfileProblem, Session};
use crate::shared::{HEAVY_BYTES, Shared};

/// A call that runs: whose it is and how it is stopped.
pub(super) struct Call {
    pub(super) shared: Arc<Shared>,
    pub(super) session: Arc<Session>,
    /// The session's profile as it was when the call began. All of the call is judged by it, also if a reload changes it
    /// meanwhile.
    pub(super) profile: Arc<Profile>,
    pub(super) facts: RequestFacts,
    /// Fires when the client does not want the answer any more.
    pub(super) cancel: CancellationToken,
    /// Its place among the calls under way: what a person sees of it, and stops (`snowgate kill`).
    pub(super) active: ActiveCall,
    /// The client that wants to be told while it waits.
    pub(super) progress: Option<Progress>,
    /// What the log is to say of it.
    pub(super) record: Arc<RequestRecord>,
    /// Its client, if that takes log messages.
    pub(super) log: Option<ClientLog>,
    /// Set once the limits have let it in, where there are any.
    pub(super) admission: OnceLock<Admission>,
    /// What its user says of what it costs.
    pub(super) consent: Consent,
    /// What it leaves behind.
    pub(super) kept: CallKept,
}

/// What a call has the backend do.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) operation: Operation,
    pub(super) rows_max: u64,
    /// The id of the query that an earlier gateway ran for it.
    pub(super) earlier: Option<String>,
    pub(super) journal: Arc<dyn WriteJournal>,
    /// What has been read of a statement's text.
    pub(super) statement: Option<Arc<Statement>>,
    /// Who takes its rows; `None`: they are kept where they are more than is shown.
    pub(super) sink: Option<SinkUse>,
    /// Rows of `earlier` that are left out; set where that is only read.
    pub(super) rows_skipped: Option<u64>,
}

impl Work {
    /// Something that changes nothing.
    pub(super) fn reading(operation: Operation, rows_max: u64) -> Self {
        Self {
            operation,
            rows_max,
            earlier: None,
            journal: Arc::new(NoWrites),
            statement: None,
            sink: None,
            rows_skipped: None,
        }
    }
}

/// For questions about the catalog, which change nothing.
#[derive(Debug)]
struct NoWrites;

impl WriteJournal for NoWrites {
    fn begin<'a>(&'a self, _: Option<&'a str>) -> BoxFuture<'a, Result<(), BackendError>> {
        let message = "a question about the catalog would have changed something";
        Box::pin(ready(Err(BackendError::new(ErrorKind::Refused, message))))
    }

    // It is asked again.
    fn record_query_id<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }
}

/// Why a call has no result but an error's.
pub(super) enum CallError {
    /// The arguments are wrong beyond what their schema says.
    Arguments(InvalidArguments),
    /// The backend's error, or one of the gateway in its place.
    Backend(BackendError),
}

impl From<InvalidArguments> for CallError {
    fn from(error: InvalidArguments) -> Self {
        Self::Arguments(error)
    }
}

impl From<BackendError> for CallError {
    fn from(error: BackendError) -> Self {
        Self::Backend(error)
    }
}

impl Call {
    /// Runs `call`; its errors are results, too.
    pub(super) async fn answer(&self, call: ToolCall) -> CallToolResult {
        {
            let mut seen = self.record.seen();
            (seen.tool, seen.class) = (Some(call.tool()), Some(call.class()));
        }
        self.active.note_tool(call.tool().as_str());
        let result = match self.dispatch(call).await {
            Ok(result) => result,
            Err(CallError::Backend(error)) => {
                let error = self.told_as_killed(error);
                self.record.note_error(&error);
                if self.consent.ask(&self.session, &error) {
                    // What is to be said once is said with the answer.
                    return failure::result(&error);
                }
                failure::result(&error)
            }
            Err(CallError::Arguments(error)) => self.refuse(&error),
        };
        let limits = self.tell_limits(self.charge_result(&result)).await;
        let settings = self.session.take_unapplied_settings();
        let settings =
            settings.map(|settings| own_settings::notice(settings, &self.shared.paths.config_file));
        let notices: Vec<String> =
            settings.into_iter().chain(self.session.take_notice()).chain(limits).collect();
        if notices.is_empty() { result } else { noting(result, notices.join("\n")) }
    }

    /// `error` as it is told where a person stopped the call.
    fn told_as_killed(&self, error: BackendError) -> BackendError {
        let is_killed = error.kind == ErrorKind::Cancelled && self.active.killed().is_cancelled();
        if is_killed { stopped_by_person(error) } else { error }
    }

    /// The result of a call that cannot be read. It is a call all the same, and counts as one.
    pub(super) fn refuse_unread(&self, refusal: &InvalidArguments) -> CallToolResult {
        let admitted = self.check_tool(refusal.tool()).and_then(|()| self.admit_call(false));
        match admitted {
            Ok(()) => self.refuse(refusal),
            Err(error) => {
                self.record.seen().tool = Some(refusal.tool());
                self.record.note_error(&error);
                failure::result(&error)
            }
        }
    }

    /// The result of a call whose arguments cannot be used.
    fn refuse(&self, refusal: &InvalidArguments) -> CallToolResult {
        // What is not offered is refused for that, whatever its arguments are.
        if let Err(error) = self.check_tool(refusal.tool()) {
            self.record.note_error(&error);
            return failure::result(&error);
        }
        self.record.seen().tool = Some(refusal.tool());
        self.record.note_refusal("invalid_arguments");
        refusal.result()
    }

    async fn dispatch(&self, call: ToolCall) -> Result<CallToolResult, CallError> {
        let tool = call.tool();
        match call {
            // What is wrong with the session is found with it.
            ToolCall::SessionInfo => self.check_tool(tool)?,
            // A statement may have run already: that is looked up first.
            ToolCall::ExecuteQuery(_) | ToolCall::Saved(_) => {}
            _ => self.check_session(tool)?,
        }
        if !matches!(call, ToolCall::ExecuteQuery(_) | ToolCall::Saved(_)) {
            self.admit_as(self.kind_of(&call))?;
        }
        self.run_of(tool, call).await
    }

    /// What `call` is, for the limits.
    fn kind_of(&self, call: &ToolCall) -> CallKind {
        let handle = match call {
            ToolCall::GetResult(arguments) => Some(&arguments.handle),
            ToolCall::CancelQuery(arguments) => Some(&arguments.handle),
            _ => None,
        };
        let is_long = |handle: &String| {
            Handle::parse(handle).is_some_and(|handle| self.session.long_calls.find(&handle).is_some())
        };
        match call.reads_rows() {
            true => CallKind::Query,
            false if handle.is_some_and(is_long) => CallKind::OfEarlier,
            false => CallKind::Other,
        }
    }

    /// The run of `call`. Made here and not where it is waited for: there, a build without optimization keeps room on its stack for the run of
    /// each tool, below all that the one does.
    fn run_of(&self, tool: ToolName, call: ToolCall) -> BoxFuture<'_, Result<CallToolResult, CallError>> {
        match call {
            ToolCall::ListDatabases => Box::pin(self.list(Catalog::Databases)),
            ToolCall::ListSchemas(args::ListSchemas { database }) => {
                Box::pin(self.list(Catalog::Schemas { database }))
            }
            ToolCall::ListTables(args::ListTables { database, schema, like }) => {
                Box::pin(self.list(Catalog::Tables { database, schema, like }))
            }
            ToolCall::ListViews(args::ListViews { database, schema }) => {
                Box::pin(self.list(Catalog::Views { database, schema }))
            }
            ToolCall::DescribeTable(arguments) => Box::pin(self.describe_table(arguments)),
            ToolCall::DescribeView(arguments) => Box::pin(self.describe_view(arguments)),
            ToolCall::QueryView(arguments) => Box::pin(self.query_view(tool, arguments)),
            ToolCall::ExecuteQuery(arguments) => Box::pin(self.execute_query(tool, arguments)),
            ToolCall::ExplainQuery(arguments) => Box::pin(self.explain_query(tool, arguments)),
            ToolCall::GetResult(arguments) => Box::pin(self.get_result(tool, arguments)),
            ToolCall::CancelQuery(arguments) => Box::pin(self.cancel_query(tool, arguments)),
            ToolCall::ExportResult(arguments) => Box::pin(self.export_result(tool, arguments)),
            ToolCall::SearchObjects(arguments) => Box::pin(self.search_objects(tool, arguments)),
            ToolCall::ListSemanticViews(arguments) => Box::pin(self.list_semantic_views(arguments)),
            ToolCall::DescribeSemanticView(arguments) => {
                Box::pin(self.describe_semantic_view(tool, arguments))
            }
            ToolCall::SetContext(arguments) => Box::pin(self.set_context(tool, arguments)),
            ToolCall::SessionInfo => {
                Box::pin(async { Ok(CallToolResult::structured(self.session_info().await?)) })
            }
            ToolCall::Saved(call) => Box::pin(self.saved_question(call)),
        }
    }

    /// Whether the client's own settings, and its profile, let calls of `tool` run here.
    pub(super) fn check_session(&self, tool: ToolName) -> Result<(), BackendError> {
        if let Some(settings) = self.session.refusing_settings() {
            return Err(own_settings::refusal(settings, &self.shared.paths.config_file));
        }
        if let Some(why) = self.session.set.as_ref().and_then(|set| set.outdated()) {
            return Err(own_settings::outdated(&why));
        }
        if let Some(ProfileProblem { message, next_step, .. }) = self.session.profile.problem() {
            let error = BackendError::new(ErrorKind::Refused, format!("not run: {message}"));
            return Err(match next_step {
                Some(next_step) => error.with_next_step(next_step.clone()),
                None => error,
            });
        }
        self.check_tool(tool)
    }

    /// Whether the session's profile offers `tool`.
    fn check_tool(&self, tool: ToolName) -> Result<(), BackendError> {
        let profile = &self.profile;
        if profile.offers(tool.as_str()) {
            return Ok(());
        }
        self.session.note_denial();
        tracing::warn!(
            profile = profile.name,
            setting = "tools",
            "a tool was refused by the session's profile"
        );
        if let Some(role) = profile.role_against_tool(tool.as_str())
            && let Some(permission) = Permission::of_tool(tool.as_str()).first()
        {
            return Err(of_role(&format!("the tool {}", tool.as_str()), *permission, role));
        }
        if profile.lacks_folder_for(tool.as_str()) {
            return Err(no_export_folder(tool, &profile.name));
        }
        Err(not_offered(tool, profile.tools.as_deref().unwrap_or_default(), &profile.name))
    }

    async fn list(&self, catalog: Catalog) -> Result<CallToolResult, CallError> {
        Ok(self.rows(self.catalog(catalog, self.rows_max()).await?, Source::Catalog).await)
    }

    async fn describe_view(&self, arguments: args::DescribeView) -> Result<CallToolResult, CallError> {
        let args::DescribeView { database, view_name, schema } = arguments;
        let relation = Relation { database: Some(database), schema, name: view_name };
        let rows_max = self.rows_max();
        let describe = |relation| Catalog::Describe { kind: RelationKind::View, relation };
        let (relation, columns) = match self.ask_about(relation.clone(), rows_max, describe).await {
            Ok((found, columns)) => (found, Ok(with_one_key(columns))),
            // What a view that no longer works was meant to do is in its definition.
            Err(error) if error.kind == ErrorKind::Statement => (relation, Err(error)),
            Err(error) => return Err(error.into()),
        };
        let definition = self.ask_about(relation, rows_max, Catalog::Definition).await;
        let first_cell = |(_, found): (_, Completion)| found.rows.first_cell().unwrap_or_default().to_owned();
        match (columns, definition.map(first_cell)) {
            (Ok(columns), definition) => {
                Ok(self.described_rows(columns, Source::Catalog, Some(definition?)).await)
            }
            (Err(why), Ok(definition)) => {
                Ok(text_result(format!("{}\n\n{definition}", failure::of_view(&why))))
            }
            // There is no such view.
            (Err(why), Err(_)) => Err(why.into()),
        }
    }

    async fn query_view(
        &self,
        tool: ToolName,
        arguments: args::QueryView,
    ) -> Result<CallToolResult, CallError> {
        let args::QueryView { database, view_name, schema, limit: given } = arguments;
        let rows_max = limit(tool, given.as_ref(), args::VIEW_LIMIT, self.rows_max())?;
        let relation = Relation { database: Some(database), schema, name: view_name };
        let (_, rows) = self.ask_about(relation, rows_max, Catalog::Rows).await?;
        Ok(self.rows(rows, Source::View).await)
    }

    async fn set_context(
        &self,
        tool: ToolName,
        arguments: args::SetContext,
    ) -> Result<CallToolResult, CallError> {
        let args::SetContext { role, warehouse, database, schema } = arguments;
        let wanted = Context { role, warehouse, database, schema, secondary_roles: None };
        if wanted == Context::default() {
            let why = "name a role, warehouse, database or schema to change to";
            return Err(InvalidArguments::new(tool, why).into());
        }
        let context = self.make_own(tool, &wanted).await?;
        Ok(CallToolResult::structured(json!({"context": context})))
    }

    /// Makes `wanted` a part of the session's context; returns all of it.
    pub(super) async fn make_own(&self, tool: ToolName, wanted: &Context) -> Result<Context, CallError> {
        self.refuse_unkept_state("a context holds for the requests that follow")?;
        let pool = self.shared.pool(&self.profile).await?;
        let gate =
            SessionGate::new(&self.session, &self.profile, &self.facts.context.context, pool.backend());
        gate.admit_tool(Class::Context, tool.as_str())?;
        check_names(tool, wanted)?;
        // Before it is looked up: whether a denied database exists is not told.
        gate.admit_context(pool.backend(), wanted)?;
        let context = self.changed_context(wanted).await?;
        if serde_json::to_vec(&context).map_or(0, |context| context.len()) > CONTEXT_BYTES_MAX {
            return Err(InvalidArguments::new(tool, "these names are too long together").into());
        }
        gate.admit_context(pool.backend(), &context)?;
        if self.cancel.is_cancelled() {
            return Err(BackendError::new(ErrorKind::Cancelled, "the context was not changed").into());
        }
        self.session.set_context(context.clone(), pool.place().clone());
        // For the next session of this client. This one's shim carries it in any case.
        self.shared.keeper.persist(vec![Arc::clone(&self.session)]).await;
        tracing::info!("context changed");
        Ok(context)
    }

    /// Refuses what would outlive the request of a client that nothing tells apart from others.
    pub(super) fn refuse_unkept_state(&self, what: &str) -> Result<(), BackendError> {
        if self.session.front.is_anonymous { Err(unkept_state(what)) } else { Ok(()) }
    }

    async fn session_info(&self) -> Result<serde_json::Value, BackendError> {
        let pool = self.shared.pool(&self.profile).await?;
        Ok(session_info::render(
            &self.session,
            &self.facts.context,
            pool.backend(),
            &self.shared.paths.config_file,
        ))
    }

    pub(super) async fn catalog(&self, catalog: Catalog, rows_max: u64) -> Result<Completion, BackendError> {
        let is_context_free = catalog.is_context_free();
        let work = Work::reading(Operation::Catalog(catalog), rows_max);
        if is_context_free {
            return self.run_anywhere(work).await;
        }
        self.run_in(self.call_context(Context::default()).await?, work).await
    }

    /// The result of `done`, in the form that was asked for.
    pub(super) async fn rows(&self, done: Completion, source: Source) -> CallToolResult {
        self.described_rows(done, source, None).await
    }

    /// As [`Call::rows`], with the SQL of the view that the rows describe.
    async fn described_rows(
        &self,
        done: Completion,
        source: Source,
        definition: Option<String>,
    ) -> CallToolResult {
        let format = self.facts.line.format;
        let rest = self.keep_rest(&done, source).await;
        let rest_meta = rest.as_ref().map(|rest| rest.meta(0, done.rows.row_count() as u64));
        let is_heavy = done.rows.bytes() > HEAVY_BYTES as u64;
        let render = move || match (format, definition) {
            (RowFormat::Json, definition) => {
                rows::render(&done, source, definition.as_deref(), rest.as_ref())
            }
            (RowFormat::Text, None) => table::render(&done, source, rest.as_ref()),
            (RowFormat::Text, Some(definition)) => {
                format!("{}\n\n{definition}", table::render(&done, source, None))
            }
        };
        let text = if is_heavy { self.shared.heavy.run(render).await } else { render() };
        let mut result = text_result(text);
        let is_json = (format == RowFormat::Json).then(|| (META_ROWS.to_owned(), true.into()));
        let meta: JsonObject =
            is_json.into_iter().chain(rest_meta.map(|rest| (META_RESULT.to_owned(), rest))).collect();
        result.meta = Some(MetaObject(meta)).filter(|meta| !meta.0.is_empty());
        result
    }

    pub(super) fn rows_max(&self) -> u64 {
        self.profile.caps.rows_max
    }
}

pub(super) fn text_result(text: String) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// The result, which says `notice` too.
fn noting(mut result: CallToolResult, notice: String) -> CallToolResult {
    match &mut result.structured_content {
        // Whose text says something else than that keeps it.
        Some(serde_json::Value::Object(content)) if result.content.len() == 1 => {
            content.insert("note".to_owned(), notice.into());
            CallToolResult::structured(result.structured_content.take().unwrap_or_default())
        }
        _ => {
            result.content.push(ContentBlock::text(notice));
            result
        }
    }
}

/// Names are kept, shown and carried from gateway to gateway: so they are bounded.
fn check_names(tool: ToolName, context: &Context) -> Result<(), InvalidArguments> {
    let names = [&context.role, &context.warehouse, &context.database, &context.schema];
    let sound =
        |name: &String| (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    if names.into_iter().flatten().all(sound) {
        return Ok(());
    }
    let why = format!("a name has 1 to {NAME_BYTES_MAX} bytes and no control characters");
    Err(InvalidArguments::new(tool, why))
}

/// The profile's `tools` do not have `tool`.
pub(super) fn not_offered(tool: ToolName, tools: &[String], profile: &str) -> BackendError {
    let (tool, offered) = (tool.as_str(), tools.join(", "));
    let message = format!("the tool {tool} is not offered: `tools` of the profile `{profile}` has {offered}");
    let next_step = format!(
        "use one of those tools, or add it to `tools` under [profiles.{profile}] and run `snowgate reload`"
    );
    BackendError::new(ErrorKind::Refused, message).with_next_step(next_step).with_rule(Rule::Tools)
}

/// State that would outlive the request of a client that nothing tells apart from others.
pub(super) fn unkept_state(what: &str) -> BackendError {
    let message =
        format!("{what}, and nothing tells this client's next request apart from those of other clients");
    BackendError::new(ErrorKind::Refused, message).with_next_step(
        "send the header `Snowgate-Client-Id` (REST: `_client_id`) with a name of its own or use an API key; or name \
         `database` and `schema` in each call, and let one statement be a transaction of its own (`use_transaction`)",
    )
}
