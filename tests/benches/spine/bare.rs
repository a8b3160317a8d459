//! The least an MCP server can do: `rmcp` with its own transport and opening, and a tool that answers a
//! constant.
//!
//! The runtime is the gateway's: multi-threaded, a worker a core.

use std::path::Path;

use anyhow::{Context, Result};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use tokio::net::{UnixListener, UnixStream};

use crate::common::roles;

/// The name of this role.
pub(crate) const ROLE: &str = "role-bare";

/// Answers a constant.
pub(crate) struct Constant;

impl ServerHandler for Constant {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = ContentBlock::text("the answer");
        Ok(CallToolResponse::Complete(CallToolResult::success(vec![text])))
    }
}

pub(crate) fn serve(socket: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("starting the runtime")?.block_on(async {
        let listener =
            UnixListener::bind(socket).with_context(|| format!("listening on {}", socket.display()))?;
        roles::say_ready()?;
        loop {
            let (stream, _) = listener.accept().await.context("accepting")?;
            tokio::spawn(converse(stream));
        }
    })
}

/// Ends with the connection; how is the benchmark's to notice.
async fn converse(stream: UnixStream) {
    if let Ok(service) = Constant.serve(stream).await {
        let _ = service.waiting().await;
    }
}
