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
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::service::TxJsonRpcMessage;
use rmcp::transport::Transport;
use snowgate_link::frame::Decoder;
use tokio::time::Instant;
use tracing::Instrument;

use super::channel::Channel;
use super::handler_guard::HandlerGuard;
use super::inbound::{Closed, Event, Inbound, Line, Stamp};
use super::parcel::Parcel;
use super::pins::PinSlot;
use super::stream::LinkStream;
use crate::intake::{
    Arrival, Incoming, Message, Next, Rejection, cancel_of, facts_of, fix_profile, forward, initialized,
    parse_request, register,
};
use crate::mcp::Mcp;
use crate::session::Session;
use crate::shared::{HEAVY_BYTES, Shared};

/// How long requests may go on after the client's goodbye. The shim waits a little longer.
const BYE_GRACE: Duration = Duration::from_millis(50);

/// A request that has started and is being parsed.
struct Starting<S: LinkStream> {
    /// Without its line.
    arrival: Arrival<Parcel>,
    guard: HandlerGuard<S>,
    parsing: Pin<Box<dyn Future<Output = Parsed> + Send>>,
}

type Parsed = Result<Box<Incoming>, Rejection>;

/// The transport of one connection.
pub(super) struct LinkTransport<S: LinkStream> {
    mcp: Arc<Mcp>,
    shared: Arc<Shared>,
    inbound: Inbound<S>,
    channel: Arc<Channel<S>>,
    session: Arc<Session>,
    /// Notifications on their way to `rmcp`.
    ready: VecDeque<Incoming>,
    /// A long request; nothing else starts meanwhile, so that all start in order.
    starting: Option<Starting<S>>,
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
        mcp: Arc<Mcp>,
        stream: Arc<S>,
        decoder: Decoder,
        channel: Arc<Channel<S>>,
        session: Arc<Session>,
    ) -> Self {
        let shared = Arc::clone(&mcp.shared);
        let inbound = Inbound::new(Arc::clone(&shared), stream, decoder);
        let (ready, starting, phase) = (VecDeque::new(), None, Phase::Open);
        Self { mcp, shared, inbound, channel, session, ready, starting, phase }
    }

    /// The next message for `rmcp` that can go now.
    fn next_message(&mut self) -> Option<Incoming> {
        if let Some(message) = self.ready.pop_front() {
            return Some(message);
        }
        while self.starting.is_none() {
            match self.channel.next() {
                Next::Start(arrival) => {
                    if let Some(message) = self.start(arrival) {
                        return Some(message);
                    }
                }
                Next::FixProfile => self.begin_profile(),
                Next::Register => self.begin_registration(),
                Next::Wait => break,
            }
        }
        None
    }

    /// Parses a request that starts; a long one later, in the lane.
    fn start(&mut self, mut arrival: Arrival<Parcel>) -> Option<Incoming> {
        let guard = HandlerGuard::new(&self.channel, arrival.number, arrival.parcel.held.take());
        let (line, id) = (std::mem::take(&mut arrival.parcel.line), arrival.id.clone());
        if line.as_ref().len() <= HEAVY_BYTES {
            let parsed = parse_request(line.as_ref(), &id);
            return self.started(&arrival, guard, parsed);
        }
        let lane = self.shared.heavy.clone();
        let parsing = Box::pin(async move { lane.run(move || parse_request(line.as_ref(), &id)).await });
        self.starting = Some(Starting { arrival, guard, parsing });
        None
    }

    /// What goes on to `rmcp` of a request that has started.
    fn started(&self, arrival: &Arrival<Parcel>, guard: HandlerGuard<S>, parsed: Parsed) -> Option<Incoming> {
        let number = arrival.number;
        match parsed {
            // Its end is told by the guard.
            Ok(_) if !self.channel.is_wanted(number) => None,
            Ok(mut message) => {
                let line = self.channel.line_facts(number);
                let facts = facts_of(arrival, &message, &self.session).with(line);
                forward(&mut message, facts, guard);
                Some(*message)
            }
            Err(rejection) => {
                self.channel.refuse_started(number, &rejection);
                None
            }
        }
    }

    /// Fixes the session's profile; the channel is woken once what needs it may start.
    fn begin_profile(&self) {
        let client = self.channel.look_at_first(|first| first.parcel.client.clone()).flatten();
        let client = self.session.called(client);
        let (mcp, session) = (Arc::clone(&self.mcp), Arc::clone(&self.session));
        let channel = Arc::clone(&self.channel);
        let fixing = async move {
            fix_profile(&mcp, &session, client).await;
            channel.set_profile_fixed();
        };
        tokio::spawn(fixing.instrument(self.session.span.clone()));
    }

    /// Registers the session; the channel is woken once its calls may start.
    fn begin_registration(&self) {
        let client = self.channel.look_at_first(|call| call.parcel.client.clone()).flatten();
        let client = self.session.called(client);
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
        self.watch_long_calls();
        self.phase = Phase::Draining(Instant::now() + self.shared.live().config.gateway.drain_timeout);
    }

    /// Has the channel looked at again once no statement runs on whose call was answered before it ended.
    fn watch_long_calls(&self) {
        if self.session.long_calls.running() == 0 {
            return;
        }
        let (channel, session) = (Arc::downgrade(&self.channel), Arc::clone(&self.session));
        tokio::spawn(async move {
            tokio::select! {
                () = session.long_calls.settled() => {}
                () = session.gone.cancelled() => return,
            }
            if let Some(channel) = channel.upgrade() {
                channel.wake();
            }
        });
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closing(deadline) | Phase::Draining(deadline) => Some(deadline),
            Phase::Open | Phase::Ended => None,
        }
    }

    /// Takes what is there; `came` says whether more may come.
    fn take_events(&mut self, came: Result<(), Closed>) {
        let mut came = came;
        while came.is_ok() {
            match self.inbound.next(&self.channel) {
                Ok(Some(event)) => self.handle(event),
                Ok(None) => return,
                Err(closed) => came = Err(closed),
            }
        }
        if let Err(error @ (Closed::Protocol(_) | Closed::Slow)) = came {
            self.session
                .span
                .in_scope(|| tracing::warn!(%error, "closing a connection that breaks the protocol"));
        }
        self.end();
    }

    fn handle(&mut self, event: Event) {
        self.session.touch();
        match event {
            Event::Bye => {
                self.session.note_goodbye();
                self.phase = Phase::Closing(Instant::now() + BYE_GRACE);
            }
            // Not acknowledged: the next gateway's.
            Event::Line(_) if matches!(self.phase, Phase::Draining(_)) => {}
            Event::Line(line) => self.take_line(line),
        }
    }

    fn take_line(&mut self, line: Line) {
        let Line { stamp, text, message, held } = line;
        let Stamp { seq, bytes, replayed, pinned } = stamp;
        match message {
            Ok(Message::Request(head)) => {
                // What holds memory of the budget is bounded by that. It may be longer than the window, so the
                // cancel of what it waits for must be able to come behind it.
                let owed = held.is_none().then_some(bytes);
                if held.is_some() {
                    self.channel.with_outbox(|outbox| outbox.processed(bytes));
                }
                let parcel = Parcel { line: text, owed, client: head.client, held };
                let (id, kind, is_acknowledged) = (head.id, head.kind, pinned);
                self.channel.admit(Arrival { number: seq, id, kind, replayed, is_acknowledged, parcel });
            }
            Ok(Message::Cancel(id)) => {
                self.acknowledge(stamp, false);
                let cancelled = match self.channel.line_facts(seq).cancels {
                    Some(number) => self.channel.cancel_number(number),
                    None => self.channel.cancel(&id),
                };
                if let Some(number) = cancelled {
                    self.ready.push_back(cancel_of(number));
                }
            }
            Ok(Message::Initialized) => {
                self.acknowledge(stamp, true);
                self.ready.push_back(initialized());
            }
            Ok(Message::Ignored) => self.acknowledge(stamp, false),
            Err(rejection) => self.channel.reject(seq, Some(bytes), &rejection),
        }
    }

    /// A line gets no answer.
    fn acknowledge(&self, line: Stamp, is_initialized: bool) {
        self.channel.with_outbox(|outbox| {
            outbox.processed(line.bytes);
            if is_initialized {
                outbox.pin_in(PinSlot::Initialized, line.seq);
            }
            outbox.acknowledge(line.seq);
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
                came = self.inbound.ready() => self.take_events(came),
                parsed = parsed(&mut self.starting) => {
                    if let Some(Starting { arrival, guard, .. }) = self.starting.take()
                        && let Some(message) = self.started(&arrival, guard, parsed)
                    {
                        return Some(message);
                    }
                }
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

/// Waits for a request that is being parsed; nothing is lost if the future is dropped.
async fn parsed<S: LinkStream>(starting: &mut Option<Starting<S>>) -> Parsed {
    match starting {
        Some(starting) => starting.parsing.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
