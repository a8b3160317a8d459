//! Sessions of the front over the whole gateway, with a backend that is scripted.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use super::*;
use crate::backend::fake::{Event, Script};
use crate::http::caller::Caller;
use crate::mcp::Mcp;
use crate::shared::testing::TestGateway;

struct Fixture {
    gateway: TestGateway,
    sessions: Arc<HttpSessions>,
    caller: Caller,
}

impl Fixture {
    async fn new() -> Self {
        let gateway = TestGateway::with(|config| config.sqlite.read_only = false).await;
        let sessions = HttpSessions::new(Mcp::new(Arc::clone(&gateway.shared)), TaskTracker::new());
        Self {
            gateway,
            sessions,
            caller: Caller { key: None, address: None, connection: 1, is_operator: false },
        }
    }

    /// The next gateway: it has the state file of this one, and none of its sessions.
    fn restart(&mut self) {
        self.sessions = HttpSessions::new(Mcp::new(Arc::clone(&self.gateway.shared)), TaskTracker::new());
    }

    async fn named(&self, tag: &str) -> Arc<HttpSession> {
        let which = Which::Named { client: None, tag: Some(tag), is_repeatable: false };
        self.sessions.find(&self.caller, which).await.unwrap()
    }
}

fn call(id: u64, sql: &str) -> Vec<u8> {
    let params = json!({"name": "execute_query", "arguments": {"query": sql}});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string().into_bytes()
}

async fn answer(exchange: &mut Exchange) -> Value {
    while let Some(message) = exchange.next().await {
        if message.is_answer {
            return serde_json::from_slice(&message.line).unwrap();
        }
    }
    panic!("no answer");
}

async fn ask(session: &Arc<HttpSession>, line: Vec<u8>, delivery: Delivery) -> Value {
    let mut exchange = session.request(line, delivery).await.unwrap();
    answer(&mut exchange).await
}

fn with_key(key: &str) -> Delivery {
    Delivery { idempotency: Some(Idempotency::Key(key.to_owned())), ..Delivery::default() }
}

fn executed(gateway: &TestGateway, sql: &str) -> usize {
    gateway.fake.requests().iter().filter(|request| crate::backend::fake::key(request) == sql).count()
}

#[tokio::test]
async fn clients_of_one_session_may_use_the_same_ids_and_each_gets_its_own_answer() {
    let fixture = Fixture::new().await;
    let session = fixture.named("a").await;
    let mut first = session.request(call(1, "one"), Delivery::default()).await.unwrap();
    let mut second = session.request(call(1, "two"), Delivery::default()).await.unwrap();
    for exchange in [&mut second, &mut first] {
        let answer = answer(exchange).await;
        assert_eq!((answer["id"].as_u64(), answer["error"].is_null()), (Some(1), true), "{answer}");
    }
    assert_eq!((executed(&fixture.gateway, "one"), executed(&fixture.gateway, "two")), (1, 1));
}

#[tokio::test]
async fn a_client_that_is_gone_stops_its_own_request_alone() {
    let fixture = Fixture::new().await;
    fixture.gateway.fake.script("slow", Script::endless());
    let session = fixture.named("a").await;
    let slow = session.request(call(1, "slow"), Delivery::default()).await.unwrap();
    let mut other = session.request(call(1, "slow"), Delivery::default()).await.unwrap();
    while executed(&fixture.gateway, "slow") < 2 {
        tokio::task::yield_now().await;
    }
    slow.cancel();
    while !fixture.gateway.fake.events().iter().any(|event| matches!(event, Event::Cancelled(_))) {
        tokio::task::yield_now().await;
    }
    assert_eq!(session.session().counters.running.load(std::sync::atomic::Ordering::Relaxed), 1);
    session.closed.cancel();
    assert!(other.next().await.is_none());
}

#[tokio::test]
async fn a_write_that_is_sent_again_under_its_key_runs_once_whichever_gateway_gets_it() {
    let mut fixture = Fixture::new().await;
    fixture.gateway.fake.script("insert", Script::completes().writing());
    for round in 0..4 {
        if round == 2 {
            fixture.restart();
        }
        let session = fixture.named("a").await;
        let answer = ask(&session, call(round, "insert"), with_key("k1")).await;
        assert_eq!(answer["result"]["isError"], Value::Bool(false), "{round}: {answer}");
        assert_eq!(answer["id"], round);
    }
    assert_eq!(executed(&fixture.gateway, "insert"), 1);
    let session = fixture.named("a").await;
    let other = session.request(call(1, "insert 2"), with_key("k1")).await;
    assert_eq!(other.unwrap_err(), NotSent::KeyReused);
    // Without a key, and with another, it is another request; another client's key is another key.
    ask(&session, call(0, "insert"), Delivery::default()).await;
    ask(&session, call(0, "insert"), with_key("k2")).await;
    ask(&fixture.named("b").await, call(0, "insert"), with_key("k1")).await;
    assert_eq!(executed(&fixture.gateway, "insert"), 4);
}

#[tokio::test]
async fn a_session_goes_on_with_the_next_gateway_under_its_id_and_with_new_numbers() {
    let mut fixture = Fixture::new().await;
    let session = fixture.sessions.find(&fixture.caller, Which::New).await.unwrap();
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "notebook", "version": "1"}});
    let line = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}).to_string();
    ask(&session, line.into_bytes(), Delivery::default()).await;
    session.notify(&br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#[..]).await.unwrap();
    let context = json!({"name": "set_context", "arguments": {"database": "MAIN"}});
    let line = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": context}).to_string();
    ask(&session, line.into_bytes(), Delivery::default()).await;
    let id = session.id().to_owned();
    fixture.restart();
    let again = fixture.sessions.find(&fixture.caller, Which::Id(&id)).await.unwrap();
    assert!(session.session().is_replaced());
    let before = session.session().context().context;
    assert_eq!(again.session().context().context, before);
    let mut exchange = again.request(call(2, "one"), Delivery::default()).await.unwrap();
    assert!(exchange.number() > 1_000);
    answer(&mut exchange).await;
    assert_eq!(again.session().client().name.as_deref(), Some("notebook"));
    // The secret is needed, and the key.
    let (public, _) = id.split_once('.').unwrap();
    for wrong in [format!("{public}.0"), public.to_owned(), format!("{id}0")] {
        let found = fixture.sessions.find(&fixture.caller, Which::Id(&wrong)).await;
        assert_eq!(found.unwrap_err(), NoSession::Unknown, "{wrong}");
    }
    again.close().await;
    let gone = fixture.sessions.find(&fixture.caller, Which::Id(&id)).await;
    assert_eq!(gone.unwrap_err(), NoSession::Unknown);
}

#[tokio::test]
async fn a_client_that_nothing_tells_apart_has_no_context() {
    let fixture = Fixture::new().await;
    let which = Which::Named { client: Some("python"), tag: None, is_repeatable: false };
    let session = fixture.sessions.find(&fixture.caller, which.clone()).await.unwrap();
    let context = json!({"name": "set_context", "arguments": {"database": "MAIN"}});
    let line = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": context}).to_string();
    let answer = ask(&session, line.into_bytes(), Delivery::default()).await;
    assert!(answer.to_string().contains("Snowgate-Client-Id"), "{answer}");
    let other = Caller { connection: 2, ..fixture.caller.clone() };
    let second = fixture.sessions.find(&other, which).await.unwrap();
    assert_ne!(second.id(), session.id());
    fixture.sessions.connection_ended(1);
    session.ended().cancelled().await;
    assert!(!second.ended().is_cancelled());
}

#[tokio::test]
async fn without_a_state_file_reads_are_served_and_what_may_come_again_is_refused() {
    let fixture = Fixture::new().await;
    // Another process holds it.
    let holder = rusqlite::Connection::open(fixture.gateway.shared.state.path()).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let session = fixture.named("a").await;
    let answer = ask(&session, call(1, "one"), Delivery::default()).await;
    assert_eq!(answer["result"]["isError"], Value::Bool(false), "{answer}");
    let which = Which::Named { client: None, tag: Some("a"), is_repeatable: true };
    let refused = fixture.sessions.find(&fixture.caller, which).await.unwrap_err();
    assert!(matches!(refused, NoSession::Refused { retry: true, .. }), "{refused:?}");
}

#[tokio::test]
async fn progress_comes_with_its_own_request() {
    let gateway = TestGateway::with(|config| config.pool.connections_max = 1).await;
    gateway.fake.script("slow", Script::endless());
    let sessions = HttpSessions::new(Mcp::new(Arc::clone(&gateway.shared)), TaskTracker::new());
    let fixture = Fixture {
        gateway,
        sessions,
        caller: Caller { key: None, address: None, connection: 1, is_operator: false },
    };
    let (first, second) = (fixture.named("a").await, fixture.named("b").await);
    let slow = first.request(call(1, "slow"), Delivery::default()).await.unwrap();
    while executed(&fixture.gateway, "slow") == 0 {
        tokio::task::yield_now().await;
    }
    let params =
        json!({"name": "execute_query", "arguments": {"query": "waits"}, "_meta": {"progressToken": "p"}});
    let line = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
    let mut waits = second.request(line.into_bytes(), Delivery::default()).await.unwrap();
    let told = waits.next().await.unwrap();
    assert!(!told.is_answer && told.line.starts_with(b"{"), "{told:?}");
    let told: Value = serde_json::from_slice(&told.line).unwrap();
    assert_eq!(told["params"]["progressToken"], "p", "{told}");
    slow.cancel();
    answer(&mut waits).await;
}
