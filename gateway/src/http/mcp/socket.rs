//! A WebSocket: one JSON-RPC message a text frame, both ways, in a session of its own.
//!
//! Three parts run side by side. The socket's own loop reads and writes frames; `take` hands messages to the session, which
//! may make it wait; a task for each request brings its messages back. What is under way between them is bounded, so a client
//! that does not read stalls its own requests, and a session with much to do stops reading its client.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use axum::http::{Method, Request, Version, header};
use axum::response::Response;
use bytes::Bytes;
use rmcp::ErrorData;
use rmcp::model::{JsonRpcError, RequestId};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::close::Closing;
use super::message::{Kind, read};
use super::{McpFront, reply};
use crate::http::caller::Caller;
use crate::http::session::{Delivery, Exchange, HttpSession, Which};
use crate::shared::{HEAVY_BYTES, Shared};

/// The subprotocol, for clients that ask for it.
const SUBPROTOCOL: &str = "mcp";

/// A message from a client has so many bytes, at most, in one frame or in several; fewer where `http.request_bytes_max` is less.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is gathered to be written at once.
const WRITE_BYTES: usize = 16 * 1024;

/// Messages from the client that wait for the session, at most.
const INBOX_MAX: usize = 4;

/// Messages to the client that wait to be written, at most.
const OUTBOX_MAX: usize = 4;

/// How long a socket is silent before it is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// How long a client may be silent, answers to pings included, or leave a frame unread.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether a request asks for a WebSocket: by `Upgrade`, or in HTTP/2 by `CONNECT`.
pub(super) fn is_upgrade<B>(request: &Request<B>) -> bool {
    let upgrade = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    (*request.method() == Method::GET
        && upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket")))
        || (*request.method() == Method::CONNECT && request.version() == Version::HTTP_2)
}

/// Opens a session for a WebSocket, or refuses it while HTTP can still say why.
pub(super) async fn upgrade(front: &Arc<McpFront>, caller: Caller, upgrade: WebSocketUpgrade) -> Response {
    let session = match front.sessions.find(&caller, Which::Socket).await {
        Ok(session) => session,
        Err(why) => return reply::no_session(None, &why),
    };
    let shared = Arc::clone(&front.mcp.shared);
    let bytes_max = shared.config.http.as_ref().map_or(MESSAGE_BYTES_MAX, |http| http.request_bytes_max);
    let bytes_max = bytes_max.min(MESSAGE_BYTES_MAX);
    let guard = Leaves(Some(Arc::clone(&session)));
    upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(bytes_max)
        .max_frame_size(bytes_max)
        .write_buffer_size(WRITE_BYTES)
        .on_upgrade(move |socket| async move { serve(socket, session, shared, bytes_max, guard).await })
}

/// Ends the session with its socket, also where the upgrade never comes.
struct Leaves(Option<Arc<HttpSession>>);

impl Drop for Leaves {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            tokio::spawn(async move { session.close().await });
        }
    }
}

/// One socket's ends.
struct Wires {
    /// Messages from the client, for the session.
    inbox: mpsc::Sender<Utf8Bytes>,
    /// Messages for the client.
    outbox: mpsc::Receiver<Bytes>,
    /// Of one message from the client.
    bytes_max: usize,
}

async fn serve(
    mut socket: WebSocket,
    session: Arc<HttpSession>,
    shared: Arc<Shared>,
    bytes_max: usize,
    guard: Leaves,
) {
    let (inbox, from_client) = mpsc::channel(INBOX_MAX);
    let (to_client, outbox) = mpsc::channel(OUTBOX_MAX);
    let tasks = TaskTracker::new();
    let take = take(Arc::clone(&session), Arc::clone(&shared), from_client, to_client, tasks.clone());
    let taking = AbortOnDropHandle::new(tokio::spawn(take));
    let closing = run(&mut socket, &session, &shared, Wires { inbox, outbox, bytes_max }).await;
    drop(taking);
    if let Some(closing) = closing {
        close(socket, closing).await;
    }
    // What runs is stopped with the session.
    drop(guard);
}

/// Reads and writes until one end is closed: what the client is to be told, if it is there.
async fn run(
    socket: &mut WebSocket,
    session: &HttpSession,
    shared: &Shared,
    mut wires: Wires,
) -> Option<Closing> {
    let mut heard = Instant::now();
    let mut pinged = heard;
    let mut place = None;
    loop {
        let has_place = place.is_some();
        tokio::select! {
            reserved = wires.inbox.clone().reserve_owned(), if !has_place => match reserved {
                Ok(reserved) => {
                    place = Some(reserved);
                    // While there was no place the client was not listened to.
                    heard = heard.max(pinged);
                }
                Err(_) => return Some(Closing::Ended),
            },
            frame = socket.recv(), if has_place => {
                heard = Instant::now();
                match frame? {
                    Ok(Message::Text(text)) => {
                        if let Some(place) = place.take() {
                            place.send(text);
                        }
                    }
                    Ok(Message::Binary(_)) => return Some(Closing::Binary),
                    // Pings are answered by the library.
                    Ok(Message::Ping(_) | Message::Pong(_)) => {}
                    Ok(Message::Close(_)) => {
                        // Reading on has the library's answer sent.
                        let _ = timeout(CLOSE_TIMEOUT, socket.recv()).await;
                        return None;
                    }
                    Err(error) => return Closing::of_error(&error.to_string(), wires.bytes_max),
                }
            }
            line = wires.outbox.recv() => match line {
                Some(line) => send(socket, line).await?,
                None => return Some(ending(shared)),
            },
            event = session.next_event() => match event {
                Some(line) => send(socket, line).await?,
                None => return Some(ending(shared)),
            },
            () = sleep_until(pinged.max(heard) + PING_INTERVAL) => {
                if has_place && heard.elapsed() > SILENCE_MAX {
                    return Some(Closing::Silent);
                }
                pinged = Instant::now();
                deliver(socket, Message::Ping(Bytes::new())).await?;
            }
        }
    }
}

/// Why the session has ended.
fn ending(shared: &Shared) -> Closing {
    if shared.shutdown.drain.is_cancelled() { Closing::GoingAway } else { Closing::Ended }
}

/// Writes a message; `None`: the client has left, or does not read.
async fn send(socket: &mut WebSocket, line: Bytes) -> Option<()> {
    // Messages of ours are JSON, which is UTF-8.
    let text = Utf8Bytes::try_from(line).ok()?;
    deliver(socket, Message::Text(text)).await
}

async fn deliver(socket: &mut WebSocket, message: Message) -> Option<()> {
    timeout(SILENCE_MAX, socket.send(message)).await.ok()?.ok()
}

/// Says why, and waits a moment for the client to have it.
async fn close(mut socket: WebSocket, closing: Closing) {
    let frame = CloseFrame { code: closing.code(), reason: Utf8Bytes::from(closing.reason().as_ref()) };
    let _ = timeout(CLOSE_TIMEOUT, async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            // What the client sent before it saw the close is read, or its connection is reset before it has that.
            while let Some(Ok(_)) = socket.recv().await {}
        }
    })
    .await;
}

/// Hands the client's messages to the session, in order.
async fn take(
    session: Arc<HttpSession>,
    shared: Arc<Shared>,
    mut from_client: mpsc::Receiver<Utf8Bytes>,
    to_client: mpsc::Sender<Bytes>,
    tasks: TaskTracker,
) {
    while let Some(text) = from_client.recv().await {
        let line = text.as_bytes().to_vec();
        let (head, line) = if line.len() > HEAVY_BYTES {
            shared.heavy.run(move || (read(&line), line)).await
        } else {
            (read(&line), line)
        };
        let head = match head {
            Ok(head) => head,
            Err(rejection) => {
                refuse(&to_client, rejection.id, rejection.error).await;
                continue;
            }
        };
        let Kind::Request(id) = head.kind else {
            if session.notify(line).await.is_err() {
                return;
            }
            continue;
        };
        match session.request(line, Delivery::default()).await {
            Ok(exchange) => drop(tasks.spawn(bring(exchange, to_client.clone()))),
            Err(why) => refuse(&to_client, Some(id), why.error()).await,
        }
    }
}

/// Brings a request's messages back.
async fn bring(mut exchange: Exchange, to_client: mpsc::Sender<Bytes>) {
    while let Some(outgoing) = exchange.next().await {
        if to_client.send(outgoing.line).await.is_err() {
            return exchange.cancel();
        }
        if outgoing.is_answer {
            return;
        }
    }
}

async fn refuse(to_client: &mpsc::Sender<Bytes>, id: Option<RequestId>, error: ErrorData) {
    let line = serde_json::to_vec(&JsonRpcError::new(id, error)).unwrap_or_default();
    let _ = to_client.send(Bytes::from(line)).await;
}
