//! Accepts HTTP connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::caller::Peer;
use super::front::Front;
use crate::config::{HttpConfig, HttpListen};
use crate::mcp::Mcp;

/// A listener of the HTTP front.
#[derive(Debug)]
pub struct HttpListener {
    tcp: TcpListener,
}

impl HttpListener {
    /// Listens where the configuration says.
    ///
    /// # Errors
    /// The address cannot be used.
    pub async fn bind(config: &HttpConfig) -> io::Result<Self> {
        match &config.listen {
            HttpListen::Tcp(address) => Ok(Self { tcp: TcpListener::bind(address).await? }),
            HttpListen::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Serves HTTP until the gateway shuts down; connections are in `connections`.
pub async fn serve_http(mcp: &Arc<Mcp>, listener: &HttpListener, connections: &TaskTracker) {
    let front = Front::new(Arc::clone(mcp), connections.clone());
    let (router, numbers) = (front.router(), AtomicU64::new(1));
    loop {
        let Ok((stream, address)) = listener.tcp.accept().await else { continue };
        let peer = Peer { connection: numbers.fetch_add(1, Ordering::Relaxed), address: Some(address.ip()) };
        let service = router.clone().map_request(move |mut request: hyper::Request<_>| {
            request.extensions_mut().insert(peer);
            request
        });
        let service = TowerToHyperService::new(service);
        connections.spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
        });
    }
}
