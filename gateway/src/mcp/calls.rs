//! Tool calls: arguments in, backend operations out, text back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::json;
use snowgate_link::BUILD;
use tokio::task::spawn_blocking;

use super::arguments::{self as args, limit, read};
use super::writes::{Verdict, Write};
use super::{failure, table, tools};
use crate::backend::{
    BackendError, Caps, Catalog, Completion, Context, ErrorKind, Operation, Relation, RelationKind, Request,
    RequestOrigin, Transaction, WriteJournal,
};
use crate::gateway::Gateway;
use crate::link::{Replayed, seq_of_private};
use crate::multiplexer::StopReason;
use crate::session::{CONTEXT_BYTES_MAX, Session, SessionContext};

/// How like a tool's name a wrong one must be (Jaro-Winkler) to be taken for it.
const LIKENESS_MIN: f64 = 0.8;

/// The longest name of a role, warehouse, database or schema, in bytes: Snowflake's bound.
const NAME_BYTES_MAX: usize = 255;

/// A call under way: whose it is and how it is stopped.
struct Call<'a> {
    gateway: &'a Arc<Gateway>,
    session: &'a Arc<Session>,
    request: &'a RequestContext<RoleServer>,
}

/// What a call has the backend do.
struct Work {
    operation: Operation,
    rows_max: u64,
    /// The name of the query that an earlier gateway made of it.
    earlier: Option<String>,
    journal: Arc<dyn WriteJournal>,
}

impl Work {
    /// Something that changes nothing.
    fn reading(operation: Operation, rows_max: u64) -> Self {
        Self { operation, rows_max, earlier: None, journal: Arc::new(NoWrites) }
    }
}

/// For questions about the catalog, which change nothing.
#[derive(Debug)]
struct NoWrites;

impl WriteJournal for NoWrites {
    fn begin(&self, _: Option<&str>) -> Result<(), BackendError> {
        let message = "a question about the catalog would have changed something";
        Err(BackendError::new(ErrorKind::Refused, message))
    }

    // It is asked again.
    fn record_query_id(&self, _: &str) {}
}

/// Why a call has no result.
enum Failed {
    /// The protocol's own error.
    Protocol(ErrorData),
    /// A tool's error.
    Backend(BackendError),
}

impl From<ErrorData> for Failed {
    fn from(error: ErrorData) -> Self {
        Self::Protocol(error)
    }
}

impl From<BackendError> for Failed {
    fn from(error: BackendError) -> Self {
        Self::Backend(error)
    }
}

/// Serves one tool call.
///
/// # Errors
/// An unknown tool or wrong arguments; everything else is a result.
pub(super) async fn call(
    gateway: &Arc<Gateway>,
    session: &Arc<Session>,
    params: CallToolRequestParams,
    request: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    let call = Call { gateway, session, request };
    match call.dispatch(params).await {
        Ok(result) => Ok(result),
        Err(Failed::Backend(error)) => Ok(failure::result(&error)),
        Err(Failed::Protocol(error)) => Err(error),
    }
}

impl Call<'_> {
    async fn dispatch(&self, params: CallToolRequestParams) -> Result<CallToolResult, Failed> {
        let (tool, arguments) = (&*params.name, params.arguments);
        match tool {
            "list_databases" => {
                let args::Nothing {} = read(tool, arguments)?;
                self.list(Catalog::Databases).await
            }
            "list_schemas" => {
                let args::ListSchemas { database } = read(tool, arguments)?;
                self.list(Catalog::Schemas { database }).await
            }
            "list_tables" => {
                let args::ListTables { database, schema, like } = read(tool, arguments)?;
                self.list(Catalog::Tables { database, schema, like }).await
            }
            "list_views" => {
                let args::ListViews { database, schema } = read(tool, arguments)?;
                self.list(Catalog::Views { database, schema }).await
            }
            "describe_table" => {
                let args::DescribeTable { table, database, schema } = read(tool, arguments)?;
                let relation = Relation { database, schema, name: table };
                self.list(Catalog::Describe { kind: RelationKind::Table, relation }).await
            }
            "describe_view" => self.describe_view(read(tool, arguments)?).await,
            "query_view" => self.query_view(tool, read(tool, arguments)?).await,
            "execute_query" => self.execute_query(tool, read(tool, arguments)?).await,
            super::SET_CONTEXT => self.set_context(tool, read(tool, arguments)?).await,
            "session_info" => {
                let args::Nothing {} = read(tool, arguments)?;
                Ok(CallToolResult::structured(self.session_info()))
            }
            unknown => Err(unknown_tool(unknown).into()),
        }
    }

    async fn list(&self, catalog: Catalog) -> Result<CallToolResult, Failed> {
        Ok(self.text(&self.catalog(catalog).await?))
    }

    async fn describe_view(&self, arguments: args::DescribeView) -> Result<CallToolResult, Failed> {
        let args::DescribeView { database, view_name, schema } = arguments;
        let relation = Relation { database: Some(database), schema, name: view_name };
        let columns =
            self.catalog(Catalog::Describe { kind: RelationKind::View, relation: relation.clone() }).await?;
        let definition = self.catalog(Catalog::Definition(relation)).await?;
        let definition = definition.rows.rows().first().and_then(|row| row.first()).cloned().flatten();
        let text = format!("{}\n\n{}", table::render(&columns), definition.unwrap_or_default());
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]))
    }

    async fn query_view(&self, tool: &str, arguments: args::QueryView) -> Result<CallToolResult, Failed> {
        let args::QueryView { database, view_name, schema, limit: given } = arguments;
        let rows_max = limit(tool, given, args::VIEW_LIMIT, self.rows_max())?;
        let relation = Relation { database: Some(database), schema, name: view_name };
        let work = Work::reading(Operation::Catalog(Catalog::Rows(relation)), rows_max);
        Ok(self.text(&self.run(self.context()?, work).await?))
    }

    async fn execute_query(
        &self,
        tool: &str,
        arguments: args::ExecuteQuery,
    ) -> Result<CallToolResult, Failed> {
        let args::ExecuteQuery { query, database, schema, limit: given, use_transaction, auto_commit } =
            arguments;
        let rows_max = limit(tool, given, args::QUERY_LIMIT, self.rows_max())?;
        // First of all: what was run before has its answer, whatever has become of its context.
        let is_replayed = self.request.extensions.get::<Replayed>().is_some();
        let seq = seq_of_private(&self.request.id).unwrap_or_default();
        let (write, earlier) =
            match Write::look_up(self.gateway, self.session, seq, &query, is_replayed).await {
                Verdict::Run(write) => (write, None),
                Verdict::Fetch(write, query_id) => (write, Some(query_id)),
                Verdict::Answered(result) => return Ok(result),
            };
        // Before any change for this call: a context that is lost stops that, too.
        let now = self.context()?;
        let context = self.changed(now, Context { database, schema, ..Context::default() }).await?;
        let transaction = match (use_transaction.unwrap_or(false), auto_commit.unwrap_or(true)) {
            (_, false) => Transaction::Rollback,
            (true, true) => Transaction::Commit,
            (false, true) => Transaction::None,
        };
        let operation = Operation::Statement { sql: query, transaction };
        let work =
            Work { operation, rows_max, earlier, journal: Arc::clone(&write) as Arc<dyn WriteJournal> };
        let result = self.run(context, work).await.map(|done| self.text(&done));
        write.settle(&result).await;
        Ok(result?)
    }

    async fn set_context(&self, tool: &str, arguments: args::SetContext) -> Result<CallToolResult, Failed> {
        let args::SetContext { role, warehouse, database, schema } = arguments;
        let wanted = Context { role, warehouse, database, schema };
        if wanted == Context::default() {
            let message = format!(
                "Invalid arguments for {tool}: name a role, warehouse, database or schema to change to"
            );
            return Err(ErrorData::invalid_params(message, None).into());
        }
        check_names(tool, &wanted)?;
        let context = self.changed(self.session_context().context, wanted).await?;
        let context = self.entered(context).await?;
        if serde_json::to_vec(&context).map_or(0, |context| context.len()) > CONTEXT_BYTES_MAX {
            let message = format!("Invalid arguments for {tool}: these names are too long together");
            return Err(ErrorData::invalid_params(message, None).into());
        }
        if self.request.ct.is_cancelled() {
            return Err(BackendError::new(ErrorKind::Cancelled, "the context was not changed").into());
        }
        self.session.set_context(context.clone());
        self.keep_context().await;
        tracing::info!(session = %self.session.key.id, "context changed");
        Ok(CallToolResult::structured(json!({"context": context})))
    }

    /// Writes the context down for the next session of this client. This one's shim carries it in any case.
    async fn keep_context(&self) {
        let (gateway, session) = (Arc::clone(self.gateway), Arc::clone(self.session));
        // A panic in there is in the log.
        let _ = spawn_blocking(move || gateway.keep(&[session])).await;
    }

    fn session_info(&self) -> serde_json::Value {
        let (session, config) = (self.session, &self.gateway.config);
        let client = session.client();
        let SessionContext { context, lost } = self.session_context();
        let context = self.gateway.multiplexer.backend().completed(&context);
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let mut info = json!({
            "session": session.key.id,
            "profile": session.profile,
            "backend": self.gateway.multiplexer.backend().kind(),
            "read_only": config.read_only(),
            "gateway_version": BUILD,
            "context": context,
            "limits": {
                "rows_max": config.limits.rows_max,
                "bytes_max": config.limits.bytes_max,
                "statement_timeout_ms": u64::try_from(config.limits.statement_timeout.as_millis()).unwrap_or(u64::MAX),
                "requests_max": config.gateway.session_requests_max,
            },
            "requests": count(&session.counters.requests),
            "rows": count(&session.counters.rows),
            "bytes": count(&session.counters.bytes),
            "errors": count(&session.counters.errors),
        });
        if session.is_inherited.load(Ordering::Relaxed) {
            info["context_inherited"] = true.into();
        }
        let name = session.name.clone();
        let texts = [
            ("client", client.name),
            ("client_version", client.version),
            ("context_lost", lost),
            ("session_name", name),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                info[name] = value.into();
            }
        }
        info
    }

    /// The context `now` with `change` applied. A database without a schema means that database's default schema.
    async fn changed(&self, now: Context, change: Context) -> Result<Context, BackendError> {
        if change == Context::default() {
            return Ok(now);
        }
        let schema = if change.database.is_some() { change.schema } else { change.schema.or(now.schema) };
        let wanted = Context {
            role: change.role.or(now.role),
            warehouse: change.warehouse.or(now.warehouse),
            database: change.database.or(now.database),
            schema,
        };
        self.gateway.multiplexer.backend().resolve(&wanted).await
    }

    /// `context` as the backend has it, where only that tells whether there is such a one.
    async fn entered(&self, context: Context) -> Result<Context, BackendError> {
        if !self.gateway.multiplexer.backend().tells_contexts() {
            return Ok(context);
        }
        let done = self.run(context.clone(), Work::reading(Operation::UseContext, 0)).await?;
        Ok(done.context.unwrap_or(context))
    }

    /// The context the request was sent in.
    fn session_context(&self) -> SessionContext {
        self.request.extensions.get::<SessionContext>().cloned().unwrap_or_else(|| self.session.context())
    }

    /// The context to run a statement in.
    fn context(&self) -> Result<Context, BackendError> {
        let SessionContext { context, lost } = self.session_context();
        match lost {
            None => Ok(context),
            Some(why) => {
                let message = format!("the context of this session could not be restored: {why}");
                let next_step = "call set_context with the database to work in; nothing runs until then";
                Err(BackendError::new(ErrorKind::Refused, message).with_next_step(next_step))
            }
        }
    }

    async fn catalog(&self, catalog: Catalog) -> Result<Completion, BackendError> {
        self.run(self.context()?, Work::reading(Operation::Catalog(catalog), self.rows_max())).await
    }

    async fn run(&self, context: Context, work: Work) -> Result<Completion, BackendError> {
        let limits = &self.gateway.config.limits;
        let Work { operation, rows_max, earlier, journal } = work;
        let request = Request {
            context,
            operation,
            caps: Caps { rows_max, bytes_max: limits.bytes_max, count_rows_max: limits.count_rows_max },
            timeout: limits.statement_timeout,
            origin: RequestOrigin {
                client: self.session.client().name,
                session: self.session.key.id.clone(),
                number: seq_of_private(&self.request.id).unwrap_or_default(),
            },
            earlier,
            journal,
        };
        let done = self.gateway.multiplexer.run(request, self.stopped()).await?;
        self.session.counters.rows.fetch_add(done.rows.rows().len() as u64, Ordering::Relaxed);
        Ok(done)
    }

    /// Waits until the request is to stop.
    async fn stopped(&self) -> StopReason {
        tokio::select! {
            biased;
            () = self.session.gone.cancelled() => {}
            () = self.request.ct.cancelled() => {}
        }
        // The gateway leaves, and the client stays: its shim asks the next one.
        let is_left =
            self.gateway.drain.is_cancelled() && self.session.gone.is_cancelled() && !self.session.is_over();
        if is_left { StopReason::Detach } else { StopReason::Cancel }
    }

    fn text(&self, done: &Completion) -> CallToolResult {
        CallToolResult::success(vec![ContentBlock::text(table::render(done))])
    }

    fn rows_max(&self) -> u64 {
        self.gateway.config.limits.rows_max
    }
}

/// Names are kept, shown and carried from gateway to gateway: so they are bounded.
fn check_names(tool: &str, context: &Context) -> Result<(), ErrorData> {
    let names = [&context.role, &context.warehouse, &context.database, &context.schema];
    let sound =
        |name: &String| (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    if names.into_iter().flatten().all(sound) {
        return Ok(());
    }
    let message = format!(
        "Invalid arguments for {tool}: a name has 1 to {NAME_BYTES_MAX} bytes and no control characters"
    );
    Err(ErrorData::invalid_params(message, None))
}

fn unknown_tool(name: &str) -> ErrorData {
    let likeness = |known: &&str| strsim::jaro_winkler(name, known);
    let near = tools::NAMES.iter().filter(|known| likeness(known) > LIKENESS_MIN);
    let nearest = near.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default();
    let shown = super::shown(name);
    ErrorData::invalid_params(format!("Unknown tool: {shown}{hint}"), Some(json!({"tools": tools::NAMES})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_tool_names_the_nearest() {
        assert!(unknown_tool("execute_querry").message.contains("did you mean execute_query?"));
    }
}
