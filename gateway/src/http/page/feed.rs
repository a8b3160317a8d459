//! The stream of a page: `GET /ui/events`. One computation a second is shared by all pages that are open; without one there is none.
//!
//! A page gets what its visitor may do, the whole picture, then what differs. One that does not keep up misses updates, and then gets
//! the whole again; one that does not read is left.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};
use tokio::time::{Instant, MissedTickBehavior, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;

use super::changes::Picture;
use super::visitors::Visitor;
use crate::observe::overview;
use crate::shared::Shared;

/// Pages that are sent updates at once, at most.
pub(super) const VIEWERS_MAX: usize = 32;

/// How often it is looked at what has changed.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a stream is silent before it shows that it lives.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);
const HEARTBEAT: &[u8] = b"event: alive\ndata:\n\n";

/// How long a page may leave an update unread.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Updates that a page may be behind before it gets the whole again.
const UPDATES_BEHIND_MAX: usize = 4;

/// The longest that a stream lasts: the page comes back.
const STREAM_MAX: Duration = Duration::from_secs(24 * 3600);

/// Has the response not gathered by proxies (nginx), but sent event by event.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What pages are sent.
#[derive(Debug)]
pub(super) struct Feed {
    viewers: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What all pages have seen; written by the one task that looks.
    picture: Picture,
    /// Whether that task runs. It ends when it finds no page: under the lock, so that none comes in between.
    is_running: bool,
    updates: broadcast::Sender<Bytes>,
}

impl Default for Feed {
    fn default() -> Self {
        let state = State {
            picture: Picture::default(),
            is_running: false,
            updates: broadcast::Sender::new(UPDATES_BEHIND_MAX),
        };
        Self { viewers: Arc::new(Semaphore::new(VIEWERS_MAX)), state: Mutex::new(state) }
    }
}

impl Feed {
    /// A stream of updates, until the page session of `visitor` ends; `None`: too many pages are open. It begins with `who`,
    /// which is what `GET /ui/session` says: while a gateway restarts, the one before it may have answered that.
    pub(super) fn watch(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        visitor: Option<Visitor>,
        who: &Value,
    ) -> Option<Response> {
        let permit = Arc::clone(&self.viewers).try_acquire_owned().ok()?;
        let (pieces, body) = mpsc::channel(1);
        let lasts = visitor.as_ref().map_or(Duration::MAX, Visitor::ends_in);
        let viewer = Viewer { feed: Arc::clone(self), visitor, pieces, _permit: permit };
        let (whole, updates) = self.join(shared);
        let first = Bytes::from([format!("event: who\ndata: {who}\n\n").as_bytes(), &whole].concat());
        let (ends, drain) = (Instant::now() + lasts.min(STREAM_MAX), shared.shutdown.drain.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = viewer.run(first, updates) => {}
                () = sleep_until(ends) => {}
                () = drain.cancelled() => {}
            }
        });
        let mut response = Response::new(Body::from_stream(ReceiverStream::new(body)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
        Some(response)
    }

    /// The picture now, and what follows it.
    fn join(self: &Arc<Self>, shared: &Arc<Shared>) -> (Bytes, broadcast::Receiver<Bytes>) {
        let mut state = self.lock();
        if !state.is_running {
            state.is_running = true;
            state.picture = Picture::default().next(&overview(shared));
            tokio::spawn(Arc::clone(self).look(Arc::clone(shared)));
        }
        (event(&state.picture.whole()), state.updates.subscribe())
    }

    fn join_again(&self) -> (Bytes, broadcast::Receiver<Bytes>) {
        let state = self.lock();
        (event(&state.picture.whole()), state.updates.subscribe())
    }

    /// Looks for as long as there is a page.
    async fn look(self: Arc<Self>, shared: Arc<Shared>) {
        let mut ticks = tokio::time::interval_at(Instant::now() + INTERVAL, INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = shared.shutdown.drain.cancelled() => return,
            }
            if self.lock().updates.receiver_count() > 0 {
                let overview = overview(&shared);
                let mut state = self.lock();
                let next = state.picture.next(&overview);
                if let Some(changes) = state.picture.go_on(next) {
                    // The last page may have left meanwhile.
                    let _ = state.updates.send(event(&changes));
                }
            }
            let mut state = self.lock();
            if state.updates.receiver_count() == 0 {
                state.is_running = false;
                state.picture = Picture::default();
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// JSON has no line break in it, so it is one line of an event.
fn event(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

/// One page.
struct Viewer {
    feed: Arc<Feed>,
    visitor: Option<Visitor>,
    pieces: mpsc::Sender<Result<Bytes, Infallible>>,
    _permit: OwnedSemaphorePermit,
}

impl Viewer {
    async fn run(&self, first: Bytes, mut updates: broadcast::Receiver<Bytes>) {
        let mut next = first;
        loop {
            if !matches!(timeout(SEND_TIMEOUT, self.pieces.send(Ok(next))).await, Ok(Ok(()))) {
                return;
            }
            if let Some(visitor) = &self.visitor {
                visitor.touch();
            }
            let received = tokio::select! {
                received = timeout(HEARTBEAT_INTERVAL, updates.recv()) => received,
                () = self.pieces.closed() => return,
            };
            next = match received {
                Ok(Ok(update)) => update,
                Ok(Err(RecvError::Lagged(_))) => {
                    let (whole, rest) = self.feed.join_again();
                    updates = rest;
                    whole
                }
                Ok(Err(RecvError::Closed)) => return,
                Err(_) => Bytes::from_static(HEARTBEAT),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::TestGateway;
    use http_body_util::BodyExt as _;

    #[tokio::test(start_paused = true)]
    async fn pages_share_one_look_and_without_a_page_there_is_none() {
        let gateway = TestGateway::new().await;
        let feed = Arc::new(Feed::default());
        let mut pages: Vec<_> =
            (0..VIEWERS_MAX).filter_map(|_| feed.watch(&gateway.shared, None, &Value::Null)).collect();
        assert!(pages.len() == VIEWERS_MAX && feed.watch(&gateway.shared, None, &Value::Null).is_none());
        let frame = pages[0].body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(frame.starts_with(b"event: who\ndata: null\n\ndata: {\"at_ms\""), "{frame:?}");
        assert!(feed.lock().is_running);
        drop(pages);
        while feed.lock().is_running || feed.viewers.available_permits() < VIEWERS_MAX {
            tokio::time::sleep(INTERVAL).await;
        }
        assert!(feed.watch(&gateway.shared, None, &Value::Null).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_with_the_gateway_and_with_its_session() {
        let gateway = TestGateway::new().await;
        let feed = Arc::new(Feed::default());
        let short = feed
            .watch(&gateway.shared, Some(Visitor::lasting(Duration::from_secs(30))), &Value::Null)
            .unwrap();
        let bytes = short.into_body().collect().await.unwrap().to_bytes();
        // A heartbeat, or what has changed meanwhile (memory does).
        let events = bytes.windows(2).filter(|part| part == b"\n\n").count();
        assert!(events >= 3, "{}", String::from_utf8_lossy(&bytes));
        let long = feed.watch(&gateway.shared, None, &Value::Null).unwrap();
        gateway.shared.shutdown.stop();
        long.into_body().collect().await.unwrap();
    }
}
