//! The front as the process runs it: it listens, accepts connections, looks after its certificate, and ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::caller::Peer;
use super::connection::{Connection, Held};
use super::front::Front;
use super::listener::{Accepted, HttpListener, HttpStartError};
use super::tls::{self, Look, Tls};
use super::watch::Timeouts;
use crate::config::HttpConfig;
use crate::mcp::Mcp;
use crate::os::{PassedSocket, is_out_of_descriptors};
use crate::shared::Shared;

/// How often a front that cannot begin tries again: its port may come free, its certificate be put right.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Pause after a failed accept: what fails it (descriptors, memory) needs time to come free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a connection too many is told, and how long that may take.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n\
    Connection: close\r\nContent-Length: 133\r\n\r\n\
    {\"error\":{\"code\":\"too_many_connections\",\"message\":\"the gateway has as many HTTP connections open as it may\",\"next_step\":\"try again\"}}";
const TOO_MANY_TIMEOUT: Duration = Duration::from_millis(100);

/// Where the front listens, and its certificate.
struct Opened {
    listener: HttpListener,
    tls: Option<Arc<Tls>>,
}

/// The HTTP front of a process.
pub struct HttpServer {
    config: HttpConfig,
    opened: OnceCell<Opened>,
}

/// Whether the files of the configuration can be used: for `snowgate config check` and before a restart. Blocks for a moment.
///
/// # Errors
/// The certificate cannot be used.
pub fn check_files(config: &HttpConfig) -> Result<(), HttpStartError> {
    if let Some(files) = &config.tls {
        Tls::load(files)?;
    }
    Ok(())
}

impl HttpServer {
    /// The front of `config`, which does not listen yet.
    pub fn new(config: HttpConfig, shared: &Shared) -> Self {
        shared.http.set(|view| {
            view.address = config.listen.to_string();
            view.auth = config.auth.name().to_owned();
            view.tls = config.tls.is_some();
            view.connections_max = config.connections_max;
        });
        Self { config, opened: OnceCell::new() }
    }

    /// Listens, on the socket of the gateway before where it has passed one on.
    ///
    /// # Errors
    /// It cannot.
    pub async fn open(&self, shared: &Shared, inherited: Option<PassedSocket>) -> Result<(), HttpStartError> {
        let files = self.config.tls.clone();
        let loaded = spawn_blocking(move || files.as_ref().map(Tls::load).transpose()).await;
        let opened = match loaded {
            Ok(loaded) => loaded.map_err(HttpStartError::from).and_then(|tls| {
                Ok(Opened { listener: HttpListener::open(&self.config, inherited)?, tls: tls.map(Arc::new) })
            }),
            Err(error) => Err(HttpStartError::Listen {
                address: self.config.listen.to_string(),
                source: std::io::Error::other(error),
            }),
        };
        let opened = opened.inspect_err(|error| {
            let cause =
                std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            shared.http.set(|view| view.problem = Some(format!("{error}{cause}; {}", error.next_step())));
        })?;
        let (address, expires) = (opened.listener.address(), opened.tls.as_ref().map(|tls| tls.expires()));
        tracing::info!(address, tls = expires.is_some(), "listening for HTTP");
        shared.http.set(|view| {
            view.address = address;
            view.certificate_expires = expires;
            view.problem = None;
        });
        // The only one who sets it: the start, or after that the server.
        let _ = self.opened.set(opened);
        Ok(())
    }

    /// Serves for ever; connections are in `connections`.
    pub async fn serve(&self, mcp: &Arc<Mcp>, connections: &TaskTracker) {
        let shared = &mcp.shared;
        let opened = loop {
            match self.opened.get() {
                Some(opened) => break opened,
                None => {
                    sleep(RETRY_INTERVAL).await;
                    // Said in `status`; in the log once, at the start.
                    let _ = self.open(shared, None).await;
                }
            }
        };
        let front = Front::new(Arc::clone(mcp), &self.config, connections.clone());
        let accepting = Accepting {
            config: &self.config,
            router: front.router(),
            front: &front,
            permits: Arc::new(Semaphore::new(self.config.connections_max)),
            connections,
            shared,
            numbers: AtomicU64::new(1),
        };
        tokio::join!(accepting.accept(opened), look_after(opened, shared, &front));
    }

    /// Listens no more; the socket is what is returned if `is_restart`, for the gateway that takes this one's place.
    pub fn close(self, is_restart: bool) -> Option<PassedSocket> {
        let listener = self.opened.into_inner()?.listener;
        if !is_restart {
            listener.close();
            return None;
        }
        listener
            .pass_on()
            .inspect_err(|error| tracing::warn!(%error, "cannot keep the HTTP socket open"))
            .ok()
    }
}

/// Uses the certificate that is on disk, for as long as the front serves.
async fn look_after(opened: &Opened, shared: &Shared, front: &Front) {
    let Some(tls) = &opened.tls else { return std::future::pending().await };
    loop {
        // Sooner where an operator asks.
        let is_asked = timeout(tls::CHECK, front.reload.notified()).await.is_ok();
        let looking = Arc::clone(tls);
        // A panic of it is in the log.
        let look = spawn_blocking(move || looking.look(is_asked)).await.unwrap_or(Look::Unchanged);
        match look {
            Look::Unchanged => {}
            Look::Loaded => {
                tracing::info!(expires = tls::day(tls.expires()), "using the new TLS certificate");
                shared.http.set(|view| {
                    view.certificate_expires = Some(tls.expires());
                    view.problem = None;
                });
            }
            Look::Unusable(why) => {
                tracing::warn!(why, "the TLS certificate was not changed");
                shared.http.set(|view| {
                    view.problem = Some(format!("the certificate before is still used: {why}"));
                });
            }
        }
        if let Some(expired) = tls.expiry_problem() {
            shared.http.set(|view| {
                view.problem.get_or_insert_with(|| format!("the front {expired}; renew it"));
            });
        }
    }
}

/// What every connection is served with.
struct Accepting<'a> {
    config: &'a HttpConfig,
    router: Router,
    front: &'a Arc<Front>,
    permits: Arc<Semaphore>,
    connections: &'a TaskTracker,
    shared: &'a Arc<Shared>,
    numbers: AtomicU64,
}

impl Accepting<'_> {
    async fn accept(&self, opened: &Opened) {
        loop {
            match opened.listener.accept().await {
                Ok(Accepted::Tcp(stream, from)) => {
                    // Answers are sent whole.
                    let _ = stream.set_nodelay(true);
                    let address = Some(from.ip().to_canonical());
                    self.begin(stream, address, opened.tls.as_deref()).await;
                }
                Ok(Accepted::Unix(stream)) => self.begin(stream, None, None).await,
                Err(error) => {
                    tracing::error!(%error, "cannot accept an HTTP connection");
                    if is_out_of_descriptors(&error) {
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
    }

    async fn begin<S>(&self, mut stream: S, address: Option<std::net::IpAddr>, tls: Option<&Tls>)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            if self.shared.http.refused.fetch_add(1, Ordering::Relaxed) == 0 {
                let max = self.config.connections_max;
                tracing::warn!(max, "too many HTTP connections (the setting `http.connections_max`)");
            }
            // It fits into the system's buffer. Before TLS nothing can be said.
            if tls.is_none() {
                let _ = timeout(TOO_MANY_TIMEOUT, stream.write_all(TOO_MANY)).await;
            }
            return;
        };
        let held = Held::new(Arc::clone(self.shared), permit, self.connections.token());
        let peer = Peer { connection: self.numbers.fetch_add(1, Ordering::Relaxed), address };
        let timeouts = Timeouts { header: self.config.header_timeout, idle: self.config.idle_timeout };
        let connection = Connection { peer, router: self.router.clone(), timeouts, held };
        let tls = tls.map(|tls| TlsAcceptor::from(tls.config()));
        let sessions = Arc::clone(&self.front.sessions);
        tokio::spawn(async move {
            connection.serve(stream, tls).await;
            sessions.connection_ended(peer.connection);
        });
    }
}
