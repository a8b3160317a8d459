//! MCP tasks (SEP-2663, `io.modelcontextprotocol/tasks`) for clients that have them: each is a long call, and its id is the call's handle.

use rmcp::RoleServer;
use rmcp::model::{CallToolResult, DetailedTask, ErrorData, GetTaskResult, Task, TaskPayload, TaskStatus};
use rmcp::service::RequestContext;
use serde_json::{Map, Value};
use tracing::Instrument as _;

use super::META_ERROR;
use super::call::{Call, CallError};
use super::long_call::Resumed;
use super::tool_name::ToolName;
use crate::limits::CallKind;
use crate::results::{Handle, Kept};
use crate::session::LongCall;
use crate::shared::moments;
use crate::state::now_ms;

/// How often a client is to ask, in milliseconds.
const POLL_INTERVAL_MS: u64 = 2_000;

/// Whether the client of a request has tasks.
pub(super) fn takes_tasks(context: &RequestContext<RoleServer>) -> bool {
    context.client_capabilities().is_some_and(|capabilities| capabilities.supports_tasks())
}

impl Call {
    /// The task of a call that goes on.
    pub(super) fn working_task(&self, handle: &Handle, long: &LongCall) -> Task {
        self.task_of(handle, TaskStatus::Working, long.began_ms).with_status_message(long.progress())
    }

    fn task_of(&self, handle: &Handle, status: TaskStatus, began_ms: i64) -> Task {
        let shown = |ms: i64| moments::timestamp_of(u64::try_from(ms).unwrap_or_default());
        let ttl = u64::try_from(self.shared.config.results.age_max.as_millis()).unwrap_or(u64::MAX);
        Task::new(handle.as_str(), status, shown(began_ms), shown(now_ms()))
            .with_poll_interval_ms(POLL_INTERVAL_MS)
            .with_ttl_ms(ttl)
    }

    /// What has become of the task `id`.
    pub(super) async fn task(&self, id: &str) -> Result<GetTaskResult, ErrorData> {
        let (handle, mut kept) = self.find_task(id).await?;
        let mut running = None;
        if kept.is_running() {
            match self.resumed(&handle, kept.clone()).await.map_err(|error| no_task(&error.to_string()))? {
                Resumed::Running(long) => running = Some(long),
                Resumed::Ended(ended) => kept = *ended,
            }
        }
        let began_ms = kept.call.as_ref().map_or_else(now_ms, |call| call.began_ms);
        let detailed = match running {
            Some(long) => DetailedTask::new(self.working_task(&handle, &long), TaskPayload::Working),
            None => {
                let payload = payload(kept.result.as_ref().unwrap_or(&Value::Null));
                DetailedTask::new(self.task_of(&handle, payload.status(), began_ms), payload)
            }
        };
        Ok(GetTaskResult::new(detailed))
    }

    /// Stops the statement of the task `id`; what becomes of it is for the next look.
    pub(super) async fn cancel_task(&self, id: &str) -> Result<(), ErrorData> {
        let (handle, kept) = self.find_task(id).await?;
        if kept.is_running() {
            let found = self.resumed(&handle, kept).await.map_err(|error| no_task(&error.to_string()))?;
            if let Resumed::Running(long) = found {
                // What becomes of it is for the next look.
                tokio::spawn(async move { long.stop().await }.in_current_span());
            }
        }
        Ok(())
    }

    async fn find_task(&self, id: &str) -> Result<(Handle, Kept), ErrorData> {
        let admitted =
            self.check_session(ToolName::GetResult).and_then(|()| self.admit_as(CallKind::OfEarlier));
        admitted.map_err(|error| {
            self.record.note_error(&error);
            ErrorData::internal_error(error.to_string(), None)
        })?;
        match self.find_kept(ToolName::GetResult, id).await {
            Ok((handle, kept)) if kept.call.is_some() => Ok((handle, kept)),
            Ok(_) => Err(no_task("it is the handle of rows, and no task")),
            Err(CallError::Backend(error)) => Err(no_task(&error.to_string())),
            Err(CallError::Arguments(_)) => Err(no_task("it is no handle")),
        }
    }
}

/// The task's end. What a tool calls an error is a result; only what was stopped has none.
fn payload(result: &Value) -> TaskPayload {
    if result["_meta"][META_ERROR]["kind"] == "cancelled" {
        return TaskPayload::Cancelled;
    }
    let is_one = serde_json::from_value::<CallToolResult>(result.clone()).is_ok();
    match result.as_object().filter(|_| is_one) {
        Some(result) => TaskPayload::Completed { result: result.clone() },
        None => TaskPayload::Completed { result: Map::new() },
    }
}

fn no_task(why: &str) -> ErrorData {
    ErrorData::invalid_params(format!("there is no such task: {why}"), None)
}
