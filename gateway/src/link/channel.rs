//! What one connection has under way and what waits to be written to it.
//!
//! Shared between the transport, which reads, and the futures that `rmcp` sends with. Memory is bounded: at most
//! `requests_max` requests are under way or have an answer that waits for credit, no new one starts while
//! [`WAITING_BYTES_MAX`] of answers wait, and a line's credit is given back only when its answer is written.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use rmcp::RoleServer;
use rmcp::model::{
    ErrorData, GetExtensions, JsonRpcMessage, NotificationMetaObject, RequestId, ServerNotification,
    ServerResult,
};
use rmcp::service::TxJsonRpcMessage;
use serde::Serialize;
use snowgate_link::frame::{Frame, Kind};
use snowgate_link::{GatewayLink, MESSAGE_BYTES_MAX};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::envelope::{Effect, Rejection};
use super::pins::{PinSlot, Pins};
use super::requests::{InFlight, Requests, Running, seq_of_private};
use crate::session::Session;

/// How long the last words to a shim may take.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);

/// Bytes of answers that may wait for credit before no new request is started.
const WAITING_BYTES_MAX: usize = MESSAGE_BYTES_MAX;

/// Bytes of frames without credit that may wait. A shim that reads never gets near it: its window bounds them.
const CONTROL_BYTES_MAX: usize = 256 * 1024;

/// A message that `rmcp` sends.
type Outgoing = TxJsonRpcMessage<RoleServer>;

/// One connection's writing side and its requests.
pub(super) struct Channel {
    session: Arc<Session>,
    requests_max: usize,
    stream: Arc<Stream>,
    /// Held while writing, by whoever writes. What it holds has left the state and not reached the stream yet.
    writer: tokio::sync::Mutex<Unwritten>,
    /// Whether a task of [`Channel::flush_soon`] is at work: one is enough.
    is_flushing: AtomicBool,
    /// Fires when the connection is over: ends that task.
    closed: CancellationToken,
    /// Signalled when a request is done or an answer is written, so that another may start.
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

/// A message that waits for credit.
struct Waiting {
    line: Vec<u8>,
    /// The line it answers, or 0.
    re: u64,
    /// Bytes of a client's line whose credit is given back with this answer.
    gives_back: Option<usize>,
}

/// Guarded by [`Channel::state`]; never locked across an await.
struct State {
    link: GatewayLink,
    /// Frames that need no credit; they go before the lines.
    control: Vec<u8>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    requests: Requests,
    pins: Pins,
    /// Set when what is still under way is not to be answered: nobody listens, or the next gateway answers it.
    sealed: bool,
}

impl State {
    fn push(&mut self, line: Vec<u8>, re: u64, gives_back: Option<usize>) {
        self.waiting_bytes += line.len();
        self.waiting.push_back(Waiting { line, re, gives_back });
    }

    /// What may be written now.
    fn take_writable(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.control);
        while let Some(next) = self.waiting.pop_front_if(|next| self.link.allows(next.line.len())) {
            self.waiting_bytes -= next.line.len();
            self.link.line(&next.line, next.re, &mut bytes);
            if let Some(taken) = next.gives_back {
                self.link.processed(taken, &mut bytes);
            }
        }
        bytes
    }
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
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            requests: Requests::default(),
            pins: Pins::default(),
            sealed: false,
        };
        Arc::new(Self {
            session,
            requests_max,
            stream,
            writer: tokio::sync::Mutex::default(),
            is_flushing: AtomicBool::new(false),
            closed: CancellationToken::new(),
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

    /// Line `seq` of `bytes` is answered with an error here and now.
    pub(super) fn reject(&self, seq: u64, bytes: usize, rejection: &Rejection) {
        self.session.counters.errors.fetch_add(1, Ordering::Relaxed);
        let line = error_line(rejection.id.as_ref(), &rejection.error);
        self.lock().push(line, seq, Some(bytes));
    }

    /// Tells the shim that this gateway is about to leave, and how far it got.
    pub(super) fn announce_drain(&self) {
        let State { control, requests, .. } = &mut *self.lock();
        Frame::control(Kind::Drain, requests.last_started(), b"").encode(control);
    }

    /// Whether another request may start: a slot is free, and nothing runs that later requests depend on.
    pub(super) fn has_room(&self) -> bool {
        let state = self.lock();
        state.requests.len() + state.waiting.len() < self.requests_max
            && state.waiting_bytes < WAITING_BYTES_MAX
            && !state.requests.has_effect()
    }

    /// Whether the peer has let more frames pile up than a shim that reads ever could.
    pub(super) fn is_overrun(&self) -> bool {
        self.lock().control.len() > CONTROL_BYTES_MAX
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.lock();
        state.requests.is_empty() && state.waiting.is_empty()
    }

    /// Whether nothing runs. Answers that the client does not make room for may be left.
    pub(super) fn is_drained(&self) -> bool {
        self.lock().requests.is_empty()
    }

    /// The line of the request `id`, if it is under way and wanted.
    pub(super) fn find(&self, id: &RequestId) -> Option<u64> {
        self.lock().requests.find(id)
    }

    /// Request `id` of line `seq` goes to `rmcp`; what is given back goes with it.
    pub(super) fn start(
        self: &Arc<Self>,
        id: RequestId,
        seq: u64,
        effect: Option<Effect>,
        pinned: bool,
    ) -> Running {
        self.session.counters.requests.fetch_add(1, Ordering::Relaxed);
        self.change_requests(|requests| requests.start(seq, id, effect, pinned));
        Running::new(self, seq)
    }

    /// How many subscriptions are open.
    pub(super) fn subscriptions(&self) -> usize {
        self.lock().requests.subscriptions()
    }

    /// The client wants no answer to line `seq` any more.
    pub(super) fn cancel(&self, seq: u64) {
        // It may be a subscription, which the shim would open again with the next gateway.
        Frame::control(Kind::Unpin, seq, b"").encode(&mut self.lock().control);
        let ended = self.change_requests(|requests| requests.cancel(seq));
        self.keep_state(ended.as_ref());
        self.acknowledge(seq, None);
    }

    /// The handler of line `seq` has ended.
    pub(super) fn end(&self, seq: u64) {
        let unwanted = self.change_requests(|requests| requests.end(seq));
        self.keep_state(unwanted.as_ref());
        self.freed.notify_one();
    }

    /// A cancelled request may have changed the session's state all the same.
    fn keep_state(&self, cancelled: Option<&InFlight>) {
        if cancelled.is_some_and(|request| request.effect == Some(Effect::State)) {
            self.give_state();
        }
    }

    /// Gives the session's state to the shim, with whatever is written next.
    pub(super) fn give_state(&self) {
        self.push_state(&mut self.lock().control);
    }

    /// Appends the frame that gives the session's state to the shim.
    fn push_state(&self, control: &mut Vec<u8>) {
        Frame::control(Kind::State, 0, self.session.carried().to_text().as_bytes()).encode(control);
    }

    fn change_requests<T>(&self, change: impl FnOnce(&mut Requests) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state.requests);
        self.session.counters.running.store(state.requests.len(), Ordering::Relaxed);
        changed
    }

    /// From here on answers are dropped.
    pub(super) fn seal(&self) {
        self.lock().sealed = true;
    }

    /// Takes a message of `rmcp` for writing; an answer that nobody waits for any more is dropped.
    pub(super) fn enqueue(&self, mut message: Outgoing) {
        let (id, failed) = match &mut message {
            JsonRpcMessage::Response(response) => (Some(&mut response.id), is_failure(&response.result)),
            JsonRpcMessage::Error(error) => (error.id.as_mut(), true),
            JsonRpcMessage::Notification(notification) => {
                if self.prepare_notification(&mut notification.notification) {
                    self.push_line(to_line(&message), 0);
                }
                return;
            }
            JsonRpcMessage::Request(_) => (None, false),
        };
        let Some(id) = id else { return self.push_line(to_line(&message), 0) };
        let Some(seq) = seq_of_private(id) else { return };
        let Some(request) = self.change_requests(|requests| requests.answer(seq)) else { return };
        *id = request.id.clone();
        if failed {
            self.session.counters.errors.fetch_add(1, Ordering::Relaxed);
        } else {
            self.take_effect(seq, &request);
        }
        let mut line = to_line(&message);
        if line.len() > MESSAGE_BYTES_MAX {
            line = error_line(Some(&request.id), &oversize_error(line.len()));
        }
        self.push_line(line, seq);
        self.freed.notify_one();
    }

    /// Has a notification of a subscription name it as the client does; gives whether the client is to see it.
    fn prepare_notification(&self, notification: &mut ServerNotification) -> bool {
        let Some(meta) = notification.extensions_mut().get_mut::<NotificationMetaObject>() else {
            return true;
        };
        let Some(seq) = meta.subscription_id().as_ref().and_then(seq_of_private) else { return true };
        let State { control, requests, .. } = &mut *self.lock();
        let Some(request) = requests.get(seq) else { return false };
        meta.set_subscription_id(request.id.clone());
        if !matches!(notification, ServerNotification::SubscriptionsAcknowledgedNotification(_)) {
            return true;
        }
        Frame::control(Kind::Pin, seq, b"").encode(control);
        Frame::control(Kind::Ack, seq, b"").encode(control);
        // The client has the acknowledgement of an earlier gateway.
        !request.pinned
    }

    fn push_line(&self, line: Vec<u8>, re: u64) {
        let mut state = self.lock();
        if !state.sealed {
            self.session.counters.bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
            state.push(line, re, None);
        }
    }

    /// What a request that succeeded changes for the next gateway. It goes before the answer.
    fn take_effect(&self, seq: u64, request: &InFlight) {
        let State { control, pins, sealed: false, .. } = &mut *self.lock() else { return };
        match request.effect {
            None => {}
            Some(Effect::Pin(slot)) => {
                pins.pin(slot, seq, control);
                // It says which revision of the protocol was agreed on.
                self.push_state(control);
            }
            Some(Effect::State) => self.push_state(control),
            // It is at its end.
            Some(Effect::Listen) => Frame::control(Kind::Unpin, seq, b"").encode(control),
        }
    }

    /// Writes whatever may be written now. What lacks credit stays; call again when credit came. Nothing is lost if the
    /// future is dropped: the next call goes on where it stopped.
    pub(super) async fn flush(&self) -> io::Result<()> {
        let mut unwritten = self.writer.lock().await;
        loop {
            if unwritten.written == unwritten.bytes.len() {
                *unwritten = Unwritten { bytes: self.lock().take_writable(), written: 0 };
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
        if self.has_nothing_to_write() || self.flush_now() || self.is_flushing.swap(true, Ordering::AcqRel) {
            return;
        }
        let channel = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                // A failed write is noticed by the transport, which reads the same stream.
                _ = channel.flush() => {}
                () = channel.closed.cancelled() => {}
            }
            channel.is_flushing.store(false, Ordering::Release);
            // Something may have come between the last look and the line above.
            channel.freed.notify_one();
        });
    }

    fn has_nothing_to_write(&self) -> bool {
        // Whoever holds the writer goes on by itself.
        let is_written =
            self.writer.try_lock().map_or(true, |unwritten| unwritten.written == unwritten.bytes.len());
        let state = self.lock();
        is_written && state.control.is_empty() && state.waiting.is_empty()
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
        self.closed.cancel();
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
