//! Tool calls over the scriptable backend.

mod contexts;
mod messages;

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::{CallToolRequestParams, CallToolResult};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::call::Call;
use super::consent::Consent;
use super::request_record::RequestRecord;
use super::{CallRefusal, RequestFacts, ToolCall};
use crate::backend::fake::{Event, Script};
use crate::backend::{Context, ErrorKind, Operation, Transaction};
use crate::session::{ActiveCall, Profile, Session, SessionContext};
use crate::shared::Shared;
use crate::shared::testing::TestGateway;
use crate::state::{Begin, Digest, FAILED, RAN};
use crate::telemetry::Correlation;

/// The facts of request `number` of `session`, which starts now.
fn facts(session: &Session, number: u64) -> RequestFacts {
    RequestFacts {
        number,
        replayed: false,
        context: session.context(),
        correlation: Correlation::default(),
        line: crate::mcp::LineFacts::default(),
    }
}

fn read(tool: &'static str, arguments: &Value) -> Result<ToolCall, CallRefusal> {
    let arguments = arguments.as_object().cloned().unwrap();
    ToolCall::parse(
        CallToolRequestParams::new(tool).with_arguments(arguments),
        &crate::session::Profile::default(),
    )
}

/// A call that `cancel` stops, as its client or a person would.
fn call_of(
    shared: &Arc<Shared>,
    session: &Arc<Session>,
    facts: &RequestFacts,
    cancel: &CancellationToken,
    record: &Arc<RequestRecord>,
) -> Call {
    Call {
        shared: Arc::clone(shared),
        session: Arc::clone(session),
        profile: Arc::clone(&session.profile),
        facts: facts.clone(),
        cancel: cancel.clone(),
        active: ActiveCall::stopped_by(cancel.clone()),
        progress: None,
        record: Arc::clone(record),
        log: None,
        admission: OnceLock::new(),
        consent: Consent::default(),
        kept: super::kept::CallKept::default(),
    }
}

/// Runs a call to its end.
async fn answer(
    gateway: &TestGateway,
    session: &Arc<Session>,
    facts: &RequestFacts,
    tool: &'static str,
    arguments: Value,
) -> Result<CallToolResult, ErrorData> {
    let (cancel, record) = (CancellationToken::new(), Arc::new(RequestRecord::new()));
    let call = call_of(&gateway.shared, session, facts, &cancel, &record);
    match read(tool, &arguments) {
        Ok(parsed) => Ok(call.answer(parsed).await),
        Err(CallRefusal::InvalidArguments(refusal)) => Ok(refusal.result()),
        Err(CallRefusal::UnknownTool(error)) => Err(error),
    }
}

/// The text of a result, and whether it is an error.
fn text(result: &CallToolResult) -> (&str, bool) {
    let text = result.content[0].as_text().map(|text| text.text.as_str()).unwrap();
    (text, result.is_error == Some(true))
}

async fn execute(gateway: &TestGateway, session: &Arc<Session>, number: u64, query: &str) -> CallToolResult {
    answer(gateway, session, &facts(session, number), "execute_query", json!({"query": query})).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_statement_runs_in_the_context_the_request_was_sent_in() {
    let gateway = TestGateway::new().await;
    let session = &gateway.open_session().session;
    let sent = facts(session, 1);
    let later = Context { database: Some("LATER".to_owned()), ..Context::default() };
    session.set_context(later, gateway.shared.default_pool.place().clone());
    let arguments = json!({"query": "select 1", "limit": 7, "auto_commit": false});
    let result = answer(&gateway, session, &sent, "execute_query", arguments).await.unwrap();
    assert_eq!(text(&result), ("ran\nselect 1\n(1 row)", false));
    let request = &gateway.fake.requests()[0];
    assert_eq!((request.context.clone(), request.caps.rows_max), (Context::default(), 7));
    assert_eq!((request.origin.session.as_str(), request.origin.number), (session.key.id.as_str(), 1));
    let Operation::Statement { transaction, .. } = &request.operation else { panic!("{request:?}") };
    assert_eq!(*transaction, Transaction::Rollback);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_judged_by_one_profile_also_if_a_reload_changes_it_meanwhile() {
    let gateway = TestGateway::new().await;
    let opened = gateway.open_session();
    let session = &opened.session;
    let record = Arc::new(RequestRecord::new());
    let (sent, cancel) = (facts(session, 1), CancellationToken::new());
    let call = call_of(&gateway.shared, session, &sent, &cancel, &record);
    let mut stricter = session.profile.chosen().unwrap().clone();
    let mut profile = Profile::clone(&stricter.profile);
    (profile.statements, profile.has_own_statements) = (sql_gate::ClassSet::default(), true);
    (profile.name, profile.caps.rows_max) = ("later".to_owned(), 1);
    stricter.profile = Arc::new(profile);
    session.profile.replace(stricter);
    let done = call.answer(read("execute_query", &json!({"query": "select 1"})).unwrap()).await;
    assert!(!text(&done).1, "{done:?}");
    assert_ne!(gateway.fake.requests()[0].caps.rows_max, 1);
    let refused = execute(&gateway, session, 2, "select 1").await;
    assert!(text(&refused).1 && text(&refused).0.contains("later"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_context_stops_every_tool_that_needs_one() {
    let gateway = TestGateway::new().await;
    let session = &gateway.open_session().session;
    let lost = SessionContext { lost: Some("it is gone".to_owned()), ..SessionContext::default() };
    let facts = RequestFacts { context: lost, ..facts(session, 1) };
    for (tool, arguments) in [
        ("list_tables", json!({})),
        ("describe_table", json!({"table": "t"})),
        ("query_view", json!({"database": "d", "view_name": "v"})),
        ("execute_query", json!({"query": "select 1", "database": "d"})),
    ] {
        let result = answer(&gateway, session, &facts, tool, arguments).await.unwrap();
        let (text, is_error) = text(&result);
        assert!(is_error && text.contains("could not be restored: it is gone"), "{tool}: {text}");
    }
    assert!(gateway.fake.requests().is_empty());
    let moved = answer(&gateway, session, &facts, "set_context", json!({"database": "D"})).await.unwrap();
    assert_eq!(moved.structured_content.unwrap()["context"]["database"], "D");
    assert_eq!(session.context().lost, None);
}

#[tokio::test(start_paused = true)]
async fn a_write_runs_once_and_a_replay_gets_its_result() {
    let gateway = TestGateway::new().await;
    gateway.fake.script("insert", Script::completes().writing());
    let session = &gateway.open_session().session;
    let first = execute(&gateway, session, 4, "insert").await;
    let replayed = RequestFacts { replayed: true, ..facts(session, 4) };
    let again =
        answer(&gateway, session, &replayed, "execute_query", json!({"query": "insert"})).await.unwrap();
    assert_eq!(text(&first), text(&again));
    assert_eq!(gateway.fake.requests().len(), 1);
    assert!(gateway.shared.writes.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_replayed_write_that_the_journal_cannot_tell_about_is_not_run() {
    let gateway = TestGateway::new().await;
    gateway.fake.script("insert", Script::completes().writing());
    let session = &gateway.open_session_as(|opening| opening.journal_is_whole = false).session;
    let replayed = |number| RequestFacts { replayed: true, ..facts(session, number) };
    let write = answer(&gateway, session, &replayed(1), "execute_query", json!({"query": "insert"})).await;
    let write = write.unwrap();
    assert!(text(&write).0.contains("outcome unknown") && text(&write).1, "{write:?}");
    let read = answer(&gateway, session, &replayed(2), "execute_query", json!({"query": "select"})).await;
    assert!(!text(&read.unwrap()).1, "what only reads runs again");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_another_run_has_begun_is_of_unknown_outcome() {
    let gateway = TestGateway::new().await;
    gateway.fake.script("insert", Script::endless().writing());
    let session = &gateway.open_session().session;
    let (sent, cancel) = (facts(session, 1), CancellationToken::new());
    let record = Arc::new(RequestRecord::new());
    let call = call_of(&gateway.shared, session, &sent, &cancel, &record);
    let running = call.answer(read("execute_query", &json!({"query": "insert"})).unwrap());
    let again = async {
        while gateway.shared.writes.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // As of a connection that broke, and a look into the journal that came too early.
        let again = execute(&gateway, session, 1, "insert").await;
        cancel.cancel();
        again
    };
    let (_, again) = tokio::join!(running, again);
    let (text, is_error) = text(&again);
    assert!(is_error && text.contains("outcome unknown: another run"), "{text}");
    assert!(text.contains("check the data") && !text.contains("nothing was run"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_told_that_it_ran_though_there_was_no_room_for_its_result() {
    let gateway = TestGateway::new().await;
    gateway.fake.script("insert", Script::completes().writing());
    let session = &gateway.open_session().session;
    for (number, kept, expected) in [(1, RAN, "ran once and succeeded"), (2, FAILED, "ran once and failed")] {
        execute(&gateway, session, number, "insert").await;
        gateway.shared.state.finish(&session.key.id, number, kept.to_owned(), 10).await.unwrap();
        let replayed = RequestFacts { replayed: true, ..facts(session, number) };
        let again = answer(&gateway, session, &replayed, "execute_query", json!({"query": "insert"})).await;
        let again = again.unwrap();
        let (text, is_error) = text(&again);
        assert!(text.contains(expected) && is_error == (kept == FAILED), "{text}");
    }
    assert_eq!(gateway.fake.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_query_with_an_id_is_fetched_by_the_next_gateway() {
    let gateway = TestGateway::new().await;
    gateway.fake.script("insert", Script::endless().writing().with_query_id("01b"));
    let session = &gateway.open_session().session;
    let (sent, cancel) = (facts(session, 1), CancellationToken::new());
    let record = Arc::new(RequestRecord::new());
    let call = call_of(&gateway.shared, session, &sent, &cancel, &record);
    let running = call.answer(read("execute_query", &json!({"query": "insert"})).unwrap());
    let shut_down = async {
        while gateway.shared.writes.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        gateway.shared.shutdown.restart();
        session.gone.cancel();
    };
    let (result, ()) = tokio::join!(running, shut_down);
    assert!(text(&result).1);
    assert!(gateway.fake.events().contains(&Event::Detached(1)));
    let replayed = RequestFacts { replayed: true, ..facts(session, 1) };
    let next = &gateway.open_session_as(|opening| opening.key = session.key.clone()).session;
    let fetched = answer(&gateway, next, &replayed, "execute_query", json!({"query": "insert"})).await;
    assert_eq!(text(&fetched.unwrap()), ("ran\nfetch 01b\n(1 row)", false));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_statement_stops_and_leaves_nothing_in_the_journal() {
    let gateway = TestGateway::new().await;
    gateway.fake.script("insert", Script::endless().writing());
    let session = &gateway.open_session().session;
    let (sent, cancel) = (facts(session, 1), CancellationToken::new());
    let record = Arc::new(RequestRecord::new());
    let call = call_of(&gateway.shared, session, &sent, &cancel, &record);
    let running = call.answer(read("execute_query", &json!({"query": "insert"})).unwrap());
    let stop = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(running, stop);
    assert!(text(&result).0.starts_with("Cancelled"));
    assert_eq!(gateway.shared.state.entry(&session.key.id, 1).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_backend_error_and_a_wrong_argument_are_results() {
    let gateway = TestGateway::new().await;
    gateway.fake.script("broken", Script::fails(ErrorKind::Statement));
    let session = &gateway.open_session().session;
    let result = execute(&gateway, session, 1, "broken").await;
    assert_eq!(text(&result), ("SQL error: scripted: Statement", true));
    for (tool, arguments, words) in [
        ("execute_query", json!({"query": "q", "limit": u64::MAX}), "rows_max"),
        ("execute_query", json!({"query": "q", "limit": -5}), "from 1 to "),
        ("set_context", json!({}), "name a role, warehouse"),
        ("set_context", json!({"database": ""}), "name a role, warehouse"),
        ("set_context", json!({"database": "a\u{7}"}), "no control characters"),
        ("describe_table", json!({}), "`table` is missing"),
    ] {
        let wrong = answer(&gateway, session, &facts(session, 2), tool, arguments).await.unwrap();
        let (text, is_error) = text(&wrong);
        assert!(is_error && text.starts_with(&format!("Invalid arguments for {tool}: ")), "{text}");
        assert!(text.contains(words), "{text}");
    }
    let unknown = answer(&gateway, session, &facts(session, 3), "execute", json!({})).await.unwrap_err();
    assert!(unknown.message.contains("Unknown tool: execute"), "{unknown:?}");
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_takes_too_long_is_stopped() {
    let gateway = TestGateway::with(|config| {
        config.limits.statement_timeout = Duration::from_secs(3);
    })
    .await;
    gateway.fake.script("slow", Script::endless());
    let session = &gateway.open_session().session;
    let begun = tokio::time::Instant::now();
    let result = execute(&gateway, session, 1, "slow").await;
    assert!(text(&result).0.starts_with("Timed out"), "{result:?}");
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn the_session_tells_its_context_limits_and_counters() {
    let gateway = TestGateway::new().await;
    let session = &gateway.open_session().session;
    execute(&gateway, session, 1, "select 1").await;
    let info = answer(&gateway, session, &facts(session, 2), "session_info", json!({})).await.unwrap();
    let info = info.structured_content.unwrap();
    assert_eq!(
        (&info["backend"], &info["profile"], &info["rows"]),
        (&json!("fake"), &json!("default"), &json!(1))
    );
    assert_eq!(info["limits"]["rows_max"], gateway.shared.config.limits.rows_max);
}

/// Bytes that a subscriber writes.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn events_after_a_statement_name_its_query() {
    use tracing::Instrument as _;
    // With a second subscriber, `tracing` asks this one too about what other tests' threads have met first.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let _subscriber = tracing::subscriber::set_default(subscriber);
    let gateway = TestGateway::new().await;
    gateway.fake.script("select secret", Script::completes().with_query_id("01b"));
    let session = &gateway.open_session().session;
    let span = tracing::error_span!("request", query_id = tracing::field::Empty);
    execute(&gateway, session, 1, "select secret").instrument(span.clone()).await;
    span.in_scope(|| tracing::info!("after"));
    let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let line = log.lines().find(|line| line.contains("\"after\"")).unwrap();
    assert!(line.contains("\"query_id\":\"01b\""), "{line}");
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn a_submitted_write_stays_in_the_journal_while_its_client_does_not_read() {
    let gateway = TestGateway::new().await;
    let session = &gateway.open_session().session;
    let (state, digest) = (&gateway.shared.state, Digest::of("insert"));
    match state.begin(&session.key.id, 1, digest, Some("01b"), None, None).await.unwrap() {
        Begin::Begun(begun) => begun.keep(),
        Begin::Conflict(entry) => panic!("{entry:?}"),
    }
    // All of the session's memory for results.
    let _unread = session.results.reserve(64 << 20).await;
    let replayed = RequestFacts { replayed: true, ..facts(session, 1) };
    let fetching = answer(&gateway, session, &replayed, "execute_query", json!({"query": "insert"}));
    let closed = async {
        while session.results.waiting() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        session.gone.cancel();
    };
    let (answer, ()) = tokio::join!(fetching, closed);
    let answer = answer.unwrap();
    let (text, is_error) = text(&answer);
    assert!(is_error && text.contains("outcome unknown"), "{text}");
    let entry = state.entry(&session.key.id, 1).await.unwrap().unwrap();
    assert_eq!(entry.query_id.as_deref(), Some("01b"), "the next replay does not run it again");
    assert!(gateway.fake.requests().is_empty());
}
