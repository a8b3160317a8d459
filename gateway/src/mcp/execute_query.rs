//! The tool `execute_query`: one statement, read before it runs.

use std::sync::Arc;

use rmcp::model::{CallToolResult, ContentBlock};
use sql_gate::{Class, ContextChange, StateChange, Statement};

use super::arguments::{self as args, limit};
use super::call::{Call, CallError, Work, text_result};
use super::context_free::is_context_free;
use super::failure;
use super::journaled::{JournalDecision, JournaledStatement};
use super::table::Source;
use super::tool_name::ToolName;
use crate::backend::{
    Backend, BackendError, Context, ErrorKind, Operation, SecondaryRoles, Transaction, WriteJournal,
};
use crate::isolation::{SessionGate, object_names};
use crate::shared::HEAVY_BYTES;
use crate::state::Digest;
use crate::telemetry::{Outcome, StatementFacts};

/// Longer statements are read in the lane for large messages, in bytes.
const READ_IN_PLACE_BYTES_MAX: usize = 4096;

/// What is said behind a result that was given before.
const REPEATED_BY_ID: &str = "note: a request with this JSON-RPC id and this statement was sent before in this session; this is its \
     result, and nothing ran again. Give another request an id of its own.";

impl Call {
    pub(super) async fn execute_query(
        &self,
        tool: ToolName,
        mut arguments: args::ExecuteQuery,
    ) -> Result<CallToolResult, CallError> {
        let rows_max = limit(tool, arguments.limit.as_ref(), args::QUERY_LIMIT, self.rows_max());
        // First of all: what was run before has its answer, whatever has become of its context.
        let (query, digest) = self.digest(arguments.query).await;
        let keeps_text = self.shared.telemetry.keeps_text;
        self.record.seen().statement = Some(StatementFacts::new(digest, &query, keeps_text));
        arguments.query = query;
        let (entry, earlier) = match self.look_up(digest).await {
            Ok(found) => found,
            Err(answer) => return Ok(*answer),
        };
        self.check_session(tool)?;
        self.admit_call(true)?;
        self.run_text(tool, arguments, rows_max?, digest, entry, earlier).await
    }

    /// The entry of the statement of `digest` in the journal, and the id of the query that an earlier gateway ran for it; or
    /// the answer that it has already.
    pub(super) async fn look_up(
        &self,
        digest: Digest,
    ) -> Result<(Arc<JournaledStatement>, Option<String>), Box<CallToolResult>> {
        match JournaledStatement::look_up(&self.shared, &self.session, &self.facts, digest).await {
            JournalDecision::Run(statement) => Ok((statement, None)),
            JournalDecision::Fetch(statement, query_id) => Ok((statement, Some(query_id))),
            JournalDecision::Answer(mut result) => {
                let is_unknown = failure::says_unknown(&result);
                let outcome = if is_unknown { Outcome::Unknown } else { Outcome::AnsweredFromJournal };
                self.record.seen().outcome = Some(outcome);
                if self.facts.line.is_repeated_by_id() {
                    result.content.push(ContentBlock::text(REPEATED_BY_ID));
                }
                Err(Box::new(result))
            }
        }
    }

    /// Reads the statement of `arguments`, whose digest is `digest`, and runs it.
    pub(super) async fn run_text(
        &self,
        tool: ToolName,
        mut arguments: args::ExecuteQuery,
        rows_max: u64,
        digest: Digest,
        entry: Arc<JournaledStatement>,
        earlier: Option<String>,
    ) -> Result<CallToolResult, CallError> {
        let (query, statement, pattern) = self.read_statement(arguments.query, digest).await?;
        arguments.query = query;
        self.active.note_pattern(&pattern);
        if let Some(facts) = &mut self.record.seen().statement {
            facts.pattern = Some(pattern);
        }
        self.note_statement(&statement);
        if earlier.is_none() {
            if let Some(answer) = self.check_state(&statement)? {
                return Ok(answer);
            }
            if let Some(change) = &statement.context {
                return self.use_context(tool, change, &statement).await;
            }
        }
        self.run_statement(arguments, rows_max, statement, entry, earlier).await
    }

    /// Notes what was read of the statement.
    pub(super) fn note_statement(&self, statement: &Statement) {
        let audit = &self.shared.telemetry.audit;
        let mut seen = self.record.seen();
        seen.class = Some(statement.class.name());
        let Some(facts) = &mut seen.statement else { return };
        if audit.is_on() {
            facts.objects = object_names(&statement.objects);
        }
    }

    /// Says what the outbox of the audit trail is to have of the statement, should it write.
    fn note_journal(&self, entry: &JournaledStatement, context: Option<&Context>) {
        self.record.seen().journal = Some(entry.trace());
        let audit = &self.shared.telemetry.audit;
        if audit.is_on() {
            let (draft, has_text) =
                (self.record.draft(&self.session, &self.facts, context), audit.has_text());
            entry.describe(crate::audit::draft(draft, has_text));
        }
    }

    /// Notes what became of the statement, before that is written down: its call may be dropped meanwhile.
    fn note_ending(&self, entry: &JournaledStatement, result: &Result<CallToolResult, BackendError>) {
        match result {
            Ok(_) => drop(self.record.seen().outcome.get_or_insert(Outcome::Ok)),
            Err(error) => self.record.note_error(error),
        }
        if let Some(journal) = &mut self.record.seen().journal {
            journal.is_settled = entry.is_settled_by(result);
        }
    }

    /// The digest of `sql`, which comes back with it: a long one is never copied, nor read on the runtime's thread.
    pub(super) async fn digest(&self, sql: String) -> (String, Digest) {
        let digest = |sql: String| {
            let digest = Digest::of(&sql);
            (sql, digest)
        };
        if sql.len() <= HEAVY_BYTES { digest(sql) } else { self.shared.heavy.run(move || digest(sql)).await }
    }

    /// What the gate reads of `sql`, which comes back with it, and its pattern.
    pub(super) async fn read_statement(
        &self,
        sql: String,
        digest: Digest,
    ) -> Result<(String, Arc<Statement>, Arc<str>), BackendError> {
        let telemetry = Arc::clone(&self.shared.telemetry);
        let dialect = self.shared.pool(&self.profile).await?.backend().dialect();
        let read = move |sql: String| {
            let statement = Arc::new(sql_gate::read(&sql, dialect));
            let pattern = telemetry.queries.pattern_of(digest, dialect, &sql);
            (sql, statement, pattern)
        };
        if sql.len() <= READ_IN_PLACE_BYTES_MAX {
            return Ok(read(sql));
        }
        Ok(self.shared.heavy.run(move || read(sql)).await)
    }

    async fn run_statement(
        &self,
        arguments: args::ExecuteQuery,
        rows_max: u64,
        statement: Arc<Statement>,
        entry: Arc<JournaledStatement>,
        earlier: Option<String>,
    ) -> Result<CallToolResult, CallError> {
        let args::ExecuteQuery { query, database, schema, use_transaction, auto_commit, parameters, .. } =
            arguments;
        let change = Context { database, schema, ..Context::default() };
        let transaction = match (use_transaction.unwrap_or(false), auto_commit.unwrap_or(true)) {
            (_, false) => Transaction::Rollback,
            (true, true) => Transaction::Commit,
            (false, true) => Transaction::None,
        };
        let context = if change == Context::default() && earlier.is_none() && is_context_free(&query) {
            None
        } else {
            if earlier.is_none() {
                let pool = self.shared.pool(&self.profile).await?;
                let gate = SessionGate::new(
                    &self.session,
                    &self.profile,
                    &self.facts.context.context,
                    pool.backend(),
                );
                gate.admit_context(pool.backend(), &change)?;
            }
            // Before any change for this call: a context that is lost stops that, too.
            Some(self.call_context(change).await?)
        };
        if earlier.is_none() && statement.change == StateChange::Commit {
            // Whether it was carried out cannot be seen afterwards.
            entry.begin(None).await?;
        }
        self.note_journal(&entry, context.as_ref().map(|context| &context.context));
        let operation = Operation::Statement { sql: query, transaction, parameters };
        let journal = Arc::clone(&entry) as Arc<dyn WriteJournal>;
        let work = Work {
            operation,
            rows_max,
            earlier,
            journal,
            statement: Some(statement),
            sink: None,
            rows_skipped: None,
        };
        let done = match context {
            Some(context) => self.run_in(context, work).await,
            None => self.run_anywhere(work).await,
        };
        let is_rolled_back = transaction == Transaction::Rollback;
        let result = match done {
            Ok(done) => Ok(self.rows(done, Source::Statement { is_rolled_back }).await),
            Err(error) => Err(error),
        };
        self.note_ending(&entry, &result);
        entry.settle(&result).await;
        Ok(result?)
    }

    /// Whether the session still has the state that its client believes it has. What an earlier gateway took with it
    /// is told to every request that was sent to that one, and else once. A lost transaction stays lost until the client
    /// ends it: what was meant for it never runs outside. The answer, where that is all that the statement does.
    pub(super) fn check_state(&self, statement: &Statement) -> Result<Option<CallToolResult>, BackendError> {
        let was_lost = self.session.has_lost_transaction();
        let ends_it =
            matches!(statement.change, StateChange::Begin | StateChange::Commit | StateChange::Rollback);
        if let Some(lost) = self.session.lost_state()
            && self.session.tell_lost_state(self.facts.replayed)
        {
            if ends_it {
                self.session.forget_lost_transaction();
            }
            let message = format!(
                "not run: the gateway that held {lost} of this session is gone, and that with it; what an open transaction \
                 had changed was rolled back"
            );
            let next_step = "begin again: open the transaction, make the temporary objects and set the variables, then \
                             send the statements again";
            return Err(BackendError::new(ErrorKind::StateLost, message).with_next_step(next_step));
        }
        if !was_lost {
            return Ok(None);
        }
        if ends_it {
            self.session.forget_lost_transaction();
        }
        match statement.change {
            StateChange::Rollback => {
                Ok(Some(text_result("The transaction was lost before: nothing of it is left.".to_owned())))
            }
            StateChange::Commit => Err(transaction_lost("nothing was committed")),
            _ if ends_it || is_harmless(statement) => Ok(None),
            _ => Err(transaction_lost("not run")),
        }
    }

    /// Carries out a USE: the session's context changes, no connection's.
    async fn use_context(
        &self,
        tool: ToolName,
        change: &ContextChange,
        statement: &Statement,
    ) -> Result<CallToolResult, CallError> {
        let pool = self.shared.pool(&self.profile).await?;
        let backend = pool.backend();
        SessionGate::new(&self.session, &self.profile, &self.facts.context.context, backend)
            .admit_kind(statement)?;
        let context = self.make_own(tool, &written(change, backend)).await?;
        let shown = backend.completed(&context);
        Ok(text_result(format!("Context changed: statements of this session run in {shown}.")))
    }
}

/// Whether a statement may run although the transaction that it may have been meant for is lost.
pub(super) fn is_harmless(statement: &Statement) -> bool {
    matches!(statement.class, Class::Read | Class::Context)
}

/// The error of a statement that was meant for a transaction that is lost; `what` became of it.
pub(super) fn transaction_lost(what: &str) -> BackendError {
    let message = format!(
        "{what}: the transaction that this session had open is lost, and what it had changed was rolled back"
    );
    let next_step =
        "send ROLLBACK, or BEGIN for a new transaction; until then nothing runs that changes something";
    BackendError::new(ErrorKind::StateLost, message).with_next_step(next_step)
}

/// The names of a USE as a context has them.
fn written(change: &ContextChange, backend: &dyn Backend) -> Context {
    let name = |name: &Option<String>| name.as_deref().map(|name| backend.written_name(name));
    Context {
        role: name(&change.role),
        warehouse: name(&change.warehouse),
        database: name(&change.database),
        schema: name(&change.schema),
        secondary_roles: change.secondary_roles.map(|roles| match roles {
            sql_gate::SecondaryRoles::All => SecondaryRoles::All,
            sql_gate::SecondaryRoles::None => SecondaryRoles::None,
        }),
    }
}
