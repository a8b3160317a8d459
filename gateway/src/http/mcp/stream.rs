//! Streams of events: what a task sends, and what it does when its client leaves.
//!
//! | stream of | the client leaves | the session ends |
//! |---|---|---|
//! | a request in a session | the request goes on; its answer is kept for a client that comes back | an error, then the end; the end alone if the client has cancelled it or ended the session |
//! | a stateless request | the request is cancelled | an error, or a subscription's result, then the end |
//! | messages of no request | it waits for a client that comes back | the end |
//!
//! A message is taken from the session only once the one before it is on its way, so a client that does not read stalls its
//! own request and holds one message.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use rmcp::model::{JsonRpcError, RequestId};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;

use super::event::{EventId, KEEP_ALIVE, message, priming};
use super::negotiate::EVENT_STREAM;
use super::replay::Behind;
use super::reply;
use super::streams::Streams;
use crate::http::session::{Exchange, HttpSession, Outgoing};

/// How long a stream is silent before it shows that it lives: proxies close what is silent for a minute.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// How long a client may leave an event unread before its stream is cut.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);

/// Has the response not gathered by proxies (nginx), but sent event by event.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The client has left, or does not read.
#[derive(Debug)]
struct Gone;

/// Where events go.
#[derive(Debug)]
pub(super) struct EventSink {
    pieces: mpsc::Sender<Result<Bytes, Infallible>>,
    silent_since: Instant,
}

/// A response that is a stream, and where its events go.
pub(super) fn open() -> (EventSink, Response) {
    let (pieces, body) = mpsc::channel(1);
    let mut response = Response::new(Body::from_stream(ReceiverStream::new(body)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    (EventSink { pieces, silent_since: Instant::now() }, response)
}

impl EventSink {
    async fn send(&mut self, pieces: Vec<Bytes>) -> Result<(), Gone> {
        for piece in pieces {
            let sent = timeout(SEND_TIMEOUT, self.pieces.send(Ok(piece))).await;
            sent.map_err(|_| Gone)?.map_err(|_| Gone)?;
        }
        self.silent_since = Instant::now();
        Ok(())
    }

    /// Shows that the stream lives, again and again, until the client has left.
    async fn gone(&mut self) {
        loop {
            tokio::select! {
                () = self.pieces.closed() => return,
                () = sleep_until(self.silent_since + KEEP_ALIVE_INTERVAL) => {
                    // Where there is no place, something is on its way.
                    let _ = self.pieces.try_send(Ok(Bytes::from_static(KEEP_ALIVE)));
                    self.silent_since = Instant::now();
                }
            }
        }
    }
}

/// Waits for what never comes, where there is no client.
async fn gone(sink: &mut Option<EventSink>) {
    match sink {
        Some(sink) => sink.gone().await,
        None => std::future::pending().await,
    }
}

/// A request of a session and its stream.
pub(super) struct SessionStream {
    pub(super) exchange: Exchange,
    /// A message that has come already.
    pub(super) first: Option<Outgoing>,
    pub(super) request: RequestId,
    pub(super) streams: Arc<Streams>,
    /// Whether the client knows events without a message (2025-11-25).
    pub(super) is_primed: bool,
}

impl SessionStream {
    /// Sends what comes until the request is answered, also when the client leaves.
    pub(super) async fn run(mut self, sink: EventSink) {
        let id = self.streams.open(false);
        let mut sink = Some(sink);
        if self.is_primed {
            send(&mut sink, vec![priming(id)]).await;
        }
        loop {
            let outgoing = match self.first.take() {
                Some(first) => Some(first),
                None => self.next(&mut sink).await,
            };
            let Some(outgoing) = outgoing else {
                if self.exchange.is_given_up() {
                    // The client has cancelled it or ended the session, and wants no answer.
                    return self.streams.end(id.stream);
                }
                let last = ended_line(&self.request, &self.exchange);
                let event = self.streams.add(id.stream, &last, true);
                send(&mut sink, message(Some(event), &last)).await;
                return self.streams.end(id.stream);
            };
            if outgoing.is_answer {
                return self.answer(id.stream, &outgoing.line, sink).await;
            }
            let event = self.streams.add(id.stream, &outgoing.line, false);
            send(&mut sink, message(Some(event), &outgoing.line)).await;
        }
    }

    /// The next message; forgets a client that leaves.
    async fn next(&mut self, sink: &mut Option<EventSink>) -> Option<Outgoing> {
        loop {
            tokio::select! {
                biased;
                outgoing = self.exchange.next() => return outgoing,
                () = gone(sink) => *sink = None,
            }
        }
    }

    async fn answer(self, stream: u32, line: &Bytes, mut sink: Option<EventSink>) {
        let event = self.streams.add(stream, line, true);
        send(&mut sink, message(Some(event), line)).await;
        self.streams.end(stream);
    }
}

/// Sends to the client, if it is still there.
async fn send(sink: &mut Option<EventSink>, pieces: Vec<Bytes>) {
    if let Some(open) = sink
        && open.send(pieces).await.is_err()
    {
        *sink = None;
    }
}

/// A stateless request and its stream.
pub(super) struct StatelessStream {
    pub(super) exchange: Exchange,
    /// A message that has come already.
    pub(super) first: Option<Outgoing>,
    pub(super) request: RequestId,
    pub(super) is_subscription: bool,
}

impl StatelessStream {
    /// Sends what comes until the request is answered; cancels it when the client leaves.
    pub(super) async fn run(mut self, mut sink: EventSink) {
        loop {
            let outgoing = match self.first.take() {
                Some(first) => Some(first),
                None => tokio::select! {
                    outgoing = self.exchange.next() => outgoing,
                    () = sink.gone() => return self.exchange.cancel(),
                },
            };
            let Some(outgoing) = outgoing else {
                let last = if self.is_subscription {
                    subscription_end(&self.request)
                } else {
                    ended_line(&self.request, &self.exchange)
                };
                let _ = sink.send(message(None, &last)).await;
                return;
            };
            if sink.send(message(None, &outgoing.line)).await.is_err() {
                return self.exchange.cancel();
            }
            if outgoing.is_answer {
                return;
            }
        }
    }
}

/// Sends the messages of a session that belong to no request, on a stream of their own.
pub(super) async fn run_standalone(
    session: Arc<HttpSession>,
    streams: Arc<Streams>,
    is_primed: bool,
    mut sink: EventSink,
) {
    let id = streams.open(true);
    // A proxy passes the headers on with the first bytes that follow them: the client is not to wait for an event.
    let first = if is_primed { priming(id) } else { Bytes::from_static(KEEP_ALIVE) };
    if sink.send(vec![first]).await.is_err() {
        return streams.end(id.stream);
    }
    standalone(&session, &streams, id.stream, sink).await;
}

async fn standalone(session: &HttpSession, streams: &Streams, stream: u32, mut sink: EventSink) {
    loop {
        let line = tokio::select! {
            line = session.next_event() => line,
            () = sink.gone() => return streams.suspend(stream),
        };
        let Some(line) = line else { return streams.end(stream) };
        let event = streams.add(stream, &line, false);
        if sink.send(message(Some(event), &line)).await.is_err() {
            return streams.suspend(stream);
        }
    }
}

/// Sends what comes behind the event that a client had last.
pub(super) async fn run_resumed(
    session: Arc<HttpSession>,
    streams: Arc<Streams>,
    mut last: EventId,
    mut sink: EventSink,
) {
    loop {
        let changed = streams.changed();
        match streams.behind(last) {
            Behind::Event(kept) => {
                last = kept.id;
                if sink.send(message(Some(kept.id), &kept.line)).await.is_err() {
                    return;
                }
                if kept.is_last {
                    return;
                }
            }
            Behind::NothingYet if last.is_standalone => {
                streams.resume(last.stream);
                return standalone(&session, &streams, last.stream, sink).await;
            }
            Behind::NothingYet => tokio::select! {
                () = changed => {}
                () = sink.gone() => return,
            },
            // Messages without a request go on; nothing is known of what the client missed.
            Behind::End if last.is_standalone => {
                drop(changed);
                return run_standalone(session, streams, true, sink).await;
            }
            Behind::End => return,
        }
    }
}

/// The answer to a request whose session ended.
fn ended_line(request: &RequestId, exchange: &Exchange) -> Bytes {
    let error = JsonRpcError::new(Some(request.clone()), reply::ended(exchange));
    Bytes::from(serde_json::to_vec(&error).unwrap_or_default())
}

/// The answer to a subscription that the gateway ends (specification 2026-07-28, "Graceful Closure").
fn subscription_end(request: &RequestId) -> Bytes {
    let result = json!({
        "resultType": "complete",
        "_meta": {"io.modelcontextprotocol/subscriptionId": request},
    });
    Bytes::from(json!({"jsonrpc": "2.0", "id": request, "result": result}).to_string())
}
