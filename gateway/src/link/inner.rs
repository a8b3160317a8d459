//! The link within the process: another front opens a session, and is its shim.
//!
//! So a session has one way in, whichever client is behind it: bounds, barriers, numbers, journal and credit are the same. What a shim
//! cannot say, such a front says beside its lines ([`LineFacts`]), and it is told which line a notification is about.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use snowgate_link::credit::Window;
use snowgate_link::frame::Decoder;
use snowgate_link::hello::{ClientHello, Refusal, Resume};
use snowgate_link::os;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio_util::task::TaskTracker;

use super::connection::run_session;
use super::handshake::{Peer, open_session};
use super::stream::LinkStream;
use crate::keys::KeyIdentity;
use crate::mcp::{LineFacts, Mcp};
use crate::session::{FrontClient, Session};

/// Bytes on their way in each direction, beyond which the writer waits.
const STREAM_BYTES: usize = 64 * 1024;

/// Whom such a session is for.
#[derive(Clone, Debug, Default)]
pub struct InnerClient {
    /// Whether its clients do not know each other's JSON-RPC ids.
    pub has_several_clients: bool,
    /// What they are called, where they have no session of their own: then their profile is chosen anew each time.
    pub called: Option<String>,
    /// The API key that they came with.
    pub api_key: Option<Arc<KeyIdentity>>,
    /// The address that they came from.
    pub address: Option<IpAddr>,
    /// What else is known of them.
    pub front: FrontClient,
}

/// A session that is open.
#[derive(Debug)]
pub struct InnerLink {
    /// The session.
    pub session: Arc<Session>,
    /// What has become of the session that was presented.
    pub resume: Resume,
    /// What a shim would have its socket for.
    pub stream: DuplexStream,
    /// What is said of lines, by their numbers: put there before a line is sent, taken when it starts.
    pub facts: Arc<Mutex<HashMap<u64, LineFacts>>>,
}

/// Opens the session that `hello` asks for, and runs it in `tasks` until the stream is closed.
///
/// # Errors
/// What a shim would be told.
pub async fn open_inner(
    mcp: &Arc<Mcp>,
    hello: &ClientHello,
    client: InnerClient,
    tasks: &TaskTracker,
) -> Result<InnerLink, Refusal> {
    let peer = Peer { uid: os::user().number(), shim: None, inner: client.clone() };
    let (guard, resume) = open_session(mcp, hello, peer).await?;
    let (stream, inner) = duplex(STREAM_BYTES);
    let facts: Arc<Mutex<HashMap<u64, LineFacts>>> = Arc::default();
    let session = Arc::clone(&guard.session);
    session.span.in_scope(|| tracing::info!(?resume, "session opened for a client without a shim"));
    let (mcp, said) = (Arc::clone(mcp), Arc::clone(&facts));
    tasks.spawn(async move {
        let stream = InnerStream { stream: Mutex::new(inner), facts: said, client };
        run_session(&mcp, Arc::new(stream), Decoder::new(), &guard, Window::default()).await;
    });
    Ok(InnerLink { session, resume, stream, facts })
}

/// The gateway's end.
struct InnerStream {
    /// Locked for one poll at a time.
    stream: Mutex<DuplexStream>,
    facts: Arc<Mutex<HashMap<u64, LineFacts>>>,
    client: InnerClient,
}

impl LinkStream for InnerStream {
    fn half(&self) -> impl AsyncRead + AsyncWrite + Unpin + Send + '_ {
        Half(self)
    }

    const TELLS_ABOUT: bool = true;

    fn has_several_clients(&self) -> bool {
        self.client.has_several_clients
    }

    fn line_facts(&self, seq: u64) -> LineFacts {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).remove(&seq).unwrap_or_default()
    }
}

struct Half<'a>(&'a InnerStream);

impl Half<'_> {
    fn with<T>(&self, with: impl FnOnce(Pin<&mut DuplexStream>) -> T) -> T {
        with(Pin::new(&mut self.0.stream.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl AsyncRead for Half<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Half<'_> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(context))
    }
}
