//! What an HTTP connection reads from and writes to, and the bodies of its answers: each tells the connection's [`Watch`] what
//! it does.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout};

use super::watch::{Running, Watch};

/// How much of an answer is handed over at once: a client that takes so much in `WRITE_STALL` is not too slow.
const PIECE_BYTES: usize = 64 * 1024;

/// How long, and how many bytes, what a client still sends is read and forgotten after it got its answer. A connection that
/// is closed with something unread is reset, and its client may never see the answer.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// A connection's stream. `held` lives as long as it does: also while it is a WebSocket's.
pub(super) struct Guarded<S: AsyncRead + Unpin + Send + 'static, H: Send + 'static> {
    /// Only empty while it is dropped.
    stream: Option<S>,
    watch: Arc<Watch>,
    held: Option<H>,
}

impl<S: AsyncRead + Unpin + Send + 'static, H: Send + 'static> Guarded<S, H> {
    pub(super) fn new(stream: S, watch: Arc<Watch>, held: H) -> Self {
        Self { stream: Some(stream), watch, held: Some(held) }
    }
}

impl<S: AsyncRead + Unpin + Send + 'static, H: Send + 'static> Unpin for Guarded<S, H> {}

impl<S: AsyncRead + Unpin + Send + 'static, H: Send + 'static> Guarded<S, H> {
    fn stream(&mut self) -> io::Result<Pin<&mut S>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<S: AsyncRead + Unpin + Send + 'static, H: Send + 'static> AsyncRead for Guarded<S, H> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(self.stream()?.poll_read(context, buffer));
        let read_now = &buffer.filled()[before..];
        if !read_now.is_empty() {
            self.watch.note_read(Instant::now(), read_now);
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static, H: Send + 'static> AsyncWrite for Guarded<S, H> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin + Send + 'static, H: Send + 'static> Drop for Guarded<S, H> {
    fn drop(&mut self) {
        let (Some(stream), held) = (self.stream.take(), self.held.take()) else { return };
        if self.watch.has_unread()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                let _ = timeout(LINGER, forget(stream)).await;
                drop(held);
            });
        }
    }
}

async fn forget(mut stream: impl AsyncRead + Unpin) {
    let (mut left, mut bytes) = (LINGER_BYTES, vec![0; 16 * 1024]);
    while let Ok(read @ 1..) = stream.read(&mut bytes).await
        && left > read
    {
        left -= read;
    }
}

/// The body of a request, which notes whether it was read to its end.
pub(super) struct RequestBody {
    body: Incoming,
    watch: Arc<Watch>,
    is_read: bool,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, running: &Running) -> Self {
        let is_read = body.is_end_stream();
        Self { body, watch: Arc::clone(running.watch()), is_read }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        // After an error, nothing that makes sense follows.
        self.is_read |= !matches!(frame, Some(Ok(_))) || self.body.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.is_read {
            self.watch.note_unread();
        }
    }
}

/// The body of an answer, handed over piece by piece; its request runs until it is dropped.
pub(super) struct ResponseBody {
    body: Body,
    rest: Bytes,
    running: Running,
}

impl ResponseBody {
    pub(super) fn new(body: Body, running: Running) -> Self {
        Self { body, rest: Bytes::new(), running }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            // What was given is taken: more is asked for.
            self.running.note_given(None);
            match ready!(Pin::new(&mut self.body).poll_frame(context))
                .map(|frame| frame.map(Frame::into_data))
            {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        self.running.note_given(Some(Instant::now()));
        let piece = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}
