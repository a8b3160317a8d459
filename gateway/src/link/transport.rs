//! The link as a transport for `rmcp`: frames in, messages out, and the phases of a connection.
//!
//! | phase | begins with | new requests | ends |
//! |---|---|---|---|
//! | open | the connection | start as the intake lets them | |
//! | closing | the client's goodbye | those that wait may start | idle, or after [`BYE_GRACE`] |
//! | draining | the gateway's shutdown | are the next gateway's | nothing runs, or after `drain_timeout_ms` |
//! | ended | the stream's end, a replaced session, a broken protocol | | |
//!
//! `receive` is called in a `select!` of `rmcp`'s, so everything it knows lives in `self`.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::service::TxJsonRpcMessage;
use rmcp::transport::Transport;
use snowgate_link::frame::Decoder;
use snowgate_link::{Incoming as LinkEvent, ProtocolError};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tracing::Instrument;

use super::channel::{Channel, HandlerGuard, LinkStream, Parcel};
use super::pins::PinSlot;
use crate::intake::{
    Arrival, Incoming, Message, Next, Rejection, classify_line, facts_of, forward, redirect_cancel, register,
    stated_client,
};
use crate::session::Session;
use crate::shared::Shared;

/// How long requests may go on after the client's goodbye. The shim waits a little longer.
const BYE_GRACE: Duration = Duration::from_millis(50);

/// A frame, classified.
enum Event {
    Line { seq: u64, bytes: usize, replayed: bool, pinned: bool, message: Result<Message, Rejection> },
    Bye,
}

/// The transport of one connection.
pub(super) struct LinkTransport<S> {
    shared: Arc<Shared>,
    stream: Arc<S>,
    decoder: Decoder,
    channel: Arc<Channel<S>>,
    session: Arc<Session>,
    /// Notifications on their way to `rmcp`.
    ready: VecDeque<Incoming>,
    phase: Phase,
}

/// Where the connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closing(Instant),
    Draining(Instant),
    Ended,
}

impl<S: LinkStream> LinkTransport<S> {
    pub(super) fn new(
        shared: Arc<Shared>,
        stream: Arc<S>,
        decoder: Decoder,
        channel: Arc<Channel<S>>,
        session: Arc<Session>,
    ) -> Self {
        let (ready, phase) = (VecDeque::new(), Phase::Open);
        Self { shared, stream, decoder, channel, session, ready, phase }
    }

    /// The next message for `rmcp` that can go now.
    fn next_message(&mut self) -> Option<Incoming> {
        if let Some(message) = self.ready.pop_front() {
            return Some(message);
        }
        match self.channel.next() {
            Next::Start(arrival) => {
                let facts = facts_of(&arrival, &arrival.parcel.message, &self.session);
                let guard = HandlerGuard::new(&self.channel, arrival.number);
                let mut message = arrival.parcel.message;
                forward(&mut message, facts, guard);
                Some(*message)
            }
            Next::Register => {
                self.begin_registration();
                None
            }
            Next::Wait => None,
        }
    }

    /// Registers the session; the channel is woken once its calls may start.
    fn begin_registration(&self) {
        let client = self.channel.look_at_first(|call| stated_client(&call.parcel.message)).flatten();
        let (shared, session) = (Arc::clone(&self.shared), Arc::clone(&self.session));
        let channel = Arc::clone(&self.channel);
        let registering = async move {
            register(&shared, &session, client).await;
            channel.set_registered();
        };
        tokio::spawn(registering.instrument(self.session.span.clone()));
    }

    /// Whether nothing is left to wait for.
    fn is_done(&self) -> bool {
        match self.phase {
            Phase::Open => false,
            Phase::Closing(_) => self.channel.is_idle(),
            // Whatever the client makes room for has been written; the rest gets the time of a goodbye, and
            // is otherwise the next gateway's to give.
            Phase::Draining(_) => self.channel.is_drained(),
            Phase::Ended => true,
        }
    }

    /// Stops what runs for the client. Nothing of it is answered any more: the client is gone, or the next
    /// gateway answers it.
    fn end(&mut self) {
        self.channel.seal();
        self.session.gone.cancel();
        self.phase = Phase::Ended;
    }

    fn begin_drain(&mut self) {
        self.channel.announce_drain();
        self.phase = Phase::Draining(Instant::now() + self.shared.config.gateway.drain_timeout);
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closing(deadline) | Phase::Draining(deadline) => Some(deadline),
            Phase::Open | Phase::Ended => None,
        }
    }

    /// Takes the frames that are complete.
    fn take_frames(&mut self) {
        match self.classify_frames() {
            Ok(events) => events.into_iter().for_each(|event| self.handle(event)),
            Err(error) => {
                self.session.span.in_scope(|| {
                    tracing::warn!(%error, "closing a connection that breaks the protocol");
                });
                self.end();
            }
        }
    }

    fn classify_frames(&mut self) -> Result<Vec<Event>, ProtocolError> {
        let mut events = Vec::new();
        while let Some(frame) = self.decoder.frame()? {
            match self.channel.with_link(|link| link.received(&frame))? {
                LinkEvent::Line { seq, replay, pinned, payload } => {
                    let (bytes, message) = (payload.len(), classify_line(payload));
                    events.push(Event::Line { seq, bytes, replayed: replay, pinned, message });
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
                self.session.note_goodbye();
                self.phase = Phase::Closing(Instant::now() + BYE_GRACE);
            }
            // Not acknowledged: the next gateway's.
            Event::Line { .. } if matches!(self.phase, Phase::Draining(_)) => {}
            Event::Line { seq, bytes, replayed, pinned, message } => match message {
                Ok(Message::Request { id, kind, message }) => {
                    let parcel = Parcel { message, bytes };
                    let is_acknowledged = pinned;
                    self.channel.admit(Arrival { number: seq, id, kind, replayed, is_acknowledged, parcel });
                }
                Ok(Message::Notification { cancels, is_initialized, message }) => {
                    self.take_line(seq, bytes, is_initialized);
                    match cancels {
                        None => self.ready.push_back(*message),
                        Some(id) => {
                            let mut notification = *message;
                            if let Some(number) = self.channel.cancel(&id) {
                                redirect_cancel(&mut notification, number);
                                self.ready.push_back(notification);
                            }
                        }
                    }
                }
                Ok(Message::Response) => self.take_line(seq, bytes, false),
                Err(rejection) => self.channel.reject(seq, bytes, &rejection),
            },
        }
    }

    /// Line `seq` gets no answer.
    fn take_line(&self, seq: u64, bytes: usize, is_initialized: bool) {
        self.channel.with_outbox(|outbox| {
            outbox.processed(bytes);
            if is_initialized {
                outbox.pin_in(PinSlot::Initialized, seq);
            }
            outbox.acknowledge(seq);
        });
    }
}

impl<S: LinkStream> Transport<RoleServer> for LinkTransport<S> {
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
            if self.channel.with_outbox(|outbox| outbox.is_overrun()) {
                self.session.span.in_scope(|| tracing::warn!("closing a connection that does not read"));
                self.end();
            }
            if let Some(message) = self.next_message() {
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
                read = read_some(&*self.stream, &mut self.decoder) => match read {
                    Ok(0) | Err(_) => self.end(),
                    Ok(_) => self.take_frames(),
                },
                () = channel.freed.notified() => {}
                () = self.session.gone.cancelled() => self.end(),
                () = self.shared.shutdown.drain.cancelled(), if self.phase == Phase::Open => self.begin_drain(),
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
async fn read_some<S: LinkStream>(stream: &S, decoder: &mut Decoder) -> io::Result<usize> {
    const READ_BYTES: usize = 16 * 1024;
    let buffer = decoder.buffer();
    buffer.reserve(READ_BYTES);
    stream.half().read_buf(buffer).await
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
