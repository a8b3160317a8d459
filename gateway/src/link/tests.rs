//! A session behind the link, driven frame by frame: `rmcp`, the tools and the scriptable backend on a paused
//! clock, with an in-memory stream in place of the socket.

mod long_lines;

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{future, io};

use serde_json::{Value, json};
use snowgate_link::GatewayLink;
use snowgate_link::credit::Window;
use snowgate_link::frame::{Decoder, Frame, Kind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::channel::Channel;
use super::connection::converse;
use super::stream::LinkStream;
use crate::backend::fake::{Event, Script};
use crate::config::Config;
use crate::mcp::Mcp;
use crate::session::{Session, SessionGuard};
use crate::shared::testing::TestGateway;

/// The gateway's end of an in-memory stream.
struct TestStream(Mutex<DuplexStream>);

/// A reference that reads and writes.
struct Half<'a>(&'a TestStream);

impl Half<'_> {
    fn lock(&self) -> MutexGuard<'_, DuplexStream> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LinkStream for TestStream {
    fn half(&self) -> impl AsyncRead + AsyncWrite + Unpin + Send + '_ {
        Half(self)
    }
}

impl AsyncRead for Half<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_read(cx, buf)
    }
}

impl AsyncWrite for Half<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.lock()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_shutdown(cx)
    }
}

/// The shim's end, and what stands behind the other one.
struct Shim {
    gateway: TestGateway,
    guard: SessionGuard,
    stream: DuplexStream,
    decoder: Decoder,
    sent: u64,
    serving: JoinHandle<()>,
}

/// A frame that came.
#[derive(Clone, Debug, PartialEq)]
struct Received {
    kind: Kind,
    re: u64,
    message: Value,
}

impl Shim {
    async fn new() -> Self {
        Self::with(|_| {}, 64 * 1024).await
    }

    /// With a changed configuration, and a stream that holds so many bytes that are not read.
    async fn with(change: impl FnOnce(&mut Config), stream_bytes: usize) -> Self {
        let gateway = TestGateway::with(change).await;
        let guard = gateway.open_session();
        let (stream, other_end) = tokio::io::duplex(stream_bytes);
        let (mcp, session) = (Mcp::new(Arc::clone(&gateway.shared)), Arc::clone(&guard.session));
        let other_end = Arc::new(TestStream(Mutex::new(other_end)));
        let link = GatewayLink::new(Window::default(), Window::default());
        let channel =
            Channel::new(Arc::clone(&session), Arc::clone(&other_end), link, gateway.shared.heavy.clone());
        let serving = tokio::spawn(async move {
            converse(&mcp, other_end, Decoder::new(), channel, &session).await.unwrap();
        });
        Self { gateway, guard, stream, decoder: Decoder::new(), sent: 0, serving }
    }

    fn session(&self) -> &Arc<Session> {
        &self.guard.session
    }

    /// Sends a line; returns its number.
    async fn send(&mut self, message: Value) -> u64 {
        self.sent += 1;
        let payload = message.to_string();
        let payload = payload.as_bytes();
        let frame = Frame { kind: Kind::Line, flags: 0, seq: self.sent, re: 0, payload };
        self.stream.write_all(&frame.to_bytes()).await.unwrap();
        self.sent
    }

    async fn query(&mut self, id: u64, query: &str) -> u64 {
        let arguments = json!({"query": query});
        self.call(id, "execute_query", &arguments).await
    }

    /// Sends a statement without an end, and returns when it runs.
    async fn run_endless(&mut self) {
        self.gateway.fake.script("endless", Script::endless());
        self.query(1, "endless").await;
        self.until(&ran("endless")).await;
    }

    async fn call(&mut self, id: u64, tool: &str, arguments: &Value) -> u64 {
        let params = json!({"name": tool, "arguments": arguments});
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})).await
    }

    async fn send_control(&mut self, kind: Kind) {
        self.stream.write_all(&Frame::control(kind, 0, b"").to_bytes()).await.unwrap();
    }

    /// The next frame but credit; `None` at the end of the stream.
    async fn receive(&mut self) -> Option<Received> {
        loop {
            while let Some(frame) = self.decoder.frame().unwrap() {
                if frame.kind != Kind::Credit {
                    let message = serde_json::from_slice(frame.payload).unwrap_or(Value::Null);
                    return Some(Received { kind: frame.kind, re: frame.re, message });
                }
            }
            if self.stream.read_buf(self.decoder.buffer()).await.unwrap() == 0 {
                return None;
            }
        }
    }

    /// The next line; other frames are skipped.
    async fn receive_line(&mut self) -> Received {
        loop {
            match self.receive().await {
                Some(received) if received.kind == Kind::Line => return received,
                Some(_) => {}
                None => panic!("the stream has ended"),
            }
        }
    }

    /// All frames until the end of the stream.
    async fn rest(&mut self) -> Vec<Received> {
        let mut rest = Vec::new();
        while let Some(received) = self.receive().await {
            rest.push(received);
        }
        rest
    }

    /// Waits until the backend has seen `event`.
    async fn until(&self, event: &Event) {
        while !self.gateway.fake.events().contains(event) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn ran(query: &str) -> Event {
    Event::Ran(1, query.to_owned())
}

fn text(received: &Received) -> &str {
    received.message["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn an_answer_has_the_clients_id_and_the_number_of_its_line() {
    let mut shim = Shim::new().await;
    let number = shim.query(42, "select 1").await;
    let answer = shim.receive_line().await;
    assert_eq!((answer.re, &answer.message["id"]), (number, &json!(42)));
    assert_eq!(text(&answer), "ran\nselect 1\n(1 row)");
    assert!(shim.session().is_registered() && shim.session().is_persisted());
}

/// The answer comes when a notification is due: each client's library knows the token only until then.
#[tokio::test(start_paused = true)]
async fn nothing_is_told_of_a_call_that_is_answered_while_its_statement_goes_on() {
    for seconds in [4, 5] {
        let answer_within = Duration::from_secs(seconds);
        let mut shim = Shim::with(|config| config.limits.answer_within = answer_within, 1 << 20).await;
        shim.gateway.fake.script("endless", Script::endless());
        let params = json!({"name": "execute_query", "arguments": {"query": "endless"}, "_meta": {"progressToken": 7}});
        shim.send(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})).await;
        let (mut told, mut last) = (Vec::new(), None);
        let answer = loop {
            let received = shim.receive_line().await;
            if received.message.get("id").is_some() {
                break received;
            }
            told.push(received.message["params"]["message"].clone());
            last = Some(Instant::now());
        };
        assert!(
            last.is_some_and(|last| last.elapsed() >= Duration::from_millis(20)),
            "{:?}",
            last.map(|it| it.elapsed())
        );
        assert!(text(&answer).contains("get_result"), "{answer:?}");
        assert!(told.contains(&json!("running for 2 s")), "{told:?}");
        tokio::time::sleep(Duration::from_secs(30)).await;
        shim.query(2, "select 1").await;
        assert_eq!(shim.receive_line().await.message["id"], 2);
    }
}

#[tokio::test(start_paused = true)]
async fn only_so_many_requests_run_at_once_and_the_others_wait_in_order() {
    let mut shim = Shim::with(|config| config.gateway.session_requests_max = 1, 1 << 20).await;
    shim.gateway.fake.script("slow", Script::completes().after(Duration::from_secs(5)));
    for id in 1..=3 {
        shim.query(id, "slow").await;
    }
    let begun = Instant::now();
    for id in 1..=3 {
        assert_eq!(shim.receive_line().await.message["id"], id);
        assert_eq!(begun.elapsed().as_secs(), 5 * id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_is_stopped_acknowledged_and_not_answered() {
    let mut shim = Shim::new().await;
    shim.gateway.fake.script("endless", Script::endless());
    let number = shim.query(7, "endless").await;
    shim.until(&ran("endless")).await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
    let cancel = shim.send(cancel).await;
    let mut acknowledged = Vec::new();
    while acknowledged.len() < 2 {
        let received = shim.receive().await.unwrap();
        assert_ne!(received.kind, Kind::Line, "{received:?}");
        acknowledged.extend((received.kind == Kind::Ack).then_some(received.re));
    }
    acknowledged.sort_unstable();
    assert_eq!(acknowledged, [number, cancel]);
    shim.until(&Event::Cancelled(1)).await;
    // The id is free again, and its answer is the new request's.
    let again = shim.query(7, "select 2").await;
    let answer = shim.receive_line().await;
    assert_eq!((answer.re, text(&answer)), (again, "ran\nselect 2\n(1 row)"));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_lets_what_runs_finish_and_leaves_the_rest_to_the_next_gateway() {
    let mut shim = Shim::with(|config| config.gateway.session_requests_max = 1, 1 << 20).await;
    shim.gateway.fake.script("slow", Script::completes().after(Duration::from_secs(2)));
    let running = shim.query(1, "slow").await;
    shim.query(2, "slow").await;
    shim.until(&ran("slow")).await;
    shim.gateway.shared.shutdown.restart();
    let rest = shim.rest().await;
    let kinds: Vec<(Kind, u64)> = rest.iter().map(|received| (received.kind, received.re)).collect();
    assert!(kinds.contains(&(Kind::Drain, running)), "{kinds:?}");
    let lines: Vec<u64> = kinds.iter().filter(|(kind, _)| *kind == Kind::Line).map(|(_, re)| *re).collect();
    assert_eq!(lines, [running]);
    assert_eq!(kinds.last().map(|(kind, _)| *kind), Some(Kind::Bye));
    shim.serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_has_a_bound() {
    let mut shim = Shim::with(|config| config.gateway.drain_timeout = Duration::from_secs(3), 1 << 20).await;
    shim.run_endless().await;
    let begun = Instant::now();
    shim.gateway.shared.shutdown.stop();
    assert!(shim.rest().await.iter().all(|received| received.kind != Kind::Line));
    assert_eq!(begun.elapsed().as_secs(), 3);
    shim.until(&Event::Detached(1)).await;
}

/// On a machine so busy that the connection did not hear of the shutdown in time.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_abandoned_is_answered_nothing() {
    let mut shim = Shim::new().await;
    shim.run_endless().await;
    shim.gateway.shared.shutdown.abandon.cancel();
    assert!(shim.rest().await.iter().all(|received| received.kind != Kind::Line));
    shim.serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_a_goodbye_a_request_gets_a_moment_and_is_then_stopped() {
    let mut shim = Shim::new().await;
    shim.run_endless().await;
    let begun = Instant::now();
    shim.send_control(Kind::Bye).await;
    shim.rest().await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    shim.until(&Event::Cancelled(1)).await;
    assert!(shim.session().is_over());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_starts_no_more_requests_than_its_answers_may_take() {
    // Nothing fits into the stream: every answer waits.
    let mut shim = Shim::with(|config| config.gateway.session_requests_max = 4, 16).await;
    let requests: Vec<u64> = (1..=9).collect();
    let sender = async {
        for &id in &requests {
            shim.sent += 1;
            let params = json!({"name": "execute_query", "arguments": {"query": "select 1"}});
            let line = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
            let line = line.to_string();
            let frame = Frame { kind: Kind::Line, flags: 0, seq: shim.sent, re: 0, payload: line.as_bytes() };
            shim.stream.write_all(&frame.to_bytes()).await.unwrap();
        }
        future::pending::<()>().await;
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), sender).await.is_err());
    let started = shim.gateway.fake.requests().len();
    // One batch may be on its way to the stream, and one behind it.
    assert!((4..=8).contains(&started), "{started}");
}

#[tokio::test(start_paused = true)]
async fn a_broken_protocol_ends_the_connection_and_stops_what_runs() {
    let mut shim = Shim::new().await;
    shim.run_endless().await;
    // A number that does not grow.
    shim.sent = 0;
    shim.query(2, "select 1").await;
    shim.rest().await;
    shim.until(&Event::Cancelled(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_request_is_answered_under_its_own_id() {
    let mut shim = Shim::new().await;
    let number = shim.send(json!({"jsonrpc": "2.0", "id": 5})).await;
    let answer = shim.receive_line().await;
    assert_eq!((answer.re, &answer.message["id"]), (number, &json!(5)));
    assert_eq!(answer.message["error"]["code"], -32600);
}
