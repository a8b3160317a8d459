//! Saved questions: tools of their own, whose statement is in the configuration and whose arguments are bound to it.
//!
//! A call takes the path of `execute_query`. In the journal it is known by its name and its arguments as they came, and not
//! by its text: so a replay is answered also where a reload has changed the question meanwhile, or removed it.

mod describe;
mod read;

use rmcp::model::{CallToolRequestParams, CallToolResult, JsonObject};

pub(super) use describe::describe;

use super::arguments as args;
use super::call::{Call, CallError};
use super::failure;
use super::tool_name::ToolName;
use crate::backend::{BackendError, ErrorKind, Parameters};
use crate::config::OfferedQuestion;
use crate::state::Digest;
use crate::telemetry::StatementFacts;

/// A call of a saved question. Its arguments are read once it is known that it has no answer already.
#[derive(Clone, Debug)]
pub struct SavedCall {
    /// The name of the question.
    pub(super) tool: ToolName,
    /// The question, as the session's connection takes it.
    pub(super) offered: OfferedQuestion,
    /// The arguments, as they came.
    pub(super) given: JsonObject,
}

/// What the journal knows a call of a saved question by; `None`: it is of a built-in tool.
pub(super) fn call_digest(request: &CallToolRequestParams) -> Option<Digest> {
    let is_built_in = ToolName::ALL.iter().any(|tool| tool.as_str() == request.name);
    let empty = JsonObject::new();
    (!is_built_in).then(|| digest_of(&request.name, request.arguments.as_ref().unwrap_or(&empty)))
}

fn digest_of(name: &str, given: &JsonObject) -> Digest {
    // What came as JSON has a JSON form.
    let given = serde_json::to_vec(given).unwrap_or_default();
    Digest::of_parts([b"saved question".as_slice(), name.as_bytes(), &given])
}

impl Call {
    pub(super) async fn saved_question(&self, call: SavedCall) -> Result<CallToolResult, CallError> {
        let SavedCall { tool, offered, given } = call;
        let in_journal = digest_of(tool.as_str(), &given);
        // What people, the trail and statistics tell statements apart by: the text and the values that came.
        let digest = Digest::of_parts([offered.sql.as_bytes(), in_journal.in_full().as_bytes()]);
        let keeps_text = self.shared.telemetry.keeps_text;
        self.record.seen().statement = Some(StatementFacts::new(digest, &offered.sql, keeps_text));
        let (entry, earlier) = match self.look_up(in_journal).await {
            Ok(found) => found,
            Err(answer) => return Ok(*answer),
        };
        self.check_session(tool)?;
        self.admit_call(true)?;
        let parameters = match read::parameters(tool, &offered, &given) {
            Ok(parameters) => parameters,
            // It has run with them, when the question was another one.
            Err(_) if earlier.is_some() => Parameters::default(),
            Err(refusal) => return Err(refusal.into()),
        };
        let arguments = args::ExecuteQuery {
            query: offered.sql,
            database: None,
            schema: None,
            limit: None,
            use_transaction: None,
            auto_commit: None,
            parameters,
        };
        self.run_text(tool, arguments, self.rows_max(), digest, entry, earlier).await
    }

    /// The answer to a replayed call of a tool that there is not: a saved question that is gone may have run before.
    pub(super) async fn answer_gone(&self, digest: Option<Digest>) -> Option<CallToolResult> {
        let digest = digest.filter(|_| self.facts.replayed)?;
        match self.look_up(digest).await {
            Err(answer) => Some(*answer),
            Ok((_, Some(query_id))) => {
                let mut error = gone_while_running();
                error.query_id = Some(query_id);
                self.record.note_error(&error);
                Some(failure::result(&error))
            }
            Ok((_, None)) => None,
        }
    }
}

/// An earlier gateway has begun a saved question that there is not any more.
pub(in crate::mcp) fn gone_while_running() -> BackendError {
    let message = "outcome unknown: the statement was begun as a saved question, which is not in the configuration any more";
    BackendError::new(ErrorKind::OutcomeUnknown, message)
        .with_next_step("do not run it again; look the query up by its id in the warehouse's history")
}
