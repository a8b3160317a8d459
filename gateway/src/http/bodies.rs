//! Bodies of requests: each is read as a whole before its endpoint sees it, within bounds of size, time and memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::error::HttpError;
use super::identify::{KeyEnd, key_ended};

/// Memory for the bodies of all requests that are being read, or were and are not passed on yet.
const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long a body waits for memory.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(5);

/// How much memory a body of unknown length begins with.
const FIRST_BYTES: usize = 4 * 1024;

/// The bounds of bodies.
pub(super) struct Bodies {
    /// Bytes of one, at most.
    bytes_max: usize,
    /// For how long nothing may come; a body may take this long, and a millisecond more for each byte.
    pause_max: Duration,
    memory: Arc<Semaphore>,
}

/// A body with its memory, which is given back when it is dropped.
struct Held {
    bytes: Vec<u8>,
    permit: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Bodies {
    pub(super) fn new(bytes_max: usize, pause_max: Duration) -> Arc<Self> {
        Arc::new(Self { bytes_max, pause_max, memory: Arc::new(Semaphore::new(BODIES_BYTES_MAX)) })
    }

    /// Reads the whole of `body`.
    async fn read(&self, headers: &HeaderMap, mut body: Body) -> Result<Bytes, HttpError> {
        let declared = headers.get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|bytes| bytes > self.bytes_max) {
            return Err(self.too_large());
        }
        let mut held = Held { bytes: Vec::new(), permit: None };
        let (begun, mut heard) = (Instant::now(), Instant::now());
        loop {
            let read = u64::try_from(held.bytes.len()).unwrap_or(u64::MAX);
            let deadline = (heard + self.pause_max).min(begun + self.pause_max + Duration::from_millis(read));
            let frame = timeout_at(deadline, body.frame()).await.map_err(|_| self.too_slow())?;
            let Some(frame) = frame else { break };
            let Ok(data) = frame.map_err(|_| invalid())?.into_data() else { continue };
            heard = Instant::now();
            let length = held.bytes.len() + data.len();
            if length > self.bytes_max {
                return Err(self.too_large());
            }
            self.make_room(&mut held, length, declared).await?;
            held.bytes.extend_from_slice(&data);
        }
        Ok(Bytes::from_owner(held))
    }

    /// Memory for `length` bytes: what was declared is not believed before it comes.
    async fn make_room(
        &self,
        held: &mut Held,
        length: usize,
        declared: Option<usize>,
    ) -> Result<(), HttpError> {
        let capacity = held.bytes.capacity();
        if length <= capacity {
            return Ok(());
        }
        let most = declared.unwrap_or(self.bytes_max).max(length);
        let wanted = length.max(2 * capacity).max(FIRST_BYTES).min(most);
        let more = u32::try_from(wanted - capacity).unwrap_or(u32::MAX);
        let permit = timeout(MEMORY_TIMEOUT, Arc::clone(&self.memory).acquire_many_owned(more)).await;
        let permit = permit.ok().and_then(Result::ok).ok_or_else(no_memory)?;
        match &mut held.permit {
            Some(all) => all.merge(permit),
            none => *none = Some(permit),
        }
        held.bytes.reserve_exact(wanted - held.bytes.len());
        Ok(())
    }

    fn too_large(&self) -> HttpError {
        let message = format!(
            "the request's body has more than {} bytes (the setting `http.request_bytes_max`)",
            self.bytes_max
        );
        HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
            .or_do("send less in one request, or ask for a higher `request_bytes_max`")
    }

    fn too_slow(&self) -> HttpError {
        let message = format!(
            "the request's body came too slowly (the setting `http.header_timeout_ms` is {})",
            self.pause_max.as_millis()
        );
        HttpError::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", message)
            .or_do("send the request again, whole")
    }
}

fn no_memory() -> HttpError {
    let message = format!("the gateway holds {BODIES_BYTES_MAX} bytes of requests, which is its limit");
    HttpError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).or_do("send the request again").after(1)
}

fn invalid() -> HttpError {
    let message = "the request's body cannot be read: it ends early, or its chunks are wrong";
    HttpError::new(StatusCode::BAD_REQUEST, "body_invalid", message).or_do("send the request again, whole")
}

/// Reads the request's body before its endpoint is called.
pub(super) async fn read_body(State(bodies): State<Arc<Bodies>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    match bodies.read(&parts.headers, body).await {
        // A body may take long.
        Ok(_) if parts.extensions.get::<KeyEnd>().is_some_and(|key| key.0.is_cancelled()) => key_ended(),
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    const PAUSE: Duration = Duration::from_secs(10);

    fn bodies() -> Arc<Bodies> {
        Bodies::new(1_000, PAUSE)
    }

    /// A body of pieces of `bytes`, one every `pause`, for ever or `pieces` times.
    fn body(bytes: usize, pause: Duration, pieces: usize) -> Body {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, Infallible>>(1);
        tokio::spawn(async move {
            for _ in 0..pieces {
                tokio::time::sleep(pause).await;
                if sender.send(Ok(Bytes::from(vec![b'x'; bytes]))).await.is_err() {
                    return;
                }
            }
        });
        Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(receiver))
    }

    async fn code(bodies: &Bodies, headers: &HeaderMap, body: Body) -> Result<usize, &'static str> {
        bodies.read(headers, body).await.map(|bytes| bytes.len()).map_err(|error| error.code)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_bounds_of_size_and_time() {
        let (bodies, none) = (bodies(), HeaderMap::new());
        let read = async |bytes, pause, pieces| code(&bodies, &none, body(bytes, pause, pieces)).await;
        assert_eq!(read(10, Duration::ZERO, 100).await, Ok(1_000));
        assert_eq!(read(10, Duration::ZERO, 101).await, Err("body_too_large"));
        assert_eq!(read(100, Duration::from_millis(90), 10).await, Ok(1_000), "a byte a millisecond will do");
        assert_eq!(read(1, PAUSE, 10).await, Err("body_too_slow"), "a pause");
        let begun = Instant::now();
        assert_eq!(read(1, PAUSE / 2, 500).await, Err("body_too_slow"), "a trickle");
        assert!(begun.elapsed() < 2 * PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_says_that_it_is_too_large_is_not_read() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, "1001".parse().unwrap());
        let never = body(1, Duration::from_secs(3_600), 1);
        let begun = Instant::now();
        assert_eq!(code(&bodies(), &headers, never).await, Err("body_too_large"));
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn all_bodies_together_have_a_bound_and_their_memory_comes_back() {
        let bodies = Bodies::new(BODIES_BYTES_MAX, PAUSE);
        let most = || body(1024 * 1024, Duration::ZERO, 64);
        let first = bodies.read(&HeaderMap::new(), most()).await.unwrap();
        assert_eq!(bodies.memory.available_permits(), 0);
        assert_eq!(code(&bodies, &HeaderMap::new(), most()).await, Err("busy"));
        drop(first);
        assert_eq!(bodies.memory.available_permits(), BODIES_BYTES_MAX);
        assert_eq!(code(&bodies, &HeaderMap::new(), most()).await, Ok(BODIES_BYTES_MAX));
    }
}
