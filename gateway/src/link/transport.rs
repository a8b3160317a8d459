//! The link as a transport for `rmcp`, with the guards that it lacks.
//!
//! Requests over the session's limit wait here, in order, within the credit window; cancelling one that waits costs
//! nothing. `receive` is called in a `select!` of `rmcp`'s, so everything it knows lives in `self`.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use rmcp::RoleServer;
use rmcp::model::{ClientNotification, GetExtensions, JsonRpcMessage, RequestId};
use rmcp::service::TxJsonRpcMessage;
use rmcp::transport::Transport;
use snowgate_link::frame::Decoder;
use snowgate_link::{Incoming as LinkEvent, ProtocolError};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::channel::Channel;
use super::entrance::Entrance;
use super::envelope::{Effect, Incoming, Message, Rejection, duplicate, judge, too_many_subscriptions};
use super::requests::private_id;
use crate::gateway::Gateway;
use crate::session::Session;

/// How long requests may go on after the client's goodbye. The shim waits a little longer.
const BYE_GRACE: Duration = Duration::from_millis(50);

/// Subscriptions of a session that are open at once, at most.
const SUBSCRIPTIONS_MAX: usize = 8;

/// A request that waits for a slot.
#[derive(Debug)]
struct Waiting {
    id: RequestId,
    seq: u64,
    bytes: usize,
    effect: Option<Effect>,
    /// Whether the client has an earlier gateway's answer to it, or acknowledgement.
    pinned: bool,
    message: Box<Incoming>,
}

/// A frame, judged.
enum Event {
    Line { seq: u64, bytes: usize, pinned: bool, judged: Result<Message, Rejection> },
    Bye,
}

/// The transport of one connection.
pub(super) struct LinkTransport {
    stream: Arc<Stream>,
    decoder: Decoder,
    channel: Arc<Channel>,
    session: Arc<Session>,
    /// Fires when the gateway is about to leave.
    drain: CancellationToken,
    drain_timeout: Duration,
    entrance: Entrance,
    /// Notifications on their way to `rmcp`.
    ready: VecDeque<Incoming>,
    /// Requests that wait for a slot; the credit window bounds them.
    waiting: VecDeque<Waiting>,
    phase: Phase,
}

/// Where the connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Lines come in and are served.
    Open,
    /// The client said goodbye: what it asked may finish until then.
    Closing(Instant),
    /// The gateway leaves: what runs may finish until then, nothing new starts.
    Draining(Instant),
    /// The stream is at its end.
    Ended,
}

impl LinkTransport {
    pub(super) fn new(
        gateway: Arc<Gateway>,
        stream: Arc<Stream>,
        decoder: Decoder,
        channel: Arc<Channel>,
        session: Arc<Session>,
    ) -> Self {
        Self {
            stream,
            decoder,
            channel,
            drain: gateway.drain.clone(),
            drain_timeout: gateway.config.gateway.drain_timeout,
            entrance: Entrance::new(gateway, &session),
            session,
            ready: VecDeque::new(),
            waiting: VecDeque::new(),
            phase: Phase::Open,
        }
    }

    /// The next message for `rmcp` that can go now.
    fn dispatch(&mut self) -> Option<Incoming> {
        if let Some(message) = self.ready.pop_front() {
            return Some(message);
        }
        let next = self.waiting.front()?;
        // A statement that a later gateway must run again has to find the context that it was sent in.
        let may_start =
            if next.effect == Some(Effect::State) { self.channel.is_idle() } else { self.channel.has_room() };
        if !may_start || !self.entrance.lets_pass(&next.message, &self.session, &self.channel) {
            return None;
        }
        let Waiting { id, seq, bytes, effect, pinned, mut message } = self.waiting.pop_front()?;
        self.channel.processed(bytes);
        if let JsonRpcMessage::Request(request) = &mut *message {
            request.id = private_id(seq);
            let extensions = request.request.extensions_mut();
            extensions.insert(self.channel.start(id, seq, effect, pinned));
            // The context as of now: a `set_context` that follows closely must not reach back.
            extensions.insert(self.session.context());
        }
        Some(*message)
    }

    /// Whether nothing is left to wait for.
    fn is_done(&self) -> bool {
        match self.phase {
            Phase::Open => false,
            Phase::Closing(_) => self.waiting.is_empty() && self.channel.is_idle(),
            // Whatever the client makes room for has been written; the rest gets the time of a goodbye, and is otherwise
            // the next gateway's to give.
            Phase::Draining(_) => self.channel.is_drained(),
            Phase::Ended => true,
        }
    }

    /// Stops what runs for the client. Nothing of it is answered any more: either nobody listens, or the next gateway
    /// answers it.
    fn end(&mut self) {
        self.channel.seal();
        self.session.gone.cancel();
        self.waiting.clear();
        self.phase = Phase::Ended;
    }

    fn begin_drain(&mut self) {
        self.channel.announce_drain();
        // Not acknowledged, so the shim sends them to the next gateway.
        self.waiting.clear();
        self.phase = Phase::Draining(Instant::now() + self.drain_timeout);
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closing(deadline) | Phase::Draining(deadline) => Some(deadline),
            Phase::Open | Phase::Ended => None,
        }
    }

    /// Takes the frames that are whole.
    fn take_frames(&mut self) {
        match self.judge_frames() {
            Ok(events) => events.into_iter().for_each(|event| self.handle(event)),
            Err(error) => {
                tracing::warn!(session = %self.session.key.id, %error, "closing a connection that breaks the protocol");
                self.end();
            }
        }
    }

    fn judge_frames(&mut self) -> Result<Vec<Event>, ProtocolError> {
        let mut events = Vec::new();
        while let Some(frame) = self.decoder.frame()? {
            match self.channel.with_link(|link| link.received(&frame))? {
                LinkEvent::Line { seq, replay, pinned, payload } => {
                    let judged = judge(payload, replay);
                    events.push(Event::Line { seq, bytes: payload.len(), pinned, judged });
                }
                LinkEvent::Bye => events.push(Event::Bye),
                LinkEvent::Credit => {}
            }
        }
        Ok(events)
    }

    fn handle(&mut self, event: Event) {
        self.session.touch();
        match event {
            Event::Bye => {
                self.session.said_goodbye.store(true, Ordering::Relaxed);
                self.phase = Phase::Closing(Instant::now() + BYE_GRACE);
            }
            Event::Line { .. } if matches!(self.phase, Phase::Draining(_)) => {}
            Event::Line { seq, bytes, pinned, judged } => match judged {
                Ok(Message::Request { id, effect: Some(Effect::Listen), .. })
                    if self.is_subscribed_enough() =>
                {
                    self.channel.reject(seq, bytes, &too_many_subscriptions(id, SUBSCRIPTIONS_MAX));
                }
                Ok(Message::Request { id, effect, message }) if !self.is_taken(&id) => {
                    self.waiting.push_back(Waiting { id, seq, bytes, effect, pinned, message });
                }
                Ok(Message::Request { id, .. }) => self.channel.reject(seq, bytes, &duplicate(&id)),
                Ok(Message::Notification { cancels, pin, message }) => {
                    self.channel.processed(bytes);
                    self.channel.acknowledge(seq, pin);
                    match cancels {
                        None => self.ready.push_back(*message),
                        Some(id) => self.cancel(&id, *message),
                    }
                }
                Ok(Message::Response) => {
                    self.channel.processed(bytes);
                    self.channel.acknowledge(seq, None);
                }
                Err(rejection) => self.channel.reject(seq, bytes, &rejection),
            },
        }
    }

    /// Whether another subscription would be one too many.
    fn is_subscribed_enough(&self) -> bool {
        let waiting = self.waiting.iter().filter(|request| request.effect == Some(Effect::Listen)).count();
        self.channel.subscriptions() + waiting >= SUBSCRIPTIONS_MAX
    }

    fn is_taken(&self, id: &RequestId) -> bool {
        self.channel.find(id).is_some() || self.waiting.iter().any(|request| request.id == *id)
    }

    /// Cancels request `id`; `notification` tells `rmcp`, if it has the request.
    fn cancel(&mut self, id: &RequestId, mut notification: Incoming) {
        if let Some(at) = self.waiting.iter().position(|request| request.id == *id)
            && let Some(request) = self.waiting.remove(at)
        {
            self.channel.processed(request.bytes);
            self.channel.acknowledge(request.seq, None);
        } else if let Some(seq) = self.channel.find(id) {
            self.channel.cancel(seq);
            set_cancelled(&mut notification, private_id(seq));
            self.ready.push_back(notification);
        }
    }
}

/// Has a cancel notification name request `id`.
fn set_cancelled(notification: &mut Incoming, id: RequestId) {
    if let JsonRpcMessage::Notification(notification) = notification
        && let ClientNotification::CancelledNotification(cancelled) = &mut notification.notification
    {
        cancelled.params.request_id = Some(id);
    }
}

impl Transport<RoleServer> for LinkTransport {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.channel.enqueue(item);
        // `rmcp` does not end before what it sends has: a client that does not read would hold up a restart.
        self.channel.flush_soon();
        std::future::ready(Ok(()))
    }

    async fn receive(&mut self) -> Option<Incoming> {
        loop {
            self.channel.flush_soon();
            if self.channel.is_overrun() {
                tracing::warn!(session = %self.session.key.id, "closing a connection that does not read");
                self.end();
            }
            if let Some(message) = self.dispatch() {
                return Some(message);
            }
            if self.is_done() {
                // Subscriptions end without a word: the next gateway takes them up.
                self.end();
                return None;
            }
            let deadline = self.deadline();
            let channel = Arc::clone(&self.channel);
            tokio::select! {
                read = read_some(&self.stream, &mut self.decoder) => match read {
                    Ok(0) | Err(_) => self.end(),
                    Ok(_) => self.take_frames(),
                },
                () = channel.freed.notified() => {}
                () = self.session.gone.cancelled() => self.end(),
                () = self.drain.cancelled(), if self.phase == Phase::Open => self.begin_drain(),
                () = sleep_until(deadline), if deadline.is_some() => self.end(),
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.channel.close().await;
        Ok(())
    }
}

/// Reads once; nothing is lost if the future is dropped.
async fn read_some(stream: &Stream, decoder: &mut Decoder) -> io::Result<usize> {
    const READ_BYTES: usize = 16 * 1024;
    let buffer = decoder.buffer();
    buffer.reserve(READ_BYTES);
    (&*stream).read_buf(buffer).await
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
