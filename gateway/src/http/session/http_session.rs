//! A session of the front: what is sent to it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use bytes::Bytes;
use rmcp::model::{ErrorCode, ErrorData};
use snowgate_link::credit::{ReceiveCredit, SendCredit};
use snowgate_link::frame::{FLAG_PINNED, FLAG_REPLAY, Frame, Kind};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::exchange::{Exchange, Outgoing};
use super::head::Head;
use super::numbers::Numbers;
use super::repeats::{Idempotency, JournaledKeys, Repeats, RunningKey, Seen};
use super::routes::{Route, Routes};
use super::seat::Seat;
use super::waiting::WaitingBytes;
use crate::mcp::{LineFacts, RepeatKey, RowFormat};
use crate::session::Session;
use crate::shared::Shared;
use crate::telemetry::Trace;

/// Messages that belong to no request and wait for a client that listens, at most; the oldest are dropped.
const EVENTS_MAX: usize = 64;

/// How long the gateway may take to end a session that is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What the front says of a message beside its text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    /// What makes it the same request when it comes again.
    pub(crate) idempotency: Option<Idempotency>,
    /// How rows are written.
    pub(crate) format: RowFormat,
    /// The trace that it is part of.
    pub(crate) trace: Option<Trace>,
}

/// The trace that a request is part of, by its header (W3C Trace Context): there once, and of the known form.
pub(crate) fn trace_of(headers: &HeaderMap) -> Option<Trace> {
    let mut values = headers.get_all("traceparent").iter();
    let trace = values.next()?.to_str().ok().and_then(Trace::parse);
    trace.filter(|_| values.next().is_none())
}

/// Why a message was not sent: nothing of it ran.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSent {
    /// The session has ended, or the gateway shuts down: HTTP 503; it may be sent again at once.
    #[error("the session has ended, or the gateway is about to restart; send the request again")]
    Ended,
    /// HTTP 422.
    #[error(
        "this `Idempotency-Key` was used for another request; a request of its own needs a key of its own"
    )]
    KeyReused,
    /// Too much of the session waits already: HTTP 503.
    #[error(
        "requests of this client that wait hold too much memory; send the request again when one has ended"
    )]
    Busy,
    /// The state file cannot be used: HTTP 503.
    #[error("{0}; send the request again later (`snowgate status` says more)")]
    State(String),
}

impl NotSent {
    /// The same as an error of JSON-RPC.
    pub(crate) fn error(&self) -> ErrorData {
        let code = match self {
            Self::KeyReused => ErrorCode::INVALID_PARAMS,
            Self::Ended | Self::Busy | Self::State(_) => ErrorCode::INTERNAL_ERROR,
        };
        ErrorData::new(code, self.to_string(), None)
    }
}

/// A session of the front.
///
/// Lock order: `turn`, then any one of the others, which are held for a few steps in memory and never together.
pub(crate) struct HttpSession {
    /// What the client sends as `Mcp-Session-Id`.
    pub(super) id: String,
    /// The session behind it.
    pub(super) session: Arc<Session>,
    /// The id of the key that it belongs to; empty: none.
    pub(super) owner: String,
    /// Whether the state file has it, for the next gateway.
    pub(super) is_kept: bool,
    shared: Arc<Shared>,
    /// Who sends next: numbers grow in the order of sending.
    turn: tokio::sync::Mutex<Numbers>,
    /// Bytes for the link. Bounded by credit; the task behind it writes all of a frame or nothing.
    out: UnboundedSender<Bytes>,
    credit: Mutex<Credit>,
    /// Bytes of requests that wait to be sent.
    waiting: Arc<AtomicUsize>,
    /// Signalled when credit came.
    credited: Notify,
    /// What is said of lines, for the other end.
    facts: Arc<Mutex<HashMap<u64, LineFacts>>>,
    routes: Mutex<Routes>,
    events: Mutex<VecDeque<Bytes>>,
    event_came: Notify,
    /// Tasks that wait for events.
    listeners: AtomicUsize,
    /// Fires when the session has ended, or is to be left for the next use.
    pub(super) closed: CancellationToken,
    /// Set when the gateway shuts down.
    is_draining: AtomicBool,
    /// Set when its client ends it.
    is_given_up: AtomicBool,
    repeats: Arc<Repeats>,
    /// Keys of requests whose statements are in the journal.
    journaled: Mutex<JournaledKeys>,
    /// When it was used last: milliseconds after `clock`.
    used_ms: AtomicU64,
    clock: Instant,
    _seat: Seat,
}

impl fmt::Debug for HttpSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not its id, which has a secret in it.
        formatter.debug_struct("HttpSession").field("session", &self.session.key.id).finish_non_exhaustive()
    }
}

/// What may be on its way in each direction.
#[derive(Debug)]
pub(super) struct Credit {
    pub(super) send: SendCredit,
    pub(super) receive: ReceiveCredit,
}

/// What is known of a request that may have been sent before.
#[derive(Default)]
struct Resolved {
    repeats: Option<u64>,
    key: Option<Arc<RepeatKey>>,
    running: Option<RunningKey>,
}

/// What a session is made of.
pub(super) struct Parts {
    pub(super) id: String,
    pub(super) session: Arc<Session>,
    pub(super) owner: String,
    pub(super) is_kept: bool,
    /// Whether an earlier gateway had it.
    pub(super) is_rebuilt: bool,
    pub(super) numbers: Numbers,
    pub(super) credit: Credit,
    pub(super) out: UnboundedSender<Bytes>,
    pub(super) facts: Arc<Mutex<HashMap<u64, LineFacts>>>,
    pub(super) pinned: BTreeMap<u64, String>,
    pub(super) seat: Seat,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl HttpSession {
    pub(super) fn new(shared: Arc<Shared>, parts: Parts) -> Arc<Self> {
        let Parts { id, session, owner, is_kept, is_rebuilt, numbers, credit, out, facts, pinned, seat } =
            parts;
        let this = Self {
            id,
            session,
            owner,
            is_kept,
            shared,
            turn: tokio::sync::Mutex::new(numbers),
            out,
            credit: Mutex::new(credit),
            waiting: Arc::default(),
            credited: Notify::new(),
            facts,
            routes: Mutex::new(Routes::with(pinned)),
            events: Mutex::default(),
            event_came: Notify::new(),
            listeners: AtomicUsize::new(0),
            closed: CancellationToken::new(),
            is_draining: AtomicBool::new(false),
            is_given_up: AtomicBool::new(false),
            repeats: Arc::default(),
            journaled: Mutex::new(JournaledKeys::new(is_rebuilt)),
            used_ms: AtomicU64::new(0),
            clock: Instant::now(),
            _seat: seat,
        };
        this.send_pinned();
        Arc::new(this)
    }

    /// What the client sends as `Mcp-Session-Id`: the id, a dot, and the secret.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The session behind it: for what is shown.
    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Fires when the session has ended, or must be looked for anew.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.closed
    }

    /// Sends a request (one JSON-RPC message). Waits while the session has too much under way.
    ///
    /// # Errors
    /// Nothing of it ran.
    pub(crate) async fn request(
        self: &Arc<Self>,
        line: impl Into<Bytes>,
        delivery: Delivery,
    ) -> Result<Exchange, NotSent> {
        self.touch();
        let line = line.into();
        // Until it is sent: from there on the link counts it.
        let _waiting = WaitingBytes::take(&self.waiting, line.len()).ok_or(NotSent::Busy)?;
        let head = Head::of(&line, &self.shared.heavy).await;
        let Resolved { repeats, key, running } = self.resolve(delivery.idempotency, &head).await?;
        let facts = LineFacts {
            format: delivery.format,
            repeats,
            repeat_key: key.clone(),
            trace: delivery.trace,
            ..LineFacts::default()
        };
        let (sender, messages) = unbounded_channel();
        let route = Route::of_request(sender, head.is_kept.then(|| line.clone()), key, running);
        let number = self.send(line, Some(facts), route).await?;
        let session = Arc::clone(self);
        Ok(Exchange { session, number, messages, has_answer: false })
    }

    /// Sends a message that gets no answer: a notification, or a response.
    ///
    /// # Errors
    /// It was not sent.
    pub(crate) async fn notify(&self, line: impl Into<Bytes>) -> Result<(), NotSent> {
        self.touch();
        let line = line.into();
        let head = Head::of(&line, &self.shared.heavy).await;
        let route = Route::of_notification(head.is_kept.then(|| line.clone()));
        self.send(line, None, route).await.map(drop)
    }

    /// The next message that belongs to no request; `None`: the session has ended. One caller gets each.
    pub(crate) async fn next_event(&self) -> Option<Bytes> {
        let _listener = Listener::of(&self.listeners);
        self.touch();
        loop {
            if let Some(event) = lock(&self.events).pop_front() {
                self.event_came.notify_one();
                return Some(event);
            }
            tokio::select! {
                () = self.event_came.notified() => {}
                () = self.closed.cancelled() => return lock(&self.events).pop_front(),
            }
        }
    }

    /// Ends the session for good (`DELETE`, or a WebSocket that is closed): what runs is stopped.
    pub(crate) async fn close(&self) {
        if self.is_kept
            && let Err(error) = self.shared.state.remove_front_session(&self.session.key.id).await
        {
            tracing::warn!(%error, "cannot forget a session that its client has ended");
        }
        self.is_given_up.store(true, Ordering::Release);
        let _ = self.out.send(Frame::control(Kind::Bye, 0, b"").to_bytes().into());
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.closed.cancelled()).await;
        self.closed.cancel();
    }

    /// Looks whether a request was sent before.
    async fn resolve(&self, idempotency: Option<Idempotency>, head: &Head) -> Result<Resolved, NotSent> {
        let (Some(key), Some(digest)) = (idempotency, head.digest) else { return Ok(Resolved::default()) };
        let (is_id, text) = (matches!(key, Idempotency::Rpc(_)), key.text());
        let running = loop {
            match self.repeats.look(&text, digest) {
                Seen::First(running) => break running,
                Seen::Other if is_id => return Ok(Resolved::default()),
                Seen::Other => return Err(NotSent::KeyReused),
                Seen::Same(mut ended) => tokio::select! {
                    _ = ended.changed() => {}
                    () = self.closed.cancelled() => return Err(NotSent::Ended),
                },
            }
        };
        let known = if lock(&self.journaled).may_have(&text) {
            let known = self.shared.state.known_request(&self.session.key.id, &text).await;
            known.map_err(|error| NotSent::State(error.to_string()))?
        } else {
            None
        };
        let repeats = match known {
            Some(known) if known.digest == digest => Some(known.number),
            Some(_) if !is_id => return Err(NotSent::KeyReused),
            _ => None,
        };
        let key = RepeatKey { text, digest, is_id, is_journaled: AtomicBool::new(repeats.is_some()) };
        Ok(Resolved { repeats, key: Some(Arc::new(key)), running: Some(running) })
    }

    /// Sends a line under the next number, and returns that. If the future is dropped, it is sent or it is not.
    async fn send(&self, line: Bytes, facts: Option<LineFacts>, route: Route) -> Result<u64, NotSent> {
        let mut numbers = tokio::select! {
            biased;
            () = self.closed.cancelled() => return Err(NotSent::Ended),
            numbers = self.turn.lock() => numbers,
        };
        while !lock(&self.credit).send.allows(line.len() as u64) {
            tokio::select! {
                () = self.credited.notified() => {}
                () = self.closed.cancelled() => return Err(NotSent::Ended),
            }
        }
        if let Some(reserved) = numbers.next_block() {
            match self.shared.state.reserve_numbers(&self.session.key.id, reserved).await {
                Ok(true) => numbers.set_reserved(reserved),
                // Another gateway, or its client, has ended it; or it was pushed out.
                Ok(false) => {
                    self.closed.cancel();
                    return Err(NotSent::Ended);
                }
                Err(error) => return Err(NotSent::State(error.to_string())),
            }
        }
        // It may have ended meanwhile, and nothing would be told of a line from here on.
        if self.is_draining.load(Ordering::Acquire) || self.closed.is_cancelled() {
            return Err(NotSent::Ended);
        }
        let number = numbers.take();
        lock(&self.routes).insert(number, route);
        if let Some(facts) = facts {
            lock(&self.facts).insert(number, facts);
        }
        lock(&self.credit).send.sent(line.len() as u64);
        self.push_line(number, 0, line);
        Ok(number)
    }

    fn push_line(&self, seq: u64, flags: u8, line: Bytes) {
        let mut header = Vec::with_capacity(snowgate_link::frame::HEADER_BYTES);
        Frame { kind: Kind::Line, flags, seq, re: 0, payload: b"" }.encode_header(line.len(), &mut header);
        // The task behind it ends with the session.
        let _ = self.out.send(header.into());
        let _ = self.out.send(line);
    }

    /// The lines that an earlier gateway has answered: this one is to know what they said.
    fn send_pinned(&self) {
        for (number, line) in lock(&self.routes).pinned().clone() {
            lock(&self.credit).send.sent(line.len() as u64);
            self.push_line(number, FLAG_REPLAY | FLAG_PINNED, line.into());
        }
    }

    /// Stops request `number`: its client is gone, or wants no answer.
    pub(super) fn cancel(self: &Arc<Self>, number: u64) {
        const LINE: &[u8] =
            br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}"#;
        let session = Arc::clone(self);
        tokio::spawn(async move {
            let facts = LineFacts { cancels: Some(number), ..LineFacts::default() };
            let route = Route::of_notification(None);
            // Where it cannot be sent, nothing runs any more.
            let _ = session.send(Bytes::from_static(LINE), Some(facts), route).await;
        });
    }

    /// Whether its client wants no answer to a request that has none: it has cancelled it, or ended the session.
    pub(super) fn is_given_up(&self) -> bool {
        !self.closed.is_cancelled() || self.is_given_up.load(Ordering::Acquire)
    }

    /// Whether request `number` was never started by a gateway that shuts down.
    pub(super) fn was_not_started(&self, number: u64) -> bool {
        lock(&self.routes).was_not_started(number)
    }

    /// A message of `bytes` has been taken: its credit goes back.
    pub(super) fn note_taken(&self, bytes: usize) {
        let grant = lock(&self.credit).receive.processed(bytes as u64);
        if let Some(grant) = grant {
            let _ = self.out.send(Frame::control(Kind::Credit, 0, &grant.to_payload()).to_bytes().into());
        }
    }

    /// It is used now.
    pub(super) fn touch(&self) {
        self.used_ms.store(milliseconds(self.clock.elapsed()), Ordering::Relaxed);
    }

    /// How long it has been unused; zero while a client waits for something.
    pub(super) fn idle(&self) -> Duration {
        let is_used = !lock(&self.routes).is_empty() || self.listeners.load(Ordering::Relaxed) > 0;
        if is_used {
            self.touch();
        }
        self.clock.elapsed().saturating_sub(Duration::from_millis(self.used_ms.load(Ordering::Relaxed)))
    }
}

/// What the courier does with what comes back.
impl HttpSession {
    pub(super) fn lock_credit(&self) -> MutexGuard<'_, Credit> {
        lock(&self.credit)
    }

    pub(super) fn note_credit(&self) {
        self.credited.notify_one();
    }

    /// The gateway shuts down, and started no line after `last`.
    pub(super) fn note_drain(&self, last: u64) {
        lock(&self.routes).set_started_through(last);
        self.is_draining.store(true, Ordering::Release);
    }

    fn push_event(&self, line: Bytes) {
        self.note_taken(line.len());
        let mut events = lock(&self.events);
        if events.len() >= EVENTS_MAX {
            events.pop_front();
        }
        events.push_back(line);
        drop(events);
        self.event_came.notify_one();
    }

    /// Hands on a message that answers line `re`, is about it, or belongs to none.
    pub(super) fn hand_on(&self, line: Bytes, re: u64, is_answer: bool) {
        if re == 0 {
            return self.push_event(line);
        }
        let bytes = line.len();
        let messages = if is_answer { self.end_route(re) } else { lock(&self.routes).messages(re) };
        if messages.is_none_or(|messages| messages.send(Outgoing { line, is_answer }).is_err()) {
            self.note_taken(bytes);
        }
    }

    /// Line `re` gets no answer, unless it is a subscription that goes on.
    pub(super) fn note_acknowledged(&self, re: u64) {
        if !lock(&self.routes).goes_on(re) {
            self.end_route(re);
        }
    }

    /// Line `re` is at its end; returns who gets its answer.
    fn end_route(&self, re: u64) -> Option<UnboundedSender<Outgoing>> {
        // Of a line that was refused before it started, nothing is asked.
        lock(&self.facts).remove(&re);
        let route = lock(&self.routes).end(re)?;
        if let Some(key) = route.journaled_key() {
            lock(&self.journaled).insert(key);
        }
        // Who waits for the end of the request looks for its key from here on.
        route.into_messages()
    }

    /// Calls `with` on where what comes back belongs.
    pub(super) fn with_routes<T>(&self, with: impl FnOnce(&mut Routes) -> T) -> T {
        with(&mut lock(&self.routes))
    }

    /// The session has ended: what waits for something hears of it.
    pub(super) fn note_end(&self) {
        // In this order: who hears of the end finds out why.
        self.closed.cancel();
        lock(&self.routes).clear();
    }
}

/// Counts a task that waits for events.
struct Listener<'a>(&'a AtomicUsize);

impl<'a> Listener<'a> {
    fn of(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
