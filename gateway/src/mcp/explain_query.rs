//! The tool `explain_query`.

use rmcp::model::CallToolResult;

use super::arguments as args;
use super::call::{Call, CallError};
use super::tool_name::ToolName;
use crate::backend::{BackendError, ErrorKind};

impl Call {
    pub(super) async fn explain_query(
        &self,
        _tool: ToolName,
        _arguments: args::ExplainQuery,
    ) -> Result<CallToolResult, CallError> {
        Err(BackendError::new(ErrorKind::Refused, "not there yet").into())
    }
}
