//! What one connection has under way and what waits to be written to it.
//!
//! Shared between the transport, which reads, and the futures that `rmcp` sends with. Memory is bounded: at most
//! `requests_max` requests are under way or have an answer that waits for credit, and the shim's window bounds the rest.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use rmcp::RoleServer;
use rmcp::model::{ErrorData, JsonRpcMessage, RequestId, ServerResult};
use rmcp::service::TxJsonRpcMessage;
use serde::Serialize;
use snowgate_link::frame::{Frame, Kind};
use snowgate_link::{GatewayLink, MESSAGE_BYTES_MAX};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

use super::envelope::Rejection;
use super::pins::{PinSlot, Pins};
use crate::session::Session;

/// How long the last words to a shim may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A message that `rmcp` sends.
type Outgoing = TxJsonRpcMessage<RoleServer>;

/// A request that `rmcp` has and has not answered.
#[derive(Debug)]
struct InFlight {
    seq: u64,
    pin: Option<PinSlot>,
}

/// One connection's writing side and its requests.
pub(super) struct Channel {
    session: Arc<Session>,
    requests_max: usize,
    stream: Arc<Stream>,
    /// Held while writing, by whoever writes. What it holds has left the state and not reached the stream yet.
    writer: tokio::sync::Mutex<Unwritten>,
    /// Signalled when a request is done, so that another may start.
    pub(super) freed: Notify,
    state: Mutex<State>,
}

/// Bytes on their way to the stream.
#[derive(Default)]
struct Unwritten {
    bytes: Vec<u8>,
    /// How many of them the stream has.
    written: usize,
}

/// Guarded by [`Channel::state`]; never locked across an await.
struct State {
    link: GatewayLink,
    /// Frames that need no credit; they go before the lines.
    control: Vec<u8>,
    /// Messages that wait for credit, each with the line it answers.
    lines: VecDeque<(Vec<u8>, u64)>,
    in_flight: HashMap<RequestId, InFlight>,
    pins: Pins,
    /// Set when the gateway leaves with requests unanswered: their answers are the next gateway's to give.
    sealed: bool,
}

impl Channel {
    pub(super) fn new(
        session: Arc<Session>,
        stream: Arc<Stream>,
        link: GatewayLink,
        requests_max: usize,
    ) -> Arc<Self> {
        let state = State {
            link,
            control: Vec::new(),
            lines: VecDeque::new(),
            in_flight: HashMap::new(),
            pins: Pins::default(),
            sealed: false,
        };
        Arc::new(Self {
            session,
            requests_max,
            stream,
            writer: tokio::sync::Mutex::default(),
            freed: Notify::new(),
            state: Mutex::new(state),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `with` on the link's state machine.
    pub(super) fn with_link<T>(&self, with: impl FnOnce(&mut GatewayLink) -> T) -> T {
        with(&mut self.lock().link)
    }

    /// A line of `bytes` has been taken up: gives its credit back.
    pub(super) fn processed(&self, bytes: usize) {
        let State { link, control, .. } = &mut *self.lock();
        link.processed(bytes, control);
    }

    /// Line `seq` needs no answer.
    pub(super) fn acknowledge(&self, seq: u64, pin: Option<PinSlot>) {
        let State { control, pins, .. } = &mut *self.lock();
        if let Some(slot) = pin {
            pins.pin(slot, seq, control);
        }
        Frame::control(Kind::Ack, seq, b"").encode(control);
    }

    /// Line `seq` is answered with an error here and now.
    pub(super) fn reject(&self, seq: u64, rejection: &Rejection) {
        self.session.counters.errors.fetch_add(1, Ordering::Relaxed);
        let line = error_line(rejection.id.as_ref(), &rejection.error);
        self.lock().lines.push_back((line, seq));
    }

    /// Tells the shim that this gateway is about to leave.
    pub(super) fn announce_drain(&self) {
        Frame::control(Kind::Drain, 0, b"").encode(&mut self.lock().control);
    }

    /// Whether another request may start: a slot is free, and nothing runs that later requests depend on.
    pub(super) fn has_room(&self) -> bool {
        let state = self.lock();
        state.in_flight.len() + state.lines.len() < self.requests_max
            && state.in_flight.values().all(|request| request.pin.is_none())
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.lock();
        state.in_flight.is_empty() && state.lines.is_empty()
    }

    /// Whether `id` is under way.
    pub(super) fn is_in_flight(&self, id: &RequestId) -> bool {
        self.lock().in_flight.contains_key(id)
    }

    /// Request `id` of line `seq` goes to `rmcp`.
    pub(super) fn start(&self, id: RequestId, seq: u64, pin: Option<PinSlot>) {
        let mut state = self.lock();
        state.in_flight.insert(id, InFlight { seq, pin });
        self.session.counters.requests.fetch_add(1, Ordering::Relaxed);
        self.session.counters.running.store(state.in_flight.len(), Ordering::Relaxed);
    }

    /// Request `id` was cancelled by the client, which wants no answer; gives whether it was under way.
    pub(super) fn cancel(&self, id: &RequestId) -> bool {
        match self.finish(id) {
            Some(request) => {
                self.acknowledge(request.seq, None);
                true
            }
            None => false,
        }
    }

    /// From here on answers are dropped, so that the shim asks the next gateway.
    pub(super) fn seal(&self) {
        self.lock().sealed = true;
    }

    fn finish(&self, id: &RequestId) -> Option<InFlight> {
        let mut state = self.lock();
        let request = state.in_flight.remove(id);
        self.session.counters.running.store(state.in_flight.len(), Ordering::Relaxed);
        drop(state);
        self.freed.notify_one();
        request
    }

    /// Takes a message of `rmcp` for writing; an answer that nobody waits for any more is dropped.
    pub(super) fn enqueue(&self, message: &Outgoing) {
        let (id, failed) = match message {
            JsonRpcMessage::Response(response) => (Some(&response.id), is_failure(&response.result)),
            JsonRpcMessage::Error(error) => (error.id.as_ref(), true),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => (None, false),
        };
        let request = match id.map(|id| self.finish(id)) {
            Some(None) => return,
            Some(request) => request,
            None => None,
        };
        if failed {
            self.session.counters.errors.fetch_add(1, Ordering::Relaxed);
        }
        let mut line = to_line(message);
        if line.len() > MESSAGE_BYTES_MAX {
            line = error_line(id, &oversize_error(line.len()));
        }
        self.session.counters.bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
        let State { control, lines, pins, sealed, .. } = &mut *self.lock();
        if *sealed {
            return;
        }
        if let Some(InFlight { seq, pin: Some(slot) }) = request
            && !failed
        {
            pins.pin(slot, seq, control);
        }
        lines.push_back((line, request.map_or(0, |request| request.seq)));
    }

    /// Writes whatever may be written now. What lacks credit stays; call again when credit came. Nothing is lost if the
    /// future is dropped: the next call goes on where it stopped.
    pub(super) async fn flush(&self) -> io::Result<()> {
        let mut unwritten = self.writer.lock().await;
        loop {
            if unwritten.written == unwritten.bytes.len() {
                *unwritten = Unwritten { bytes: self.take_writable(), written: 0 };
                if unwritten.bytes.is_empty() {
                    return Ok(());
                }
                self.freed.notify_one();
            }
            let rest = &unwritten.bytes[unwritten.written..];
            unwritten.written += (&*self.stream).write(rest).await?;
        }
    }

    /// Writes what the stream takes at once, without waiting; gives whether that was everything.
    pub(super) fn flush_now(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(self.flush()).poll(&mut context).is_ready()
    }

    /// Writes what the stream takes at once, and leaves the rest to a task that nobody waits for.
    pub(super) fn flush_soon(self: &Arc<Self>) {
        if self.has_nothing_to_write() || self.flush_now() {
            return;
        }
        let channel = Arc::clone(self);
        // A failed write is noticed by the transport, which reads the same stream.
        tokio::spawn(async move { channel.flush().await });
    }

    fn has_nothing_to_write(&self) -> bool {
        let state = self.lock();
        state.control.is_empty() && state.lines.is_empty()
    }

    /// Writes what is left and says goodbye, within [`CLOSE_TIMEOUT`].
    pub(super) async fn close(&self) {
        let last_words = async {
            self.flush().await?;
            Frame::control(Kind::Bye, 0, b"").encode(&mut self.lock().control);
            self.flush().await
        };
        if let Ok(Err(error)) = tokio::time::timeout(CLOSE_TIMEOUT, last_words).await {
            tracing::debug!(session = %self.session.key.id, %error, "the shim left before the goodbye");
        }
    }

    fn take_writable(&self) -> Vec<u8> {
        let State { link, control, lines, .. } = &mut *self.lock();
        let mut bytes = std::mem::take(control);
        while let Some((line, re)) = lines.pop_front_if(|(line, _)| link.allows(line.len())) {
            link.line(&line, re, &mut bytes);
        }
        bytes
    }
}

/// Whether a result is a tool's error.
fn is_failure(result: &ServerResult) -> bool {
    matches!(result, ServerResult::CallToolResult(result) if result.is_error == Some(true))
}

fn oversize_error(bytes: usize) -> ErrorData {
    ErrorData::internal_error(
        format!(
            "the answer of {bytes} bytes is over the limit of {MESSAGE_BYTES_MAX} bytes; ask for fewer rows or columns"
        ),
        None,
    )
}

fn error_line(id: Option<&RequestId>, error: &ErrorData) -> Vec<u8> {
    to_line(&serde_json::json!({"jsonrpc": "2.0", "id": id, "error": error}))
}

fn to_line(message: &impl Serialize) -> Vec<u8> {
    // MCP's messages hold nothing that JSON cannot say.
    serde_json::to_vec(message).unwrap_or_default()
}
