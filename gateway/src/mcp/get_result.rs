//! The tools `get_result` and `cancel_query`.

use rmcp::model::CallToolResult;

use super::arguments as args;
use super::call::{Call, CallError};
use super::tool_name::ToolName;
use crate::backend::{BackendError, ErrorKind};

impl Call<'_> {
    pub(super) async fn get_result(
        &self,
        _tool: ToolName,
        _arguments: args::GetResult,
    ) -> Result<CallToolResult, CallError> {
        Err(BackendError::new(ErrorKind::Refused, "not there yet").into())
    }

    pub(super) async fn cancel_query(
        &self,
        _tool: ToolName,
        _arguments: args::CancelQuery,
    ) -> Result<CallToolResult, CallError> {
        Err(BackendError::new(ErrorKind::Refused, "not there yet").into())
    }
}
