//! The least an MCP server over HTTP can do: `rmcp`'s own streamable HTTP, as it comes, and a tool that answers a constant.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use crate::bare::Constant;
use crate::common::roles;

/// The name of this role.
pub(crate) const ROLE: &str = "role-bare-http";

/// Serves on a port of the loopback address, which it writes to the file at `port`.
pub(crate) fn serve(port: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("starting the runtime")?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listening")?;
        fs::write(port, listener.local_addr()?.to_string()).context("writing the address")?;
        roles::say_ready()?;
        let service = StreamableHttpService::new(
            || Ok(Constant),
            Arc::new(LocalSessionManager::default()),
            StreamableHttpServerConfig::default(),
        );
        loop {
            let (stream, _) = listener.accept().await.context("accepting")?;
            stream.set_nodelay(true)?;
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                // Ends with the connection; how is the benchmark's to notice.
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}
