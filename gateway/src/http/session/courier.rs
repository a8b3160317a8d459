//! What comes back from a session: messages for its exchanges, and what the next gateway is to have.

use std::sync::Arc;

use bytes::Bytes;
use snowgate_link::ProtocolError;
use snowgate_link::credit::Grant;
use snowgate_link::frame::{Decoder, FLAG_ABOUT, Kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc::UnboundedReceiver;

use super::http_session::HttpSession;
use crate::shared::{HEAVY_BYTES, Shared};

/// Writes what the session sends, until it ends.
pub(super) async fn write(
    session: Arc<HttpSession>,
    mut stream: WriteHalf<DuplexStream>,
    mut out: UnboundedReceiver<Bytes>,
) {
    loop {
        let bytes = tokio::select! {
            bytes = out.recv() => bytes,
            () = session.closed.cancelled() => return,
        };
        let Some(bytes) = bytes else { return };
        let written = tokio::select! {
            written = stream.write_all(&bytes) => written,
            () = session.closed.cancelled() => return,
        };
        if written.is_err() {
            return;
        }
    }
}

/// Reads what the gateway sends, until the session ends.
pub(super) async fn read(session: Arc<HttpSession>, shared: Arc<Shared>, mut stream: ReadHalf<DuplexStream>) {
    let mut decoder = Decoder::new();
    loop {
        match take_frames(&session, &shared, &mut decoder).await {
            Ok(()) => {}
            Err(error) => {
                tracing::error!(%error, "a session's own link is broken");
                break;
            }
        }
        let read = tokio::select! {
            read = stream.read_buf(decoder.buffer()) => read,
            () = session.closed.cancelled() => break,
        };
        if matches!(read, Ok(0) | Err(_)) {
            break;
        }
    }
    session.note_end();
}

/// Something that a frame asks for that takes time.
enum Later {
    Nothing,
    /// The next gateway is to have this state.
    State(String),
    /// The next gateway is to have these lines.
    Pinned(String),
}

async fn take_frames(
    session: &HttpSession,
    shared: &Shared,
    decoder: &mut Decoder,
) -> Result<(), ProtocolError> {
    while let Some(later) = take_frame(session, decoder)? {
        let (state, pinned) = match later {
            Later::State(state) => (Some(state), None),
            Later::Pinned(pinned) => (None, Some(pinned)),
            Later::Nothing => continue,
        };
        // Before the answer that comes behind it is handed on.
        if session.is_kept
            && let Err(error) = shared.state.carry(&session.session.key.id, state, pinned).await
        {
            session.session.span.in_scope(|| {
                tracing::warn!(%error, "cannot write down what the next gateway is to know of a session");
            });
        }
    }
    Ok(())
}

/// Takes one frame; `None`: there is none.
fn take_frame(session: &HttpSession, decoder: &mut Decoder) -> Result<Option<Later>, ProtocolError> {
    let Some(frame) = decoder.frame()? else { return Ok(None) };
    let (kind, re, flags, bytes) = (frame.kind, frame.re, frame.flags, frame.payload.len());
    let later = match kind {
        Kind::Line => {
            let small = (bytes <= HEAVY_BYTES).then(|| Bytes::copy_from_slice(frame.payload));
            let line = small.unwrap_or_else(|| Bytes::from_owner(decoder.take_payload(bytes)));
            session.lock_credit().receive.received(bytes as u64)?;
            session.hand_on(line, re, flags & FLAG_ABOUT == 0);
            Later::Nothing
        }
        Kind::Credit => {
            let grant = Grant::from_payload(frame.payload)?;
            session.lock_credit().send.granted(grant)?;
            session.note_credit();
            Later::Nothing
        }
        Kind::Ack => {
            session.note_acknowledged(re);
            Later::Nothing
        }
        Kind::Pin => session.with_routes(|routes| routes.pin(re)).map_or(Later::Nothing, Later::Pinned),
        Kind::Unpin => session.with_routes(|routes| routes.unpin(re)).map_or(Later::Nothing, Later::Pinned),
        Kind::State => Later::State(String::from_utf8_lossy(frame.payload).into_owned()),
        Kind::Drain => {
            session.note_drain(re);
            Later::Nothing
        }
        // The end of the stream comes behind it.
        Kind::Bye => Later::Nothing,
    };
    Ok(Some(later))
}
