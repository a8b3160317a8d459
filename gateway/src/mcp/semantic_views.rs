//! The tools about semantic views.

use rmcp::model::CallToolResult;

use super::arguments as args;
use super::call::{Call, CallError};
use super::tool_name::ToolName;
use crate::backend::{BackendError, ErrorKind};

impl Call {
    pub(super) async fn list_semantic_views(
        &self,
        _arguments: args::ListSemanticViews,
    ) -> Result<CallToolResult, CallError> {
        Err(BackendError::new(ErrorKind::Refused, "not there yet").into())
    }

    pub(super) async fn describe_semantic_view(
        &self,
        _tool: ToolName,
        _arguments: args::DescribeSemanticView,
    ) -> Result<CallToolResult, CallError> {
        Err(BackendError::new(ErrorKind::Refused, "not there yet").into())
    }
}
