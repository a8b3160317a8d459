//! Replies, whole and broken.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Bytes written at a time.
const STEP_BYTES: usize = 64 << 10;

/// What the stand-in does with a request.
pub enum Reply {
    /// Answers.
    Send {
        /// The HTTP status.
        status: u16,
        /// Headers besides `content-length`.
        headers: Vec<(&'static str, String)>,
        /// The whole body.
        body: Arc<Vec<u8>>,
    },
    /// Begins to answer with `body`, and hangs up after that many bytes of it.
    Cut {
        /// The whole body, whose length is announced.
        body: Arc<Vec<u8>>,
        /// Bytes of it that are sent.
        after: usize,
    },
    /// Hangs up.
    HangUp,
    /// Says nothing, until the client hangs up.
    Silence,
    /// Waits for a signal.
    When(Arc<Notify>, Box<Reply>),
}

impl Reply {
    /// An answer in JSON.
    pub fn json(value: &Value) -> Self {
        Self::body(value.to_string().into_bytes())
    }

    /// HTTP 200 with `body`.
    pub fn body(body: Vec<u8>) -> Self {
        Self::Send { status: 200, headers: Vec::new(), body: Arc::new(body) }
    }

    /// HTTP 200 with `body`, compressed.
    pub fn gzip(body: &[u8]) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        Self::body(encoder.finish().unwrap())
    }

    /// A page of HTML with this status, as proxies send.
    pub fn status(status: u16) -> Self {
        let body = Arc::new(b"<html>not an answer</html>".to_vec());
        Self::Send { status, headers: Vec::new(), body }
    }

    /// The same with one more header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Send { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }

    /// The same with another status.
    pub fn but(mut self, other: u16) -> Self {
        if let Self::Send { status, .. } = &mut self {
            *status = other;
        }
        self
    }

    /// The same, cut in the middle of its body.
    pub fn cut(self) -> Self {
        match self {
            Self::Send { body, .. } => Self::Cut { after: body.len() / 2, body },
            other => other,
        }
    }

    /// The same after a signal.
    pub fn when(self, signal: &Arc<Notify>) -> Self {
        Self::When(Arc::clone(signal), Box::new(self))
    }

    /// Writes it; whether the connection goes on.
    pub(super) async fn write(self, stream: &mut TcpStream, sent: &AtomicU64) -> bool {
        let mut reply = self;
        while let Self::When(signal, next) = reply {
            tokio::select! {
                () = signal.notified() => {}
                () = hung_up(stream) => return false,
            }
            reply = *next;
        }
        let (status, headers, body, end) = match reply {
            Self::Send { status, headers, body } => {
                let end = body.len();
                (status, headers, body, end)
            }
            Self::Cut { body, after } => (200, Vec::new(), body, after),
            Self::Silence => {
                hung_up(stream).await;
                return false;
            }
            Self::HangUp | Self::When(..) => return false,
        };
        let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        if stream.write_all(head.as_bytes()).await.is_err() {
            return false;
        }
        for step in body[..end].chunks(STEP_BYTES) {
            if stream.write_all(step).await.is_err() {
                return false;
            }
            sent.fetch_add(step.len() as u64, Ordering::Relaxed);
        }
        end == body.len()
    }
}

/// Waits until the client hangs up: it has nothing to say before it is answered.
async fn hung_up(stream: &mut TcpStream) {
    let _ = stream.read_u8().await;
}
