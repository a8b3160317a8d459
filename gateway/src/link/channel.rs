//! One connection's requests, and the writing side of its stream.
//!
//! Shared between the transport, which reads, and the futures that `rmcp` sends with.
//!
//! Lock order: `writer`, then `state`; `state` is never held across an await. Wake-up rule: whatever may let
//! another request start (an end, an answer, a registration, written bytes) signals `freed`, on which the
//! transport waits.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    GetExtensions, JsonRpcMessage, JsonRpcResponse, NotificationMetaObject, RequestId, ServerNotification,
    ServerResult,
};
use rmcp::service::TxJsonRpcMessage;
use snowgate_link::{GatewayLink, MESSAGE_BYTES_MAX};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::lines::{answer_line, error_line, is_failure, oversize_error, text_bytes, to_large_line, to_line};
use super::outbox::{Outbox, Unwritten};
use super::parcel::Parcel;
use super::pins::PinSlot;
use super::stream::LinkStream;
use crate::intake::{
    Admission, Arrival, Cancelled, Limits, Next, Ready, Rejection, RequestKind, RunningRequest, number_of,
};
use crate::mcp::{About, LineFacts, log_unstarted};
use crate::session::{Reservation, Session};
use crate::shared::{HEAVY_BYTES, HeavyLane};

/// How long the last words to a shim may take.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);

/// Bytes of answers that may wait for credit before no new request starts.
const BACKLOG_BYTES_MAX: usize = MESSAGE_BYTES_MAX;

/// Subscriptions of a session that are open at once, at most.
const SUBSCRIPTIONS_MAX: usize = 8;

/// A message that `rmcp` sends.
type Outgoing = TxJsonRpcMessage<RoleServer>;

/// One connection's requests and writing side.
pub(super) struct Channel<S> {
    session: Arc<Session>,
    stream: Arc<S>,
    /// Where large answers are written as JSON.
    heavy: HeavyLane,
    /// Held while writing. What it holds has left the outbox and not reached the stream yet.
    writer: tokio::sync::Mutex<Unwritten>,
    /// Whether a task of [`Channel::flush_soon`] is at work: one is enough.
    is_flushing: AtomicBool,
    /// Fires when the connection is over: ends that task.
    closed: CancellationToken,
    /// Signalled when another request may be able to start.
    pub(super) freed: Notify,
    state: Mutex<State>,
}

/// Guarded by [`Channel::state`].
struct State {
    outbox: Outbox,
    admission: Admission<Parcel>,
}

impl<S: LinkStream> Channel<S> {
    /// A channel without requests.
    pub(super) fn new(
        session: Arc<Session>,
        stream: Arc<S>,
        link: GatewayLink,
        heavy: HeavyLane,
    ) -> Arc<Self> {
        let limits = Limits {
            running_max: session.profile.caps.requests_max,
            subscriptions_max: SUBSCRIPTIONS_MAX,
            backlog_bytes_max: BACKLOG_BYTES_MAX,
            ids_repeat: stream.has_several_clients(),
        };
        let is_registered = session.is_registered() && session.is_persisted();
        let ready = Ready { has_profile: session.profile.is_fixed(), is_registered };
        let state = State { outbox: Outbox::new(link), admission: Admission::new(limits, ready) };
        Arc::new(Self {
            session,
            stream,
            heavy,
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
        with(self.lock().outbox.link())
    }

    /// Calls `with` on what waits to be written.
    pub(super) fn with_outbox<T>(&self, with: impl FnOnce(&mut Outbox) -> T) -> T {
        with(&mut self.lock().outbox)
    }

    /// Calls `change` on the requests, and counts those that run afterwards.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        self.session.counters.running.store(state.admission.running(), Ordering::Relaxed);
        changed
    }

    /// A request has come; it waits until it may start, or is refused here and now.
    pub(super) fn admit(&self, arrival: Arrival<Parcel>) {
        self.session.calls.note_arrival(arrival.number);
        let refused = self.lock().admission.admit(arrival);
        if let Err((arrival, rejection)) = refused {
            self.reject(arrival.number, arrival.parcel.owed, &rejection);
        }
    }

    /// Line `seq` is answered with an error here and now; `owed`: its bytes, if their credit is to come back.
    pub(super) fn reject(&self, seq: u64, owed: Option<usize>, rejection: &Rejection) {
        self.session.counters.errors.fetch_add(1, Ordering::Relaxed);
        log_unstarted(&self.session, seq, "unknown", Some(rejection.error.code.0));
        let line = error_line(rejection.id.as_ref(), &rejection.error);
        self.with_outbox(|outbox| outbox.push(line, seq, owed));
    }

    /// Request `number`, which has started, is refused: its params do not fit.
    pub(super) fn refuse_started(&self, number: u64, rejection: &Rejection) {
        if self.change(|state| state.admission.answer(number)).is_some() {
            self.session.counters.errors.fetch_add(1, Ordering::Relaxed);
            self.push_line(error_line(rejection.id.as_ref(), &rejection.error), number);
        }
        self.freed.notify_one();
    }

    /// Whether the client still wants an answer to request `number`, which has started.
    pub(super) fn is_wanted(&self, number: u64) -> bool {
        self.lock().admission.get(number).is_some_and(RunningRequest::is_wanted)
    }

    /// What may happen next; a request that starts runs from here on.
    pub(super) fn next(&self) -> Next<Parcel> {
        self.change(|State { outbox, admission }| {
            let next = admission.next(outbox.backlog());
            if let Next::Start(arrival) = &next {
                self.session.counters.requests.fetch_add(1, Ordering::Relaxed);
                arrival.parcel.owed.into_iter().for_each(|bytes| outbox.processed(bytes));
            }
            next
        })
    }

    /// Calls `look` on the request that waits first.
    pub(super) fn look_at_first<T>(&self, look: impl FnOnce(&Arrival<Parcel>) -> T) -> Option<T> {
        self.lock().admission.first_waiting().map(look)
    }

    /// The session's profile is fixed: what needs it may start, and the shim learns of it.
    pub(super) fn set_profile_fixed(&self) {
        self.give_state();
        self.lock().admission.set_profile_fixed(self.session.profile.caps.requests_max);
        self.freed.notify_one();
    }

    /// The session is registered: its calls may start, and the shim learns of it.
    pub(super) fn set_registered(&self) {
        self.give_state();
        self.lock().admission.set_registered();
        self.freed.notify_one();
    }

    /// What the front says of request `number`, which starts now, beside its text.
    pub(super) fn line_facts(&self, number: u64) -> LineFacts {
        self.stream.line_facts(number)
    }

    /// The client wants no answer to request `id` any more; returns its number if it runs and has to be
    /// stopped.
    pub(super) fn cancel(&self, id: &RequestId) -> Option<u64> {
        // A client does not cancel another's request.
        if self.stream.has_several_clients() {
            return None;
        }
        self.cancelled(|admission| admission.cancel(id))
    }

    /// The same of request `number`.
    pub(super) fn cancel_number(&self, number: u64) -> Option<u64> {
        self.cancelled(|admission| admission.cancel_number(number))
    }

    fn cancelled(&self, cancel: impl FnOnce(&mut Admission<Parcel>) -> Cancelled<Parcel>) -> Option<u64> {
        self.change(|State { outbox, admission }| match cancel(admission) {
            Cancelled::Waiting(arrival) => {
                log_unstarted(&self.session, arrival.number, arrival.kind.method(), None);
                arrival.parcel.owed.into_iter().for_each(|bytes| outbox.processed(bytes));
                outbox.acknowledge(arrival.number);
                None
            }
            Cancelled::Running { number, ended } => {
                // It may be a subscription, which the shim would open again with the next gateway.
                outbox.unpin(number);
                if ended.is_some() {
                    drop(self.session.results.take(number));
                }
                self.keep_state(outbox, ended.as_ref());
                outbox.acknowledge(number);
                Some(number)
            }
            Cancelled::Unknown => None,
        })
    }

    /// The handler of request `number` has ended.
    pub(super) fn end(&self, number: u64) {
        self.change(|State { outbox, admission }| {
            let cancelled = admission.end(number);
            if cancelled.is_some() {
                drop(self.session.results.take(number));
            }
            self.keep_state(outbox, cancelled.as_ref());
        });
        self.freed.notify_one();
    }

    /// A cancelled request may have changed the session's state all the same.
    fn keep_state(&self, outbox: &mut Outbox, cancelled: Option<&RunningRequest>) {
        if cancelled.is_some_and(|request| request.kind == RequestKind::SetContext) {
            outbox.state(&self.session.resume_state().to_text());
        }
    }

    /// Gives the session's state to the shim, with whatever is written next.
    pub(super) fn give_state(&self) {
        // Read under the lock: the last STATE frame is the newest state.
        self.with_outbox(|outbox| outbox.state(&self.session.resume_state().to_text()));
    }

    /// Tells the shim that this gateway is about to shut down, and how far it got. What has not started is
    /// the next gateway's: it is not acknowledged, so the shim sends it there.
    pub(super) fn announce_drain(&self) {
        let State { outbox, admission } = &mut *self.lock();
        outbox.drain(admission.last_started());
        admission.drop_waiting();
    }

    /// Nothing more is answered, and nothing more starts.
    pub(super) fn seal(&self) {
        let State { outbox, admission } = &mut *self.lock();
        outbox.seal();
        admission.drop_waiting();
        self.session.results.close();
    }

    /// Whether nothing waits, runs or is to be written.
    pub(super) fn is_idle(&self) -> bool {
        let State { outbox, admission } = &mut *self.lock();
        admission.has_none_waiting() && admission.running() == 0 && outbox.backlog().answers == 0
    }

    /// Whether nothing runs but what waits for the client to read. Answers that it does not make room for may
    /// be left.
    pub(super) fn is_drained(&self) -> bool {
        self.lock().admission.running() <= self.session.results.waiting()
            && self.session.long_calls.running() == 0
    }

    /// Has it looked at again: something outside has changed.
    pub(super) fn wake(&self) {
        self.freed.notify_one();
    }

    /// Takes a message of `rmcp` for writing; an answer that the client does not want any more is dropped.
    pub(super) fn enqueue(self: &Arc<Self>, message: Outgoing) {
        match message {
            JsonRpcMessage::Response(response) => self.enqueue_response(response),
            JsonRpcMessage::Error(mut error) => match error.id.as_ref().map(number_of) {
                None => self.push_line(to_line(&error), 0),
                Some(None) => {}
                Some(Some(number)) => self.answer(number, true, |id| {
                    error.id = Some(id.clone());
                    to_line(&error)
                }),
            },
            JsonRpcMessage::Notification(mut notification) => {
                let About(number) = about(&notification.notification).unwrap_or_default();
                if self.prepare_notification(&mut notification.notification) {
                    self.push_notification(to_line(&notification), number);
                }
            }
            JsonRpcMessage::Request(request) => self.push_line(to_line(&request), 0),
        }
    }

    fn enqueue_response(self: &Arc<Self>, mut response: JsonRpcResponse<ServerResult>) {
        let Some(number) = number_of(&response.id) else { return };
        let failed = is_failure(&response.result);
        if text_bytes(&response.result) > HEAVY_BYTES {
            return self.enqueue_large(number, failed, response);
        }
        self.answer(number, failed, |id| {
            response.id = id.clone();
            answer_line(&response)
        });
    }

    /// Writes a large answer as JSON in the lane; its request counts as running until then.
    fn enqueue_large(
        self: &Arc<Self>,
        number: u64,
        failed: bool,
        mut response: JsonRpcResponse<ServerResult>,
    ) {
        let id = self.lock().admission.get(number).map(|request| request.id.clone());
        // Without an id it is not wanted any more.
        response.id = id.unwrap_or(response.id);
        let channel = Arc::clone(self);
        tokio::spawn(async move {
            let writing = channel.heavy.run(move || {
                let bytes = text_bytes(&response.result);
                to_large_line(&response, bytes)
            });
            tokio::select! {
                line = writing => channel.answer(number, failed, |_| line),
                () = channel.closed.cancelled() => return,
            }
            channel.flush_soon();
        });
    }

    /// Request `number` is answered with what `line` makes of the client's id.
    fn answer(&self, number: u64, failed: bool, line: impl FnOnce(&RequestId) -> Vec<u8>) {
        let reservation = self.session.results.take(number);
        let Some(request) = self.change(|state| state.admission.answer(number)) else { return };
        if failed {
            self.session.counters.errors.fetch_add(1, Ordering::Relaxed);
        } else {
            self.keep_result(number, request.kind);
        }
        if self.session.take_stale_state() {
            self.give_state();
        }
        let mut line = line(&request.id);
        if line.len() > MESSAGE_BYTES_MAX {
            line = error_line(Some(&request.id), &oversize_error(line.len()));
        }
        self.push_answer(line, number, reservation);
        self.freed.notify_one();
    }

    /// Has a notification of a subscription name it as the client does; returns whether the client is to see
    /// it.
    fn prepare_notification(&self, notification: &mut ServerNotification) -> bool {
        let Some(meta) = notification.extensions_mut().get_mut::<NotificationMetaObject>() else {
            return true;
        };
        let Some(number) = meta.subscription_id().as_ref().and_then(number_of) else { return true };
        let State { outbox, admission } = &mut *self.lock();
        let Some(request) = admission.get(number) else { return false };
        meta.set_subscription_id(request.id.clone());
        if !matches!(notification, ServerNotification::SubscriptionsAcknowledgedNotification(_)) {
            return true;
        }
        outbox.pin(number);
        outbox.acknowledge(number);
        // The client has the acknowledgement of an earlier gateway.
        !request.is_acknowledged
    }

    /// A notification about request `number`, or 0. Behind its answer it is dropped: a token for progress ends with its request, and
    /// a client that hears of it again reports a fault of the connection (Claude Code).
    fn push_notification(&self, line: Vec<u8>, number: u64) {
        let State { outbox, admission } = &mut *self.lock();
        let is_wanted = number == 0 || admission.get(number).is_some_and(RunningRequest::is_wanted);
        if outbox.is_sealed() || !is_wanted {
            return;
        }
        self.session.counters.bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
        if S::TELLS_ABOUT && number != 0 {
            outbox.push_about(line, number);
        } else {
            outbox.push(line, 0, None);
        }
    }

    fn push_line(&self, line: Vec<u8>, re: u64) {
        self.push_answer(line, re, None);
    }

    fn push_answer(&self, line: Vec<u8>, re: u64, reservation: Option<Reservation>) {
        self.with_outbox(|outbox| {
            if !outbox.is_sealed() {
                self.session.counters.bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
                outbox.push_reserved(line, re, None, reservation);
            }
        });
    }

    /// What a request that succeeded changes for the next gateway. It goes before the answer.
    fn keep_result(&self, number: u64, kind: RequestKind) {
        self.with_outbox(|outbox| {
            if outbox.is_sealed() {
                return;
            }
            match kind {
                RequestKind::Plain
                | RequestKind::ListTools
                | RequestKind::Call
                | RequestKind::ReadResource
                | RequestKind::Complete
                | RequestKind::Task => {}
                RequestKind::Initialize => {
                    outbox.pin_in(PinSlot::Initialize, number);
                    // It says which revision of the protocol was agreed on.
                    outbox.state(&self.session.resume_state().to_text());
                }
                RequestKind::SetContext => outbox.state(&self.session.resume_state().to_text()),
                // It is at its end.
                RequestKind::Subscribe => outbox.unpin(number),
            }
        });
    }

    /// Writes whatever may be written now. What lacks credit stays; call again when credit came. Nothing is
    /// lost if the future is dropped: the next call goes on where it stopped.
    pub(super) async fn flush(&self) -> io::Result<()> {
        let mut unwritten = self.writer.lock().await;
        loop {
            if unwritten.rest().is_empty() {
                // What is written goes first: the next is taken when this has given its memory back.
                *unwritten = Unwritten::default();
                *unwritten = Unwritten::of(self.with_outbox(Outbox::take_writable));
                if unwritten.rest().is_empty() {
                    return Ok(());
                }
                self.freed.notify_one();
            }
            let written = self.stream.half().write(unwritten.rest()).await?;
            unwritten.note_written(written);
            self.session.results.note_read();
        }
    }

    /// Writes what the stream takes at once, without waiting; returns whether that was everything.
    fn flush_now(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(self.flush()).poll(&mut context).is_ready()
    }

    /// Writes what the stream takes at once, and leaves the rest to a task that the caller does not wait for.
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
        // If another task holds the writer, it goes on by itself.
        let is_written = self.writer.try_lock().map_or(true, |unwritten| unwritten.rest().is_empty());
        is_written && self.lock().outbox.is_empty()
    }

    /// Writes what is left and says goodbye, within [`CLOSE_TIMEOUT`].
    pub(super) async fn close(&self) {
        let last_words = async {
            self.flush().await?;
            self.with_outbox(Outbox::goodbye);
            self.flush().await
        };
        if let Ok(Err(error)) = tokio::time::timeout(CLOSE_TIMEOUT, last_words).await {
            let _entered = self.session.span.enter();
            tracing::debug!(%error, "the shim disconnected before the goodbye");
        }
        self.closed.cancel();
    }
}

/// The request that `notification` is about, as far as it says.
fn about(notification: &ServerNotification) -> Option<About> {
    let extensions = notification.extensions();
    let subscription = || extensions.get::<NotificationMetaObject>()?.subscription_id();
    extensions.get::<About>().copied().or_else(|| subscription().as_ref().and_then(number_of).map(About))
}
