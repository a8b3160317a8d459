//! One HTTP connection: TLS, HTTP/1.1 or 2, within the bounds of [`Watch`].

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, MissedTickBehavior, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::ServiceExt as _;

use super::caller::Peer;
use super::error::HttpError;
use super::stream::{Guarded, RequestBody, ResponseBody};
use super::watch::{Timeouts, Verdict, Watch};
use crate::shared::Shared;

/// Bytes of a request's line and headers together, at most; and of what of its body is read ahead.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Headers of a request, at most.
const HEADERS_MAX: usize = 100;

/// Requests of one HTTP/2 connection that run at once, at most.
const STREAMS_MAX: u32 = 64;

/// HTTP/2: bytes that one request, and all of a connection, may send before they are taken; and of one answer that wait.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
const SEND_BYTES_MAX: usize = 16 * 1024;

/// HTTP/2: requests that were reset by the client before they were begun, at most; and those that were reset for errors of
/// the client. More end the connection ("rapid reset").
const RESETS_MAX: usize = 20;
const ERRORS_MAX: usize = 64;

/// HTTP/2: how often a silent client is asked whether it is there, and how long it may take to answer.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How often a connection is looked at, at least.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What lives as long as a connection: also while it is a WebSocket's.
pub(super) struct Held {
    /// Its part of `http.connections_max`.
    pub(super) permit: OwnedSemaphorePermit,
    /// What a drain waits for.
    pub(super) token: TaskTrackerToken,
    /// Where connections are counted.
    pub(super) shared: Arc<Shared>,
}

impl Held {
    /// Counts a connection.
    pub(super) fn new(shared: Arc<Shared>, permit: OwnedSemaphorePermit, token: TaskTrackerToken) -> Self {
        shared.http.connections.fetch_add(1, Ordering::Relaxed);
        Self { permit, token, shared }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.http.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that was accepted, and what serves it.
pub(super) struct Connection {
    pub(super) peer: Peer,
    pub(super) router: Router,
    pub(super) timeouts: Timeouts,
    pub(super) held: Held,
}

impl Connection {
    /// Serves `stream` to its end, encrypted with `tls`.
    pub(super) async fn serve<S>(self, stream: S, tls: Option<TlsAcceptor>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let watch = Watch::new(Instant::now());
        let Some(tls) = tls else { return self.serve_http(stream, watch).await };
        let drain = self.held.shared.shutdown.drain.clone();
        let shaken = tokio::select! {
            shaken = timeout(self.timeouts.header, tls.accept(stream)) => shaken,
            () = drain.cancelled() => return,
        };
        match shaken {
            Ok(Ok(stream)) => self.serve_http(stream, watch).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn serve_http<S>(self, stream: S, watch: Arc<Watch>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { peer, router, timeouts, held } = self;
        let drain = held.shared.shutdown.drain.clone();
        let stream = TokioIo::new(Guarded::new(stream, Arc::clone(&watch), held));
        let (server, requests) = (server(), Arc::clone(&watch));
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let running = requests.begin(request.version() >= Version::HTTP_2);
            let mut request = request.map(|body| Body::new(RequestBody::new(body, &running)));
            request.extensions_mut().insert(peer);
            let router = router.clone();
            async move {
                // Requests that were sent ahead take turns with all that the runtime's one thread does: shims do not wait for
                // a connection's sixteen, which hyper would begin at once.
                tokio::task::yield_now().await;
                let answer: Response<Body> = match running.is_ambiguous {
                    true => ambiguous(),
                    false => router.oneshot(request).await?,
                };
                Ok::<_, Infallible>(answer.map(|body| Body::new(ResponseBody::new(body, running))))
            }
        });
        let serving = server.serve_connection_with_upgrades(stream, service);
        tokio::pin!(serving);
        let mut look = tokio::time::interval(LOOK_INTERVAL.min(timeouts.header / 4));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut draining_since: Option<Instant> = None;
        loop {
            tokio::select! {
                served = &mut serving => {
                    if let Err(error) = served {
                        tracing::debug!(%error, "an HTTP connection ended");
                    }
                    return;
                }
                () = drain.cancelled(), if draining_since.is_none() => {
                    draining_since = Some(Instant::now());
                    serving.as_mut().graceful_shutdown();
                }
                _ = look.tick() => {
                    let is_over = draining_since.is_some_and(|since| since.elapsed() >= LOOK_INTERVAL);
                    match watch.verdict(Instant::now(), timeouts) {
                        // Half of a request's headers is nothing that an end waits for.
                        Verdict::Keep if is_over && watch.is_quiet() => return,
                        Verdict::Keep => {}
                        Verdict::Close => serving.as_mut().graceful_shutdown(),
                        Verdict::Drop(why) => {
                            tracing::debug!(why, "an HTTP connection was dropped");
                            return;
                        }
                    }
                }
            }
        }
    }
}

/// The answer to a request that could be read in two ways.
fn ambiguous() -> Response<Body> {
    let message = "the request says the length of its body more than once";
    let error = HttpError::new(StatusCode::BAD_REQUEST, "request_ambiguous", message)
        .or_do("send either one `Content-Length` or `Transfer-Encoding: chunked`");
    let mut response = error.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// HTTP/1.1 and 2, with their bounds.
fn server() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    // Time-outs are those of `Watch`: hyper's own begins with the connection, not with the headers.
    server.http1().max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX).header_read_timeout(None);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BYTES_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(ERRORS_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    server
}
