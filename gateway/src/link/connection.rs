//! One connection: who is it, what does it want, and until when.

use std::io;
use std::sync::Arc;

use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::traits::StreamCommon;
use rmcp::service::serve_directly;
use snowgate_link::credit::Window;
use snowgate_link::frame::Decoder;
use snowgate_link::hello::{
    ClientHello, HELLO_BYTES_MAX, PROTO, Refusal, Resume, Role, ServerHello, Welcome,
};
use snowgate_link::{BUILD, GatewayLink, os};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::channel::Channel;
use super::control;
use super::transport::LinkTransport;
use crate::backend::Context;
use crate::config::ProfileConfig;
use crate::gateway::Gateway;
use crate::mcp::SqlService;
use crate::session::{Session, SessionContext, SessionGuard, SessionTable, TableError};

/// Takes a connection from its first byte to its last.
pub async fn serve_connection(gateway: Arc<Gateway>, stream: Stream) {
    let Some(uid) = trusted_peer(&stream) else { return };
    let stream = Arc::new(stream);
    let timeout = gateway.config.gateway.hello_timeout;
    let hello = tokio::select! {
        hello = tokio::time::timeout(timeout, read_hello(&stream)) => hello,
        // Whoever has not said what it wants finds the next gateway.
        () = gateway.drain.cancelled() => return,
    };
    let hello = match hello {
        Ok(Ok(Some(hello))) => hello,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => return refuse(&stream, refusal(format!("no hello: {error}"), None)).await,
        Err(_) => return refuse(&stream, refusal("no hello came in time".into(), None)).await,
    };
    let (hello, rest) = hello;
    if let Err(refusal) = check_version(&hello) {
        return refuse(&stream, refusal).await;
    }
    let mut decoder = Decoder::new();
    decoder.push(&rest);
    match hello.role {
        Role::Control => control::serve(&gateway, &stream, decoder).await,
        Role::Client => match open_session(&gateway, &hello, uid).await {
            Ok(guard) => serve_session(&gateway, &stream, decoder, &hello, guard).await,
            Err(refusal) => {
                tracing::warn!(pid = hello.origin.pid, reason = refusal.message, "refused a session");
                refuse(&stream, refusal).await;
            }
        },
    }
}

/// The peer's user if it is ours; anything else, or a system that does not tell, is turned away.
fn trusted_peer(stream: &Stream) -> Option<u32> {
    let uid = stream.peer_creds().ok().and_then(|peer| peer.euid());
    if uid != Some(os::euid()) {
        tracing::warn!(?uid, "turned a foreign peer away");
        return None;
    }
    uid
}

/// Reads the hello line; gives it with the bytes behind it, or `None` where the peer said nothing at all.
async fn read_hello(mut stream: &Stream) -> io::Result<Option<(ClientHello, Vec<u8>)>> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let hello = ClientHello::from_line(&bytes[..end])
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the first line is none"))?;
            return Ok(Some((hello, bytes.split_off(end + 1))));
        }
        if bytes.len() >= HELLO_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("over {HELLO_BYTES_MAX} bytes")));
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
            Some("install shim and gateway from the same release, then run `snowgate stop`".into()),
        )
    })
}

fn refusal(message: String, next_step: Option<String>) -> Refusal {
    Refusal { message, next_step, retry: false }
}

async fn refuse(mut stream: &Stream, refusal: Refusal) {
    // The peer may be gone already; there is nothing else to tell it.
    let _ = stream.write_all(&ServerHello::Refused(refusal).to_line()).await;
}

async fn open_session(gateway: &Gateway, hello: &ClientHello, uid: u32) -> Result<SessionGuard, Refusal> {
    if gateway.drain.is_cancelled() {
        return Err(Refusal { message: "the gateway is leaving".into(), next_step: None, retry: true });
    }
    let profile = hello.profile.as_deref().unwrap_or("default");
    // Also for a session that comes back: the profile may be gone since.
    let settings = gateway.config.profile(profile).map_err(|error| {
        refusal(error.to_string(), Some("correct --profile or SNOWGATE_PROFILE, or add the profile".into()))
    })?;
    let context = match &hello.state {
        Some(state) => restored_context(gateway, state).await,
        None => SessionContext { context: initial_context(gateway, profile, settings).await?, lost: None },
    };
    let key = SessionTable::key_for(hello.session.as_ref());
    let session = Session::new(key, hello.origin.clone(), uid, profile.to_owned(), context);
    gateway.sessions.open(session).map_err(|error| {
        let next_step = match error {
            TableError::Full(_) => "close a client, or raise `sessions_max` under [gateway]",
            TableError::NotYours(_) => "restart the client, so that it gets a session of its own",
        };
        refusal(error.to_string(), Some(next_step.into()))
    })
}

/// The context a session of `profile` starts in.
async fn initial_context(
    gateway: &Gateway,
    profile: &str,
    settings: &ProfileConfig,
) -> Result<Context, Refusal> {
    let wanted = Context {
        role: settings.role.clone(),
        warehouse: settings.warehouse.clone(),
        database: settings.database.clone(),
        schema: settings.schema.clone(),
    };
    gateway.multiplexer.backend().resolve(&wanted).await.map_err(|error| {
        let next_step = error.next_step.clone();
        refusal(format!("profile `{profile}`: {error}"), next_step)
    })
}

/// The context that an earlier gateway left with the shim.
async fn restored_context(gateway: &Gateway, state: &str) -> SessionContext {
    let lost = |why: String| SessionContext { context: Context::default(), lost: Some(why) };
    let Ok(wanted) = serde_json::from_str(state) else { return lost("it cannot be read".into()) };
    match gateway.multiplexer.backend().resolve(&wanted).await {
        Ok(context) => SessionContext { context, lost: None },
        Err(error) => SessionContext { context: wanted, lost: Some(error.to_string()) },
    }
}

async fn serve_session(
    gateway: &Arc<Gateway>,
    stream: &Arc<Stream>,
    decoder: Decoder,
    hello: &ClientHello,
    guard: SessionGuard,
) {
    let session = &guard.session;
    let window = Window::default();
    let welcome = Welcome {
        proto: PROTO.max,
        build: BUILD.to_owned(),
        pid: std::process::id(),
        session: Some(session.key.clone()),
        resume: if hello.session.is_some() { Resume::Rebuilt } else { Resume::New },
        received: 0,
        window,
    };
    if (&**stream).write_all(&ServerHello::Welcome(welcome).to_line()).await.is_err() {
        return;
    }
    tracing::info!(
        session = %session.key.id, profile = session.profile, pid = session.origin.pid,
        parent = session.origin.parent_exe, resumed = hello.session.is_some(), "session opened"
    );
    let link = GatewayLink::new(window, hello.window);
    let requests_max = gateway.config.gateway.session_requests_max;
    let channel = Channel::new(Arc::clone(session), Arc::clone(stream), link, requests_max);
    let transport = LinkTransport::new(
        Arc::clone(stream),
        decoder,
        channel,
        Arc::clone(session),
        gateway.drain.clone(),
        gateway.config.gateway.drain_timeout,
    );
    let service = SqlService::new(Arc::clone(gateway), Arc::clone(session));
    let ended = serve_directly(service, transport, None).waiting().await;
    if let Err(error) = ended {
        tracing::error!(session = %session.key.id, %error, "a session's task failed");
    }
    tracing::info!(session = %session.key.id, "session closed");
}
