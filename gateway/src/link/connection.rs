//! One connection: who is it, what does it want, and until when.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use rmcp::service::{QuitReason, serve_directly};
use snowgate_link::credit::Window;
use snowgate_link::frame::Decoder;
use snowgate_link::hello::{
    CLIENT_HELLO_BYTES_MAX, ClientHello, PROTO, Refusal, Resume, Role, ServerHello, Welcome,
};
use snowgate_link::{BUILD, GatewayLink, os};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinError;
use tracing::{Instrument, Span};

use super::channel::Channel;
use super::control;
use super::handshake::{Peer, open_session, refusal};
use super::hellos::Hellos;
use super::inner::InnerClient;
use super::stream::LinkStream;
use super::transport::LinkTransport;
use crate::mcp::Mcp;
use crate::os::{LinkConnection as Stream, has_peer_gone, peer_of};
use crate::session::{Session, SessionGuard};
use crate::state::ShimProcess;

/// A session that is open, and what its first bytes said.
struct Opened {
    guard: SessionGuard,
    resume: Resume,
    hello: ClientHello,
    /// The bytes behind the hello.
    decoder: Decoder,
}

/// Serves a connection from its first byte to its last; `span`: the connection's.
pub async fn serve_connection(mcp: Arc<Mcp>, hellos: Arc<Hellos>, stream: Stream, span: Span) {
    let stream = Arc::new(stream);
    // The span is left behind here: it would be entered with every message. The session's events name their session.
    if let Some(opened) = open(&mcp, &hellos, &stream).instrument(span).await {
        serve_session(&mcp, &stream, opened).await;
    }
}

/// Takes a connection through its hello. One that only asks (`snowgate status`) is answered here.
async fn open(mcp: &Mcp, hellos: &Hellos, stream: &Stream) -> Option<Opened> {
    let (peer, shared) = (trusted_peer(stream)?, &mcp.shared);
    let timeout = shared.live().config.gateway.hello_timeout;
    let hello = tokio::select! {
        hello = tokio::time::timeout(timeout, read_hello(stream)) => hello,
        // A peer that has not said what it wants finds the next gateway.
        () = shared.shutdown.drain.cancelled() => return None,
    };
    let opened = match hello {
        Ok(Ok(None)) => return None,
        Ok(Ok(Some((hello, rest)))) => {
            let mut decoder = Decoder::new();
            decoder.push(&rest);
            open_as(mcp, hellos, stream, peer, hello, decoder).await
        }
        Ok(Err(error)) => Err(refusal(format!("no hello: {error}"), None)),
        // On a busy machine a shim may be slow too: it comes again.
        Err(_) => Err(Refusal { retry: true, ..refusal("no hello came in time".into(), None) }),
    };
    match opened {
        Ok(opened) => opened,
        Err(refusal) => {
            refuse(stream, refusal).await;
            None
        }
    }
}

/// Does what `hello` asks for: opens a session, or answers questions.
async fn open_as(
    mcp: &Mcp,
    hellos: &Hellos,
    stream: &Stream,
    peer: Peer,
    hello: ClientHello,
    decoder: Decoder,
) -> Result<Option<Opened>, Refusal> {
    if hello.role == Role::Client {
        mcp.shared.newer_build.note(&hello.build, BUILD);
    }
    check_version(&hello)?;
    match hello.role {
        Role::Control => {
            control::serve(&mcp.shared, stream, decoder).await;
            Ok(None)
        }
        Role::Client => match open_in_turn(mcp, hellos, stream, peer, &hello).await {
            None => {
                tracing::debug!(pid = hello.origin.pid, "the shim left before its turn");
                Ok(None)
            }
            Some(Ok((guard, resume))) => Ok(Some(Opened { guard, resume, hello, decoder })),
            Some(Err(refusal)) => {
                tracing::warn!(pid = hello.origin.pid, reason = refusal.message, "refused a session");
                Err(refusal)
            }
        },
    }
}

/// Opens the session that `hello` asks for; `None` if its shim is gone.
async fn open_in_turn(
    mcp: &Mcp,
    hellos: &Hellos,
    stream: &Stream,
    peer: Peer,
    hello: &ClientHello,
) -> Option<Result<(SessionGuard, Resume), Refusal>> {
    let is_gone = || has_peer_gone(stream);
    hellos.in_turn(stream, hello.understands_queued, is_gone, open_session(mcp, hello, peer)).await
}

/// The peer's user if it is ours; any other, or one that the system does not tell, is refused.
fn trusted_peer(stream: &Stream) -> Option<Peer> {
    let found = peer_of(stream);
    let Some(peer) = found.as_ref().filter(|peer| peer.user == os::user()) else {
        tracing::warn!(user = ?found.map(|peer| peer.user), "refused a peer that is not this user's");
        return None;
    };
    let shim = peer.pid.and_then(ShimProcess::running);
    Some(Peer { uid: peer.user.number(), shim, inner: InnerClient::default() })
}

/// Reads the hello line; returns it with the bytes behind it, or `None` if the peer said nothing at all.
async fn read_hello(mut stream: &Stream) -> io::Result<Option<(ClientHello, Vec<u8>)>> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let hello = ClientHello::from_line(&bytes[..end])
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the first line is not a hello"))?;
            return Ok(Some((hello, bytes.split_off(end + 1))));
        }
        if bytes.len() >= CLIENT_HELLO_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("over {CLIENT_HELLO_BYTES_MAX} bytes"),
            ));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            let whole = bytes.is_empty();
            return if whole { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
}

fn check_version(hello: &ClientHello) -> Result<u16, Refusal> {
    PROTO.common(hello.snowgate).ok_or_else(|| {
        let message = format!(
            "the shim (build {:?}) speaks link protocol {}..{}, this gateway (build {BUILD}) {}..{}",
            hello.build, hello.snowgate.min, hello.snowgate.max, PROTO.min, PROTO.max
        );
        refusal(
            message,
            Some("install shim and gateway from the same release, then run `snowgate restart`".into()),
        )
    })
}

async fn refuse(mut stream: &Stream, refusal: Refusal) {
    // The peer may be gone already; there is nothing else to tell it.
    let _ = stream.write_all(&ServerHello::Refused(refusal).to_line()).await;
}

async fn serve_session(mcp: &Arc<Mcp>, stream: &Arc<Stream>, opened: Opened) {
    let Opened { guard, resume, hello, decoder } = opened;
    let (session, window) = (Arc::clone(&guard.session), Window::default());
    let welcome = Welcome {
        proto: PROTO.common(hello.snowgate).unwrap_or(PROTO.max),
        build: BUILD.to_owned(),
        pid: std::process::id(),
        session: Some(session.key.clone()),
        resume,
        window,
    };
    if (&**stream).write_all(&ServerHello::Welcome(welcome).to_line()).await.is_err() {
        return;
    }
    session.span.in_scope(|| {
        let (pid, parent) = (session.origin.pid, session.origin.parent_exe.as_deref());
        tracing::info!(pid, parent, resume = ?resume, "session opened");
    });
    run_session(mcp, Arc::clone(stream), decoder, &guard, hello.window).await;
}

/// Runs a session that is open until its connection ends; `window` is the other end's.
pub(super) async fn run_session<S: LinkStream>(
    mcp: &Arc<Mcp>,
    stream: Arc<S>,
    decoder: Decoder,
    guard: &SessionGuard,
    window: Window,
) {
    let (shared, session, own) = (&mcp.shared, &guard.session, Window::default());
    // Never more on the way than the journal keeps the results of.
    let window = Window { frames: window.frames.min(own.frames), bytes: window.bytes.min(own.bytes) };
    let (link, heavy) = (GatewayLink::new(own, window), shared.heavy.clone());
    let channel = Channel::new(Arc::clone(session), Arc::clone(&stream), link, heavy);
    // Before anything runs: the next gateway must know which journal to look into.
    channel.give_state();
    let ended = converse(mcp, stream, decoder, channel, session).await;
    // Also where the transport never came to its end.
    session.results.close();
    shared.release(session);
    shared.keeper.persist_ended(session).await;
    session.span.in_scope(|| {
        if let Err(error) = ended {
            tracing::error!(%error, "a session's task failed");
        }
        tracing::info!("session closed");
    });
}

/// Has `rmcp` answer what comes over `stream`, until that ends; after a shutdown that is over, nothing more is answered.
pub(super) async fn converse<S: LinkStream>(
    mcp: &Arc<Mcp>,
    stream: Arc<S>,
    decoder: Decoder,
    channel: Arc<Channel<S>>,
    session: &Arc<Session>,
) -> Result<QuitReason, JoinError> {
    let abandoned = Arc::clone(&channel);
    let transport = LinkTransport::new(Arc::clone(mcp), stream, decoder, channel, Arc::clone(session));
    let mut waiting = pin!(serve_directly(mcp.service(Arc::clone(session)), transport, None).waiting());
    tokio::select! {
        ended = &mut waiting => ended,
        () = mcp.shared.shutdown.abandon.cancelled() => {
            abandoned.seal();
            session.gone.cancel();
            waiting.await
        }
    }
}
